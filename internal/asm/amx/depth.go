package main

import "fmt"

// Depthwise convolutions of bytes: 64 channels of one output pixel at a time. The bytes
// of four taps are interleaved to quads, which VPDPBUSD multiplies. Interleaving works
// within 128-bit lanes: of the 16 channels of a lane, 0-3 are then in the first
// register, 4-7, 8-11 and 12-15 in the others. Weights, bias and scales have that order;
// packing the results restores the order of channels.

// depthArg is a field of the arguments.
func depthArg(field string) string { return "DepthwiseArgs_" + field + "(AX)" }

// depthFinish writes the epilogue of the sums in four registers: requantisation as in
// byteFinish. Scales are at R8; register free may change.
func (e *emitter) depthFinish(sums [4]int, free int) {
	e.each("VCVTDQ2PS Z%, Z%", sums[:]...)
	for i, r := range sums {
		e.p("VMULPS %d(R8), Z%d, Z%d", 256+64*i, r, r)
	}
	e.each("VCVTPS2DQ Z%, Z%", sums[:]...)
	e.p("VPBROADCASTW %s, Z%d", depthArg("Zero"), free)
	for i := 0; i < 4; i += 2 {
		e.p("VPACKSSDW Z%d, Z%d, Z%d", sums[i+1], sums[i], sums[i])
		e.p("VPADDSW Z%d, Z%d, Z%d", free, sums[i], sums[i])
	}
	e.p("VPACKUSWB Z%d, Z%d, Z%d", sums[2], sums[0], sums[0])
	e.p("VMOVDQU32 Z%d, (DI)", sums[0])
	e.p("ADDQ $64, DI")
}

// depthwise writes the kernel for any taps.
//
// Registers: AX arguments, SI first tap, DI output, R8 bias and scales, R9 pixels left,
// R10 pixel stride, BX weights, CX offsets of taps, DX quads of taps left. Z0 to Z3
// sums, Z20 to Z23 bias.
func (e *emitter) depthwise() {
	e.text("DepthwiseVNNI", "a *DepthwiseArgs", 8)
	e.depthSetup()
	for i := range 4 {
		e.p("VMOVDQU32 %d(R8), Z%d", 64*i, 20+i)
	}
	e.label("pixel")
	e.p("MOVQ %s, BX", depthArg("Weights"))
	e.p("MOVQ %s, CX", depthArg("Offsets"))
	e.p("MOVQ %s, DX", depthArg("Groups"))
	for i := range 4 {
		e.p("VMOVDQA32 Z%d, Z%d", 20+i, i)
	}
	e.label("quad")
	for i, r := range []string{"R11", "R12", "R13", "R15"} {
		e.p("MOVQ %d(CX), %s", 8*i, r)
	}
	e.p("VMOVDQU32 (SI)(R11*1), Z4")
	e.p("VMOVDQU32 (SI)(R12*1), Z5")
	e.p("VMOVDQU32 (SI)(R13*1), Z6")
	e.p("VMOVDQU32 (SI)(R15*1), Z7")
	e.p("VPUNPCKLBW Z5, Z4, Z8")
	e.p("VPUNPCKHBW Z5, Z4, Z9")
	e.p("VPUNPCKLBW Z7, Z6, Z10")
	e.p("VPUNPCKHBW Z7, Z6, Z11")
	e.p("VPUNPCKLWD Z10, Z8, Z12")
	e.p("VPUNPCKHWD Z10, Z8, Z13")
	e.p("VPUNPCKLWD Z11, Z9, Z14")
	e.p("VPUNPCKHWD Z11, Z9, Z15")
	for i := range 4 {
		e.p("VPDPBUSD %d(BX), Z%d, Z%d", 64*i, 12+i, i)
	}
	e.p("ADDQ $256, BX")
	e.p("ADDQ $32, CX")
	e.p("DECQ DX")
	e.p("JNZ quad")
	e.depthFinish([4]int{0, 1, 2, 3}, 4)
	e.p("ADDQ R10, SI")
	e.p("DECQ R9")
	e.p("JNZ pixel")
	e.p("VZEROUPPER")
	e.p("RET")
}

// depthSetup loads the arguments that all these kernels have.
func (e *emitter) depthSetup() {
	e.p("MOVQ a+0(FP), AX")
	e.p("MOVQ %s, SI", depthArg("In"))
	e.p("MOVQ %s, DI", depthArg("Out"))
	e.p("MOVQ %s, R8", depthArg("Bias"))
	e.p("MOVQ %s, R9", depthArg("Pixels"))
	e.p("MOVQ %s, R10", depthArg("PixelStride"))
}

// depthwise3 writes the kernel for 3x3 taps. A quad is a column of the kernel: three taps
// and one of weight 0. So a column of pixels is interleaved once for all outputs that
// read it: three with a stride of 1, at most two with a stride of 2.
//
// Registers: AX arguments, SI next column of pixels, R10 R11 offsets of its second and
// third row, DI output, R8 bias and scales, R9 pixels left, BX weights. Z0 to Z11 sums of
// up to three pixels, Z12 to Z23 weights, the others a column.
func (e *emitter) depthwise3(stride int) {
	e.text(fmt.Sprintf("Depthwise3Stride%dVNNI", stride), "a *DepthwiseArgs", 8)
	e.depthSetup()
	e.p("MOVQ %s, BX", depthArg("Weights"))
	e.p("MOVQ %s, CX", depthArg("Offsets"))
	e.p("MOVQ 8(CX), R10")
	e.p("MOVQ 16(CX), R11")
	for i := range 12 {
		e.p("VMOVDQU32 %d(BX), Z%d", 64*i, 12+i)
	}
	sums := func(pixel int) [4]int { return [4]int{4 * pixel, 4*pixel + 1, 4*pixel + 2, 4*pixel + 3} }
	begin := func(pixel int) {
		for i, r := range sums(pixel) {
			e.p("VMOVDQU32 %d(R8), Z%d", 64*i, r)
		}
		e.depthColumn(sums(pixel), 0)
	}
	finish := func(pixel int) {
		e.depthFinish(sums(pixel), 30)
		e.p("DECQ R9")
		e.p("JEQ done")
	}
	e.depthInterleave()
	begin(0)
	if stride == 1 {
		e.depthInterleave()
		e.depthColumn(sums(0), 1)
		begin(1)
		e.label("pixels")
		for p := range 3 {
			e.depthInterleave()
			e.depthColumn(sums(p), 2)
			e.depthColumn(sums((p+1)%3), 1)
			begin((p + 2) % 3)
			finish(p)
		}
	} else {
		e.label("pixels")
		for p := range 2 {
			e.depthInterleave()
			e.depthColumn(sums(p), 1)
			e.depthInterleave()
			e.depthColumn(sums(p), 2)
			begin(1 - p)
			finish(p)
		}
	}
	e.p("JMP pixels")
	e.label("done")
	e.p("VZEROUPPER")
	e.p("RET")
}

// depthInterleave interleaves the column at SI to quads in Z24 to Z27, and advances SI.
// The fourth byte, whose weight is 0, is a copy of the third.
func (e *emitter) depthInterleave() {
	e.p("VMOVDQU32 (SI), Z28")
	e.p("VMOVDQU32 (SI)(R10*1), Z29")
	e.p("VMOVDQU32 (SI)(R11*1), Z30")
	e.p("ADDQ $64, SI")
	e.p("VPUNPCKLBW Z29, Z28, Z31")
	e.p("VPUNPCKHBW Z29, Z28, Z28")
	e.p("VPUNPCKLBW Z30, Z30, Z29")
	e.p("VPUNPCKHBW Z30, Z30, Z30")
	e.p("VPUNPCKLWD Z29, Z31, Z24")
	e.p("VPUNPCKHWD Z29, Z31, Z25")
	e.p("VPUNPCKLWD Z30, Z28, Z26")
	e.p("VPUNPCKHWD Z30, Z28, Z27")
}

// depthColumn multiplies the interleaved column by a column of the kernel, and
// accumulates.
func (e *emitter) depthColumn(sums [4]int, column int) {
	for i, r := range sums {
		e.p("VPDPBUSD Z%d, Z%d, Z%d", 12+4*column+i, 24+i, r)
	}
}

// depthPairs writes the kernel for any taps without VPDPBUSD. The bytes of two taps are
// interleaved and widened to 16 bits, which gives the same order of channels as quads.
// Weights are four vectors of pairs; vectors of 32 bytes compute the halves of the 64
// channels one after the other.
//
// Registers: AX arguments, SI first tap, DI output, R8 bias and scales, R9 pixels left,
// R10 pixel stride, BX weights, CX offsets of taps, DX pairs of taps left. Vectors 0 to 7
// sums, 8 zero.
func (e *emitter) depthPairs(suffix, reg, move string, bytes int) {
	at := func(i int) string { return fmt.Sprintf("%s%d", reg, i) }
	halves := 64 / bytes
	e.text("DepthwisePairs"+suffix, "a *DepthwiseArgs", 8)
	e.depthSetup()
	e.p("VPXOR X8, X8, X8")
	e.label("pixel")
	e.p("MOVQ %s, BX", depthArg("Weights"))
	e.p("MOVQ %s, CX", depthArg("Offsets"))
	e.p("MOVQ %s, DX", depthArg("Groups"))
	for h := range halves {
		for i := range 4 {
			e.p("%s %d(R8), %s", move, 64*i+bytes*h, at(4*h+i))
		}
	}
	e.label("pair")
	e.p("MOVQ (CX), R11")
	e.p("MOVQ 8(CX), R12")
	for h := range halves {
		e.p("%s %d(SI)(R11*1), %s", move, bytes*h, at(9))
		e.p("%s %d(SI)(R12*1), %s", move, bytes*h, at(10))
		e.p("VPUNPCKLBW %s, %s, %s", at(10), at(9), at(11))
		e.p("VPUNPCKHBW %s, %s, %s", at(10), at(9), at(12))
		for i := range 4 {
			half := []string{"VPUNPCKLBW", "VPUNPCKHBW"}[i%2]
			e.p("%s %s, %s, %s", half, at(8), at(11+i/2), at(13))
			e.p("VPMADDWD %d(BX), %s, %s", 64*i+bytes*h, at(13), at(13))
			e.p("VPADDD %s, %s, %s", at(13), at(4*h+i), at(4*h+i))
		}
	}
	e.p("ADDQ $256, BX")
	e.p("ADDQ $16, CX")
	e.p("DECQ DX")
	e.p("JNZ pair")
	e.p("VPBROADCASTW %s, %s", depthArg("Zero"), at(9))
	for h := range halves {
		for i := range 4 {
			r := at(4*h + i)
			e.p("VCVTDQ2PS %s, %s", r, r)
			e.p("VMULPS %d(R8), %s, %s", 256+64*i+bytes*h, r, r)
			e.p("VCVTPS2DQ %s, %s", r, r)
		}
		for i := 4 * h; i < 4*h+4; i += 2 {
			e.p("VPACKSSDW %s, %s, %s", at(i+1), at(i), at(i))
			e.p("VPADDSW %s, %s, %s", at(9), at(i), at(i))
		}
		e.p("VPACKUSWB %s, %s, %s", at(4*h+2), at(4*h), at(4*h))
		e.p("%s %s, %d(DI)", move, at(4*h), bytes*h)
	}
	e.p("ADDQ $64, DI")
	e.p("ADDQ R10, SI")
	e.p("DECQ R9")
	e.p("JNZ pixel")
	e.p("VZEROUPPER")
	e.p("RET")
}
