package ops

import (
	"math"

	"github.com/visionzoo/vision/engine/ir"
	"github.com/visionzoo/vision/engine/kernel"
	"github.com/visionzoo/vision/engine/kernel/num"
	"github.com/visionzoo/vision/engine/kernel/vec"
	"github.com/visionzoo/vision/engine/tensor"
)

// mapping is a kernel for a function of one float32, with its parameters.
type mapping struct {
	f           vec.Func
	alpha, beta float32
}

// mappings lists the kernels of unary operators without attributes; mappingOf has the others.
var mappings = map[string]mapping{
	"Exp": {f: vec.Exp}, "Sigmoid": {f: vec.Sigmoid}, "Tanh": {f: vec.Tanh}, "Erf": {f: vec.Erf},
	"Mish": {f: vec.Mish}, "HardSwish": {vec.HardSwish, 1. / 6, 0.5}, "Relu": {vec.Clip, 0, infinity},
	"Softplus": {f: vec.Softplus}, "Softsign": {f: vec.Softsign},
	"Abs": {f: vec.Abs}, "Neg": {f: vec.Neg}, "Sqrt": {f: vec.Sqrt}, "Reciprocal": {f: vec.Reciprocal},
	"Floor": {f: vec.Floor}, "Ceil": {f: vec.Ceil}, "Round": {f: vec.Round}, "Sign": {f: vec.Sign},
	"Sin": {f: vec.Sin}, "Cos": {f: vec.Cos}, "Log": {f: vec.Log}, "Atan": {f: vec.Atan}, "Asin": {f: vec.Asin}, "Acos": {f: vec.Acos},
}

var infinity = float32(math.Inf(1))

// mappingOf returns the kernel of a node of the default domain; ok is false if there is none, or
// none for these attributes.
func mappingOf(n *ir.Node) (m mapping, ok bool) {
	if n.Domain != "" {
		return m, false
	}
	a := n.ReadAttrs()
	switch n.Op {
	case "LeakyRelu":
		m = mapping{vec.LeakyRelu, a.Float("alpha", 0.01), 0}
	case "Elu":
		m = mapping{vec.Elu, a.Float("alpha", 1), 1}
	case "Selu":
		alpha, gamma := SeluFactors(n)
		m = mapping{vec.Elu, alpha * gamma, gamma}
	case "Celu":
		m = mapping{f: vec.Celu, alpha: a.Float("alpha", 1)}
		m.beta = 1 / m.alpha
		return m, a.Err() == nil && m.alpha > 1e-30 && m.alpha < 1e30 // so is 1/alpha
	case "ThresholdedRelu":
		m = mapping{vec.ThresholdedRelu, a.Float("alpha", 1), 0}
	case "Shrink":
		m = mapping{vec.Shrink, a.Float("lambd", 0.5), a.Float("bias", 0)}
		return m, a.Err() == nil && m.alpha >= 0
	case "HardSigmoid":
		m = mapping{vec.HardSigmoid, a.Float("alpha", 0.2), a.Float("beta", 0.5)}
	case "Swish":
		m = mapping{vec.Silu, a.Float("alpha", 1), 0}
	case "Clip": // versions up to 10, with attributes; clip.EvalFast has the others
		m = mapping{vec.Clip, a.Float("min", -math.MaxFloat32), a.Float("max", math.MaxFloat32)}
		return m, a.Err() == nil && m.alpha == m.alpha && m.beta == m.beta
	case "Gelu":
		m = mapping{f: vec.Gelu}
		if a.Str("approximate", "none") == "tanh" {
			m.f = vec.GeluTanh
		}
	default:
		m, ok = mappings[n.Op]
		return m, ok
	}
	return m, a.Err() == nil
}

// integerSteps lists unary operators of integers and bools as functions of what they have so far and
// a number. The first step of two is for negative numbers.
var integerSteps = map[string][]integerStep{
	"Not": {{op: num.Xor, by: 1}}, "BitwiseNot": {{op: num.Xor, by: -1}}, "Neg": {{op: num.Sub, left: true}}, "Relu": {{op: num.Max}},
	"Sign": {{op: num.Max, by: -1}, {op: num.Min, by: 1}}, "Abs": {{op: num.Sub, left: true}, {op: num.Max, again: true}},
}

// integerStep is x ∘ by or, if left is set, by ∘ x. If again is set, by is the operator's operand.
type integerStep struct {
	op          num.Pair
	by          int64
	left, again bool
}

// EvalFast computes integers and bools with kernels, and floats in their own type: float32 with a
// kernel if there is one, otherwise with Eval's function, without its conversions but on several
// threads.
func (op elementwise) EvalFast(c *Call) (bool, error) {
	x := c.In[0]
	if steps := integerSteps[c.Node.Op]; steps != nil && arithmeticOf(x.DType()) != inFloat && c.inOwnType(x, x) {
		return true, c.integers(x, steps)
	}
	if op.f64 != nil && x.DType() == tensor.Float64 && c.Run.Kernel != nil {
		if loop := loops64[c.Node.Op]; loop != nil && c.Node.Domain == "" {
			return true, castRows(c, x, tensor.Float64, loop)
		}
		return true, mapRows(c, x, 5, op.f64)
	}
	if c.vec(x) == nil || op.f64 == nil {
		return false, nil
	}
	m, ok := c.Kept.(mapping)
	if !ok {
		m, ok = mappingOf(c.Node)
		if c.Kept = nil; ok {
			c.Kept = m
		}
	}
	if ok {
		return true, c.mapTo(m, x)
	}
	return true, mapRows(c, x, 15, func(v float32) float32 { return float32(op.f64(float64(v))) })
}

// loops64 lists functions of one float64 that cost less than a call of a function.
var loops64 = map[string]func(dst, src []float64){
	"Abs": func(dst, src []float64) {
		for i, v := range src {
			dst[i] = math.Abs(v)
		}
	},
	"Neg": func(dst, src []float64) {
		for i, v := range src {
			dst[i] = -v
		}
	},
	"Sign": func(dst, src []float64) {
		for i, v := range src {
			s := math.Copysign(1, v)
			if v == 0 || v != v {
				s = v
			}
			dst[i] = s
		}
	},
	"Floor": func(dst, src []float64) {
		for i, v := range src {
			dst[i] = math.Floor(v)
		}
	},
	"Ceil": func(dst, src []float64) {
		for i, v := range src {
			dst[i] = math.Ceil(v)
		}
	},
	"Round": func(dst, src []float64) {
		for i, v := range src {
			dst[i] = math.RoundToEven(v)
		}
	},
}

// mapRows sets output 0 to f of each element of x; unit is its time in nanoseconds.
func mapRows[T tensor.Element](c *Call, x *tensor.Tensor, unit float64, f func(T) T) error {
	y, err := c.output(x.DType(), x.Shape()...)
	if err != nil {
		return err
	}
	src, dst := tensor.Data[T](x), tensor.Data[T](y)
	return c.share(len(dst), unit, func(from, to int) {
		part := dst[from:to]
		for i, v := range src[from:to] {
			part[i] = f(v)
		}
	})
}

// integers computes output 0 from x in steps.
func (c *Call) integers(x *tensor.Tensor, steps []integerStep) error {
	y, err := c.output(x.DType(), x.Shape()...)
	if err != nil {
		return err
	}
	if len(steps) == 2 && arithmeticOf(x.DType()) == inUnsigned {
		steps = steps[1:]
	}
	for i, s := range steps {
		a, b := y, x
		if i == 0 {
			a = x
		}
		if !s.again {
			if b, err = c.convert(tensor.Scalar(s.by), x.DType()); err != nil {
				return err
			}
		}
		if s.left {
			a, b = b, a
		}
		if err := c.joinTo(s.op, y, a, b); err != nil {
			return err
		}
	}
	return nil
}

// mapTo computes output 0 from x with a kernel.
func (c *Call) mapTo(m mapping, x *tensor.Tensor) error {
	y, err := c.output(tensor.Float32, x.Shape()...)
	if err != nil {
		return err
	}
	v, src, dst := c.vec(), tensor.Data[float32](x), tensor.Data[float32](y)
	unit := 0.5
	if m.f >= vec.Sin {
		unit = sineTime
	}
	return c.share(len(dst), unit, func(from, to int) {
		v.Apply(m.f, dst[from:to], src[from:to], m.alpha, m.beta)
	})
}

// activationMapping returns the kernel of a fused activation; false if the activation is none.
func activationMapping(act kernel.Activation) (m mapping, ok bool) {
	m = mapping{alpha: act.Alpha, beta: act.Beta}
	switch act.Kind {
	case kernel.Clip:
		m.f = vec.Clip
	case kernel.LeakyRelu:
		m.f = vec.LeakyRelu
	case kernel.Sigmoid:
		m.f = vec.Sigmoid
	case kernel.Silu:
		m = mapping{vec.Silu, 1, 0}
	case kernel.HardSigmoid:
		m.f = vec.HardSigmoid
	case kernel.HardSwish:
		m = mapping{vec.HardSwish, 1. / 6, 0.5}
	case kernel.Tanh:
		m.f = vec.Tanh
	case kernel.Gelu:
		m.f = vec.Gelu
	case kernel.Mish:
		m.f = vec.Mish
	case kernel.Softplus:
		m.f = vec.Softplus
	case kernel.Elu:
		m.f = vec.Elu
	default:
		return m, false
	}
	return m, true
}

// EvalFast applies the kernel of the activation.
func (op *Activate) EvalFast(c *Call) (bool, error) {
	m, ok := activationMapping(op.Act)
	if c.vec(c.In[0]) == nil || !ok {
		return false, nil
	}
	return true, c.mapTo(m, c.In[0])
}

// EvalFast scales, shifts and activates one plane (a channel of an image) at a time.
func (op *ScaleShift) EvalFast(c *Call) (bool, error) {
	x := c.In[0]
	v := c.vec(c.In...)
	m, active := activationMapping(op.Act)
	if v == nil || x.Rank() < 2 || x.Len() == 0 || !active && op.Act.Kind != kernel.Identity {
		return false, nil
	}
	y, err := c.output(tensor.Float32, x.Shape()...)
	if err != nil {
		return true, err
	}
	src, dst := tensor.Data[float32](x), tensor.Data[float32](y)
	scale, shift := tensor.Data[float32](c.In[1]), tensor.Data[float32](c.In[2])
	plane := len(src) / x.Dim(0) / x.Dim(1)
	return true, c.share(len(src)/plane, 0.2*float64(plane)+20, func(from, to int) {
		for i := from; i < to; i++ {
			out := dst[i*plane : (i+1)*plane]
			v.Apply(vec.Affine, out, src[i*plane:(i+1)*plane], scale[i%len(scale)], shift[i%len(scale)])
			if active {
				v.Apply(m.f, out, out, m.alpha, m.beta)
			}
		}
	})
}

// EvalFast clips float32 and integers.
func (clip) EvalFast(c *Call) (bool, error) {
	if x := c.In[0]; arithmeticOf(x.DType()) != inFloat {
		return clipIntegers(c, x)
	}
	if c.vec(c.In[0]) == nil {
		return false, nil
	}
	m := mapping{vec.Clip, -math.MaxFloat32, math.MaxFloat32}
	for i, bound := range []*float32{&m.alpha, &m.beta} {
		if t := c.input(i + 1); t != nil {
			if t.Len() != 1 || t.DType() != tensor.Float32 {
				return false, nil
			}
			if *bound = tensor.Data[float32](t)[0]; *bound != *bound { // NaN bounds nothing
				*bound = [2]float32{-infinity, infinity}[i]
			}
		}
	}
	return true, c.mapTo(m, c.In[0])
}

func clipIntegers(c *Call, x *tensor.Tensor) (bool, error) {
	last, steps := x, []num.Pair{num.Max, num.Min}
	for i := range steps {
		if t := c.input(i + 1); t != nil && (t.Len() != 1 || !c.inOwnType(x, t)) {
			return false, nil
		}
	}
	if c.input(1) == nil && c.input(2) == nil {
		return false, nil
	}
	y, err := c.output(x.DType(), x.Shape()...)
	if err != nil {
		return true, err
	}
	for i, op := range steps {
		if bound := c.input(i + 1); bound != nil {
			if bound, err = bound.Reshape(); err == nil {
				err = c.joinTo(op, y, last, bound)
			}
			if err != nil {
				return true, err
			}
			last = y
		}
	}
	return true, nil
}
