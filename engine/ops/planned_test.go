package ops

import (
	"context"
	"slices"
	"testing"

	"github.com/visionzoo/vision/engine/tensor"
)

// TestPlannedOutputsAlike: outputs of one shape do not end in the same planned
// memory. Expected values are those of ONNX Runtime 1.30.
func TestPlannedOutputsAlike(t *testing.T) {
	for _, d := range []tensor.DType{tensor.Float32, tensor.Float16} {
		n := testNode("LayerNormalization", 17, 3, 2, nil)
		if err := BindNode(n, Find("", n.Op, 17)); err != nil {
			t.Fatal(err)
		}
		c := &Call{Node: n, Run: NewRun(context.Background(), 1<<20, 1), Out: make([]*tensor.Tensor, 2)}
		for _, x := range []*tensor.Tensor{tensor.Of([]float32{1, 3}, 2, 1), f32s(2), f32s(0.5)} {
			x, err := c.convert(x, d)
			if err != nil {
				t.Fatal(err)
			}
			c.In = append(c.In, x)
		}
		c.Planned = []*tensor.Tensor{tensor.New(d, 2, 1), tensor.New(tensor.Float32, 2, 1)}
		if err := n.Operator.(Op).Eval(c); err != nil {
			t.Fatal(err)
		}
		y, mean := tensor.ToFloat64(c.Out[0]), tensor.ToFloat64(c.Out[1])
		if !slices.Equal(y, []float64{0.5, 0.5}) || !slices.Equal(mean, []float64{1, 3}) {
			t.Errorf("%s: Y %v, mean %v", d, y, mean)
		}
	}
}
