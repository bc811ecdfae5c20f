package ops

import (
	"fmt"
	"slices"

	"github.com/visionzoo/vision/engine/ir"
	"github.com/visionzoo/vision/engine/kernel"
	"github.com/visionzoo/vision/engine/tensor"
)

// Microsoft is the domain of ONNX Runtime's own operators.
const Microsoft = "com.microsoft"

// contributed lists float operators of ONNX Runtime's own domain, which its optimiser leaves in
// saved files (docs/ContribOperators.md). Such domains have a single version. The files
// contrib_*.go have the others by kind; the pass "contrib" replaces many of them by the standard's.
var contributed = []Def{
	{Domain: Microsoft, Name: "Gelu", Since: 1, Types: tensor.FloatTypes, In: Exactly(1), Out: Exactly(1), New: floatFunc(gelu)},
	{Domain: Microsoft, Name: "QuickGelu", Since: 1, Types: tensor.FloatTypes, In: Exactly(1), Out: Exactly(1), New: newQuickGelu},
	{Domain: Microsoft, Name: "BiasGelu", Since: 1, Types: tensor.FloatTypes, In: Exactly(2), Out: Exactly(1), New: newBiased(gelu)},
	{Domain: Microsoft, Name: "FastGelu", Since: 1, Types: tensor.FloatTypes, In: Arity{1, 2}, Out: Exactly(1), New: newBiased(geluTanh)},
	{Domain: Microsoft, Name: "FusedConv", Since: 1, Types: tensor.FloatTypes, In: Arity{2, 4}, Out: Exactly(1), New: newActivatedConv},
	{Domain: Microsoft, Name: "GridSample", Since: 1, Types: tensor.NumericTypes, In: Exactly(2), Out: Exactly(1), New: newGridSample16},
	{Domain: Microsoft, Name: "FusedGemm", Since: 1, Types: tensor.FloatTypes, In: Arity{2, 3}, Out: Exactly(1), New: newActivatedGemm},
}

// newQuickGelu makes y = x·sigmoid(alpha·x).
func newQuickGelu(n *ir.Node) (Op, error) {
	a := n.ReadAttrs()
	alpha := float64(a.Float("alpha", 1.702))
	return floats(func(x float64) float64 { return x * sigmoid(alpha*x) }), a.Err()
}

// newBiased makes y = f(x + bias). The bias is a vector along the last dimension,
// and optional.
func newBiased(f func(float64) float64) func(n *ir.Node) (Op, error) {
	return func(n *ir.Node) (Op, error) {
		if len(n.Inputs) == 1 {
			return floats(f), nil
		}
		return unidirectional{binaryOp{binary{f64: func(x, b float64) float64 { return f(x + b) }}}}, nil
	}
}

// Activated is a Conv or Gemm followed by an activation: FusedConv and FusedGemm. Input 3 of
// FusedConv is added before the activation.
type Activated struct {
	Op
	Act kernel.Activation
}

func newActivatedConv(n *ir.Node) (Op, error) {
	op, err := newConv(n)
	if err != nil {
		return nil, err
	}
	a := n.ReadAttrs()
	return Activated{op, namedActivation(a, a.Floats("activation_params"))}, a.Err()
}

func newActivatedGemm(n *ir.Node) (Op, error) {
	op, err := newGemm(n)
	if err != nil {
		return nil, err
	}
	a := n.ReadAttrs()
	var params []float32
	for _, name := range []string{"activation_alpha", "activation_beta"} {
		if a.Has(name) {
			params = append(params, a.Float(name, 0))
		}
	}
	return Activated{op, namedActivation(a, params)}, a.Err()
}

// namedActivation returns the activation that attribute "activation" names, with
// its parameters; none if the attribute is missing.
func namedActivation(a *ir.Attrs, params []float32) kernel.Activation {
	if !a.Has("activation") {
		return kernel.Activation{}
	}
	param := func(i int, or float32) float32 {
		if i < len(params) {
			return params[i]
		}
		return or
	}
	switch a.OneOf("activation", "Relu", "Tanh", "Sigmoid", "Silu", "HardSwish", "LeakyRelu", "Clip", "HardSigmoid") {
	case "Tanh":
		return kernel.Activation{Kind: kernel.Tanh}
	case "Sigmoid":
		return kernel.Activation{Kind: kernel.Sigmoid}
	case "Silu":
		return kernel.Activation{Kind: kernel.Silu}
	case "HardSwish":
		return kernel.Activation{Kind: kernel.HardSwish}
	case "LeakyRelu":
		return kernel.Activation{Kind: kernel.LeakyRelu, Alpha: param(0, 0.01)}
	case "Clip":
		if len(params) != 2 {
			a.Fail("activation Clip needs two numbers, it has %d", len(params))
		}
		return kernel.Activation{Kind: kernel.Clip, Alpha: param(0, 0), Beta: param(1, 0)}
	case "HardSigmoid":
		return kernel.Activation{Kind: kernel.HardSigmoid, Alpha: param(0, 0.2), Beta: param(1, 0.5)}
	}
	return kernel.Activation{Kind: kernel.Clip, Beta: infinity}
}

// Infer: as the operator without its activation and the added input, which has the output's shape.
func (op Activated) Infer(in []ir.Fact) ([]ir.Fact, error) {
	out, err := op.Op.Infer(in[:min(len(in), 3)])
	if err != nil {
		return nil, err
	}
	if z := fact(in, 3); z.Given() && !fitsShape(z.Shape, out[0].Shape) {
		return nil, fmt.Errorf("input 3 is %s, it must be %s", z, out[0])
	}
	return out, nil
}

// Eval applies the activation in place.
func (op Activated) Eval(c *Call) error {
	inner := *c
	inner.In = c.In[:min(len(c.In), 3)]
	if err := op.Op.Eval(&inner); err != nil {
		return err
	}
	y := inner.Out[0]
	if z := c.input(3); z != nil {
		if !slices.Equal(z.Shape(), y.Shape()) || z.DType() != y.DType() {
			return fmt.Errorf("input 3 is %s, it must be %s", z, y)
		}
		if err := add.apply(c, y, y, z); err != nil {
			return err
		}
	}
	c.Out[0] = y
	if op.Act.Kind == kernel.Identity {
		return nil
	}
	return mapElements(c, y, y, op.Act.Of)
}
