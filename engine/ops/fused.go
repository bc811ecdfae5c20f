package ops

import (
	"fmt"
	"slices"

	"github.com/visionzoo/vision/engine/ir"
	"github.com/visionzoo/vision/engine/kernel"
	"github.com/visionzoo/vision/engine/onnx"
	"github.com/visionzoo/vision/engine/tensor"
)

// fused lists float operators that passes put in the place of several others. No file has them, so
// their constructors trust the attributes.
var fused = []Def{
	{Domain: Internal, Name: "Conv", Since: 1, Types: tensor.Types(tensor.Float32), In: Arity{2, 5}, Out: Exactly(1), New: newFusedConv},
	{Domain: Internal, Name: "Activate", Since: 1, Types: tensor.Types(tensor.Float32), In: Exactly(1), Out: Exactly(1), New: newActivate},
	{Domain: Internal, Name: "ScaleShift", Since: 1, Types: tensor.Types(tensor.Float32), In: Exactly(3), Out: Exactly(1), New: newScaleShift},
	{Domain: Internal, Name: "Shuffle", Since: 1, Types: tensor.Types(tensor.Float32), In: Arity{1, Many}, Out: Exactly(1), New: newShuffle},
}

// FusedConv is a convolution of two or three dimensions with its epilogue: y = act(conv(X, W·S) + B
// + Z), where S is one scale for each output channel. Inputs: X, W, B, Z (the residual), S; all
// from B on are optional. It has the attributes of Conv and of an activation.
type FusedConv struct {
	Group int
	Act   kernel.Activation
	conv  Op
}

func newFusedConv(n *ir.Node) (Op, error) {
	conv, err := newConv(n)
	if err != nil {
		return nil, err
	}
	a := n.ReadAttrs()
	return &FusedConv{Group: a.Int("group", 1), Act: readActivation(a), conv: conv}, a.Err()
}

// Infer: as Conv. Z and the convolution broadcast, as the Add did: shapes that were unknown when they
// were fused may turn out to differ.
func (op *FusedConv) Infer(in []ir.Fact) ([]ir.Fact, error) {
	out, err := op.conv.Infer(in[:min(3, len(in))])
	if err != nil || len(in) < 4 || in[3].DType == tensor.Invalid {
		return out, err
	}
	out[0].Shape, err = broadcastShape(out[0].Shape, in[3].Shape)
	return out, err
}

// Eval evaluates the operators that were fused, one after the other.
func (op *FusedConv) Eval(c *Call) error {
	z := c.input(3)
	inner := *c
	inner.In = c.In[:min(3, len(c.In))]
	if s := c.input(4); s != nil {
		w, err := scaledWeights(c, c.In[1], s)
		if err != nil {
			return err
		}
		inner.In = slices.Clone(inner.In)
		inner.In[1] = w
	}
	if z != nil {
		inner.Out, inner.Planned = make([]*tensor.Tensor, 1), nil
	}
	if err := op.conv.Eval(&inner); err != nil {
		return err
	}
	y := inner.Out[0]
	if z != nil {
		sum, err := c.zeroedBroadcast(tensor.Float32, y, z)
		if err != nil {
			return err
		}
		if err := add.apply(c, sum, y, z); err != nil {
			return err
		}
		y = sum
	}
	c.Out[0] = y
	activate(tensor.Data[float32](y), tensor.Data[float32](y), op.Act)
	return nil
}

// scaledWeights multiplies weights [Cout, …] by a scale for each output channel.
func scaledWeights(c *Call, weights, scale *tensor.Tensor) (*tensor.Tensor, error) {
	scratch := *c
	scratch.Planned = nil // planned memory is for the output
	scaled, err := scratch.like(weights)
	if err != nil {
		return nil, err
	}
	w, s, to := tensor.Data[float32](weights), tensor.Data[float32](scale), tensor.Data[float32](scaled)
	each := len(w) / max(1, len(s))
	for i, v := range w {
		to[i] = v * s[i/each]
	}
	return scaled, nil
}

// ActivationAttrs returns the attributes of an internal operator that describe an activation.
func ActivationAttrs(act kernel.Activation) []*ir.Attr {
	return []*ir.Attr{
		{Name: "activation", Type: onnx.AttrInt, Int: int64(act.Kind)},
		{Name: "activation_params", Type: onnx.AttrFloats, Floats: []float32{act.Alpha, act.Beta}},
	}
}

// readActivation reads the attributes that ActivationAttrs made.
func readActivation(a *ir.Attrs) kernel.Activation {
	act := kernel.Activation{Kind: kernel.ActivationKind(a.Int("activation", 0))}
	if p := a.Floats("activation_params"); len(p) == 2 {
		act.Alpha, act.Beta = p[0], p[1]
	}
	return act
}

// Activate is an activation as an operator of its own.
type Activate struct{ Act kernel.Activation }

// Bounds returns the bounds of a clip; ok is false for other activations.
func (op *Activate) Bounds() (low, high float32, ok bool) {
	return op.Act.Alpha, op.Act.Beta, op.Act.Kind == kernel.Clip
}

func newActivate(n *ir.Node) (Op, error) {
	a := n.ReadAttrs()
	return &Activate{readActivation(a)}, a.Err()
}

// Infer: X [any shape] → Y, same shape and dtype.
func (op *Activate) Infer(in []ir.Fact) ([]ir.Fact, error) {
	return []ir.Fact{ir.Tensor(in[0].DType, in[0].Shape)}, nil
}

// Eval applies the formula to each element.
func (op *Activate) Eval(c *Call) error {
	y, err := c.zeroedLike(c.In[0])
	if err != nil {
		return err
	}
	activate(tensor.Data[float32](y), tensor.Data[float32](c.In[0]), op.Act)
	return nil
}

// activate sets y[i] to the activation of x[i]; y may be x.
func activate(y, x []float32, act kernel.Activation) {
	for i, v := range x {
		y[i] = float32(act.Of(float64(v)))
	}
}

// ScaleShift is y = act(x·scale + shift) with a scale and a shift for each channel: a batch
// normalisation at inference. Inputs: X [N C …], scale [C], shift [C], of which the last two are
// constant.
type ScaleShift struct{ Act kernel.Activation }

func newScaleShift(n *ir.Node) (Op, error) {
	a := n.ReadAttrs()
	return &ScaleShift{readActivation(a)}, a.Err()
}

// Infer: X [N C …] → Y, same shape and dtype. As in BatchNormalization, a vector
// is a batch with one channel.
func (op *ScaleShift) Infer(in []ir.Fact) ([]ir.Fact, error) {
	if x, c := in[0].Shape, in[1].Shape.Dims[0]; x.Ranked && (x.Rank() == 0 || x.Rank() == 1 && c.N != 1 || x.Rank() > 1 && x.Dims[1].Known() && x.Dims[1].N != c.N) {
		return nil, fmt.Errorf("needs an input of shape [N %d …], it has %s", c.N, x)
	}
	return []ir.Fact{ir.Tensor(in[0].DType, in[0].Shape)}, nil
}

// Eval evaluates the formula.
func (op *ScaleShift) Eval(c *Call) error {
	if _, err := op.Infer(factsOf(c.In)); err != nil {
		return err
	}
	x := c.In[0]
	y, err := c.zeroedLike(x)
	if err != nil {
		return err
	}
	scale, shift := tensor.Data[float32](c.In[1]), tensor.Data[float32](c.In[2])
	src, dst := tensor.Data[float32](x), tensor.Data[float32](y)
	if len(src) == 0 {
		return nil
	}
	plane := len(src) / x.Dim(0) / len(scale)
	for at := 0; at < len(src); at += plane {
		ch := at / plane % len(scale)
		for i, v := range src[at : at+plane] {
			dst[at+i] = v*scale[ch] + shift[ch]
		}
	}
	activate(dst, dst, op.Act)
	return nil
}
