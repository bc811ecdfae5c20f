package main

import (
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// steps writes a loop over n items, at least span, span at a time. The last span ends at
// n, so some items may be computed twice, with the same result, since inputs are not
// outputs. body gets the index of the span's first item.
func (g *gen) steps(n reg.GPVirtual, span int, body func(i reg.Register)) {
	i := g.GP64()
	g.XORQ(i, i)
	g.SUBQ(operand.I8(int8(span)), n)
	g.Label("span")
	body(i)
	g.CMPQ(i, n)
	g.JE(operand.LabelRef("done"))
	g.ADDQ(operand.I8(int8(span)), i)
	g.CMPQ(i, n)
	g.CMOVQGT(n, i)
	g.JMP(operand.LabelRef("span"))
	g.Label("done")
	g.end()
}

// words16 widens 16 bytes.
func (g *gen) words16(m operand.Mem) reg.VecVirtual {
	v := g.YMM()
	g.VPMOVZXBW(m, v)
	return v
}

// three is 3*v.
func (g *gen) three(v reg.VecVirtual) reg.VecVirtual {
	t := g.YMM()
	g.VPADDW(v, v, t)
	g.VPADDW(v, t, t)
	return t
}

// pixelPairs stores the words of even and odd pixels, shifted right, as alternating bytes.
func (g *gen) pixelPairs(even, odd reg.VecVirtual, shift int, to operand.Mem) {
	g.VPSRLW(operand.U8(shift), even, even)
	g.VPSRLW(operand.U8(shift), odd, odd)
	g.VPSLLW(operand.U8(8), odd, odd)
	g.VPOR(even, odd, odd)
	g.VMOVDQU(odd, to)
}

// h2v1 writes the doubling of a row's width: of each sample, 3/4 and a quarter of the one
// before it, then 3/4 and a quarter of the one after it.
func (g *gen) h2v1() {
	g.fn("h2v1Asm", "func(dst, src *byte, n int)",
		"h2v1Asm is h2v1Go for n samples, at least 16. src points to the first; it also",
		"reads the sample before and the one after the last.")
	dst, src, n := g.param("dst"), g.param("src"), g.param("n")
	one, two := g.YMM(), g.YMM()
	g.VMOVDQU(g.words(1, 1), one)
	g.VMOVDQU(g.words(2, 2), two)
	g.steps(n, 16, func(i reg.Register) {
		this := g.three(g.words16(indexed(src, i, 1, 0)))
		even, odd := g.words16(indexed(src, i, 1, -1)), g.words16(indexed(src, i, 1, 1))
		g.VPADDW(this, even, even)
		g.VPADDW(one, even, even)
		g.VPADDW(this, odd, odd)
		g.VPADDW(two, odd, odd)
		g.pixelPairs(even, odd, 2, indexed(dst, i, 2, 0))
	})
}

// h2v2 writes the same for a row between two, of which the nearer one counts three times.
func (g *gen) h2v2() {
	g.fn("h2v2Asm", "func(dst, near, far *byte, n int)",
		"h2v2Asm is h2v2Go for n samples, at least 16. near and far point to the first;",
		"it also reads the samples before and those after the last.")
	dst, near, far, n := g.param("dst"), g.param("near"), g.param("far"), g.param("n")
	seven, eight := g.YMM(), g.YMM()
	g.VMOVDQU(g.words(7, 7), seven)
	g.VMOVDQU(g.words(8, 8), eight)
	g.steps(n, 16, func(i reg.Register) {
		sum := func(at int) reg.VecVirtual {
			s := g.three(g.words16(indexed(near, i, 1, at)))
			g.VPADDW(g.words16(indexed(far, i, 1, at)), s, s)
			return s
		}
		this := g.three(sum(0))
		even, odd := sum(-1), sum(1)
		g.VPADDW(this, even, even)
		g.VPADDW(eight, even, even)
		g.VPADDW(this, odd, odd)
		g.VPADDW(seven, odd, odd)
		g.pixelPairs(even, odd, 4, indexed(dst, i, 2, 0))
	})
}

// h1v2 writes a row between two: 3/4 of the nearer and a quarter of the other.
func (g *gen) h1v2() {
	g.fn("h1v2Asm", "func(dst, near, far *byte, n, bias int)",
		"h1v2Asm is h1v2Go for n samples, at least 32.")
	dst, near, far, n, bias := g.param("dst"), g.param("near"), g.param("far"), g.param("n"), g.param("bias")
	round := g.YMM()
	g.VMOVQ(bias, round.AsX())
	g.VPBROADCASTW(round.AsX(), round)
	g.steps(n, 32, func(i reg.Register) {
		var h [2]reg.VecVirtual
		for k := range h {
			s := g.three(g.words16(indexed(near, i, 1, 16*k)))
			g.VPADDW(g.words16(indexed(far, i, 1, 16*k)), s, s)
			g.VPADDW(round, s, s)
			g.VPSRLW(operand.U8(2), s, s)
			h[k] = s
		}
		g.VPACKUSWB(h[1], h[0], h[0])
		g.VPERMQ(operand.U8(0xD8), h[0], h[0])
		g.VMOVDQU(h[0], indexed(dst, i, 1, 0))
	})
}
