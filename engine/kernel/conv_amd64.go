//go:build amd64 && !purego

package kernel

import "github.com/visionzoo/vision/engine/kernel/amd64"

var (
	convTileAVX2 = convTile{pixels: 6, pixels3: 4, breaks: true, run: func(rows, head, vecs int, a *convArgs) {
		amd64.ConvAVX2[vecs][rows][head]((*amd64.ConvF32)(a))
	}, ahead: 4}
	convTileAVX512 = convTile{pixels: 14, run: func(rows, head, vecs int, a *convArgs) {
		amd64.ConvAVX512[vecs][rows][head]((*amd64.ConvF32)(a))
	}, ahead: 16}
)
