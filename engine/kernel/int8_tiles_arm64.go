//go:build !purego

package kernel

import (
	"github.com/visionzoo/vision/engine/kernel/args"
	"github.com/visionzoo/vision/engine/kernel/arm64"
)

// The integer convolutions with instructions that multiply bytes: SDOT (FEAT_DotProd), which
// takes signed codes, or USMMLA and USDOT (FEAT_I8MM). A register tile has half as many outputs
// as one of VNNI.
var (
	dotQConvs = byteTiles{rows: 6, outputs: 16, slow: 3,
		dense:     func(a *args.ByteTileArgs) { arm64.TilesSDOT((*arm64.ByteTileArgs)(a)) },
		depthwise: func(a *args.DepthwiseArgs) { arm64.DepthwiseSDOT((*arm64.DepthwiseArgs)(a)) },
		depthwise3: [2]func(a *args.DepthwiseArgs){
			func(a *args.DepthwiseArgs) { arm64.Depthwise3Stride1SDOT((*arm64.DepthwiseArgs)(a)) },
			func(a *args.DepthwiseArgs) { arm64.Depthwise3Stride2SDOT((*arm64.DepthwiseArgs)(a)) },
		}}.qconvs(qconvKernels{bytes: byteProducts{signed: true}})

	matrixQConvs = byteTiles{rows: 6, outputs: 16, slow: 3,
		dense:     func(a *args.ByteTileArgs) { arm64.TilesUSMMLA((*arm64.ByteTileArgs)(a)) },
		depthwise: func(a *args.DepthwiseArgs) { arm64.DepthwiseUSDOT((*arm64.DepthwiseArgs)(a)) },
		depthwise3: [2]func(a *args.DepthwiseArgs){
			func(a *args.DepthwiseArgs) { arm64.Depthwise3Stride1USDOT((*arm64.DepthwiseArgs)(a)) },
			func(a *args.DepthwiseArgs) { arm64.Depthwise3Stride2USDOT((*arm64.DepthwiseArgs)(a)) },
		}}.qconvs(qconvKernels{bytes: byteProducts{eights: true}})
)
