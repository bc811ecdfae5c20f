package ops

import (
	"fmt"
	"math"
	"slices"

	"github.com/visionzoo/vision/engine/ir"
	"github.com/visionzoo/vision/engine/onnx"
	"github.com/visionzoo/vision/engine/tensor"
)

// gradientRules maps operators of the default domain, and those that gradients consist of, to the
// rules of their derivatives. Others cannot be derived, and an error says so.
var gradientRules = map[string]gradientRule{
	"Identity": reshapeRule, "Reshape": reshapeRule, "Flatten": reshapeRule, "Squeeze": reshapeRule, "Unsqueeze": reshapeRule,
	"ReduceSum": reduceRule(false), "ReduceMean": reduceRule(true),

	"Sign": zeroRule, "Shape": zeroRule, "Size": zeroRule, "OnesLike": zeroRule,
	"SumTo": func(d *derivation, n *ir.Node, dy *ir.Value) ([]*ir.Value, error) {
		return []*ir.Value{d.add("Expand", dy, d.add("Shape", n.Inputs[0])), nil}, nil
	},
	"Expand": func(d *derivation, n *ir.Node, dy *ir.Value) ([]*ir.Value, error) {
		return []*ir.Value{d.add("SumTo", dy, n.Inputs[0]), nil}, nil
	},
	"CastLike": func(d *derivation, n *ir.Node, dy *ir.Value) ([]*ir.Value, error) {
		return []*ir.Value{d.add("CastLike", dy, n.Inputs[0]), nil}, nil
	},

	"Neg": elementwiseRule(func(d *derivation, x, y *ir.Value) *ir.Value { return d.scalar(-1, x) }),
	"Exp": elementwiseRule(func(d *derivation, x, y *ir.Value) *ir.Value { return y }),
	"Log": elementwiseRule(func(d *derivation, x, y *ir.Value) *ir.Value { return d.add("Reciprocal", x) }),
	"Sin": elementwiseRule(func(d *derivation, x, y *ir.Value) *ir.Value { return d.add("Cos", x) }),
	"Cos": elementwiseRule(func(d *derivation, x, y *ir.Value) *ir.Value { return d.add("Neg", d.add("Sin", x)) }),
	"Abs": elementwiseRule(func(d *derivation, x, y *ir.Value) *ir.Value { return d.add("Sign", x) }),
	"Sqrt": elementwiseRule(func(d *derivation, x, y *ir.Value) *ir.Value {
		return d.add("Div", d.scalar(0.5, x), y)
	}),
	"Reciprocal": elementwiseRule(func(d *derivation, x, y *ir.Value) *ir.Value { return d.add("Neg", d.add("Mul", y, y)) }),
	"Tanh": elementwiseRule(func(d *derivation, x, y *ir.Value) *ir.Value {
		return d.add("Sub", d.scalar(1, x), d.add("Mul", y, y))
	}),
	"Sigmoid": elementwiseRule(func(d *derivation, x, y *ir.Value) *ir.Value {
		return d.add("Mul", y, d.add("Sub", d.scalar(1, x), y))
	}),
	"Relu": elementwiseRule(func(d *derivation, x, y *ir.Value) *ir.Value { return d.add("Sign", y) }),

	"Add": binaryRule(func(d *derivation, a, b, y, dy *ir.Value) (da, db *ir.Value) { return dy, dy }),
	"Sub": binaryRule(func(d *derivation, a, b, y, dy *ir.Value) (da, db *ir.Value) { return dy, d.add("Neg", dy) }),
	"Mul": binaryRule(func(d *derivation, a, b, y, dy *ir.Value) (da, db *ir.Value) {
		return d.add("Mul", dy, b), d.add("Mul", dy, a)
	}),
	"Div": binaryRule(func(d *derivation, a, b, y, dy *ir.Value) (da, db *ir.Value) {
		da = d.add("Div", dy, b)
		return da, d.add("Neg", d.add("Mul", da, y))
	}),
	"Pow": binaryRule(func(d *derivation, a, b, y, dy *ir.Value) (da, db *ir.Value) {
		less := d.add("Pow", a, d.add("Sub", b, d.scalar(1, b)))
		return d.add("Mul", dy, d.add("Mul", d.add("CastLike", b, a), less)), d.add("Mul", dy, d.add("Mul", y, d.add("Log", a)))
	}),
	"MatMul": binaryRule(func(d *derivation, a, b, y, dy *ir.Value) (da, db *ir.Value) {
		return d.add("MatMul", dy, lastTwoSwapped(d, b)), d.add("MatMul", lastTwoSwapped(d, a), dy)
	}),
}

// zeroRule is the rule of operators whose derivative is 0 everywhere.
func zeroRule(*derivation, *ir.Node, *ir.Value) ([]*ir.Value, error) { return nil, nil }

// lastTwoSwapped transposes the last two dimensions.
func lastTwoSwapped(d *derivation, v *ir.Value) *ir.Value {
	return d.with(d.add("Einsum", v), &ir.Attr{Name: "equation", Type: onnx.AttrString, String: "...ij->...ji"})
}

// derivatives lists internal operators that only gradients use.
var derivatives = []Def{
	{Domain: Internal, Name: "OnesLike", Since: 1, Types: tensor.FloatTypes, In: Exactly(1), Out: Exactly(1), New: newOnesLike},
	{Domain: Internal, Name: "SumTo", Since: 1, Types: tensor.FloatTypes, In: Exactly(2), Out: Exactly(1), New: noAttributes(sumTo{})},
}

// newOnesLike makes y[i] = x[i]⁰, which is 1 for every x, even NaN.
func newOnesLike(*ir.Node) (Op, error) {
	return floats(func(x float64) float64 { return math.Pow(x, 0) }), nil
}

// sumTo undoes a broadcast: it sums the first operand along the dimensions that it has in addition
// to the second, or in which the second has size 1. The derivative of a value that is repeated is
// the sum of those of its copies.
type sumTo struct{}

// Infer: X, a value whose shape broadcasts to X's → that shape.
func (sumTo) Infer(in []ir.Fact) ([]ir.Fact, error) {
	return []ir.Fact{ir.Tensor(in[0].DType, in[1].Shape)}, nil
}

// Eval accumulates in float64.
func (sumTo) Eval(c *Call) error {
	x, like := c.In[0], c.In[1].Shape()
	if b, err := tensor.Broadcast(x.Shape(), like); err != nil || !slices.Equal(b, x.Shape()) {
		return fmt.Errorf("shape %v does not broadcast to %v", like, x.Shape())
	}
	sums, err := c.New(tensor.Float64, like...)
	if err != nil {
		return err
	}
	dst := tensor.Data[float64](sums)
	var row [rowLength]float64
	w := newWalk(x.Shape(), tensor.BroadcastStrides(like, x.Shape()), tensor.Strides(x.Shape()))
	err = w.rows(c.Run, func(n int, at, step []int) {
		tensor.Load(row[:n], x, at[1], step[1])
		to := at[0]
		for _, v := range row[:n] {
			dst[to] += v
			to += step[0]
		}
	})
	if err != nil {
		return err
	}
	c.Out[0], err = c.convert(sums, x.DType())
	return err
}
