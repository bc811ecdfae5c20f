package main

// jpegKernels writes the kernels of vision/jpeg, which has the twins and describes the
// constants of the inverse DCT.
func jpegKernels(e *emitter) {
	e.idct()
	e.h2v1()
	e.h2v2()
	e.h1v2()
	e.ycc()
	e.rgb()
}

// bytesAlong writes a loop over n bytes, at least 16, 16 at a time; R9 is the index of the
// first, register left has n. The last 16 end at n, so some bytes may be computed twice,
// with the same result, since inputs are not outputs.
func (e *emitter) bytesAlong(left int, body func(at int)) {
	const at = 9
	e.p("MOVD ZR, R%d", at)
	e.p("SUB $16, R%d", left)
	e.label("span")
	body(at)
	e.p("CMP R%d, R%d", left, at)
	e.p("BEQ done")
	e.p("ADD $16, R%d", at)
	e.p("CMP R%d, R%d", left, at)
	e.p("CSEL LT, R%d, R%d, R%d", at, left, at)
	e.p("B span")
	e.label("done")
	e.ret()
}

const bytesComment = " left to the last 16, R9 place, R10 an address."

// h2v1 writes the doubling of a row's width: of each sample, 3/4 and a quarter of the one
// before it, then 3/4 and a quarter of the one after it.
func (e *emitter) h2v1() {
	e.text("h2v1Asm", "dst, src *byte, n int", 24, "is h2v1Go for n samples, at least 16. src points to the first; it also reads the sample before and the one after the last.",
		"R1 dst, R2 src, R3"+bytesComment+" R4 and R5 the samples before and after; V0 to V2 those and V3 V4 even, V5 V6 odd, V7 sums; V30 threes, V31 ones.")
	e.arguments("dst", "src", "n")
	e.p("SUB $1, R2, R4")
	e.p("ADD $1, R2, R5")
	e.movi8(30, 3)
	e.p("MOVD $1, R10")
	e.dup16(31, 10)
	e.bytesAlong(3, func(at int) {
		for i, base := range []int{2, 4, 5} {
			e.ldrQIndex(i, base, at)
		}
		for _, high := range []bool{false, true} {
			e.umull(7, 0, 30, high)
			e.uaddw(3, 7, 1, high)
			e.add16(3, 3, 31)
			e.shrn8(5, 3, 2, high)
			e.uaddw(4, 7, 2, high)
			e.rshrn8(6, 4, 2, high)
		}
		e.p("ADD R%d<<1, R1, R10", at)
		e.st2(5, 10)
	})
}

// h2v2 writes the same for a row between two, of which the nearer one counts three times.
func (e *emitter) h2v2() {
	e.text("h2v2Asm", "dst, near, far *byte, n int", 32, "is h2v2Go for n samples, at least 16. near and far point to the first; it also reads the samples before and those after the last.",
		"R1 dst, R2 near, R3 far, R4"+bytesComment+" R5 R6 near and R7 R8 far before and after; V0 to V2 near, V3 to V5 far, V16 to V18 sums of both, V6 even and V7 odd; V29 sevens, V30 threes of bytes, V31 of words.")
	e.arguments("dst", "near", "far", "n")
	for i, base := range []int{2, 3} {
		e.p("SUB $1, R%d, R%d", base, 5+2*i)
		e.p("ADD $1, R%d, R%d", base, 6+2*i)
	}
	e.movi8(30, 3)
	e.p("MOVD $7, R10")
	e.dup16(29, 10)
	e.p("MOVD $3, R10")
	e.dup16(31, 10)
	e.bytesAlong(4, func(at int) {
		for i, base := range []int{2, 5, 6, 3, 7, 8} { // the sample, the one before, the one after
			e.ldrQIndex(i, base, at)
		}
		for _, high := range []bool{false, true} {
			for i := range 3 {
				e.umull(16+i, i, 30, high)
				e.uaddw(16+i, 16+i, 3+i, high)
			}
			e.mla16(17, 16, 31)
			e.rshrn8(6, 17, 4, high)
			e.mla16(18, 16, 31)
			e.add16(18, 18, 29)
			e.shrn8(7, 18, 4, high)
		}
		e.p("ADD R%d<<1, R1, R10", at)
		e.st2(6, 10)
	})
}

// h1v2 writes a row between two: 3/4 of the nearer and a quarter of the other.
func (e *emitter) h1v2() {
	e.text("h1v2Asm", "dst, near, far *byte, n, bias int", 40, "is h1v2Go for n samples, at least 16.",
		"R1 dst, R2 near, R3 far, R4"+bytesComment+" R5 bias; V0 near, V1 far, V2 sums, V3 samples; V30 threes, V31 bias.")
	e.arguments("dst", "near", "far", "n", "bias")
	e.movi8(30, 3)
	e.dup16(31, 5)
	e.bytesAlong(4, func(at int) {
		e.ldrQIndex(0, 2, at)
		e.ldrQIndex(1, 3, at)
		for _, high := range []bool{false, true} {
			e.umull(2, 0, 30, high)
			e.uaddw(2, 2, 1, high)
			e.add16(2, 2, 31)
			e.shrn8(3, 2, 2, high)
		}
		e.p("ADD R%d, R1, R10", at)
		e.strQ(3, 10, 0)
	})
}

// Factors of twice the chroma sample, in units of 2^-16: for all 256 samples, sqrdmulh
// gives the same as 16 fraction bits. Green, in units of 2^-17, is rounded after both
// products are added.
const (
	crToR2 = 22970
	cbToB2 = 29033
	crToG2 = -46802 / 2
	cbToG2 = -22554 / 2
)

// ycc writes the conversion of luma and two chroma rows to pixels of RGB.
func (e *emitter) ycc() {
	e.text("yccAsm", "dst, y, cb, cr *byte, n int", 40, "is yccGo for n pixels, at least 16. It reads n bytes of each row and writes 3*n.",
		"R1 dst, R2 y, R3 cb, R4 cr, R5"+bytesComment+" V0 factors, V1 luma, V2 cb, V3 cr, V4 to V6 red, green, blue, V16 V17 twice cb and cr, V18 V19 sums; V31 128 each.")
	e.arguments("dst", "y", "cb", "cr", "n")
	e.movi8(31, 128)
	e.wordsOf(0, 10, crToR2, cbToB2, crToG2, cbToG2)
	const toR, toB, crToG, cbToG = 0, 1, 2, 3
	e.bytesAlong(5, func(at int) {
		for i := range 3 {
			e.ldrQIndex(1+i, 2+i, at)
		}
		e.eor(2, 2, 31)
		e.eor(3, 3, 31)
		for _, high := range []bool{false, true} {
			e.sshll8(16, 2, 1, high)
			e.sshll8(17, 3, 1, high)
			for _, upper := range []bool{false, true} {
				e.smull(18, 16, 0, cbToG, upper)
				e.smlal(18, 17, 0, crToG, upper)
				e.rshrn16(19, 18, 16, upper)
			}
			e.sqrdmulh(17, 17, 0, toR)
			e.sqrdmulh(16, 16, 0, toB)
			for i, v := range []int{17, 19, 16} {
				e.uaddw(v, v, 1, high)
				e.sqxtun(4+i, v, high)
			}
		}
		e.p("ADD R%d<<1, R%d, R10", at, at)
		e.p("ADD R1, R10")
		e.st3(4, 10)
	})
}

// wordsOf fills a vector with up to eight words; a general register changes.
func (e *emitter) wordsOf(v, r int, words ...int) {
	for half := 0; 4*half < len(words); half++ {
		var bits uint64
		for i, w := range words[4*half : min(len(words), 4*half+4)] {
			bits |= uint64(uint16(w)) << (16 * i)
		}
		e.p("MOVD $%#016x, R%d", bits, r)
		e.p("VMOV R%d, V%d.D[%d]", r, v, half)
	}
}

// rgb writes the interleaving of three rows to pixels.
func (e *emitter) rgb() {
	e.text("rgbAsm", "dst, red, green, blue *byte, n int", 40, "is rgbGo for n pixels, at least 16. It reads n bytes of each row and writes 3*n.",
		"R1 dst, R2 red, R3 green, R4 blue, R5"+bytesComment+" V0 to V2 the colours.")
	e.arguments("dst", "red", "green", "blue", "n")
	e.bytesAlong(5, func(at int) {
		for i := range 3 {
			e.ldrQIndex(i, 2+i, at)
		}
		e.p("ADD R%d<<1, R%d, R10", at, at)
		e.p("ADD R1, R10")
		e.st3(0, 10)
	})
}
