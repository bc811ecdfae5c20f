package main

import (
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// Weights of 22 bits and more do not fit 16-bit multiplications, so each is two words,
// k = hi<<11 + lo with 0 ≤ lo < 2^11. The sums of both parts are exact modulo 2^32, and so
// is their combination, which fits 32 bits: the result is Pillow's.
const lowBits = 11

// rounding is 2^21 in each doubleword.
func (g *gen) rounding() Mem {
	m := g.table("resizeRounding")
	g.AddDatum(0, U32(1<<21))
	return m
}

// tapShuffle widens four RGB pixels to words: in the lower lane red of pixels 0 and 1,
// green of both, blue of both, and two zeros; in the upper lane the same of pixels 2 and 3.
func (g *gen) tapShuffle() Mem {
	m := g.table("resizeTaps")
	at := 0
	for lane := range 2 {
		for c := range 4 {
			for pixel := range 2 {
				low := byte(lane*6 + pixel*3 + c)
				if c == 3 {
					low = 0x80
				}
				g.AddDatum(at, U8(low))
				g.AddDatum(at+1, U8(0x80))
				at += 2
			}
		}
	}
	return m
}

// horizontal writes the pass along rows, for four rows at a time.
func (g *gen) horizontal(half Mem) {
	shuffle := g.tapShuffle()
	g.fn("horizontalAVX2", "func(dst *byte, stride int, rows *[4]*byte, offsets *int32, words *int16, n, groups int)")
	g.Doc("horizontalAVX2 resizes four rows of RGB. Output pixel i of row r is the weighted sum of",
		"groups*4 pixels from byte offsets[i] of rows[r] on. words has 32 words per output and group",
		"of four pixels: the upper parts of the weights in the order of the pixels' words, then the",
		"lower parts. It reads 4 bytes after the last pixel of a sum and writes 1 byte after the last",
		"of the n pixels at dst+r*stride.")
	dst, stride := g.Load(g.Param("dst"), g.GP64()), g.Load(g.Param("stride"), g.GP64())
	table := g.Load(g.Param("rows"), g.GP64())
	offsets, words := g.Load(g.Param("offsets"), g.GP64()), g.Load(g.Param("words"), g.GP64())
	n := g.Load(g.Param("n"), g.GP64())
	var row [4]reg.Register
	for r := range row {
		row[r] = g.GP64()
		g.MOVQ(Mem{Base: table, Disp: 8 * r}, row[r])
	}
	stride3 := g.GP64()
	g.LEAQ(Mem{Base: stride, Index: stride, Scale: 2}, stride3)
	mask := g.YMM()
	g.VMOVDQU(shuffle, mask)
	round := g.YMM()
	g.VPBROADCASTD(half, round)
	at, left := g.GP64(), g.GP64()
	to := rowsOf{dst, stride, stride3}
	g.MOVQ(NewParamAddr("groups", 48), left)
	g.DECQ(left)
	g.JZ(LabelRef("alone"))

	g.Label("pixel")
	g.MOVLQSX(Mem{Base: offsets}, at)
	g.MOVQ(NewParamAddr("groups", 48), left)
	var hi, lo [4]reg.VecVirtual
	for r := range 4 {
		hi[r], lo[r] = g.YMM(), g.YMM()
		g.VPXOR(hi[r], hi[r], hi[r])
		g.VPXOR(lo[r], lo[r], lo[r])
	}
	g.Label("group")
	upper, lower := g.YMM(), g.YMM()
	g.VMOVDQU(Mem{Base: words}, upper)
	g.VMOVDQU(Mem{Base: words, Disp: 32}, lower)
	for r := range 4 {
		pix, product := g.spreadPixels(row[r], at, mask), g.YMM()
		g.VPMADDWD(upper, pix, product)
		g.VPADDD(product, hi[r], hi[r])
		g.VPMADDWD(lower, pix, pix)
		g.VPADDD(pix, lo[r], lo[r])
	}
	g.ADDQ(Imm(64), words)
	g.ADDQ(Imm(12), at)
	g.DECQ(left)
	g.JNZ(LabelRef("group"))
	g.finishRows(hi, lo, round, to)
	g.ADDQ(Imm(3), dst)
	g.ADDQ(Imm(4), offsets)
	g.DECQ(n)
	g.JNZ(LabelRef("pixel"))
	g.VZEROUPPER()
	g.RET()

	g.Label("alone") // one group per output pixel: nothing to accumulate
	g.MOVLQSX(Mem{Base: offsets}, at)
	g.VMOVDQU(Mem{Base: words}, upper)
	g.VMOVDQU(Mem{Base: words, Disp: 32}, lower)
	for r := range 4 {
		pix := g.spreadPixels(row[r], at, mask)
		g.VPMADDWD(upper, pix, hi[r])
		g.VPMADDWD(lower, pix, lo[r])
	}
	g.finishRows(hi, lo, round, to)
	g.ADDQ(Imm(64), words)
	g.ADDQ(Imm(3), dst)
	g.ADDQ(Imm(4), offsets)
	g.DECQ(n)
	g.JNZ(LabelRef("alone"))
	g.VZEROUPPER()
	g.RET()
}

// spreadPixels loads four pixels of a row in the order of tapShuffle.
func (g *gen) spreadPixels(row, at reg.Register, mask reg.VecVirtual) reg.VecVirtual {
	pix := g.YMM()
	g.VBROADCASTI128(Mem{Base: row, Index: at, Scale: 1}, pix)
	g.VPSHUFB(mask, pix, pix)
	return pix
}

// rowsOf has the address of a pixel in the first of four rows, the bytes between rows, and
// three times as many.
type rowsOf struct{ first, stride, stride3 reg.Register }

// finishRows adds the two lanes of the sums of four rows, rounds, and stores a pixel and
// one more byte of each row. It overwrites the sums.
func (g *gen) finishRows(hi, lo [4]reg.VecVirtual, round reg.VecVirtual, to rowsOf) {
	for r := range 4 {
		g.VPSLLD(Imm(lowBits), hi[r], hi[r])
		g.VPADDD(lo[r], hi[r], hi[r])
	}
	var pair [2]reg.VecVirtual // rows 0 and 1, 2 and 3, one per lane
	for i := range pair {
		a, b := hi[2*i], hi[2*i+1]
		pair[i] = g.YMM()
		g.VPERM2I128(Imm(0x31), b, a, pair[i])
		g.VINSERTI128(Imm(1), b.AsX(), a, a)
		g.VPADDD(a, pair[i], pair[i])
		g.VPADDD(round, pair[i], pair[i])
		g.VPSRAD(Imm(22), pair[i], pair[i])
	}
	even := pair[0] // rows 0 and 2 in the lower lane, 1 and 3 in the upper
	g.VPACKSSDW(pair[1], even, even)
	g.VPACKUSWB(even, even, even)
	odd := g.XMM()
	g.VEXTRACTI128(Imm(1), even, odd)
	g.VMOVD(even.AsX(), Mem{Base: to.first})
	g.VMOVD(odd, Mem{Base: to.first, Index: to.stride, Scale: 1})
	g.VPEXTRD(Imm(1), even.AsX(), Mem{Base: to.first, Index: to.stride, Scale: 2})
	g.VPEXTRD(Imm(1), odd, Mem{Base: to.first, Index: to.stride3, Scale: 1})
}

// vertical writes the pass down columns.
func (g *gen) vertical(half Mem) {
	g.fn("verticalAVX2", "func(dst, lines *byte, stride int, words *[4]int16, taps, n int)")
	g.Doc("verticalAVX2 computes n bytes, a multiple of 16. Byte i is the weighted sum of byte i of taps",
		"lines, stride apart. words has, for each two taps, the upper parts of their weights and the",
		"lower ones; the last of an odd number is paired with a weight of 0, for which no line is read.")
	dst, lines := g.Load(g.Param("dst"), g.GP64()), g.Load(g.Param("lines"), g.GP64())
	stride, words := g.Load(g.Param("stride"), g.GP64()), g.Load(g.Param("words"), g.GP64())
	n := g.Load(g.Param("n"), g.GP64())
	round := g.YMM()
	g.VPBROADCASTD(half, round)

	g.Label("block")
	var sums [4]reg.VecVirtual // upper and lower parts, each of the lower and of the upper words of a lane
	for i := range sums {
		sums[i] = g.YMM()
		g.VPXOR(sums[i], sums[i], sums[i])
	}
	line, word, left := g.GP64(), g.GP64(), g.GP64()
	g.MOVQ(lines, line)
	g.MOVQ(words, word)
	g.MOVQ(NewParamAddr("taps", 32), left)
	zero := g.YMM()
	g.VPXOR(zero, zero, zero)
	g.SUBQ(Imm(2), left)
	g.JL(LabelRef("odd"))
	g.Label("pair")
	a, b := g.YMM(), g.YMM()
	g.VPMOVZXBW(Mem{Base: line}, a)
	g.VPMOVZXBW(Mem{Base: line, Index: stride, Scale: 1}, b)
	g.weigh(a, b, word, sums)
	g.LEAQ(Mem{Base: line, Index: stride, Scale: 2}, line)
	g.ADDQ(Imm(8), word)
	g.SUBQ(Imm(2), left)
	g.JGE(LabelRef("pair"))
	g.Label("odd")
	g.CMPQ(left, I8(-1))
	g.JNE(LabelRef("store"))
	g.VPMOVZXBW(Mem{Base: line}, a)
	g.weigh(a, zero, word, sums)
	g.Label("store")
	for i := 0; i < 4; i += 2 {
		g.VPSLLD(Imm(lowBits), sums[i], sums[i])
		g.VPADDD(sums[i+1], sums[i], sums[i])
		g.VPADDD(round, sums[i], sums[i])
		g.VPSRAD(Imm(22), sums[i], sums[i])
	}
	g.VPACKSSDW(sums[2], sums[0], sums[0])
	g.VPACKUSWB(sums[0], sums[0], sums[0])
	g.VPERMQ(Imm(0b1000), sums[0], sums[0])
	g.VMOVDQU(sums[0].AsX(), Mem{Base: dst})
	g.ADDQ(Imm(16), dst)
	g.ADDQ(Imm(16), lines)
	g.SUBQ(Imm(16), n)
	g.JNZ(LabelRef("block"))
	g.VZEROUPPER()
	g.RET()
}

// weigh multiplies two lines of 16 words by the weights at word, and accumulates.
func (g *gen) weigh(a, b reg.VecVirtual, word reg.Register, sums [4]reg.VecVirtual) {
	upper, lower := g.YMM(), g.YMM()
	g.VPBROADCASTD(Mem{Base: word}, upper)
	g.VPBROADCASTD(Mem{Base: word, Disp: 4}, lower)
	near, far, product := g.YMM(), g.YMM(), g.YMM()
	g.VPUNPCKLWD(b, a, near)
	g.VPUNPCKHWD(b, a, far)
	for i, pair := range []reg.VecVirtual{near, far} {
		g.VPMADDWD(upper, pair, product)
		g.VPADDD(product, sums[2*i], sums[2*i])
		g.VPMADDWD(lower, pair, pair)
		g.VPADDD(pair, sums[2*i+1], sums[2*i+1])
	}
}
