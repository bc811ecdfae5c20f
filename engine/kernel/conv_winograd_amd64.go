//go:build amd64 && !purego

package kernel

import "github.com/visionzoo/vision/engine/kernel/amd64"

var (
	winogradAVX2 = winogradUnit{
		side:    4,
		input:   func(a *winogradArgs) { amd64.WinogradInputAVX2((*amd64.Winograd)(a)) },
		output:  func(a *winogradArgs) { amd64.WinogradOutputAVX2((*amd64.Winograd)(a)) },
		weights: amd64.WinogradWeightsAVX2,
	}
	winogradAVX512 = winogradUnit{
		side:    4,
		input:   func(a *winogradArgs) { amd64.WinogradInputAVX512((*amd64.Winograd)(a)) },
		output:  func(a *winogradArgs) { amd64.WinogradOutputAVX512((*amd64.Winograd)(a)) },
		weights: amd64.WinogradWeightsAVX512,
		few: func(stripe, tiles int, a *winogradFewArgs) {
			amd64.WinogradFewAVX512[stripe][tiles]((*amd64.WinogradFew)(a))
		},
	}
	smallWinogradAVX2 = winogradUnit{
		side:    2,
		input:   func(a *winogradArgs) { amd64.SmallWinogradInputAVX2((*amd64.Winograd)(a)) },
		output:  func(a *winogradArgs) { amd64.SmallWinogradOutputAVX2((*amd64.Winograd)(a)) },
		weights: amd64.SmallWinogradWeightsAVX2,
	}
	smallWinogradAVX512 = winogradUnit{
		side:    2,
		input:   func(a *winogradArgs) { amd64.SmallWinogradInputAVX512((*amd64.Winograd)(a)) },
		output:  func(a *winogradArgs) { amd64.SmallWinogradOutputAVX512((*amd64.Winograd)(a)) },
		weights: amd64.SmallWinogradWeightsAVX512,
	}
)
