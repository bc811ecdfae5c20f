package ops

import (
	"fmt"
	"math"

	"github.com/visionzoo/vision/engine/ir"
	"github.com/visionzoo/vision/engine/kernel"
	"github.com/visionzoo/vision/engine/tensor"
)

// quantDynamic lists operators on float32 that is quantised at run time: the standard's, and those
// that the pass "dynamic" joins with what follows.
var quantDynamic = []Def{
	{Name: "DynamicQuantizeLinear", Since: 11, Types: tensor.Types(tensor.Float32), In: Exactly(1), Out: Exactly(3), New: noAttributes(dynamicQuantize{})},
	{Domain: Internal, Name: "DynamicConv", Since: 1, Types: tensor.Types(tensor.Float32), In: Arity{3, 5}, Out: Exactly(1), New: newDynamicConv},
	{Domain: Internal, Name: "DynamicRound", Since: 1, Types: tensor.Types(tensor.Float32), In: Exactly(1), Out: Exactly(1), New: noAttributes(&DynamicRound{})},
}

// dynamicQuantize computes a scale and a uint8 zero point from the range of x,
// extended to include 0. ONNX DynamicQuantizeLinear-11.
type dynamicQuantize struct{}

// Infer: x float32 → y uint8, scale float32 [], zero point uint8 [].
func (dynamicQuantize) Infer(in []ir.Fact) ([]ir.Fact, error) {
	return []ir.Fact{ir.Tensor(tensor.Uint8, in[0].Shape), ir.Tensor(tensor.Float32, ir.Dims()), ir.Tensor(tensor.Uint8, ir.Dims())}, nil
}

// Eval computes in float32, as the specification's function body does. NaN does not
// count for the range, and gets the lowest code.
func (dynamicQuantize) Eval(c *Call) error {
	x := tensor.Data[float32](c.In[0])
	y, err := c.New(tensor.Uint8, c.In[0].Shape()...)
	if err != nil {
		return err
	}
	low, high := float32(0), float32(0)
	for _, v := range x {
		if v < low {
			low = v
		}
		if v > high {
			high = v
		}
	}
	scale, zero := kernel.DynamicScale(low, high)
	out := tensor.Data[uint8](y)
	for i, v := range x {
		q := float32(math.RoundToEven(float64(v / scale)))
		out[i] = uint8(clamp64(q+float32(zero), 0, 255))
	}
	c.Out[0], c.Out[1], c.Out[2] = y, tensor.Scalar(scale), tensor.Scalar(zero)
	return c.Run.Check()
}

// clamp64 clamps v to [low, high]; NaN becomes low.
func clamp64(v, low, high float32) float64 {
	if !(v > low) {
		return float64(low)
	}
	return float64(min(v, high))
}

// DynamicConv is y = act(float32(ConvInteger(q(X), W))·scale(X)·S + B), where q and
// scale are those of DynamicQuantizeLinear. It has the attributes of ConvInteger and
// of an activation.
type DynamicConv struct {
	Act  kernel.Activation
	conv integerConv
}

func newDynamicConv(n *ir.Node) (Op, error) {
	conv, err := newIntegerConv(n)
	if err != nil {
		return nil, err
	}
	a := n.ReadAttrs()
	return &DynamicConv{readActivation(a), conv}, a.Err()
}

// Infer: X float32, W, S [1] or [Cout], zero point of W, B [Cout] → Y float32.
func (op *DynamicConv) Infer(in []ir.Fact) ([]ir.Fact, error) {
	s, err := op.conv.shapes(in[0], in[1], ir.Fact{})
	return []ir.Fact{ir.Tensor(tensor.Float32, s)}, err
}

// Eval evaluates the operators that were fused, one after the other.
func (op *DynamicConv) Eval(c *Call) error {
	q, err := quantised(c, c.In[0])
	if err != nil {
		return err
	}
	inner := *c
	inner.Planned = nil
	sums, err := op.conv.sums(&inner, q[0], q[2], c.In[1], c.input(3), nil)
	if err != nil {
		return err
	}
	y, err := c.zeroed(tensor.Float32, sums.Shape()...)
	if err != nil {
		return err
	}
	channels := max(sums.Dim(1), 1)
	each := max(sums.Len()/max(sums.Dim(0)*channels, 1), 1)
	err = scaleSums(tensor.Data[float32](y), tensor.Data[float64](sums), each, channels, tensor.Data[float32](q[1])[0], c.In[2], c.input(4))
	activate(tensor.Data[float32](y), tensor.Data[float32](y), op.Act)
	return err
}

// quantised returns what DynamicQuantizeLinear makes of x: codes, scale, zero point.
func quantised(c *Call, x *tensor.Tensor) ([]*tensor.Tensor, error) {
	inner := *c
	inner.In, inner.Out, inner.Planned = []*tensor.Tensor{x}, make([]*tensor.Tensor, 3), nil
	err := (dynamicQuantize{}).Eval(&inner)
	return inner.Out, err
}

// scaleSums sets y to float32(sum)·(scale·s) + b, every step rounded to float32. s and
// b have one number, or one for each of n channels, which follow each other every each
// numbers; b may be nil.
func scaleSums(y []float32, sums []float64, each, n int, scale float32, s, b *tensor.Tensor) error {
	by, plus := tensor.ToFloat64(s), []float64{0}
	if b != nil {
		plus = tensor.ToFloat64(b)
	}
	if (len(by) != 1 && len(by) != n) || (len(plus) != 1 && len(plus) != n) {
		return fmt.Errorf("scales and bias must have 1 or %d elements, they have %d and %d", n, len(by), len(plus))
	}
	for i, sum := range sums {
		k := i / each % n
		both := scale * float32(by[k%len(by)])
		product := float32(sum) * both
		y[i] = float32(product) + float32(plus[k%len(plus)])
	}
	return nil
}

// DynamicRound rounds to the numbers that the codes of DynamicQuantizeLinear stand for.
type DynamicRound struct{}

// Infer: X float32 → Y, same shape.
func (*DynamicRound) Infer(in []ir.Fact) ([]ir.Fact, error) {
	return []ir.Fact{ir.Tensor(tensor.Float32, in[0].Shape)}, nil
}

// Eval quantises and dequantises.
func (*DynamicRound) Eval(c *Call) error {
	q, err := quantised(c, c.In[0])
	if err != nil {
		return err
	}
	y, err := c.zeroedLike(c.In[0])
	if err != nil {
		return err
	}
	scale, zero := tensor.Data[float32](q[1])[0], int32(tensor.Data[uint8](q[2])[0])
	to := tensor.Data[float32](y)
	for i, code := range tensor.Data[uint8](q[0]) {
		to[i] = float32(int32(code)-zero) * scale
	}
	return nil
}
