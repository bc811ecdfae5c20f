package main

// resizes writes the kernels of package vision, which has the twins.
func resizes(e *emitter) {
	e.resizeAcross()
	e.resizeDown()
	e.linearAcross()
	e.linearDown()
	e.linearHalf()
}

// weightBits is the number of fraction bits of Pillow's weights.
const weightBits = 22

// bytesOfSums divides two or four vectors of sums by 2^22 and narrows them to bytes, in
// the first; on the way they are words without their lower 16 bits.
func (e *emitter) bytesOfSums(v [4]int) {
	for i, s := range v {
		e.shrn16(v[i&2], s, 16, i%2 == 1)
	}
	e.sqshrun8(v[0], v[0], weightBits-16, false)
	e.sqshrun8(v[0], v[2], weightBits-16, true)
}

// weigh adds the 16 bytes of V4, times the weight at k, to sums; k advances, V5 to V7 and V16 to
// V19 change.
func (e *emitter) weigh(sums [4]int, k int) {
	e.ld1r(5, k)
	e.p("ADD $4, R%d", k)
	for i, high := range []bool{false, true} {
		e.ushll8(6+i, 4, high)
		e.ushll16(16+2*i, 6+i, false)
		e.ushll16(17+2*i, 6+i, true)
	}
	for i, s := range sums {
		e.mla32(s, 16+i, 5)
	}
}

// resizeAcross writes the horizontal pass, for four rows at a time. It loads four bytes
// per pixel.
func (e *emitter) resizeAcross() {
	const three, base, at, left, k, offset = 9, 10, 14, 19, 20, 21
	to := [4]int{1, 22, 23, 24}
	sums := [4]int{0, 1, 2, 3}
	e.text("horizontalNEON", "dst *byte, stride int, rows *[4]*byte, start, count *int, k *int32, size, n int", 64,
		"resizes four rows of RGB. Output pixel i of row r is the sum of count[i] pixels of rows[r] from start[i] on, weighted by k[i*size:] in units of 2^-22. It reads 1 byte after the last pixel of a sum and writes 1 byte after the last of the n pixels at dst+r*stride.",
		"R1 R22 R23 R24 rows of dst, R2 stride, R3 rows, R4 start, R5 count, R6 k, R7 bytes of k from pixel to pixel, R8 pixels left, R9 three, R10 to R13 rows, R14 to R17 pixels, R19 taps left, R20 weight, R21 offset; V0 to V3 sums, V4 pixels, V5 weight, V6 V7 words, V16 to V19 colours; V31 half.")
	e.arguments("dst", "stride", "rows", "start", "count", "k", "size", "n")
	e.p("LSL $2, R7")
	e.p("MOVD $3, R%d", three)
	for r := range 4 {
		e.p("MOVD %d(R3), R%d", 8*r, base+r)
		if r > 0 {
			e.p("ADD R2, R%d, R%d", to[r-1], to[r])
		}
	}
	e.constant(31, 1<<(weightBits-1))
	e.label("pixel")
	e.p("MOVD.P 8(R4), R%d", offset)
	e.p("MOVD.P 8(R5), R%d", left)
	e.p("ADD R%d<<1, R%d", offset, offset)
	for r, s := range sums {
		e.p("ADD R%d, R%d, R%d", offset, base+r, at+r)
		e.mov(s, 31)
	}
	e.p("MOVD R6, R%d", k)
	e.p("ADD R7, R6")
	e.p("CBZ R%d, store", left)
	e.label("tap")
	for r := range 4 {
		e.loadLaneNext(4, r, at+r, three)
	}
	e.weigh(sums, k)
	e.p("SUBS $1, R%d", left)
	e.p("BNE tap")
	e.label("store")
	e.bytesOfSums(sums)
	for r, row := range to {
		e.storeLane(0, r, row)
		e.p("ADD $3, R%d", row)
	}
	e.p("SUBS $1, R8")
	e.p("BNE pixel")
	e.ret()
}

// resizeDown writes the vertical pass, for 16 bytes at a time.
func (e *emitter) resizeDown() {
	const dst, lines, left, line, k, taps = 1, 2, 6, 7, 8, 9
	sums := [4]int{0, 1, 2, 3}
	e.text("verticalNEON", "dst, lines *byte, stride int, k *int32, taps, n int", 48,
		"computes n bytes, a multiple of 16 and not 0. Byte i is the sum of byte i of taps lines, at least one, stride apart, weighted by k in units of 2^-22.",
		"R1 dst, R2 lines, R3 stride, R4 k, R5 taps, R6 bytes left, R7 line, R8 weight, R9 taps left; V0 to V3 sums, V4 bytes, V5 weight, V6 V7 words, V16 to V19; V31 half.")
	e.arguments("dst", "lines", "stride", "k", "taps", "n")
	e.constant(31, 1<<(weightBits-1))
	e.label("block")
	for _, s := range sums {
		e.mov(s, 31)
	}
	e.p("MOVD R%d, R%d", lines, line)
	e.p("MOVD R4, R%d", k)
	e.p("MOVD R5, R%d", taps)
	e.label("tap")
	e.ldrQ(4, line, 0)
	e.p("ADD R3, R%d", line)
	e.weigh(sums, k)
	e.p("SUBS $1, R%d", taps)
	e.p("BNE tap")
	e.bytesOfSums(sums)
	e.strQNext(0, dst)
	e.p("ADD $16, R%d", lines)
	e.p("SUBS $16, R%d", left)
	e.p("BNE block")
	e.ret()
}

// linearAcross writes the horizontal pass of OpenCV's bilinear resize. A byte times a
// weight of 11 bits, without its four lowest bits, is at most 255*2049/16 and fits a word.
func (e *emitter) linearAcross() {
	e.text("linearAcrossAsm", "dst *[4]int16, src *byte, offsets *int32, weights *[2]int16, n int", 40,
		"computes n pixels of four words, a multiple of 4 and not 0. Pixel i is the sum of the RGB pixel at byte offsets[i] of src and of the one after it, weighted by weights[i] and divided by 16. It reads 8 bytes from each offset.",
		"R1 dst, R2 src, R3 offsets, R4 weights, R5 pixels left, R6 a pixel; V0 weights, V1 the pixel, V2 the one behind it, V3 sums, V4 V5 words.")
	e.arguments("dst", "src", "offsets", "weights", "n")
	e.label("four")
	e.ldrQNext(0, 4)
	for i := range 4 {
		e.p("MOVW.P 4(R3), R6")
		e.p("ADD R2, R6")
		e.ldrD(1, 6)
		e.ushll8(1, 1, false)
		e.ext(2, 1, 1, 6)
		e.smull(3, 1, 0, 2*i, false)
		e.smlal(3, 2, 0, 2*i+1, false)
		e.shrn16(4+i/2, 3, 4, i%2 == 1)
	}
	e.strQNext(4, 1)
	e.strQNext(5, 1)
	e.p("SUBS $4, R5")
	e.p("BNE four")
	e.ret()
}

// linearDown writes the vertical pass.
func (e *emitter) linearDown() {
	e.text("linearDownAsm", "dst *byte, above, below *[4]int16, w0, w1, n int", 48,
		"computes n pixels of RGB, a multiple of 8 and not 0, from two lines of four words per pixel: ((w0*above>>16) + (w1*below>>16) + 2) >> 2.",
		"R1 dst, R2 above, R3 below, R4 R5 weights, R6 pixels left; V0 V1 weights, V2 words, V3 V4 products, V5 V6 their upper words, V16 V17 pixels of four bytes, V18 V19 of three; V30 V31 their places.")
	e.arguments("dst", "above", "below", "w0", "w1", "n")
	e.dup16(0, 4)
	e.dup16(1, 5)
	for half := range 2 {
		var places [8]int
		for i := range places {
			at := func(j int) int { return j/3*4 + j%3 }
			places[i] = at(16*half+2*i) | at(16*half+2*i+1)<<8
		}
		e.wordsOf(30+half, 7, places[:8-4*half]...)
	}
	e.label("eight")
	for i := range 4 {
		for line := range 2 {
			e.ldrQNext(2, 2+line)
			for _, high := range []bool{false, true} {
				e.smull(3, 2, line, 0, high)
				e.shrn16(5+line, 3, 16, high)
			}
		}
		e.add16(5, 5, 6)
		e.sqrshrun8(16+i/2, 5, 2, i%2 == 1)
	}
	e.tbl2(18, 16, 30)
	e.tbl2(19, 16, 31)
	e.strQNext(18, 1)
	e.storeHalfNext(19, 0, 1)
	e.p("SUBS $8, R6")
	e.p("BNE eight")
	e.ret()
}

// linearHalf writes OpenCV's special case of a reduction by two in both directions.
func (e *emitter) linearHalf() {
	e.text("linearHalfAsm", "dst, above, below *byte, n int", 32,
		"computes n pixels of RGB, a multiple of 8 and not 0: the means of 2x2 pixels of two rows, halves rounded up.",
		"R1 dst, R2 above, R3 below, R4 pixels left; V0 to V2 colours above, V3 to V5 below, V6 sums, V16 to V18 means.")
	e.arguments("dst", "above", "below", "n")
	e.label("eight")
	e.ld3(0, 2)
	e.ld3(3, 3)
	for c := range 3 {
		e.uaddlp(6, c)
		e.uadalp(6, 3+c)
		e.rshrn8(16+c, 6, 2, false)
	}
	e.st3Half(16, 1)
	e.p("ADD $48, R2")
	e.p("ADD $48, R3")
	e.p("ADD $24, R1")
	e.p("SUBS $8, R4")
	e.p("BNE eight")
	e.ret()
}
