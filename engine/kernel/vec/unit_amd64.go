//go:build amd64 && !purego

package vec

import (
	"unsafe"

	"github.com/visionzoo/vision/engine/kernel/amd64"
)

// AVX2 holds the kernels of AVX2.
var AVX2 = Unit{
	Map: [funcs]func(dst, src unsafe.Pointer, n int, alpha, beta float32){
		amd64.VecExpAVX2, amd64.VecSigmoidAVX2, amd64.VecSiluAVX2, amd64.VecTanhAVX2,
		amd64.VecErfAVX2, amd64.VecGeluAVX2, amd64.VecGeluTanhAVX2, amd64.VecMishAVX2,
		amd64.VecSoftplusAVX2, amd64.VecEluAVX2, amd64.VecCeluAVX2, amd64.VecSoftsignAVX2,
		amd64.VecClipAVX2, amd64.VecLeakyReluAVX2, amd64.VecHardSigmoidAVX2, amd64.VecHardSwishAVX2,
		amd64.VecThresholdedReluAVX2, amd64.VecShrinkAVX2,
		amd64.VecAffineAVX2, amd64.VecAbsAVX2, amd64.VecNegAVX2, amd64.VecSqrtAVX2,
		amd64.VecReciprocalAVX2, amd64.VecFloorAVX2, amd64.VecCeilAVX2, amd64.VecRoundAVX2,
		amd64.VecSignAVX2, amd64.VecSinAVX2, amd64.VecCosAVX2, amd64.VecLogAVX2, amd64.VecAtanAVX2, amd64.VecAsinAVX2, amd64.VecAcosAVX2,
	},
	Rows: [pairs]func(dst, a, b unsafe.Pointer, n int){
		amd64.VecAddAVX2, amd64.VecSubAVX2, amd64.VecMulAVX2, amd64.VecDivAVX2, amd64.VecMinAVX2, amd64.VecMaxAVX2,
		amd64.VecPowAVX2,
	},
	Right: [pairs]func(dst, a, b unsafe.Pointer, n int){
		amd64.VecAddRightAVX2, amd64.VecSubRightAVX2, amd64.VecMulRightAVX2, amd64.VecDivRightAVX2, amd64.VecMinRightAVX2, amd64.VecMaxRightAVX2,
		amd64.VecPowRightAVX2,
	},
	Left: [pairs]func(dst, a, b unsafe.Pointer, n int){ // where the order does not matter, as Right
		amd64.VecAddRightAVX2, amd64.VecSubLeftAVX2, amd64.VecMulRightAVX2, amd64.VecDivLeftAVX2, amd64.VecMinRightAVX2, amd64.VecMaxRightAVX2,
		amd64.VecPowLeftAVX2,
	},
	Float16:    amd64.VecFloat16AVX2,
	BFloat16:   amd64.VecBFloat16AVX2,
	TurnHalves: amd64.VecTurnHalvesAVX2,
	TurnPairs:  amd64.VecTurnPairsAVX2,
	MulAdd:     amd64.VecMulAddAVX2,
	Sum:        amd64.VecSumAVX2,
	SquareSum:  amd64.VecSquareSumAVX2,
	MaxOf:      amd64.VecMaxOfAVX2,
	MinOf:      amd64.VecMinOfAVX2,
	ExpSum:     amd64.VecExpSumAVX2,
	Softmaxes:  amd64.VecSoftmaxesAVX2,
	Normalise:  amd64.VecNormaliseAVX2,
	Blend:      amd64.VecBlendAVX2,
	Pick:       amd64.VecPickAVX2,
	Transpose:  amd64.VecTransposeAVX2,
	Unzip:      amd64.VecUnzipAVX2,
}

// AVX512 holds the kernels of AVX-512.
var AVX512 = Unit{
	Map: [funcs]func(dst, src unsafe.Pointer, n int, alpha, beta float32){
		amd64.VecExpAVX512, amd64.VecSigmoidAVX512, amd64.VecSiluAVX512, amd64.VecTanhAVX512,
		amd64.VecErfAVX512, amd64.VecGeluAVX512, amd64.VecGeluTanhAVX512, amd64.VecMishAVX512,
		amd64.VecSoftplusAVX512, amd64.VecEluAVX512, amd64.VecCeluAVX512, amd64.VecSoftsignAVX512,
		amd64.VecClipAVX512, amd64.VecLeakyReluAVX512, amd64.VecHardSigmoidAVX512, amd64.VecHardSwishAVX512,
		amd64.VecThresholdedReluAVX512, amd64.VecShrinkAVX512,
		amd64.VecAffineAVX512, amd64.VecAbsAVX512, amd64.VecNegAVX512, amd64.VecSqrtAVX512,
		amd64.VecReciprocalAVX512, amd64.VecFloorAVX512, amd64.VecCeilAVX512, amd64.VecRoundAVX512,
		amd64.VecSignAVX512, amd64.VecSinAVX512, amd64.VecCosAVX512, amd64.VecLogAVX512, amd64.VecAtanAVX512, amd64.VecAsinAVX512, amd64.VecAcosAVX512,
	},
	Rows: [pairs]func(dst, a, b unsafe.Pointer, n int){
		amd64.VecAddAVX512, amd64.VecSubAVX512, amd64.VecMulAVX512, amd64.VecDivAVX512, amd64.VecMinAVX512, amd64.VecMaxAVX512,
		amd64.VecPowAVX512,
	},
	Right: [pairs]func(dst, a, b unsafe.Pointer, n int){
		amd64.VecAddRightAVX512, amd64.VecSubRightAVX512, amd64.VecMulRightAVX512, amd64.VecDivRightAVX512, amd64.VecMinRightAVX512, amd64.VecMaxRightAVX512,
		amd64.VecPowRightAVX512,
	},
	Left: [pairs]func(dst, a, b unsafe.Pointer, n int){ // where the order does not matter, as Right
		amd64.VecAddRightAVX512, amd64.VecSubLeftAVX512, amd64.VecMulRightAVX512, amd64.VecDivLeftAVX512, amd64.VecMinRightAVX512, amd64.VecMaxRightAVX512,
		amd64.VecPowLeftAVX512,
	},
	Float16:    amd64.VecFloat16AVX512,
	BFloat16:   amd64.VecBFloat16AVX512,
	TurnHalves: amd64.VecTurnHalvesAVX512,
	TurnPairs:  amd64.VecTurnPairsAVX2,
	MulAdd:     amd64.VecMulAddAVX512,
	Sum:        amd64.VecSumAVX512,
	SquareSum:  amd64.VecSquareSumAVX512,
	MaxOf:      amd64.VecMaxOfAVX512,
	MinOf:      amd64.VecMinOfAVX512,
	ExpSum:     amd64.VecExpSumAVX512,
	Softmaxes:  amd64.VecSoftmaxesAVX512,
	Normalise:  amd64.VecNormaliseAVX512,
	Blend:      amd64.VecBlendAVX512,
	Pick:       amd64.VecPickAVX512,
	Transpose:  amd64.VecTransposeAVX2,
	Unzip:      amd64.VecUnzipAVX2,
}
