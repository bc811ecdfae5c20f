//go:build !purego

package kernel

import (
	"github.com/visionzoo/vision/engine/kernel/amd64"
	"github.com/visionzoo/vision/engine/kernel/args"
)

// The integer convolutions on vector registers. vnniQConvs uses VPDPBUSD and reads
// the same packed weights as AMX; the others widen codes to 16 bits and use
// VPMADDWD.
var (
	vnniQConvs = byteTiles{rows: 14, outputs: 32, slow: 1,
		dense:     func(a *args.ByteTileArgs) { amd64.TilesVNNI((*amd64.ByteTileArgs)(a)) },
		depthwise: func(a *args.DepthwiseArgs) { amd64.DepthwiseVNNI((*amd64.DepthwiseArgs)(a)) },
		depthwise3: [2]func(a *args.DepthwiseArgs){
			func(a *args.DepthwiseArgs) { amd64.Depthwise3Stride1VNNI((*amd64.DepthwiseArgs)(a)) },
			func(a *args.DepthwiseArgs) { amd64.Depthwise3Stride2VNNI((*amd64.DepthwiseArgs)(a)) },
		},
		winograd: codeWinogradAVX512(func(a *args.ByteTileArgs) { amd64.TilesPairs512((*amd64.ByteTileArgs)(a)) })}.qconvs(qconvKernels{})

	avx512QConvs = byteTiles{rows: 14, outputs: 32, slow: 3,
		dense:     func(a *args.ByteTileArgs) { amd64.TilesWide512((*amd64.ByteTileArgs)(a)) },
		depthwise: func(a *args.DepthwiseArgs) { amd64.DepthwisePairs512((*amd64.DepthwiseArgs)(a)) },
		winograd:  codeWinogradAVX512(func(a *args.ByteTileArgs) { amd64.TilesWide512((*amd64.ByteTileArgs)(a)) }),
	}.qconvs(qconvKernels{wide: true, paired: true})

	avx2QConvs = byteTiles{rows: 6, outputs: 16, slow: 3,
		dense:     func(a *args.ByteTileArgs) { amd64.TilesWide256((*amd64.ByteTileArgs)(a)) },
		depthwise: func(a *args.DepthwiseArgs) { amd64.DepthwisePairs256((*amd64.DepthwiseArgs)(a)) },
		winograd: &codeWinogradUnit{bytes: 32, products: func(a *args.ByteTileArgs) { amd64.TilesWide256((*amd64.ByteTileArgs)(a)) },
			winogradUnit: winogradUnit{
				input:   func(a *winogradArgs) { amd64.CodeWinogradInputAVX2((*amd64.Winograd)(a)) },
				output:  func(a *winogradArgs) { amd64.CodeWinogradOutputAVX2((*amd64.Winograd)(a)) },
				weights: amd64.CodeWinogradWeightsAVX2,
			}},
	}.qconvs(qconvKernels{wide: true, paired: true})
)

// codeWinogradAVX512 has the transforms of AVX-512, and products that depend on the rung.
func codeWinogradAVX512(products func(a *args.ByteTileArgs)) *codeWinogradUnit {
	return &codeWinogradUnit{bytes: 64, products: products, winogradUnit: winogradUnit{
		input:   func(a *winogradArgs) { amd64.CodeWinogradInputAVX512((*amd64.Winograd)(a)) },
		output:  func(a *winogradArgs) { amd64.CodeWinogradOutputAVX512((*amd64.Winograd)(a)) },
		weights: amd64.CodeWinogradWeightsAVX512,
	}}
}
