//go:build amd64 && !purego

package kernel

import (
	"unsafe"

	"github.com/visionzoo/vision/engine/kernel/amd64"
)

func activateAVX2(p unsafe.Pointer, n int, act Activation) {
	switch act.Kind {
	case Identity:
	case Clip:
		amd64.ClipRowAVX2(p, p, n, act.Alpha, act.Beta)
	case LeakyRelu:
		amd64.LeakyReluAVX2(p, n, act.Alpha, 0)
	case Sigmoid:
		amd64.SigmoidAVX2(p, n, 0, 0)
	case Silu:
		amd64.SiluAVX2(p, n, 0, 0)
	case HardSigmoid:
		amd64.HardSigmoidAVX2(p, n, act.Alpha, act.Beta)
	case HardSwish:
		amd64.HardSwishAVX2(p, n, 1./6, 0.5)
	case Tanh:
		amd64.VecTanhAVX2(p, p, n, 0, 0)
	case Gelu:
		amd64.VecGeluAVX2(p, p, n, 0, 0)
	case Mish:
		amd64.VecMishAVX2(p, p, n, 0, 0)
	default:
		activate(p, n, act)
	}
}

func activateAVX512(p unsafe.Pointer, n int, act Activation) {
	switch act.Kind {
	case Identity:
	case Clip:
		amd64.ClipRowAVX512(p, p, n, act.Alpha, act.Beta)
	case LeakyRelu:
		amd64.LeakyReluAVX512(p, n, act.Alpha, 0)
	case Sigmoid:
		amd64.SigmoidAVX512(p, n, 0, 0)
	case Silu:
		amd64.SiluAVX512(p, n, 0, 0)
	case HardSigmoid:
		amd64.HardSigmoidAVX512(p, n, act.Alpha, act.Beta)
	case HardSwish:
		amd64.HardSwishAVX512(p, n, 1./6, 0.5)
	case Tanh:
		amd64.VecTanhAVX512(p, p, n, 0, 0)
	case Gelu:
		amd64.VecGeluAVX512(p, p, n, 0, 0)
	case Mish:
		amd64.VecMishAVX512(p, p, n, 0, 0)
	default:
		activate(p, n, act)
	}
}
