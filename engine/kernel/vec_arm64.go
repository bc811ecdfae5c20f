//go:build !purego

package kernel

import (
	"unsafe"

	"github.com/visionzoo/vision/engine/kernel/arm64"
)

// neonVec are the kernels of NEON.
var neonVec = Vec{
	Map: [funcs]func(dst, src unsafe.Pointer, n int, alpha, beta float32){
		arm64.VecExp, arm64.VecSigmoid, arm64.VecSilu, arm64.VecTanh,
		arm64.VecErf, arm64.VecGelu, arm64.VecGeluTanh, arm64.VecMish,
		arm64.VecClip, arm64.VecLeakyRelu, arm64.VecHardSigmoid, arm64.VecHardSwish,
		arm64.VecAffine, arm64.VecAbs, arm64.VecNeg, arm64.VecSqrt,
		arm64.VecReciprocal, arm64.VecFloor, arm64.VecCeil, arm64.VecRound,
	},
	Rows: [pairs]func(dst, a, b unsafe.Pointer, n int){
		arm64.VecAdd, arm64.VecSub, arm64.VecMul, arm64.VecDiv, arm64.VecMin, arm64.VecMax,
	},
	Right: [pairs]func(dst, a, b unsafe.Pointer, n int){
		arm64.VecAddRight, arm64.VecSubRight, arm64.VecMulRight, arm64.VecDivRight, arm64.VecMinRight, arm64.VecMaxRight,
	},
	Left: [pairs]func(dst, a, b unsafe.Pointer, n int){ // where the order does not matter, as Right
		arm64.VecAddRight, arm64.VecSubLeft, arm64.VecMulRight, arm64.VecDivLeft, arm64.VecMinRight, arm64.VecMaxRight,
	},
	MulAdd:    arm64.VecMulAdd,
	Sum:       arm64.VecSum,
	SquareSum: arm64.VecSquareSum,
	MaxOf:     arm64.VecMaxOf,
	MinOf:     arm64.VecMinOf,
	ExpSum:    arm64.VecExpSum,
	Normalise: arm64.VecNormalise,
	Blend:     arm64.VecBlend,
	Pick:      arm64.VecPick,
	Transpose: arm64.VecTranspose,
}

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
