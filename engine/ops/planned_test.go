package ops

import (
	"context"
	"slices"
	"testing"

	"github.com/visionzoo/vision/engine/tensor"
)

// TestPlannedAlike: an output and another output or an intermediate tensor of the
// same shape do not end in the same planned memory. Expected values are those of
// ONNX Runtime 1.30.
func TestPlannedAlike(t *testing.T) {
	column := func(v ...float32) *tensor.Tensor { return tensor.Of(v, len(v), 1) }
	for _, c := range []struct {
		domain, op string
		attrs      attrs
		in         []*tensor.Tensor
		want       [][]float64
	}{
		{"", "LayerNormalization", nil, []*tensor.Tensor{column(1, 3), f32s(2), f32s(0.5)}, [][]float64{{0.5, 0.5}, {1, 3}}},
		{Microsoft, "FusedMatMul", attrs{"transA": 1}, []*tensor.Tensor{tensor.Of([]float32{2, 3, 4}, 1, 3), column(1.5)}, [][]float64{{3, 4.5, 6}}},
	} {
		for _, d := range []tensor.DType{tensor.Float32, tensor.Float16} {
			n := testNode(c.op, 17, len(c.in), len(c.want), c.attrs)
			n.Domain = c.domain
			if err := BindNode(n, Find(c.domain, c.op, 17)); err != nil {
				t.Fatal(err)
			}
			call := &Call{Node: n, Run: NewRun(context.Background(), 1<<20, 1), Out: make([]*tensor.Tensor, len(c.want))}
			for _, x := range c.in {
				x, err := call.convert(x, d)
				if err != nil {
					t.Fatal(err)
				}
				call.In = append(call.In, x)
			}
			for i, want := range c.want {
				call.Planned = append(call.Planned, tensor.New([]tensor.DType{d, tensor.Float32}[i], len(want), 1))
			}
			if err := n.Operator.(Op).Eval(call); err != nil {
				t.Fatal(err)
			}
			for i, want := range c.want {
				if got := tensor.ToFloat64(call.Out[i]); !slices.Equal(got, want) {
					t.Errorf("%s of %s: output %d is %v, want %v", c.op, d, i, got, want)
				}
			}
		}
	}
}

// Expected values are those of ONNX Runtime 1.30.
func TestNormalizer(t *testing.T) {
	x := tensor.Of([]float32{-1, -2, 3, -4, 0, 0}, 3, 2)
	for norm, want := range map[string][]float64{
		"MAX": {1, 2, 1, -4.0 / 3, 0, 0},
		"L1":  {-1.0 / 3, -2.0 / 3, 3.0 / 7, -4.0 / 7, 0, 0},
	} {
		n := testNode("Normalizer", 1, 1, 1, attrs{"norm": norm})
		if err := BindNode(n, Find("ai.onnx.ml", n.Op, 1)); err != nil {
			t.Fatal(err)
		}
		c := &Call{In: []*tensor.Tensor{x}, Out: make([]*tensor.Tensor, 1), Node: n, Run: NewRun(context.Background(), 1<<20, 1)}
		if err := n.Operator.(Op).Eval(c); err != nil {
			t.Fatal(err)
		}
		for i, v := range tensor.ToFloat64(c.Out[0]) {
			if v != float64(float32(want[i])) {
				t.Errorf("%s: number %d is %v, want %v", norm, i, v, want[i])
			}
		}
	}
}
