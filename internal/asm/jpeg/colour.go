package main

import (
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// Factors of twice the chroma sample for VPMULHRSW, which divides by 2^15 and rounds. For
// all 256 samples they give the same as 16 fraction bits; they were found by search near
// 1.402*2^14 and 1.772*2^14.
const (
	crToR2 = 22970
	cbToB2 = 29033
)

// Factors of twice the chroma sample, in units of 2^-17: green is rounded after both
// products are added.
const (
	crToG2 = -46802 / 2
	cbToG2 = -22554 / 2
)

// ycc writes the conversion of luma and two chroma rows to pixels of RGB.
func (g *gen) ycc() {
	g.fn("yccAsm", "func(dst, y, cb, cr *byte, n int)",
		"yccAsm is yccGo for n pixels, at least 32. It reads n bytes of each row and",
		"writes 3*n.")
	dst, y, cb, cr, n := g.param("dst"), g.param("y"), g.param("cb"), g.param("cr"), g.param("n")
	at3 := g.GP64()
	g.steps(n, 32, func(i reg.Register) {
		// Bytes in the upper halves of words, minus 128, are the sample times 256.
		twice := func(row reg.Register) [2]reg.VecVirtual {
			v, zero := g.YMM(), g.YMM()
			g.VMOVDQU(indexed(row, i, 1, 0), v)
			g.VPXOR(g.bytes(128), v, v)
			g.VPXOR(zero, zero, zero)
			h := [2]reg.VecVirtual{g.YMM(), g.YMM()}
			g.VPUNPCKLBW(v, zero, h[0])
			g.VPUNPCKHBW(v, zero, h[1])
			for k := range h {
				g.VPSRAW(operand.U8(7), h[k], h[k])
			}
			return h
		}
		u, v := twice(cb), twice(cr)
		l := g.YMM()
		g.VMOVDQU(indexed(y, i, 1, 0), l)
		var out [3][2]reg.VecVirtual
		for k := range 2 {
			luma, zero := g.YMM(), g.YMM()
			g.VPXOR(zero, zero, zero)
			if k == 0 {
				g.VPUNPCKLBW(zero, l, luma)
			} else {
				g.VPUNPCKHBW(zero, l, luma)
			}
			uv := g.pairs(u[k], v[k])
			for j := range uv {
				g.VPMADDWD(g.words(cbToG2, crToG2), uv[j], uv[j])
				g.VPADDD(g.dwords(1<<15), uv[j], uv[j])
				g.VPSRAD(operand.U8(16), uv[j], uv[j])
			}
			g.VPACKSSDW(uv[1], uv[0], uv[0])
			g.VPMULHRSW(g.words(crToR2, crToR2), v[k], v[k])
			g.VPMULHRSW(g.words(cbToB2, cbToB2), u[k], u[k])
			for c, chroma := range []reg.VecVirtual{v[k], uv[0], u[k]} {
				g.VPADDW(luma, chroma, chroma)
				out[c][k] = chroma
			}
		}
		var rgb [3]reg.VecVirtual
		for c := range out {
			rgb[c] = out[c][0]
			g.VPACKUSWB(out[c][1], out[c][0], rgb[c])
		}
		g.interleave(rgb, dst, i, at3)
	})
}

// rgb writes the interleaving of three rows to pixels.
func (g *gen) rgb() {
	g.fn("rgbAsm", "func(dst, red, green, blue *byte, n int)",
		"rgbAsm is rgbGo for n pixels, at least 32. It reads n bytes of each row and",
		"writes 3*n.")
	dst := g.param("dst")
	rows := [3]reg.GPVirtual{g.param("red"), g.param("green"), g.param("blue")}
	n := g.param("n")
	at3 := g.GP64()
	g.steps(n, 32, func(i reg.Register) {
		var in [3]reg.VecVirtual
		for c := range in {
			in[c] = g.YMM()
			g.VMOVDQU(indexed(rows[c], i, 1, 0), in[c])
		}
		g.interleave(in, dst, i, at3)
	})
}

// interleave stores 32 pixels at dst+3*i. Each 128-bit lane gives 48 consecutive bytes.
func (g *gen) interleave(in [3]reg.VecVirtual, dst, i reg.Register, at3 reg.GPVirtual) {
	g.LEAQ(indexed(i, i, 2, 0), at3)
	g.ADDQ(dst, at3)
	for k := range 3 { // bytes 16*k to 16*k+15 of each lane
		out := g.YMM()
		for c := range in {
			var pick [32]byte
			for b := range pick {
				pick[b] = 0x80
				if p := 16*k + b%16; p%3 == c {
					pick[b] = byte(p / 3)
				}
			}
			if c == 0 {
				g.VPSHUFB(g.constant(pick), in[c], out)
				continue
			}
			part := g.YMM()
			g.VPSHUFB(g.constant(pick), in[c], part)
			g.VPOR(part, out, out)
		}
		g.VMOVDQU(out.AsX(), at(at3, 16*k))
		g.VEXTRACTI128(operand.U8(1), out, at(at3, 48+16*k))
	}
}
