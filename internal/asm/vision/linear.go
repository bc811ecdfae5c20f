package main

import (
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// Between the passes a pixel is four words, red, green, blue and one that is not used, so
// that a register holds complete pixels. The fourth bytes are removed last.

// linearAcross writes the horizontal pass of OpenCV's bilinear resize. A byte times a
// weight of 11 bits, without its four lowest bits, is at most 255*2049/16 and fits a word.
func (g *gen) linearAcross() {
	even, odd := g.pairShuffle("linearEven", 0), g.pairShuffle("linearOdd", 8)
	g.fn("linearAcrossAsm", "func(dst *[4]int16, src *byte, offsets *int32, words *[8]int16, n int)")
	g.Doc("linearAcrossAsm computes n pixels of four words, a multiple of 4. Pixel i is the weighted sum",
		"of the RGB pixel at byte offsets[i] of src and of the one after it, divided by 16. words has",
		"both weights three times and two zeros for each pixel. It reads 8 bytes from each offset.")
	dst, src := g.Load(g.Param("dst"), g.GP64()), g.Load(g.Param("src"), g.GP64())
	offsets, words := g.Load(g.Param("offsets"), g.GP64()), g.Load(g.Param("words"), g.GP64())
	n := g.Load(g.Param("n"), g.GP64())
	shuffle := [2]reg.VecVirtual{g.YMM(), g.YMM()}
	g.VMOVDQU(even, shuffle[0])
	g.VMOVDQU(odd, shuffle[1])

	g.Label("four")
	pixels, upper := g.YMM(), g.XMM()
	for i, to := range []reg.Register{pixels.AsX(), upper} {
		first, second := g.GP64(), g.GP64()
		g.MOVLQSX(Mem{Base: offsets, Disp: 8 * i}, first)
		g.MOVLQSX(Mem{Base: offsets, Disp: 8*i + 4}, second)
		g.VMOVQ(Mem{Base: src, Index: first, Scale: 1}, to)
		g.VPINSRQ(Imm(1), Mem{Base: src, Index: second, Scale: 1}, to, to)
	}
	g.VINSERTI128(Imm(1), upper, pixels, pixels)
	var sums [2]reg.VecVirtual // pixels 0 and 2, 1 and 3
	for i := range sums {
		weights := g.YMM()
		sums[i] = g.YMM()
		g.VMOVDQU(Mem{Base: words, Disp: 16 * i}, weights.AsX())
		g.VINSERTI128(Imm(1), Mem{Base: words, Disp: 32 + 16*i}, weights, weights)
		g.VPSHUFB(shuffle[i], pixels, sums[i])
		g.VPMADDWD(weights, sums[i], sums[i])
		g.VPSRAD(Imm(4), sums[i], sums[i])
	}
	g.VPACKSSDW(sums[1], sums[0], sums[0])
	g.VMOVDQU(sums[0], Mem{Base: dst})
	g.ADDQ(Imm(16), offsets)
	g.ADDQ(Imm(64), words)
	g.ADDQ(Imm(32), dst)
	g.SUBQ(Imm(4), n)
	g.JNZ(LabelRef("four"))
	g.VZEROUPPER()
	g.RET()
}

// pairShuffle widens the bytes of two neighbouring pixels to words, colour by colour, from
// byte from of each lane on.
func (g *gen) pairShuffle(name string, from int) Mem {
	m := g.table(name)
	for lane := range 2 {
		for i, b := range []int{0, 3, 1, 4, 2, 5, -1, -1} {
			word := 0x8080
			if b >= 0 {
				word = 0x8000 | from + b
			}
			g.addWord(16*lane+2*i, word)
		}
	}
	return m
}

// linearDown writes the vertical pass.
func (g *gen) linearDown(squeeze, two Mem) {
	g.fn("linearDownAsm", "func(dst *byte, above, below *[4]int16, w0, w1, n int)")
	g.Doc("linearDownAsm computes n pixels of RGB, a multiple of 8, from two lines of four words per pixel:",
		"((w0*above>>16) + (w1*below>>16) + 2) >> 2. It writes 4 bytes past the last pixel.")
	dst, above, below := g.Load(g.Param("dst"), g.GP64()), g.Load(g.Param("above"), g.GP64()), g.Load(g.Param("below"), g.GP64())
	weights := [2]reg.VecVirtual{g.YMM(), g.YMM()}
	for i, name := range []string{"w0", "w1"} {
		w := g.Load(g.Param(name), g.GP64())
		g.VMOVQ(w, weights[i].AsX())
		g.VPBROADCASTW(weights[i].AsX(), weights[i])
	}
	n := g.Load(g.Param("n"), g.GP64())
	round, shuffle := g.YMM(), g.YMM()
	g.VPBROADCASTW(two, round)
	g.VMOVDQU(squeeze, shuffle)

	g.Label("eight")
	var sums [2]reg.VecVirtual
	for i := range sums {
		other := g.YMM()
		sums[i] = g.YMM()
		g.VPMULHW(Mem{Base: above, Disp: 32 * i}, weights[0], sums[i])
		g.VPMULHW(Mem{Base: below, Disp: 32 * i}, weights[1], other)
		g.VPADDW(other, sums[i], sums[i])
	}
	g.quarter(sums, round, shuffle, dst)
	g.ADDQ(Imm(64), above)
	g.ADDQ(Imm(64), below)
	g.ADDQ(Imm(24), dst)
	g.SUBQ(Imm(8), n)
	g.JNZ(LabelRef("eight"))
	g.VZEROUPPER()
	g.RET()
}

// linearHalf writes OpenCV's special case of a reduction by two in both directions.
func (g *gen) linearHalf(squeeze, two Mem) {
	pairs := g.table("linearPairs")
	for lane := range 2 {
		for pixel := range 2 {
			for c := range 3 {
				g.addWord(16*lane+8*pixel+2*c, (6*pixel+c)|(6*pixel+c+3)<<8)
			}
			g.addWord(16*lane+8*pixel+6, 0x8080)
		}
	}
	ones := g.table("linearOnes")
	g.addWord(0, 0x0101)
	g.fn("linearHalfAsm", "func(dst, above, below *byte, n int)")
	g.Doc("linearHalfAsm computes n pixels of RGB, a multiple of 8: the means of 2x2 pixels of two rows,",
		"halves rounded up. It reads 4 bytes after the last pixel, and writes 4 bytes after it.")
	dst, above, below := g.Load(g.Param("dst"), g.GP64()), g.Load(g.Param("above"), g.GP64()), g.Load(g.Param("below"), g.GP64())
	n := g.Load(g.Param("n"), g.GP64())
	spread, one, round, shuffle := g.YMM(), g.YMM(), g.YMM(), g.YMM()
	g.VMOVDQU(pairs, spread)
	g.VPBROADCASTW(ones, one)
	g.VPBROADCASTW(two, round)
	g.VMOVDQU(squeeze, shuffle)

	g.Label("eight")
	var sums [2]reg.VecVirtual
	for i := range sums {
		var rows [2]reg.VecVirtual
		for r, from := range []reg.Register{above, below} {
			rows[r] = g.YMM()
			g.VMOVDQU(Mem{Base: from, Disp: 24 * i}, rows[r].AsX())
			g.VINSERTI128(Imm(1), Mem{Base: from, Disp: 24*i + 12}, rows[r], rows[r])
			g.VPSHUFB(spread, rows[r], rows[r])
			g.VPMADDUBSW(one, rows[r], rows[r])
		}
		g.VPADDW(rows[1], rows[0], rows[0])
		sums[i] = rows[0]
	}
	g.quarter(sums, round, shuffle, dst)
	g.ADDQ(Imm(48), above)
	g.ADDQ(Imm(48), below)
	g.ADDQ(Imm(24), dst)
	g.SUBQ(Imm(8), n)
	g.JNZ(LabelRef("eight"))
	g.VZEROUPPER()
	g.RET()
}

// quarter divides eight pixels of four words by four, rounds, and stores them as RGB, and
// four more bytes after them.
func (g *gen) quarter(sums [2]reg.VecVirtual, round, shuffle reg.VecVirtual, dst reg.Register) {
	for _, s := range sums {
		g.VPADDW(round, s, s)
		g.VPSRAW(Imm(2), s, s)
	}
	pixels := sums[0]
	g.VPACKUSWB(sums[1], pixels, pixels)
	g.VPERMQ(Imm(0xD8), pixels, pixels) // restores the order of pixels
	g.VPSHUFB(shuffle, pixels, pixels)
	g.VMOVDQU(pixels.AsX(), Mem{Base: dst})
	g.VEXTRACTI128(Imm(1), pixels, Mem{Base: dst, Disp: 12})
}

// squeezeShuffle removes every fourth byte.
func (g *gen) squeezeShuffle() Mem {
	m := g.table("linearSqueeze")
	for lane := range 2 {
		for i := range 16 {
			b := i/3*4 + i%3
			if i >= 12 {
				b = 0x80
			}
			g.AddDatum(16*lane+i, U8(byte(b)))
		}
	}
	return m
}

// addWord adds a word to the table begun last.
func (g *gen) addWord(at, word int) { g.AddDatum(at, U16(uint16(word))) }

// two is the rounding constant of quarter.
func (g *gen) two() Mem {
	m := g.table("linearTwo")
	g.addWord(0, 2)
	return m
}
