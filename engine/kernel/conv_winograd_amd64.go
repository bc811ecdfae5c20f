//go:build amd64 && !purego

package kernel

import "github.com/visionzoo/vision/engine/kernel/amd64"

var (
	winogradAVX2 = winogradUnit{
		input:   func(a *winogradArgs) { amd64.WinogradInputAVX2((*amd64.Winograd)(a)) },
		output:  func(a *winogradArgs) { amd64.WinogradOutputAVX2((*amd64.Winograd)(a)) },
		weights: amd64.WinogradWeightsAVX2,
	}
	winogradAVX512 = winogradUnit{
		input:   func(a *winogradArgs) { amd64.WinogradInputAVX512((*amd64.Winograd)(a)) },
		output:  func(a *winogradArgs) { amd64.WinogradOutputAVX512((*amd64.Winograd)(a)) },
		weights: amd64.WinogradWeightsAVX512,
	}
)
