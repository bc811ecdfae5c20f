package kernel

import (
	"math"
	"unsafe"
)

// activate is the twin of Rung.Activate.
func activate(p unsafe.Pointer, n int, act Activation) {
	x := unsafe.Slice((*float32)(p), n)
	for i := range x {
		x[i] = act.apply(x[i])
	}
}

// apply computes the function in float32. NaN gives NaN.
func (a Activation) apply(x float32) float32 {
	switch a.Kind {
	case Identity:
		return x
	case Clip:
		return clip(x, a.Alpha, a.Beta)
	}
	return float32(a.Of(float64(x)))
}

// Of computes the function of a number in float64, as ActivationKind documents it.
func (a Activation) Of(x float64) float64 {
	alpha, beta := float64(a.Alpha), float64(a.Beta)
	switch a.Kind {
	case Clip:
		return math.Min(math.Max(x, alpha), beta)
	case LeakyRelu:
		if x < 0 {
			return alpha * x
		}
		return x
	case Sigmoid:
		return 1 / (1 + math.Exp(-x))
	case Silu:
		return x / (1 + math.Exp(-x))
	case HardSigmoid:
		return math.Min(math.Max(alpha*x+beta, 0), 1)
	case HardSwish:
		return x * math.Min(math.Max(x/6+0.5, 0), 1)
	case Tanh:
		return math.Tanh(x)
	case Gelu:
		return x / 2 * (1 + math.Erf(x/math.Sqrt2))
	case Mish:
		return x * math.Tanh(math.Log1p(math.Exp(x)))
	case Softplus:
		return math.Max(x, 0) + math.Log1p(math.Exp(-math.Abs(x)))
	case Elu:
		if x < 0 {
			return alpha * math.Expm1(x)
		}
		return beta * x
	}
	return x
}
