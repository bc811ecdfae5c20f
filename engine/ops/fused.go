package ops

import (
	"math"
	"slices"

	"github.com/visionzoo/vision/engine/ir"
	"github.com/visionzoo/vision/engine/kernel"
	"github.com/visionzoo/vision/engine/onnx"
	"github.com/visionzoo/vision/engine/tensor"
)

// fused are the operators that passes put in place of several.
var fused = []Def{
	{Domain: Internal, Name: "Conv", Since: 1, Types: tensor.Types(tensor.Float32), In: Arity{2, 5}, Out: Exactly(1), New: newFusedConv},
	{Domain: Internal, Name: "Activate", Since: 1, Types: tensor.Types(tensor.Float32), In: Exactly(1), Out: Exactly(1), New: newActivate},
	{Domain: Internal, Name: "ScaleShift", Since: 1, Types: tensor.Types(tensor.Float32), In: Exactly(3), Out: Exactly(1), New: newScaleShift},
}

// FusedConv is a convolution of two dimensions with what follows it: y =
// act(conv(X, W·S) + B + Z), S a number for each output channel. Attributes are
// Conv's and an activation.
type FusedConv struct {
	Strides, Dilations, Pads []int // [h w], [h w], [top left bottom right]
	AutoPad                  string
	Group                    int
	Act                      kernel.Activation
	conv                     Op
}

func newFusedConv(n *ir.Node) (Op, error) {
	a := n.ReadAttrs()
	op := &FusedConv{Strides: a.Ints("strides"), Dilations: a.Ints("dilations"), Pads: a.Ints("pads"),
		AutoPad: a.Str("auto_pad", "NOTSET"), Group: a.Int("group", 1), Act: readActivation(a)}
	if op.Strides == nil {
		op.Strides = []int{1, 1}
	}
	if op.Dilations == nil {
		op.Dilations = []int{1, 1}
	}
	if op.Pads == nil {
		op.Pads = []int{0, 0, 0, 0}
	}
	if err := a.Err(); err != nil {
		return nil, err
	}
	plain := *n
	plain.Domain, plain.Op, plain.Version = "", "Conv", 11
	plain.Inputs = n.Inputs[:min(3, len(n.Inputs))]
	plain.Attrs = nil
	for _, at := range n.Attrs {
		if at.Name != "activation" && at.Name != "activation_params" {
			plain.Attrs = append(plain.Attrs, at)
		}
	}
	conv, err := newConv(&plain)
	if err != nil {
		return nil, err
	}
	op.conv = conv
	return op, nil
}

// Padding is [top left bottom right] for an input and kernel of the given
// sizes, with auto_pad worked out.
func (op *FusedConv) Padding(h, w, kh, kw int) (top, left, bottom, right int) {
	same := func(in, k, i int) (int, int) {
		out := (in + op.Strides[i] - 1) / op.Strides[i]
		total := max(0, (out-1)*op.Strides[i]+(k-1)*op.Dilations[i]+1-in)
		if op.AutoPad == "SAME_UPPER" {
			return total / 2, total - total/2
		}
		return total - total/2, total / 2
	}
	switch op.AutoPad {
	case "SAME_UPPER", "SAME_LOWER":
		top, bottom = same(h, kh, 0)
		left, right = same(w, kw, 1)
	case "VALID":
	default:
		return op.Pads[0], op.Pads[1], op.Pads[2], op.Pads[3]
	}
	return top, left, bottom, right
}

// Infer: as Conv; Z and the convolution broadcast. Shapes that are unknown when
// the two are fused may turn out to be unlike.
func (op *FusedConv) Infer(in []ir.Fact) ([]ir.Fact, error) {
	out, err := op.conv.Infer(in[:min(3, len(in))])
	if err != nil || len(in) < 4 || in[3].DType == tensor.Invalid {
		return out, err
	}
	out[0].Shape, err = broadcastShape(out[0].Shape, in[3].Shape)
	return out, err
}

// Eval is the unfused sequence.
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
		sum, err := newBroadcast(c, tensor.Float32, y, z)
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

// scaledWeights are weights [Cout, …] with a scale for each output channel.
func scaledWeights(c *Call, weights, scale *tensor.Tensor) (*tensor.Tensor, error) {
	scratch := *c
	scratch.Planned = nil // that is for the output
	scaled, err := scratch.Like(weights)
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

// ActivationAttrs are the attributes that carry an activation.
func ActivationAttrs(act kernel.Activation) []*ir.Attr {
	return []*ir.Attr{
		{Name: "activation", Type: onnx.AttrInt, Int: int64(act.Kind)},
		{Name: "activation_params", Type: onnx.AttrFloats, Floats: []float32{act.Alpha, act.Beta}},
	}
}

func readActivation(a *ir.Attrs) kernel.Activation {
	act := kernel.Activation{Kind: kernel.ActivationKind(a.Int("activation", 0))}
	if p := a.Floats("activation_params"); len(p) == 2 {
		act.Alpha, act.Beta = p[0], p[1]
	}
	return act
}

// Activate is a unary activation on its own.
type Activate struct{ Act kernel.Activation }

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
	y, err := c.Like(c.In[0])
	if err != nil {
		return err
	}
	activate(tensor.Data[float32](y), tensor.Data[float32](c.In[0]), op.Act)
	c.Out[0] = y
	return nil
}

// activate sets y to the activation of x, element by element; y may be x.
func activate(y, x []float32, act kernel.Activation) {
	f := activationFunc(act)
	for i, v := range x {
		y[i] = f(v)
	}
}

// activationFunc is the formula that kernel.ActivationKind documents.
func activationFunc(act kernel.Activation) func(float32) float32 {
	sigmoid := func(v float64) float64 { return 1 / (1 + math.Exp(-v)) }
	lo, hi := act.Alpha, act.Beta
	switch act.Kind {
	case kernel.Clip:
		return func(v float32) float32 { return min(max(v, lo), hi) }
	case kernel.LeakyRelu:
		return func(v float32) float32 {
			if v < 0 {
				return lo * v
			}
			return v
		}
	case kernel.Sigmoid:
		return func(v float32) float32 { return float32(sigmoid(float64(v))) }
	case kernel.Silu:
		return func(v float32) float32 { return float32(float64(v) * sigmoid(float64(v))) }
	case kernel.HardSigmoid:
		return func(v float32) float32 { return min(max(lo*v+hi, 0), 1) }
	case kernel.HardSwish:
		return func(v float32) float32 { return v * min(max(v/6+0.5, 0), 1) }
	case kernel.Tanh:
		return func(v float32) float32 { return float32(math.Tanh(float64(v))) }
	case kernel.Gelu:
		return func(v float32) float32 { return float32(float64(v) / 2 * (1 + math.Erf(float64(v)/math.Sqrt2))) }
	case kernel.Mish:
		return func(v float32) float32 {
			x := float64(v)
			return float32(x * math.Tanh(max(x, 0)+math.Log1p(math.Exp(-math.Abs(x)))))
		}
	}
	return func(v float32) float32 { return v }
}

// ScaleShift is y = act(x·scale + shift) with one scale and shift a channel:
// what is left of a batch normalisation at inference. Inputs X [N C …], scale
// [C], shift [C].
type ScaleShift struct{ Act kernel.Activation }

func newScaleShift(n *ir.Node) (Op, error) {
	a := n.ReadAttrs()
	return &ScaleShift{readActivation(a)}, a.Err()
}

// Infer: X [N C …] → Y, same shape and dtype.
func (op *ScaleShift) Infer(in []ir.Fact) ([]ir.Fact, error) {
	return []ir.Fact{ir.Tensor(in[0].DType, in[0].Shape)}, nil
}

// Eval is the formula.
func (op *ScaleShift) Eval(c *Call) error {
	x := c.In[0]
	y, err := c.Like(x)
	if err != nil {
		return err
	}
	c.Out[0] = y
	scale, shift := tensor.Data[float32](c.In[1]), tensor.Data[float32](c.In[2])
	src, dst := tensor.Data[float32](x), tensor.Data[float32](y)
	if len(src) == 0 {
		return nil
	}
	plane := len(src) / x.Dim(0) / x.Dim(1)
	for at := 0; at < len(src); at += plane {
		ch := at / plane % len(scale)
		for i, v := range src[at : at+plane] {
			dst[at+i] = v*scale[ch] + shift[ch]
		}
	}
	activate(dst, dst, op.Act)
	return nil
}
