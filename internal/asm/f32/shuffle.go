package main

import (
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// shuffles writes the kernels that choose the numbers of pixels from those of two others.
func shuffles(g *gen) {
	g.shuffle512()
	g.shuffle256()
}

// Registers of the shuffles.
var (
	shuffleTo, shuffleA, shuffleB = reg.RDI, reg.RSI, reg.RBX
	shuffleLanes, shuffleRest     = reg.R8, reg.R9
	shufflePixels                 = reg.RDX
)

func (g *gen) shuffleLeaf(v vector) {
	g.leaf("Shuffle"+v.title, []string{"dst ptr", "a ptr", "b ptr", "lanes ptr", "rest int", "pixels int"},
		"Shuffle"+v.title+" chooses the numbers of pixels from those of two others.")
	g.takes(shuffleTo, shuffleA, shuffleB, shuffleLanes, shuffleRest, shufflePixels)
}

// shuffleLoops writes a loop over four pixels and one over one.
func (g *gen) shuffleLoops(v vector, label string, pixel func(i int)) {
	for _, k := range []int{4, 1} {
		name := label + map[int]string{4: "Four", 1: "One"}[k]
		g.while(name, shufflePixels, k, func() {
			for i := range k {
				pixel(i)
			}
			for _, r := range []reg.Register{shuffleTo, shuffleA, shuffleB} {
				g.ADDQ(imm(k*v.bytes), r)
			}
		})
	}
}

// shuffle512: K1 has the lanes that are chosen, K2 those that are written.
func (g *gen) shuffle512() {
	v := zmm
	g.shuffleLeaf(v)
	lanes, zero := v.regs[8], v.regs[9]
	g.VMOVUPS(at(shuffleLanes, 0), lanes)
	g.VPXORD(zero, zero, zero)
	g.VPCMPD(notLess, zero, lanes, reg.K1)
	g.KXNORW(reg.K2, reg.K2, reg.K2)
	g.TESTQ(shuffleRest, shuffleRest)
	g.JZ(to("all"))
	g.KMOVW(reg.K1, reg.K2)
	g.Label("all")
	g.shuffleLoops(v, "", func(i int) {
		x := v.regs[i]
		g.VMOVUPS(at(shuffleA, i*v.bytes), x)
		g.VPERMT2PS_Z(at(shuffleB, i*v.bytes), lanes, reg.K1, x)
		g.VMOVUPS(x, reg.K2, at(shuffleTo, i*v.bytes))
	})
	g.end()
}

// shuffle256: bit 3 of a lane tells b's numbers from a's; moved to the sign, it chooses
// between permutations of both. Masked stores are slow on some processors, so the numbers
// that stay are read and written again.
func (g *gen) shuffle256() {
	v := ymm
	g.shuffleLeaf(v)
	lanes, second, none := v.regs[8], v.regs[9], v.regs[10]
	g.VMOVUPS(at(shuffleLanes, 0), lanes)
	g.VPSLLD(operand.U8(28), lanes, second)
	g.VPSRAD(operand.U8(31), lanes, none)
	chosen := func(i int) (x reg.Register) {
		x = v.regs[2*i]
		g.VPERMPS(at(shuffleA, i*v.bytes), lanes, x)
		g.VPERMPS(at(shuffleB, i*v.bytes), lanes, v.regs[2*i+1])
		g.VBLENDVPS(second, v.regs[2*i+1], x, x)
		return x
	}
	g.TESTQ(shuffleRest, shuffleRest)
	g.JNZ(to("more"))
	g.shuffleLoops(v, "first", func(i int) {
		x := chosen(i)
		g.VANDNPS(x, none, x)
		g.VMOVUPS(x, at(shuffleTo, i*v.bytes))
	})
	g.end()
	g.Label("more")
	g.shuffleLoops(v, "more", func(i int) {
		x := chosen(i)
		g.VBLENDVPS(none, at(shuffleTo, i*v.bytes), x, x)
		g.VMOVUPS(x, at(shuffleTo, i*v.bytes))
	})
	g.end()
}
