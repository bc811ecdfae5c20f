package kernel

import "unsafe"

// activate is the twin of Rung.Activate.
func activate(p unsafe.Pointer, n int, act Activation) {
	x := unsafe.Slice((*float32)(p), n)
	for i := range x {
		x[i] = act.apply(x[i])
	}
}

// apply is the function on a float32. NaN stays NaN.
func (a Activation) apply(x float32) float32 {
	switch a.Kind {
	case Identity:
		return x
	case Clip:
		return clip(x, a.Alpha, a.Beta)
	}
	return float32(a.Of(float64(x)))
}
