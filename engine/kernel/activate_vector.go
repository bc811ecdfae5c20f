//go:build (amd64 || arm64) && !purego

package kernel

import (
	"unsafe"

	"github.com/visionzoo/vision/engine/kernel/vec"
)

// activations holds the activation kernels of a rung; the kernels for rows of any
// length, in vec, compute activations that have none of their own.
type activations struct {
	clip                                             func(dst, a unsafe.Pointer, n int, low, high float32)
	leakyRelu, sigmoid, silu, hardSigmoid, hardSwish func(p unsafe.Pointer, n int, alpha, beta float32)
	vec                                              *vec.Unit
}

// apply is Rung.Activate.
func (k *activations) apply(p unsafe.Pointer, n int, act Activation) {
	switch act.Kind {
	case Identity:
	case Clip:
		k.clip(p, p, n, act.Alpha, act.Beta)
	case LeakyRelu:
		k.leakyRelu(p, n, act.Alpha, 0)
	case Sigmoid:
		k.sigmoid(p, n, 0, 0)
	case Silu:
		k.silu(p, n, 1, 0)
	case HardSigmoid:
		k.hardSigmoid(p, n, act.Alpha, act.Beta)
	case HardSwish:
		k.hardSwish(p, n, 1./6, 0.5)
	case Tanh:
		k.vec.Map[vec.Tanh](p, p, n, 0, 0)
	case Gelu:
		k.vec.Map[vec.Gelu](p, p, n, 0, 0)
	case Mish:
		k.vec.Map[vec.Mish](p, p, n, 0, 0)
	case Softplus:
		k.vec.Map[vec.Softplus](p, p, n, 0, 0)
	case Elu:
		k.vec.Map[vec.Elu](p, p, n, act.Alpha, act.Beta)
	default:
		activate(p, n, act)
	}
}
