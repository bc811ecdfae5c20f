package ops

import (
	"context"
	"slices"
	"testing"

	"github.com/visionzoo/vision/engine/ir"
	"github.com/visionzoo/vision/engine/kernel"
	"github.com/visionzoo/vision/engine/tensor"
)

// TestConcatGrows appends to one tensor twice: the second result must not lie
// where the first does, and neither may change what they began with.
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
	a := join(filled(1, 2), filled(2, 1)) // with room behind it
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
