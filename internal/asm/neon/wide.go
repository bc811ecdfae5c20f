package main

import "fmt"

// wideBytes writes the kernels of integer convolutions without dot product instructions:
// codes are widened to 16 bits, and products are accumulated in 32 bits.
func wideBytes(e *emitter) {
	e.widenBytes()
	e.wideTile(6)
	e.wideTile(1)
	e.wideDepth()
}

func (e *emitter) widenBytes() {
	e.text("WidenBytes", "dst, src unsafe.Pointer, n int", 24, "widens n bytes, a multiple of 32, to 16 bits each.",
		"R1 dst, R2 src, R3 bytes left; V0 V1 bytes, V2 to V5 words.")
	e.arguments("dst", "src", "n")
	e.inSteps(3, []int{32}, func(int) {
		for i := range 2 {
			e.ldrQNext(i, 2)
			e.ushll8(2+2*i, i, false)
			e.ushll8(3+2*i, i, true)
		}
		for v := 2; v < 6; v++ {
			e.strQNext(v, 1)
		}
	})
	e.ret()
}

// wideTile writes the sums of some pixels by 16 outputs. Weights are pairs, those of one
// input channel and of the next, which ld2 separates.
func (e *emitter) wideTile(rows int) {
	const offsets, steps, weights, stride, first, left, from = 1, 2, 3, 4, 5, 11, 12
	const pair, sums = 6, 8 // vectors
	name := fmt.Sprintf("WideTile%d", rows)
	e.fn(name, "WideTile", fmt.Sprintf("computes the sums of %d pixels by 16 outputs.", rows),
		"R1 offsets, R2 steps left, R3 weights, R4 pixel stride, R5 to R10 pixels, R11 eights of codes left, R12 offset;\n// V0 to V5 codes, V6 V7 weights, V8 to V31 sums.")
	e.field("Offsets", offsets)
	e.field("Steps", steps)
	e.field("Weights", weights)
	e.field("RowStride", stride)
	for i := range 4 * rows {
		e.zero(sums + i)
	}
	e.label("step")
	e.field("In", first)
	e.p("MOVD.P 8(R%d), R%d", offsets, from)
	e.p("ADD R%d, R%d", from, first)
	for r := 1; r < rows; r++ {
		e.p("ADD R%d, R%d, R%d", stride, first+r-1, first+r)
	}
	e.p("MOVD $8, R%d", left)
	e.label("eight")
	for r := range rows {
		e.ldrQNext(r, first+r)
	}
	for i := range 4 {
		for half := range 2 {
			e.ld2Next(pair, weights)
			for k := range 2 {
				for r := range rows {
					sum := sums + 4*r + 2*half
					e.smlal(sum, pair+k, r, 2*i+k, false)
					e.smlal(sum+1, pair+k, r, 2*i+k, true)
				}
			}
		}
	}
	e.p("SUBS $1, R%d", left)
	e.p("BNE eight")
	e.p("SUBS $1, R%d", steps)
	e.p("BNE step")
	e.field("Sums", first)
	for i := range 4 * rows {
		e.strQ(sums+i, first, 16*i)
	}
	e.ret()
}

// wideDepth writes the sums of one pixel by 64 depthwise channels.
func (e *emitter) wideDepth() {
	const offsets, steps, weights, in, from = 1, 2, 3, 4, 5
	e.fn("WideDepth", "WideTile", "computes the sums of 64 channels of one pixel of bytes; Steps counts taps.",
		"R1 offsets, R2 taps left, R3 weights, R4 pixel, R5 offset; V0 to V15 sums, V16 codes, V17 V18 words, V20 to V23 numbers, V24 to V27 weights.")
	e.field("Offsets", offsets)
	e.field("Steps", steps)
	e.field("Weights", weights)
	for i := range 16 {
		e.zero(i)
	}
	e.label("tap")
	e.field("In", in)
	e.p("MOVD.P 8(R%d), R%d", offsets, from)
	e.p("ADD R%d, R%d", from, in)
	for i := range 4 {
		e.ldrQNext(16, in)
		for k, high := range []bool{false, true} {
			e.ushll8(17+k, 16, high)
			e.ushll16(20+2*k, 17+k, false)
			e.ushll16(21+2*k, 17+k, true)
		}
		for k := range 4 {
			e.ldrQNext(24+k, weights)
			e.mla32(4*i+k, 20+k, 24+k)
		}
	}
	e.p("SUBS $1, R%d", steps)
	e.p("BNE tap")
	e.field("Sums", in)
	for i := range 16 {
		e.strQ(i, in, 16*i)
	}
	e.ret()
}
