//go:build !purego

package kernel

import "github.com/visionzoo/vision/engine/kernel/arm64"

// Kernels of Quantize, Pixels and Widen compute complete vectors; the twins compute
// the rest.
var bytesNEON = byteKernels{
	Add:   func(a *byteRow) { arm64.ByteAdd((*arm64.ByteRow)(a)) }, // pixels of 64 codes: there is no rest
	Mul:   func(a *byteRow) { arm64.ByteMul((*arm64.ByteRow)(a)) },
	Max:   func(a *byteRow) { arm64.ByteMax((*arm64.ByteRow)(a)) },
	Sum:   func(a *byteRow) { arm64.ByteSum((*arm64.ByteRow)(a)) },
	Table: byteTable, Columns: byteColumns,
	Quantize: func(a *byteRow) {
		a.inWhole(1, 4, func() { arm64.Quantize((*arm64.ByteRow)(a)) }, byteQuantize)
	},
	Pixels: func(a *byteRow) {
		a.inWhole(4, 4, func() { arm64.QuantizePixels((*arm64.ByteRow)(a)) }, bytePixels)
	},
	Widen: func(a *byteRow) {
		a.inWhole(4, 1, func() { arm64.Dequantize((*arm64.ByteRow)(a)) }, byteWiden)
	},
}
