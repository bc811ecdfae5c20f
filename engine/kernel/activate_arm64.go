//go:build !purego

package kernel

import (
	"unsafe"

	"github.com/visionzoo/vision/engine/kernel/arm64"
)

// activateNEON is the kernels along rows, in place.
func activateNEON(p unsafe.Pointer, n int, act Activation) {
	switch act.Kind {
	case Identity:
	case Clip:
		arm64.ClipRow(p, p, n, act.Alpha, act.Beta)
	case LeakyRelu:
		arm64.VecLeakyRelu(p, p, n, act.Alpha, 0)
	case Sigmoid:
		arm64.VecSigmoid(p, p, n, 0, 0)
	case Silu:
		arm64.VecSilu(p, p, n, 1, 0)
	case HardSigmoid:
		arm64.VecHardSigmoid(p, p, n, act.Alpha, act.Beta)
	case HardSwish:
		arm64.VecHardSwish(p, p, n, 1./6, 0.5)
	case Tanh:
		arm64.VecTanh(p, p, n, 0, 0)
	case Gelu:
		arm64.VecGelu(p, p, n, 0, 0)
	case Mish:
		arm64.VecMish(p, p, n, 0, 0)
	default:
		activate(p, n, act)
	}
}
