package ops

import (
	"context"
	"slices"
	"testing"

	"github.com/visionzoo/vision/engine/ir"
	"github.com/visionzoo/vision/engine/tensor"
)

// The outputs that View describes must be equal to those of Eval.
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
		if !ok {
			continue
		}
		c := &Call{In: in, Out: make([]*tensor.Tensor, row.outputs), Node: n, Run: NewRun(context.Background(), 1<<26, 1<<20)}
		if err := n.Operator.(Op).Eval(c); err != nil {
			t.Fatal(err)
		}
		for i := range starts {
			if got, want := tensor.Data[float32](in[0])[starts[i]:][:c.Out[i].Len()], tensor.Data[float32](c.Out[i]); !slices.Equal(got, want) {
				t.Errorf("%s %v of %v with %v: output %d begins elsewhere than at %d", row.op, row.attrs, row.shape, row.more, i, starts[i])
			}
		}
	}
}
