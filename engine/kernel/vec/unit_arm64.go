//go:build !purego

package vec

import (
	"unsafe"

	"github.com/visionzoo/vision/engine/kernel/arm64"
)

// NEON holds the kernels of NEON.
var NEON = Unit{
	Map: [funcs]func(dst, src unsafe.Pointer, n int, alpha, beta float32){
		arm64.VecExp, arm64.VecSigmoid, arm64.VecSilu, arm64.VecTanh,
		arm64.VecErf, arm64.VecGelu, arm64.VecGeluTanh, arm64.VecMish,
		arm64.VecSoftplus, arm64.VecElu, arm64.VecCelu, arm64.VecSoftsign,
		arm64.VecClip, arm64.VecLeakyRelu, arm64.VecHardSigmoid, arm64.VecHardSwish,
		arm64.VecThresholdedRelu, arm64.VecShrink,
		arm64.VecAffine, arm64.VecAbs, arm64.VecNeg, arm64.VecSqrt,
		arm64.VecReciprocal, arm64.VecFloor, arm64.VecCeil, arm64.VecRound,
		Plain.Map[Sign], Plain.Map[Sin], Plain.Map[Cos], Plain.Map[Log], Plain.Map[Atan], Plain.Map[Asin], Plain.Map[Acos],
	},
	Rows: [pairs]func(dst, a, b unsafe.Pointer, n int){
		arm64.VecAdd, arm64.VecSub, arm64.VecMul, arm64.VecDiv, arm64.VecMin, arm64.VecMax, Plain.Rows[Pow],
	},
	Right: [pairs]func(dst, a, b unsafe.Pointer, n int){
		arm64.VecAddRight, arm64.VecSubRight, arm64.VecMulRight, arm64.VecDivRight, arm64.VecMinRight, arm64.VecMaxRight, Plain.Right[Pow],
	},
	Left: [pairs]func(dst, a, b unsafe.Pointer, n int){ // where the order does not matter, as Right
		arm64.VecAddRight, arm64.VecSubLeft, arm64.VecMulRight, arm64.VecDivLeft, arm64.VecMinRight, arm64.VecMaxRight, Plain.Left[Pow],
	},
	Float16:    arm64.VecFloat16,
	BFloat16:   arm64.VecBFloat16,
	TurnHalves: Plain.TurnHalves,
	TurnPairs:  Plain.TurnPairs,
	MulAdd:     arm64.VecMulAdd,
	Sum:        arm64.VecSum,
	SquareSum:  arm64.VecSquareSum,
	MaxOf:      arm64.VecMaxOf,
	MinOf:      arm64.VecMinOf,
	ExpSum:     arm64.VecExpSum,
	Softmaxes:  softmaxesBy(arm64.VecMaxOf, arm64.VecExpSum, arm64.VecAffine),
	Normalise:  arm64.VecNormalise,
	Blend:      arm64.VecBlend,
	Pick:       arm64.VecPick,
	Transpose:  arm64.VecTranspose,
	Unzip:      Plain.Unzip,
}
