package main

import "fmt"

// Depthwise convolutions with SDOT or USDOT, as depth.go of internal/asm/amx: the bytes of
// four taps are interleaved to quads, which one instruction multiplies by their weights. A kernel
// goes over its pixels four times, each time with 16 of their 64 channels: of these, 0-3 are then
// in the first vector, 4-7, 8-11 and 12-15 in the others. Weights, biases and scales have
// the order of depthwisePlace in package kernel: vectors of the same 16 channels are 64 bytes apart.

// depthDots is the instruction of depthwise kernels.
type depthDots struct {
	name     string
	signed   bool // it takes signed codes
	multiply func(e *emitter, sum, codes, weights int)
}

var depthwiseDots = []depthDots{
	{"SDOT", true, (*emitter).sdot},
	{"USDOT", false, (*emitter).usdot},
}

// Registers that the kernels have in common.
const (
	depthPixel, depthOut, depthLeft, depthStride, depthEnds, depthWeights, depthChannel, depthZero = 1, 2, 3, 4, 5, 6, 7, 8
	depthFree                                                                                      = 24 // and the vectors after it
	depthSign                                                                                      = 31
)

const depthRegisters = "R1 input, R2 output, R3 pixels left, R4 pixel stride, R5 biases and scales, R6 weights, R7 first of the 16 channels, R8 zero point, "

// byteDepths writes the kernels of depthwise convolutions.
func byteDepths(e *emitter) {
	for _, k := range depthwiseDots {
		e.depthwise(k)
		e.depthwise3(k, 1)
		e.depthwise3(k, 2)
	}
}

// depthwise writes the kernel for any taps.
func (e *emitter) depthwise(k depthDots) {
	const offsets, left, weights, sums, biases, loaded = 9, 10, 11, 0, 4, 8
	e.fn("Depthwise"+k.name, "DepthwiseArgs", "computes kernels of any size with "+k.name+"; a group is four taps.",
		depthRegisters+"R9 offsets of taps, R10 quads left, R11 their weights, R16 offset; V0 to V3 sums, V4 to V7 biases, V8 to V11 weights, V12 to V15 codes, V24 to V31 quads of them and temporaries.")
	e.sixteens(k, func() {
		for i := range 4 {
			e.ldrQ(biases+i, depthEnds, 64*i)
		}
		e.label("pixel")
		e.field("Offsets", offsets)
		e.field("Groups", left)
		e.p("MOVD R%d, R%d", depthWeights, weights)
		for i := range 4 {
			e.mov(sums+i, biases+i)
		}
		e.label("quad")
		for i := range 4 {
			e.p("MOVD.P 8(R%d), R16", offsets)
			e.ldrQIndex(loaded+4+i, depthPixel, 16)
			e.ldrQ(loaded+i, weights, 64*i)
		}
		for i, q := range e.depthQuads(k, [4]int{loaded + 4, loaded + 5, loaded + 6, loaded + 7}) {
			k.multiply(e, sums+i, q, loaded+i)
		}
		e.p("ADD $256, R%d", weights)
		e.p("SUBS $1, R%d", left)
		e.p("BNE quad")
		e.p("ADD R%d, R%d", depthStride, depthPixel)
		e.depthFinish([4]int{sums, sums + 1, sums + 2, sums + 3})
		e.p("BNE pixel")
	})
}

// depthwise3 writes the kernel for 3x3 taps. A quad is a column of the kernel: three taps and one
// of weight 0, for which the third is repeated. So a column of pixels is interleaved once for all
// outputs that read it: three with a stride of 1, at most two with a stride of 2.
func (e *emitter) depthwise3(k depthDots, stride int) {
	const second, third, weights = 9, 10, 12
	e.fn(fmt.Sprintf("Depthwise3Stride%d%s", stride, k.name), "DepthwiseArgs",
		fmt.Sprintf("computes 3x3 kernels that are not dilated, with a horizontal stride of %d; a group is a column of the kernel, and its fourth weight is 0.", stride),
		depthRegisters+"R9 R10 offsets of the second and the third row; V0 to V11 sums of up to three pixels, V12 to V23 weights, V24 to V31 a column of codes and temporaries.")
	e.field("Offsets", 16)
	e.p("MOVD 8(R16), R%d", second)
	e.p("MOVD 16(R16), R%d", third)
	e.sixteens(k, func() {
		for i := range 12 {
			e.ldrQ(weights+i, depthWeights, 64*i)
		}
		sums := func(pixel int) [4]int { return [4]int{4 * pixel, 4*pixel + 1, 4*pixel + 2, 4*pixel + 3} }
		var quads [4]int
		interleave := func() {
			e.ldrQ(depthFree, depthPixel, 0)
			e.ldrQIndex(depthFree+1, depthPixel, second)
			e.ldrQIndex(depthFree+2, depthPixel, third)
			e.p("ADD $64, R%d", depthPixel)
			quads = e.depthQuads(k, [4]int{depthFree, depthFree + 1, depthFree + 2, depthFree + 2})
		}
		column := func(pixel, column int) {
			for i, sum := range sums(pixel) {
				k.multiply(e, sum, quads[i], weights+4*column+i)
			}
		}
		begin := func(pixel int) {
			for i, sum := range sums(pixel) {
				e.ldrQ(sum, depthEnds, 64*i)
			}
			column(pixel, 0)
		}
		finish := func(pixel int) {
			e.depthFinish(sums(pixel))
			e.p("BEQ done")
		}
		interleave()
		begin(0)
		if stride == 1 {
			interleave()
			column(0, 1)
			begin(1)
			e.label("pixels")
			for p := range 3 {
				interleave()
				column(p, 2)
				column((p+1)%3, 1)
				begin((p + 2) % 3)
				finish(p)
			}
		} else {
			e.label("pixels")
			for p := range 2 {
				interleave()
				column(p, 1)
				interleave()
				column(p, 2)
				begin(1 - p)
				finish(p)
			}
		}
		e.p("B pixels")
		e.label("done")
	})
}

// sixteens writes a function body that computes all pixels for 16 channels, four times.
func (e *emitter) sixteens(k depthDots, pixels func()) {
	if k.signed {
		e.movi8(depthSign, 0x80)
	}
	e.field("PixelStride", depthStride)
	e.field("Bias", depthEnds)
	e.field("Weights", depthWeights)
	e.p("MOVH DepthwiseArgs_Zero(R0), R%d", depthZero)
	e.p("MOVD $0, R%d", depthChannel)
	e.label("sixteen")
	e.field("In", depthPixel)
	e.p("ADD R%d, R%d", depthChannel, depthPixel)
	e.field("Out", depthOut)
	e.p("ADD R%d, R%d", depthChannel, depthOut)
	e.field("Pixels", depthLeft)
	pixels()
	e.p("ADD $16, R%d", depthEnds)
	e.p("ADD $16, R%d", depthWeights)
	e.p("ADD $16, R%d", depthChannel)
	e.p("CMP $64, R%d", depthChannel)
	e.p("BNE sixteen")
	e.ret()
}

// depthQuads interleaves the bytes of four vectors, the last two possibly the same, to quads.
// They and the four vectors after depthFree+2 change; the quads are in some of those.
func (e *emitter) depthQuads(k depthDots, taps [4]int) [4]int {
	const free = depthFree + 3
	if k.signed {
		for i, v := range taps {
			if i < 3 || v != taps[2] {
				e.eor(v, v, depthSign)
			}
		}
	}
	for i, high := range []bool{false, true} {
		e.zip("16b", high, free+i, taps[0], taps[1])
		e.zip("16b", high, free+2+i, taps[2], taps[3])
	}
	quads := [4]int{taps[0], taps[1], taps[2], free}
	for i, q := range quads {
		e.zip("8h", i%2 == 1, q, free+i/2, free+2+i/2)
	}
	return quads
}

// depthFinish writes the epilogue of the sums of a pixel, and sets the flags by whether it is the
// last one. The five vectors from depthFree on change.
func (e *emitter) depthFinish(sums [4]int) {
	const zero = depthFree + 4
	var scales [4]int
	for i := range scales {
		scales[i] = depthFree + i
		e.ldrQ(scales[i], depthEnds, 256+64*i)
	}
	e.dup16(zero, depthZero)
	e.requantize(sums, scales, zero)
	e.strQ(sums[0], depthOut, 0)
	e.p("ADD $64, R%d", depthOut)
	e.p("SUBS $1, R%d", depthLeft)
}
