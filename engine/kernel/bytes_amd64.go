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
			a.divided(1, func() { amd64.QuantizeAVX2((*amd64.ByteRow)(a)) }, byteQuantize)
		},
		Pixels: func(a *byteRow) {
			a.divided(4, func() { amd64.QuantizePixelsAVX2((*amd64.ByteRow)(a)) }, bytePixels)
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
			a.divided(1, func() { amd64.QuantizeAVX512((*amd64.ByteRow)(a)) }, byteQuantize)
		},
		Pixels: func(a *byteRow) {
			a.divided(4, func() { amd64.QuantizePixelsAVX512((*amd64.ByteRow)(a)) }, bytePixels)
		},
		Widen: func(a *byteRow) {
			a.inWhole(4, 1, func() { amd64.DequantizeAVX512((*amd64.ByteRow)(a)) }, byteWiden)
		},
	}
)

// divided is inWhole for kernels that divide by RatioA. They multiply by its reciprocal,
// which must not be too close to the ends of float32.
func (a *byteRow) divided(dst int, kernel func(), twin func(*byteRow)) {
	if a.RatioA > 0x1p-60 && a.RatioA < 0x1p60 {
		a.inWhole(dst, 4, kernel, twin)
		return
	}
	twin(a)
}

// bytesVNNI is bytesAVX512, with tables at once where the processor has that.
func bytesVNNI(cpu features) byteKernels {
	k := bytesAVX512
	if cpu.vbmi {
		k.Table = func(a *byteRow) { amd64.ByteTableVBMI((*amd64.ByteRow)(a)) }
	}
	return k
}
