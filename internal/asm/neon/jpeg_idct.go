package main

// idctFactors are the constants of the transform, in V0 and V1: see vision/jpeg/idct.go.
// Multiplications are grouped by input, so some are sums or differences of the paper's
// constants.
var idctFactors = []int{
	10703,  // 0.541196100 + 0.765366865
	4433,   // 0.541196100
	-10704, // 0.541196100 - 1.847759065
	-6436,  // 1.175875602 - 1.961570560
	9633,   // 1.175875602
	6437,   // 1.175875602 - 0.390180644
	-4927,  // 0.298631336 - 0.899976223
	-7373,  // -0.899976223
	-4176,  // 2.053119869 - 2.562915447
	-20995, // -2.562915447
	4177,   // 3.072711026 - 2.562915447
	4926,   // 1.501321110 - 0.899976223
}

// product is the index of a factor in idctFactors and the vector that it multiplies.
type product struct{ v, factor int }

// sum writes d = Σ products, or d += Σ products, for the lower or upper half of the words.
func (e *emitter) sum(d int, high, more bool, products ...product) {
	for i, p := range products {
		at := 0
		for idctFactors[at] != p.factor {
			at++
		}
		if i == 0 && !more {
			e.smull(d, p.v, at/8, at%8, high)
		} else {
			e.smlal(d, p.v, at/8, at%8, high)
		}
	}
}

// idct transforms one block after the other. Its steps alternate between V16 to V23 and
// V24 to V31.
func (e *emitter) idct() {
	e.text("idctAsm", "dst *byte, stride int, coefs, quant *int16, blocks int", 40,
		"is idctGo for blocks, at least one. It reads 128 bytes of quant and, for each block, 128 bytes of coefs, and writes 8 bytes of eight rows.",
		"R1 dst, R2 stride, R3 coefs, R4 quant, R5 blocks left, R6 to R13 rows of dst, R14 R15 bits; V0 V1 factors, V2 to V15 sums, V16 to V31 words.")
	e.arguments("dst", "stride", "coefs", "quant", "blocks")
	e.wordsOf(0, 14, idctFactors[:8]...)
	e.wordsOf(1, 14, idctFactors[8:]...)
	e.p("MOVD R1, R6")
	for i := 1; i < 8; i++ {
		e.p("ADD R2, R%d, R%d", 5+i, 6+i)
	}
	a, b := [8]int{16, 17, 18, 19, 20, 21, 22, 23}, [8]int{24, 25, 26, 27, 28, 29, 30, 31}
	e.label("block")
	for i, v := range a {
		e.ldrQ(v, 3, 16*i)
	}
	e.orr(2, a[1], a[2])
	for _, v := range a[3:] {
		e.orr(2, 2, v)
	}
	e.ldrQ(3, 4, 0)
	e.mul16(a[0], a[0], 3)
	e.bitsOf(2, 14, 15)
	e.p("CBZ R14, flat")
	for i, v := range a[1:] {
		e.ldrQ(2+i%2, 4, 16*(i+1))
		e.mul16(v, v, 2+i%2)
	}
	e.idctPass(a, b, func(d, s int, high bool) { e.sqrshrn16(d, s, 11, high) })
	e.transpose16(b, a)

	e.label("second")
	e.idctPass(a, b, func(d, s int, high bool) { e.shrn16(d, s, 16, high) })
	e.storeBlock(b)
	e.label("next")
	e.p("ADD $128, R3")
	e.p("SUBS $1, R5")
	e.p("BNE block")
	e.ret()

	// All rows are equal: each word of column i is word i of the first row. The shift by two
	// bits wraps, as in libjpeg-turbo.
	e.label("flat")
	e.shl16(2, a[0], 2)
	e.p("VMOV V2.D[0], R14")
	e.p("VMOV V2.D[1], R15")
	e.p("ORR R14>>16, R15, R15")
	e.p("CBZ R15, constant")
	for i, v := range a {
		e.dupLane16(v, 2, i)
	}
	e.p("B second")

	e.label("constant")
	e.sqrshrn8(2, 2, 5, false)
	e.dupLane8(2, 2, 0)
	e.movi8(3, 128)
	e.eor(2, 2, 3)
	for i := range 8 {
		e.storeHalfNext(2, 0, 6+i)
	}
	e.p("B next")
}

// bitsOf sets register r to the bitwise or of the halves of a vector; another changes.
func (e *emitter) bitsOf(v, r, other int) {
	e.p("VMOV V%d.D[0], R%d", v, r)
	e.p("VMOV V%d.D[1], R%d", v, other)
	e.p("ORR R%d, R%d", other, r)
}

// idctPass is idct8 from x to y, elementwise; narrow narrows sums to half a vector of
// words.
func (e *emitter) idctPass(x, y [8]int, narrow func(d, s int, high bool)) {
	const sum04, diff04, s3, s4 = 2, 3, 4, 5
	e.add16(sum04, x[0], x[4])
	e.sub16(diff04, x[0], x[4])
	e.add16(s3, x[7], x[3])
	e.add16(s4, x[5], x[1])
	for _, high := range []bool{false, true} {
		even, odd := [4]int{6, 7, 8, 9}, [4]int{12, 13, 10, 11} // t10 to t13, o0 to o3
		const u, v = 14, 15
		e.sum(even[0], high, false, product{x[2], 10703}, product{x[6], 4433})
		e.sum(even[1], high, false, product{x[2], 4433}, product{x[6], -10704})
		e.sshll16(u, sum04, 13, high)
		e.sshll16(v, diff04, 13, high)
		e.sum(odd[2], high, false, product{s3, -6436}, product{s4, 9633})
		e.sum(odd[3], high, false, product{s3, 9633}, product{s4, 6437})
		e.sub(even[3], u, even[0])
		e.sub(even[2], v, even[1])
		e.add(even[0], u, even[0])
		e.add(even[1], v, even[1])
		e.mov(odd[0], odd[2])
		e.mov(odd[1], odd[3])
		e.sum(odd[0], high, true, product{x[7], -4927}, product{x[1], -7373})
		e.sum(odd[1], high, true, product{x[5], -4176}, product{x[3], -20995})
		e.sum(odd[2], high, true, product{x[3], 4177}, product{x[5], -20995})
		e.sum(odd[3], high, true, product{x[1], 4926}, product{x[7], -7373})
		for k := range 4 {
			e.add(u, even[k], odd[3-k])
			e.sub(v, even[k], odd[3-k])
			narrow(y[k], u, high)
			narrow(y[7-k], v, high)
		}
	}
}

// transpose16 transposes the 8x8 words at a to b: it interleaves words of rows i and i+4,
// then of i, i+2, i+4 and i+6, then of all. It overwrites a.
func (e *emitter) transpose16(a, b [8]int) {
	for from, to, pass := a, b, 0; pass < 3; from, to, pass = to, from, pass+1 {
		for i := range 4 {
			e.zip("8h", false, to[2*i], from[i], from[i+4])
			e.zip("8h", true, to[2*i+1], from[i], from[i+4])
		}
	}
}

// storeBlock narrows columns to bytes, transposes them to rows and stores these. The shift
// before has left two bits, for rounding.
func (e *emitter) storeBlock(c [8]int) {
	const middle = 2
	e.movi8(middle, 128)
	for i := range 4 { // columns i and i+4
		e.sqrshrn8(4+i, c[i], 2, false)
		e.sqrshrn8(4+i, c[i+4], 2, true)
	}
	for i := range 4 {
		e.eor(4+i, 4+i, middle)
	}
	for i := range 2 { // columns 2i, 2i+1, 2i+4, 2i+5
		e.zip("16b", false, 8+i, 4+2*i, 5+2*i)
		e.zip("16b", true, 10+i, 4+2*i, 5+2*i)
	}
	for i := range 2 { // rows 0 to 3, and rows 4 to 7
		e.zip("8h", i == 1, 4+i, 8, 9)
		e.zip("8h", i == 1, 6+i, 10, 11)
	}
	for i := range 2 {
		for j := range 2 {
			e.zip("4s", j == 1, 8+2*i+j, 4+i, 6+i)
		}
	}
	for row := range 8 {
		e.storeHalfNext(8+row/2, row%2, 6+row)
	}
}
