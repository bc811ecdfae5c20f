//go:build amd64 && !purego

package kernel

import "github.com/visionzoo/vision/engine/kernel/amd64"

func convTileAVX2(rows, vecs int, a *convArgs) {
	amd64.ConvAVX2[vecs][rows]((*amd64.ConvF32)(a))
}

func convTileAVX512(rows, vecs int, a *convArgs) {
	amd64.ConvAVX512[vecs][rows]((*amd64.ConvF32)(a))
}
