package main

import (
	"fmt"

	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// ious writes the kernels that add squares of IoUs, in float64.
func ious(g *gen) {
	g.squareIoUs(ymm)
	g.squareIoUs(zmm)
}

// Vector registers: 0 to 3 are the sides of the box.
const iouArea, iouZero = 4, 5

// squareIoUs writes the loop. RDX sums, RSI box, RDI blocks, RCX blocks left.
func (g *gen) squareIoUs(v vector) {
	name := "SquareIoUs" + v.title
	g.leaf(name, []string{"sums ptr", "box ptr", "blocks ptr", "n int"},
		name+" adds to the sums of the boxes in n blocks, at least one, the squares of their IoUs with a box.")
	g.takes(reg.RDX, reg.RSI, reg.RDI, reg.RCX)
	r := v.regs
	for i := range 5 {
		g.VBROADCASTSD(at(reg.RSI, 8*i), r[i])
	}
	g.VXORPD(reg.Y5, reg.Y5, reg.Y5)
	g.Label("block")
	for half := range 64 / v.bytes {
		g.addSquares(v, half)
	}
	g.ADDQ(imm(5*64), reg.RDI)
	g.ADDQ(imm(64), reg.RDX)
	g.DECQ(reg.RCX)
	g.JNZ(to("block"))
	g.end()
}

// addSquares writes the code for one vector of a block.
func (g *gen) addSquares(v vector, half int) {
	r, sum, none := v.regs, at(reg.RDX, v.bytes*half), fmt.Sprint("none", half)
	row := func(i int) operand.Mem { return at(reg.RDI, 64*i+v.bytes*half) }
	g.VMINPD(row(2), r[2], r[8])
	g.VMAXPD(row(0), r[0], r[9])
	g.VMINPD(row(3), r[3], r[10])
	g.VMAXPD(row(1), r[1], r[11])
	g.VSUBPD(r[9], r[8], r[8])
	g.VSUBPD(r[11], r[10], r[10])
	g.VMAXPD(r[iouZero], r[8], r[8])
	g.VMULPD(r[10], r[8], r[8])
	if v.bytes == 64 {
		g.VCMPPD(greater, r[iouZero], r[8], reg.K1)
		g.KMOVW(reg.K1, reg.EAX)
	} else {
		g.VCMPPD(greater, r[iouZero], r[8], r[9])
		g.VMOVMSKPD(r[9], reg.EAX)
	}
	g.TESTL(reg.EAX, reg.EAX)
	g.JZ(to(none))
	g.VADDPD(row(4), r[iouArea], r[10])
	g.VSUBPD(r[8], r[10], r[10])
	g.VDIVPD(r[10], r[8], r[8])
	if v.bytes == 64 {
		g.VMULPD_Z(r[8], r[8], reg.K1, r[8])
	} else {
		g.VMULPD(r[8], r[8], r[8])
		g.VANDPD(r[9], r[8], r[8])
	}
	g.VADDPD(sum, r[8], r[8])
	g.VMOVUPD(r[8], sum)
	g.Label(none)
}
