//go:build amd64 && !purego

package kernel

import "github.com/visionzoo/vision/engine/kernel/amd64"

// The AVX-512 kernels take whole vectors; the twins do what is left.
var bytesAVX512 = byteKernels{
	Add: func(a *byteRow) { amd64.ByteAddAVX512((*amd64.ByteRow)(a)) }, // pixels of 64: always whole
	Mul: func(a *byteRow) { amd64.ByteMulAVX512((*amd64.ByteRow)(a)) },
	Max: func(a *byteRow) { amd64.ByteMaxAVX512((*amd64.ByteRow)(a)) },
	Sum: func(a *byteRow) { amd64.ByteSumAVX512((*amd64.ByteRow)(a)) },
	Quantize: func(a *byteRow) {
		a.inWhole(1, 4, func() { amd64.QuantizeAVX512((*amd64.ByteRow)(a)) }, byteQuantize)
	},
	Pixels: func(a *byteRow) {
		a.inWhole(4, 4, func() { amd64.QuantizePixelsAVX512((*amd64.ByteRow)(a)) }, bytePixels)
	},
	Widen: func(a *byteRow) {
		a.inWhole(4, 1, func() { amd64.DequantizeAVX512((*amd64.ByteRow)(a)) }, byteWiden)
	},
}
