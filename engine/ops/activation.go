package ops

import (
	"math"

	"github.com/visionzoo/vision/engine/ir"
	"github.com/visionzoo/vision/engine/tensor"
)

var activations = []Def{
	{Name: "Relu", Since: 14, Types: tensor.FloatTypes | tensor.SignedTypes, In: Exactly(1), Out: Exactly(1), New: newRelu},
	{Name: "Relu", Since: 1, Until: 13, Types: tensor.FloatTypes, In: Exactly(1), Out: Exactly(1), New: newRelu},
	{Name: "LeakyRelu", Since: 6, Types: tensor.FloatTypes, In: Exactly(1), Out: Exactly(1), New: newLeakyRelu},
	{Name: "LeakyRelu", Since: 1, Until: 5, Types: tensor.FloatTypes, In: Exactly(1), Out: Exactly(1), New: newLeakyRelu},
}

// mapped is an operator that computes each element of its output from the
// element of its input at the same place.
type mapped struct{ f func(x float64) float64 }

func (op mapped) Infer(in []ir.Fact) ([]ir.Fact, error) {
	return []ir.Fact{ir.Tensor(in[0].DType, in[0].Shape)}, nil
}

func (op mapped) Eval(c *Call) error {
	y, err := c.Like(c.In[0])
	if err != nil {
		return err
	}
	c.Out[0] = y
	src, dst := tensor.Data[float32](c.In[0]), tensor.Data[float32](y)
	for i, x := range src {
		dst[i] = float32(op.f(float64(x)))
	}
	return nil
}

// newRelu is y = max(x, 0). ONNX Relu.
func newRelu(n *ir.Node) (Op, error) {
	return mapped{func(x float64) float64 { return math.Max(x, 0) }}, nil
}

// newLeakyRelu is y = x where x ≥ 0, alpha·x elsewhere. ONNX LeakyRelu.
func newLeakyRelu(n *ir.Node) (Op, error) {
	a := n.ReadAttrs()
	alpha := float64(a.Float("alpha", 0.01))
	return mapped{func(x float64) float64 {
		if x < 0 {
			return alpha * x
		}
		return x
	}}, a.Err()
}
