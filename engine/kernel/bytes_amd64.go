//go:build amd64 && !purego

package kernel

import "github.com/visionzoo/vision/engine/kernel/amd64"

// Kernels of Quantize, Pixels and Widen compute complete vectors; the twins compute
// the rest.
var (
	bytesAVX2 = byteKernels{
		Add:     func(a *byteRow) { amd64.ByteAddAVX2((*amd64.ByteRow)(a)) }, // pixels of 64 codes: there is no rest
		Mul:     func(a *byteRow) { amd64.ByteMulAVX2((*amd64.ByteRow)(a)) },
		Max:     func(a *byteRow) { amd64.ByteMaxAVX2((*amd64.ByteRow)(a)) },
		Sum:     func(a *byteRow) { amd64.ByteSumAVX2((*amd64.ByteRow)(a)) },
		Table:   func(a *byteRow) { amd64.ByteTableAVX2((*amd64.ByteRow)(a)) },
		Columns: func(a *byteRow) { amd64.ByteColumnsAVX2((*amd64.ByteRow)(a)) },
		Quantize: func(a *byteRow) {
			a.inWhole(1, 4, func() { amd64.QuantizeAVX2((*amd64.ByteRow)(a)) }, byteQuantize)
		},
		Pixels: func(a *byteRow) {
			a.inWhole(4, 4, func() { amd64.QuantizePixelsAVX2((*amd64.ByteRow)(a)) }, bytePixels)
		},
		Widen: func(a *byteRow) {
			a.inWhole(4, 1, func() { amd64.DequantizeAVX2((*amd64.ByteRow)(a)) }, byteWiden)
		},
	}
	bytesAVX512 = byteKernels{
		Add:     func(a *byteRow) { amd64.ByteAddAVX512((*amd64.ByteRow)(a)) },
		Mul:     func(a *byteRow) { amd64.ByteMulAVX512((*amd64.ByteRow)(a)) },
		Max:     func(a *byteRow) { amd64.ByteMaxAVX512((*amd64.ByteRow)(a)) },
		Sum:     func(a *byteRow) { amd64.ByteSumAVX512((*amd64.ByteRow)(a)) },
		Table:   func(a *byteRow) { amd64.ByteTableAVX512((*amd64.ByteRow)(a)) },
		Columns: func(a *byteRow) { amd64.ByteColumnsAVX2((*amd64.ByteRow)(a)) },
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
)

// bytesVNNI is bytesAVX512, with tables at once where the processor has that.
func bytesVNNI(cpu features) byteKernels {
	k := bytesAVX512
	if cpu.vbmi {
		k.Table = func(a *byteRow) { amd64.ByteTableVBMI((*amd64.ByteRow)(a)) }
	}
	return k
}
