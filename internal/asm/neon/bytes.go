package main

// byteRows writes the kernels on rows of 8-bit codes, 16 at a time; args.ByteRow describes
// them, bytes.go in engine/kernel has the twins. Vectors: V31 OffA, V30 OffB, V29 RatioA,
// V28 RatioB, V27 Fixed, V26 V25 the bounds, V24 OffOut.
func byteRows(e *emitter) {
	e.bytePair("ByteAdd", "adds the numbers of Count codes, a multiple of 16.", func(d, a, b int) {
		e.scvtf(a, a)
		e.scvtf(b, b)
		e.mov(d, fixed)
		e.fmla(d, b, ratioB)
		e.fmla(d, a, ratioA)
	})
	e.bytePair("ByteMul", "multiplies the numbers of Count codes, a multiple of 16.", func(d, a, b int) {
		e.mul32(d, a, b)
		e.scvtf(d, d)
		e.fmul(d, d, ratioA)
		e.fadd(d, d, fixed)
	})
	e.quantize()
	e.quantizePixels()
	e.dequantize()
	e.byteMax()
	e.byteSum()
}

const offA, offB, ratioA, ratioB, fixed, codeLow, codeHigh, offOut = 31, 30, 29, 28, 27, 26, 25, 24

// codeEnds loads the constants of codes.
func (e *emitter) codeEnds() {
	e.spread("Low", codeLow)
	e.spread("High", codeHigh)
	e.spread("OffOut", offOut)
}

// codes converts 16 numbers, in four vectors from v on, to bytes in d; NaN becomes the
// lower bound.
func (e *emitter) codes(d, v int) {
	for i := v; i < v+4; i++ {
		e.fmaxnm(i, i, codeLow)
		e.fmin(i, i, codeHigh)
		e.fcvtns(i, i)
		e.add(i, i, offOut)
	}
	for i := range 4 {
		e.xtn16(v+i/2, v+i, i%2 == 1)
	}
	for i := range 2 {
		e.xtn8(d, v+i, i == 1)
	}
}

// numbers widens 16 bytes to int32 in four vectors from d on; two vectors change.
func (e *emitter) numbers(d, bytes, t int) {
	for i, high := range []bool{false, true} {
		e.ushll8(t+i, bytes, high)
		e.ushll16(d+2*i, t+i, false)
		e.ushll16(d+2*i+1, t+i, true)
	}
}

// bytePair writes a kernel on two rows of codes.
func (e *emitter) bytePair(name, does string, op func(d, a, b int)) {
	e.fn(name, "ByteRow", does, "R1 output, R2 R3 inputs, R4 numbers left, R16 temporary; V0 V1 codes, V2 V3 words, V4 to V15 numbers, V31 OffA, V30 OffB, V29 RatioA, V28 RatioB, V27 Fixed, V26 V25 bounds, V24 OffOut.")
	for i, f := range []string{"Dst", "A", "B", "Count"} {
		e.field(f, 1+i)
	}
	e.spread("OffA", offA)
	e.spread("OffB", offB)
	e.spread("RatioA", ratioA)
	e.spread("RatioB", ratioB)
	e.spread("Fixed", fixed)
	e.codeEnds()
	e.inSteps(4, []int{16}, func(int) {
		e.ldrQNext(0, 2)
		e.ldrQNext(1, 3)
		e.numbers(4, 0, 2)
		e.numbers(8, 1, 2)
		for i := range 4 {
			e.sub(4+i, 4+i, offA)
			e.sub(8+i, 8+i, offB)
			op(12+i, 4+i, 8+i)
		}
		e.codes(0, 12)
		e.strQNext(0, 1)
	})
	e.ret()
}

// quantize writes the conversion of float32 to codes.
func (e *emitter) quantize() {
	e.fn("Quantize", "ByteRow", "converts Count float32 at A, a multiple of 16, to codes.",
		"R1 output, R2 input, R3 numbers left, R16 temporary; V0 codes, V4 to V7 numbers, V29 RatioA, V26 V25 bounds, V24 OffOut.")
	e.field("Dst", 1)
	e.field("A", 2)
	e.field("Count", 3)
	e.spread("RatioA", ratioA)
	e.codeEnds()
	e.inSteps(3, []int{16}, func(int) {
		e.quotients(2)
		e.codes(0, 4)
		e.strQNext(0, 1)
	})
	e.ret()
}

// quotients loads 16 numbers and divides them by RatioA.
func (e *emitter) quotients(from int) {
	for i := 4; i < 8; i++ {
		e.ldrQNext(i, from)
		e.fdiv(i, i, ratioA)
	}
}

// quantizePixels writes the conversion of three planes of float32 to pixels of codes.
func (e *emitter) quantizePixels() {
	e.fn("QuantizePixels", "ByteRow", "converts float32 planes at A, A+Plane and A+2·Plane to Count pixels of three codes, a multiple of 16; the fourth byte of a pixel is 0.",
		"R1 output, R2 to R4 planes, R5 pixels left, R6 Plane, R16 temporary; V0 to V3 codes, V4 to V7 numbers, V29 RatioA, V26 V25 bounds, V24 OffOut.")
	e.field("Dst", 1)
	e.field("A", 2)
	e.field("Plane", 6)
	e.p("ADD R6, R2, R3")
	e.p("ADD R6, R3, R4")
	e.field("Count", 5)
	e.spread("RatioA", ratioA)
	e.codeEnds()
	e.zero(3)
	e.inSteps(5, []int{16}, func(int) {
		for c := range 3 {
			e.quotients(2 + c)
			e.codes(c, 4)
		}
		e.st4Next(0, 1)
	})
	e.ret()
}

// dequantize writes the conversion of codes to float32.
func (e *emitter) dequantize() {
	e.fn("Dequantize", "ByteRow", "converts Count codes at A, a multiple of 16, to float32.",
		"R1 output, R2 input, R3 numbers left, R16 temporary; V0 codes, V2 V3 words, V4 to V7 numbers, V31 OffA, V29 RatioA.")
	e.field("Dst", 1)
	e.field("A", 2)
	e.field("Count", 3)
	e.spread("OffA", offA)
	e.spread("RatioA", ratioA)
	e.inSteps(3, []int{16}, func(int) {
		e.ldrQNext(0, 2)
		e.numbers(4, 0, 2)
		for i := 4; i < 8; i++ {
			e.sub(i, i, offA)
			e.scvtf(i, i)
			e.fmul(i, i, ratioA)
			e.strQNext(i, 1)
		}
	})
	e.ret()
}

// byteMax writes the maximum of windows of pixels of 64 codes.
func (e *emitter) byteMax() {
	e.fn("ByteMax", "ByteRow", "computes Count pixels of 64 codes, each the maximum of the Taps pixels at A+First+Offsets; First advances by PixelStride.",
		"R1 output, R2 input of the pixel, R3 pixels left, R4 stride, R5 offsets, R6 taps left, R7 address; V0 to V3 the pixel, V4 to V7.")
	e.field("Dst", 1)
	e.field("A", 2)
	e.field("First", 3)
	e.p("ADD R3, R2")
	e.field("Count", 3)
	e.field("PixelStride", 4)
	e.p("CBZ R3, end")
	e.label("pixel")
	e.field("Offsets", 5)
	e.field("Taps", 6)
	for i := range 4 {
		e.zero(i)
	}
	e.p("CBZ R6, store")
	e.label("tap")
	e.p("MOVD.P 8(R5), R7")
	e.p("ADD R2, R7")
	for i := range 4 {
		e.ldrQ(4+i, 7, 16*i)
		e.umax8(i, i, 4+i)
	}
	e.p("SUBS $1, R6")
	e.p("BNE tap")
	e.label("store")
	for i := range 4 {
		e.strQNext(i, 1)
	}
	e.p("ADD R4, R2")
	e.p("SUBS $1, R3")
	e.p("BNE pixel")
	e.label("end")
	e.ret()
}

// byteSum writes the sum of pixels of 64 codes.
func (e *emitter) byteSum() {
	e.fn("ByteSum", "ByteRow", "adds Count pixels of 64 codes at A, PixelStride apart, to the 64 int32 at Dst.",
		"R1 sums, R2 pixels, R3 pixels left, R4 stride; V0 to V15 sums, V16 codes, V17 words.")
	e.field("Dst", 1)
	e.field("A", 2)
	e.field("Count", 3)
	e.field("PixelStride", 4)
	e.p("CBZ R3, end")
	for i := range 16 {
		e.ldrQ(i, 1, 16*i)
	}
	e.label("pixel")
	for i := range 4 {
		e.ldrQ(16, 2, 16*i)
		for k, high := range []bool{false, true} {
			e.ushll8(17, 16, high)
			e.uaddw16(4*i+2*k, 4*i+2*k, 17, false)
			e.uaddw16(4*i+2*k+1, 4*i+2*k+1, 17, true)
		}
	}
	e.p("ADD R4, R2")
	e.p("SUBS $1, R3")
	e.p("BNE pixel")
	for i := range 16 {
		e.strQ(i, 1, 16*i)
	}
	e.label("end")
	e.ret()
}
