//go:build amd64 && !purego

package kernel

import "github.com/visionzoo/vision/engine/kernel/amd64"

var (
	convTileAVX2 = convTile{most: 6, row: 7, tall: 4, stepAhead: true, run: func(rows, vecs int, a *convArgs) {
		amd64.ConvAVX2[vecs][rows]((*amd64.ConvF32)(a))
	}}
	convTileAVX512 = convTile{most: 14, run: func(rows, vecs int, a *convArgs) {
		amd64.ConvAVX512[vecs][rows]((*amd64.ConvF32)(a))
	}}
)
