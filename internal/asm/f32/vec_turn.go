package main

import (
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// turns writes the kernels that turn pairs of numbers by angles.
func turns(g *gen) {
	for _, v := range vectors {
		g.row(v).turnHalves()
	}
	g.turnPairs()
}

// turnHalves writes a' = cos·a - sin·b and b' = sin·a + cos·b, each product rounded.
func (k row) turnHalves() {
	name := "VecTurnHalves" + k.title
	k.leaf(name, []string{"dst ptr", "src ptr", "cos ptr", "sin ptr", "n int"},
		name+" turns n pairs: number i and number n+i of src, which has 2n; dst may be src.")
	dst, src, cos, sin, n, second, to := reg.RDI, reg.RSI, reg.R8, reg.R9, reg.RDX, reg.R10, reg.R11
	k.takes(dst, src, cos, sin, n)
	k.LEAQ(operand.Mem{Base: src, Index: n, Scale: 4}, second)
	k.LEAQ(operand.Mem{Base: dst, Index: n, Scale: 4}, to)
	k.loop("row", n, []reg.Register{dst, src, cos, sin, second, to}, 1, func(disp, _ int, tail bool) {
		a, b, c, s, t := k.r[0], k.r[1], k.r[2], k.r[3], k.r[4]
		k.load(at(src, disp), a, tail)
		k.load(at(second, disp), b, tail)
		k.load(at(cos, disp), c, tail)
		k.load(at(sin, disp), s, tail)
		k.VMULPS(a, s, t)
		k.VMULPS(a, c, a)
		k.VMULPS(b, c, c)
		k.VMULPS(b, s, b)
		k.VSUBPS(b, a, a)
		k.VADDPS(c, t, t)
		k.store(a, at(dst, disp), tail)
		k.store(t, at(to, disp), tail)
	})
	k.end()
}

// turnPairs writes the same for neighbours: x·cos minus at even places, plus at odd ones, the
// neighbour's product with sin. AVX-512 lacks that instruction.
func (g *gen) turnPairs() {
	name := "VecTurnPairsAVX2"
	g.leaf(name, []string{"dst ptr", "src ptr", "cos ptr", "sin ptr", "n int"},
		name+" turns n pairs of neighbours, a positive multiple of 4; dst may be src.")
	dst, src, cos, sin, n := reg.RDI, reg.RSI, reg.R8, reg.R9, reg.RDX
	g.takes(dst, src, cos, sin, n)
	x, c, s := reg.Y0, reg.Y1, reg.Y2
	g.Label("pairs")
	for _, angle := range []struct {
		from reg.Register
		d    reg.VecPhysical
	}{{cos, c}, {sin, s}} { // each number twice
		g.VPMOVZXDQ(at(angle.from, 0), angle.d)
		g.VMOVSLDUP(angle.d, angle.d)
	}
	g.VMOVUPS(at(src, 0), x)
	g.VMULPS(x, c, c)
	g.VPERMILPS(operand.U8(0xb1), x, x)
	g.VMULPS(x, s, s)
	g.VADDSUBPS(s, c, c)
	g.VMOVUPS(c, at(dst, 0))
	for _, p := range []reg.Register{dst, src} {
		g.ADDQ(imm(32), p)
	}
	g.ADDQ(imm(16), cos)
	g.ADDQ(imm(16), sin)
	g.SUBQ(imm(4), n)
	g.JNZ(to("pairs"))
	g.end()
}
