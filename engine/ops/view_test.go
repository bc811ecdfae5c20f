package ops

import (
	"context"
	"slices"
	"testing"

	"github.com/visionzoo/vision/engine/ir"
	"github.com/visionzoo/vision/engine/tensor"
)

// The outputs that View and Moves describe must be equal to those of Eval.
func TestView(t *testing.T) {
	for _, row := range []struct {
		op      string
		version int
		attrs   attrs
		shape   []int
		more    []*tensor.Tensor
		outputs int
		want    bool
	}{
		{"Transpose", 13, attrs{"perm": []int{1, 0, 2}}, []int{1, 5, 3}, nil, 1, true},
		{"Transpose", 13, attrs{"perm": []int{2, 1, 0, 3}}, []int{4, 1, 1, 3}, nil, 1, true},
		{"Transpose", 13, attrs{"perm": []int{1, 0}}, []int{4, 3}, nil, 1, false},
		{"Slice", 13, nil, []int{4, 3, 2}, list(ints64(1), ints64(3), ints64(0)), 1, true},
		{"Slice", 13, nil, []int{1, 4, 3}, list(ints64(-2), ints64(9), ints64(1)), 1, true},
		{"Slice", 13, nil, []int{4, 3, 2}, list(ints64(1), ints64(3), ints64(1)), 1, false},
		{"Slice", 13, nil, []int{4, 3, 2}, list(ints64(2, 1), ints64(3, 3), ints64(0, 1)), 1, true},
		{"Slice", 13, nil, []int{4, 3, 2}, list(ints64(1, 1), ints64(3, 3), ints64(0, 1)), 1, false},
		{"Slice", 13, nil, []int{4, 3}, list(ints64(3), ints64(1), ints64(0), ints64(-1)), 1, false},
		{"Slice", 13, nil, []int{4, 3}, list(ints64(3), ints64(2), ints64(0), ints64(-1)), 1, true},
		{"Slice", 13, nil, []int{4, 3}, list(ints64(0), ints64(4), ints64(0), ints64(2)), 1, false},
		{"Slice", 13, nil, []int{4, 3}, list(ints64(3), ints64(3), ints64(0)), 1, false},
		{"Split", 13, attrs{"axis": 1}, []int{1, 6, 3}, list(ints64(1, 3, 2)), 3, true},
		{"Split", 13, attrs{"axis": 0}, []int{6, 3}, nil, 3, true},
		{"Split", 13, attrs{"axis": 1}, []int{2, 6}, nil, 3, false},
		{"Gather", 13, attrs{"axis": 0}, []int{3, 4}, list(tensor.Scalar(int64(-1))), 1, true},
		{"Gather", 13, attrs{"axis": 1}, []int{1, 4, 2}, list(ints64(2)), 1, true},
		{"Gather", 13, attrs{"axis": 1}, []int{3, 4}, list(tensor.Scalar(int64(1))), 1, false},
		{"Gather", 13, attrs{"axis": 0}, []int{3, 4}, list(ints64(1, 2)), 1, false},
	} {
		in := append(list(random(1, row.shape...)), row.more...)
		n := testNode(row.op, row.version, len(in), row.outputs, row.attrs)
		if err := BindNode(n, Find("", row.op, row.version)); err != nil {
			t.Fatal(err)
		}
		facts := []ir.Fact{ir.TypeOf(in[0])}
		for _, x := range row.more {
			facts = append(facts, ir.FactOf(x))
		}
		starts, ok := View(n, facts)
		if ok != row.want {
			t.Errorf("%s %v of %v with %v: %v", row.op, row.attrs, row.shape, row.more, ok)
		}
		c := &Call{In: in, Out: make([]*tensor.Tensor, row.outputs), Node: n, Run: NewRun(context.Background(), 1<<26, 1<<20)}
		if err := n.Operator.(Op).Eval(c); err != nil {
			t.Fatal(err)
		}
		moves, ok := Moves(n, facts, tensor.Strides(row.shape))
		if !ok && row.more != nil && len(row.more[0].Shape()) == 0 {
			t.Errorf("%s %v of %v with %v: no moves", row.op, row.attrs, row.shape, row.more)
		}
		for i, m := range moves {
			got := m.at(tensor.Data[float32](in[0]))
			if want := tensor.Data[float32](c.Out[i]); !slices.Equal(got, want) || !slices.Equal(m.Shape, c.Out[i].Shape()) {
				t.Errorf("%s %v of %v with %v: output %d is not %v", row.op, row.attrs, row.shape, row.more, i, m)
			}
		}
		for i := range starts {
			if got, want := tensor.Data[float32](in[0])[starts[i]:][:c.Out[i].Len()], tensor.Data[float32](c.Out[i]); !slices.Equal(got, want) {
				t.Errorf("%s %v of %v with %v: output %d begins elsewhere than at %d", row.op, row.attrs, row.shape, row.more, i, starts[i])
			}
		}
	}
}

// at returns the numbers that a move describes.
func (m Move) at(x []float32) []float32 {
	if len(m.Shape) == 0 {
		return x[m.Start : m.Start+1]
	}
	var out []float32
	for i := range m.Shape[0] {
		out = append(out, Move{m.Start + i*m.Strides[0], m.Shape[1:], m.Strides[1:]}.at(x)...)
	}
	return out
}

func TestReshaped(t *testing.T) {
	for _, row := range []struct {
		shape, strides, to, want []int
	}{
		{[]int{4, 6}, []int{6, 1}, []int{2, 2, 1, 6}, []int{12, 6, 0, 1}},
		{[]int{4, 6}, []int{18, 1}, []int{4, 2, 3}, []int{18, 3, 1}},
		{[]int{4, 6}, []int{18, 1}, []int{24}, nil},
		{[]int{4, 6}, []int{18, 3}, []int{2, 2, 6}, []int{36, 18, 3}},
		{[]int{4, 6}, []int{18, 3}, []int{3, 8}, []int{24, 3}},
		{[]int{2, 1, 3, 5}, []int{15, 7, 5, 1}, []int{6, 5}, []int{5, 1}},
		{[]int{3, 4}, []int{1, 3}, []int{12}, nil},
		{[]int{1, 1}, []int{9, 9}, []int{1}, []int{0}},
	} {
		got, ok := Reshaped(row.shape, row.strides, row.to)
		if ok != (row.want != nil) || ok && !slices.Equal(got, row.want) {
			t.Errorf("%v with strides %v as %v: %v %v", row.shape, row.strides, row.to, got, ok)
		}
	}
}
