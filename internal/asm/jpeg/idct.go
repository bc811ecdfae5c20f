package main

import (
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// Constants of the transform: see vision/jpeg/idct.go.
const (
	fix0_298631336 = 2446
	fix0_390180644 = 3196
	fix0_541196100 = 4433
	fix0_765366865 = 6270
	fix0_899976223 = 7373
	fix1_175875602 = 9633
	fix1_501321110 = 12299
	fix1_847759065 = 15137
	fix1_961570560 = 16069
	fix2_053119869 = 16819
	fix2_562915447 = 20995
	fix3_072711026 = 25172
)

// idct transforms two blocks at once, one in each 128-bit lane, so that nothing crosses
// lanes before the store. A register holds a row of both blocks, then a column, then bytes
// of rows.
func (g *gen) idct() {
	g.fn("idctAsm", "func(dst *byte, stride int, coefs, quant *int16, pairs int)",
		"idctAsm is idctGo for pairs of blocks, at least one. It reads 256*pairs",
		"bytes of coefs and 128 of quant, and writes 16*pairs bytes of each of eight rows.")
	dst, stride, coefs, quant, pairs := g.param("dst"), g.param("stride"), g.param("coefs"), g.param("quant"), g.param("pairs")
	stride3 := g.GP64()
	g.LEAQ(indexed(stride, stride, 2, 0), stride3)
	spill := g.AllocLocal(256)

	g.Label("pair")
	var r [8]reg.VecVirtual
	for i := range r {
		r[i] = g.YMM()
		g.VBROADCASTI128(at(coefs, 16*i), r[i])
		g.VINSERTI128(operand.U8(1), at(coefs, 128+16*i), r[i], r[i])
	}
	// which is the bitwise or of all rows but the first.
	which, zero := g.YMM(), g.YMM()
	g.VPOR(r[1], r[2], which)
	for i := 3; i < 8; i++ {
		g.VPOR(r[i], which, which)
	}
	q := g.YMM()
	g.VBROADCASTI128(at(quant, 0), q)
	g.VPMULLW(q, r[0], r[0])
	g.VPTEST(which, which)
	g.JZ(operand.LabelRef("flat"))

	// If all rows of a block but the first are 0, the shift of the first by two bits wraps,
	// as in libjpeg-turbo.
	g.VPXOR(zero, zero, zero)
	g.VPCMPEQQ(zero, which, which)
	wrapped := g.YMM()
	g.VPSHUFD(operand.U8(0x4E), which, wrapped)
	g.VPAND(wrapped, which, which)
	g.VPSLLW(operand.U8(2), r[0], wrapped)
	g.VPSRAW(operand.U8(2), wrapped, wrapped)
	g.VPBLENDVB(which, wrapped, r[0], r[0])
	for i := 1; i < 8; i++ {
		q := g.YMM()
		g.VBROADCASTI128(at(quant, 16*i), q)
		g.VPMULLW(q, r[i], r[i])
	}
	var c [8]reg.VecVirtual // columns, also written at the label flat
	for i := range c {
		c[i] = g.YMM()
	}
	g.transpose(g.transform(r, spill, 11), c)
	g.Label("second")
	o := g.transform(c, spill, 18)
	g.storeRows(o, dst, stride, stride3)
	g.Label("next")
	g.ADDQ(operand.I32(256), coefs)
	g.ADDQ(operand.I8(16), dst)
	g.DECQ(pairs)
	g.JNZ(operand.LabelRef("pair"))
	g.end()

	g.Label("flat")
	// All rows are equal: each word of column i is word i of the first row.
	dc := g.YMM()
	g.VPSLLW(operand.U8(2), r[0], dc)
	rest := g.YMM()
	g.VPSRLDQ(operand.U8(2), dc, rest)
	g.VPTEST(rest, rest)
	g.JZ(operand.LabelRef("constant"))
	for i, unpack := range []func(...operand.Op){g.unpackL, g.unpackH} {
		twice := g.YMM()
		unpack(dc, dc, twice)
		for j := range 4 {
			g.VPSHUFD(operand.U8(j*0x55), twice, c[4*i+j])
		}
	}
	g.JMP(operand.LabelRef("second"))

	g.Label("constant")
	g.VPADDSW(g.words(16, 16), dc, dc)
	g.VPSRAW(operand.U8(5), dc, dc)
	g.VPACKSSWB(dc, dc, dc)
	g.VPADDB(g.bytes(128), dc, dc)
	g.VPXOR(rest, rest, rest)
	g.VPSHUFB(rest, dc, dc)
	g.VPERMQ(operand.U8(0xD8), dc, dc) // [a a b b] becomes [a b a b]
	row := g.GP64()
	g.LEAQ(indexed(dst, stride, 4, 0), row)
	for _, base := range []reg.Register{dst, row} {
		for _, m := range rowsFrom(base, stride, stride3) {
			g.VMOVDQU(dc.AsX(), m)
		}
	}
	g.JMP(operand.LabelRef("next"))
}

// unpackL and unpackH are VPUNPCKLWD and VPUNPCKHWD with variadic operands.
func (g *gen) unpackL(ops ...operand.Op) { g.VPUNPCKLWD(ops[0], ops[1], ops[2]) }
func (g *gen) unpackH(ops ...operand.Op) { g.VPUNPCKHWD(ops[0], ops[1], ops[2]) }

// rowsFrom returns four rows of a plane.
func rowsFrom(base, stride, stride3 reg.Register) [4]operand.Mem {
	return [4]operand.Mem{at(base, 0), indexed(base, stride, 1, 0), indexed(base, stride, 2, 0), indexed(base, stride3, 1, 0)}
}

// halves has the lower and the upper four words of each lane of a register, as
// doublewords.
type halves [2]reg.VecVirtual

// pairs interleaves the words of a and b, for dot.
func (g *gen) pairs(a, b operand.Op) halves {
	h := halves{g.YMM(), g.YMM()}
	g.VPUNPCKLWD(b, a, h[0])
	g.VPUNPCKHWD(b, a, h[1])
	return h
}

// dot is a*ka + b*kb of pairs(a, b).
func (g *gen) dot(ab halves, ka, kb int) halves {
	h := halves{g.YMM(), g.YMM()}
	for i := range h {
		g.VPMADDWD(g.words(ka, kb), ab[i], h[i])
	}
	return h
}

// addTo adds b to a.
func (g *gen) addTo(a, b halves) {
	for i := range a {
		g.VPADDD(b[i], a[i], a[i])
	}
}

// transform is idct8 with its shift, elementwise over in, whose registers it overwrites.
// spill has room for eight registers.
func (g *gen) transform(in [8]reg.VecVirtual, spill operand.Mem, shift int) [8]reg.VecVirtual {
	// The even part, with the rounding constant, goes to spill.
	sum := g.YMM()
	g.VPADDW(in[0], in[4], sum)
	g.VPSUBW(in[4], in[0], in[0])
	p26 := g.pairs(in[2], in[6])
	g.butterfly(g.wide(sum, shift), g.dot(p26, fix0_541196100+fix0_765366865, fix0_541196100), spill, 0, 3)
	g.butterfly(g.wide(in[0], shift), g.dot(p26, fix0_541196100, fix0_541196100-fix1_847759065), spill, 1, 2)

	s3, s4 := g.YMM(), g.YMM()
	g.VPADDW(in[7], in[3], s3)
	g.VPADDW(in[5], in[1], s4)
	p34 := g.pairs(s3, s4)
	z3 := g.dot(p34, fix1_175875602-fix1_961570560, fix1_175875602)
	z4 := g.dot(p34, fix1_175875602, fix1_175875602-fix0_390180644)
	p71, p53 := g.pairs(in[7], in[1]), g.pairs(in[5], in[3])

	var out [8]reg.VecVirtual
	finish := func(k int, o, z halves) {
		g.addTo(o, z)
		out[k], out[7-k] = g.descale(o, spill, k, shift)
	}
	finish(0, g.dot(p71, -fix0_899976223, fix1_501321110-fix0_899976223), z4)
	finish(3, g.dot(p71, fix0_298631336-fix0_899976223, -fix0_899976223), z3)
	finish(1, g.dot(p53, -fix2_562915447, fix3_072711026-fix2_562915447), z3)
	finish(2, g.dot(p53, fix2_053119869-fix2_562915447, -fix2_562915447), z4)
	return out
}

// wide is v times 2^13, plus the rounding constant for shift.
func (g *gen) wide(v reg.VecVirtual, shift int) halves {
	zero := g.YMM()
	g.VPXOR(zero, zero, zero)
	h := g.pairs(zero, v)
	for i := range h {
		g.VPSRAD(operand.U8(3), h[i], h[i])
		g.VPADDD(g.dwords(1<<(shift-1)), h[i], h[i])
	}
	return h
}

// butterfly spills t+u as number k and t-u as number l of four.
func (g *gen) butterfly(t, u halves, spill operand.Mem, k, l int) {
	for i := range t {
		sum := g.YMM()
		g.VPADDD(t[i], u[i], sum)
		g.VMOVDQU(sum, spill.Offset(64*k+32*i))
		g.VPSUBD(u[i], t[i], t[i])
		g.VMOVDQU(t[i], spill.Offset(64*l+32*i))
	}
}

// descale adds o to and subtracts it from spilled number k, shifts, and saturates to
// words.
func (g *gen) descale(o halves, spill operand.Mem, k, shift int) (sum, diff reg.VecVirtual) {
	var s, d halves
	for i := range o {
		at := spill.Offset(64*k + 32*i)
		s[i], d[i] = g.YMM(), g.YMM()
		g.VMOVDQU(at, d[i])
		g.VPADDD(d[i], o[i], s[i])
		g.VPSUBD(o[i], d[i], d[i])
		g.VPSRAD(operand.U8(shift), s[i], s[i])
		g.VPSRAD(operand.U8(shift), d[i], d[i])
	}
	g.VPACKSSDW(s[1], s[0], s[0])
	g.VPACKSSDW(d[1], d[0], d[0])
	return s[0], d[0]
}

// transpose transposes the 8x8 words in each lane from in to out. It overwrites in.
func (g *gen) transpose(in, out [8]reg.VecVirtual) {
	unzip := func(a, b reg.VecVirtual) (lo, hi reg.VecVirtual) {
		lo = g.YMM()
		g.VPUNPCKLWD(b, a, lo)
		g.VPUNPCKHWD(b, a, a)
		return lo, a
	}
	var a, b [8]reg.VecVirtual
	for i := range 4 { // interleaves words of rows i and i+4
		a[2*i], a[2*i+1] = unzip(in[i], in[i+4])
	}
	for i := range 2 { // of rows i, i+2, i+4, i+6
		for j := range 2 {
			b[4*i+2*j], b[4*i+2*j+1] = unzip(a[2*i+j], a[2*i+4+j])
		}
	}
	for j := range 4 { // of all rows
		g.VPUNPCKLWD(b[4+j], b[j], out[2*j])
		g.VPUNPCKHWD(b[4+j], b[j], out[2*j+1])
	}
}

// storeRows saturates the columns c to bytes, transposes them to rows and stores those of
// both blocks side by side.
func (g *gen) storeRows(c [8]reg.VecVirtual, dst, stride, stride3 reg.Register) {
	var p [4]reg.VecVirtual // columns i and i+4
	for i := range p {
		p[i] = g.YMM()
		g.VPACKSSWB(c[i+4], c[i], p[i])
		g.VPADDB(g.bytes(128), p[i], p[i])
	}
	var lo, hi [2]reg.VecVirtual // columns 2i, 2i+1, 2i+4, 2i+5
	for i := range lo {
		lo[i], hi[i] = g.YMM(), g.YMM()
		g.VPUNPCKLBW(p[2*i+1], p[2*i], lo[i])
		g.VPUNPCKHBW(p[2*i+1], p[2*i], hi[i])
	}
	l0, l1, h0, h1 := g.YMM(), g.YMM(), g.YMM(), g.YMM()
	g.VPUNPCKLWD(lo[1], lo[0], l0)
	g.VPUNPCKHWD(lo[1], lo[0], l1)
	g.VPUNPCKLWD(hi[1], hi[0], h0)
	g.VPUNPCKHWD(hi[1], hi[0], h1)
	row := g.GP64()
	g.LEAQ(indexed(dst, stride, 4, 0), row)
	for i, half := range [2][2]reg.VecVirtual{{l0, h0}, {l1, h1}} {
		base := []reg.Register{dst, row}[i]
		to := rowsFrom(base, stride, stride3)
		for j := range 2 {
			r := g.YMM()
			if j == 0 {
				g.VPUNPCKLDQ(half[1], half[0], r)
			} else {
				g.VPUNPCKHDQ(half[1], half[0], r)
			}
			g.VPERMQ(operand.U8(0xD8), r, r)
			g.VMOVDQU(r.AsX(), to[2*j])
			g.VEXTRACTI128(operand.U8(1), r, to[2*j+1])
		}
	}
}
