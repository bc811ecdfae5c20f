package ops

import (
	"context"
	"slices"
	"testing"

	"github.com/visionzoo/vision/engine/ir"
	"github.com/visionzoo/vision/engine/kernel"
	"github.com/visionzoo/vision/engine/tensor"
)

// TestConcatGrows appends to the same tensor twice: the results must not share
// the memory of what was appended, and neither may change the first input.
func TestConcatGrows(t *testing.T) {
	run := NewRun(context.Background(), 1<<30, 1)
	run.Kernel = kernel.Best()
	join := func(in ...*tensor.Tensor) *tensor.Tensor {
		c := &Call{In: in, Out: make([]*tensor.Tensor, 1), Node: &ir.Node{Op: "Concat"}, Run: run}
		if err := (concat{0}).Eval(c); err != nil {
			t.Fatal(err)
		}
		run.Hold(c.Out[0])
		return c.Out[0]
	}
	filled := func(v float32, rows int) *tensor.Tensor {
		c := &Call{Run: run}
		x, err := c.New(tensor.Float32, rows, 1<<14)
		if err != nil {
			t.Fatal(err)
		}
		for i := range tensor.Data[float32](x) {
			tensor.Data[float32](x)[i] = v
		}
		return x
	}
	a := join(filled(1, 2), filled(2, 1)) // with spare room behind it
	b := join(a, filled(3, 1))
	c := join(a, filled(4, 1))
	for _, k := range []struct {
		got  *tensor.Tensor
		want []float32
	}{{a, []float32{1, 1, 2}}, {b, []float32{1, 1, 2, 3}}, {c, []float32{1, 1, 2, 4}}} {
		if !slices.Equal(k.got.Shape(), []int{len(k.want), 1 << 14}) {
			t.Fatalf("shape %v, want %d rows", k.got.Shape(), len(k.want))
		}
		for i, v := range tensor.Data[float32](k.got) {
			if v != k.want[i>>14] {
				t.Fatalf("row %d holds %g, want %g", i>>14, v, k.want[i>>14])
			}
		}
	}
	if &a.Bytes()[0] != &b.Bytes()[0] || &a.Bytes()[0] == &c.Bytes()[0] {
		t.Error("the first to append lies behind, the second elsewhere")
	}
}

// TestConcatRoomForIterations: in a loop whose number of iterations is known, the
// second one reserves room for all that follow.
func TestConcatRoomForIterations(t *testing.T) {
	run := NewRun(context.Background(), 1<<30, 1)
	run.Kernel = kernel.Best()
	const turns, row = 20, 1 << 15
	var all *tensor.Tensor
	var first *byte
	for i := range turns {
		run.ahead = int64(turns - 1 - i)
		piece, err := (&Call{Run: run}).New(tensor.Float32, 1, row)
		if err != nil {
			t.Fatal(err)
		}
		tensor.Data[float32](piece)[0] = float32(i)
		if i == 0 {
			all = piece
			continue
		}
		c := &Call{In: []*tensor.Tensor{all, piece}, Out: make([]*tensor.Tensor, 1), Node: &ir.Node{Op: "Concat"}, Run: run}
		if err := (concat{0}).Eval(c); err != nil {
			t.Fatal(err)
		}
		if all = c.Out[0]; i == 1 {
			first = &all.Bytes()[0]
		}
	}
	if &all.Bytes()[0] != first || cap(all.Bytes()) > 4*row*turns+4096 {
		t.Errorf("moved %v, room for %d bytes of %d", &all.Bytes()[0] != first, cap(all.Bytes()), 4*row*turns)
	}
	for i := range turns {
		if got := tensor.Data[float32](all)[i*row]; got != float32(i) {
			t.Errorf("row %d begins with %v", i, got)
		}
	}
	run.ahead = 1 << 62 // a loop that claims to run forever
	if y := (&Call{Run: run}).newWithRoom(tensor.Float32, []int{2, row}, 8*row, 4*row); y == nil || cap(y.Bytes()) > 4*row*(mostAhead+2) {
		t.Error("room without bounds")
	}
}
