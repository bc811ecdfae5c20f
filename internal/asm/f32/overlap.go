package main

import (
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// Where things lie in a sweep (kernel.BoxSweep), in bytes.
const (
	sweepBlocks, sweepGone, sweepClasses = 0, 8, 16
	sweepQuery, sweepWhich               = 24, 32
	sweepLeft, sweepNext, sweepTold      = 40, 48, 56
	sweepUnsure, sweepRoom               = 64, 64
	sweepShare                           = sweepUnsure + 8*sweepRoom
)

// A block of boxes is 16 left sides, then as many top, right and bottom ones.
const (
	blockShift = 8 // the bytes of a block, as a power of 2
	blockSide  = 64
)

// Vector registers of a sweep: the sides of the box, Low, Share, High, 0.
const (
	boxX1, boxY1, boxX2, boxY2 = 0, 1, 2, 3
	boxLow, boxShare           = 4, 5
	boxHigh, boxZero           = 6, 7
)

// overlaps writes the search for boxes that one may overlap too much.
func overlaps(g *gen) {
	g.near(ymm)
	g.near(zmm)
	g.sweep(ymm, g.sweepAVX2, g.classesAVX2)
	g.sweep(zmm, g.sweepAVX512, g.classesAVX512)
}

// sweep writes the loop. RDX holds the sweep, R11 the box among its queries, RDI what is
// gone, RSI the classes, R14 the range, R12 how many are left, RAX which block, RCX where
// those of the range end, R9 the address of the block. test compares 16 boxes and leaves
// a bit a hit in R8 and a bit a sure one in R10. classes leaves a bit for each of the
// class in R13. R15 counts what is told. There is no branch on hits: none could foresee
// them.
func (g *gen) sweep(v vector, test, classes func()) {
	name := "Sweep" + v.title
	g.leaf(name, []string{"sweep ptr"},
		name+" compares a box with others, 16 at a time, until there is no room for more",
		"hits that are not sure.")
	g.param("sweep", reg.RDX)
	g.MOVQ(at(reg.RDX, sweepGone), reg.RDI)
	g.MOVQ(at(reg.RDX, sweepClasses), reg.RSI)
	g.MOVQ(at(reg.RDX, sweepLeft), reg.R12)
	g.MOVQ(at(reg.RDX, sweepQuery), reg.R11)
	g.MOVQ(at(reg.RDX, sweepWhich), reg.R14)
	g.LEAQ(operand.Mem{Base: reg.R11, Index: reg.R14, Scale: 4}, reg.R11)
	for i := range 4 {
		g.VBROADCASTSS(at(reg.R11, queryBox+queryRow*i), v.regs[i])
	}
	g.VBROADCASTSS(at(reg.R11, queryLow), v.regs[boxLow])
	g.VBROADCASTSS(at(reg.R11, queryHigh), v.regs[boxHigh])
	g.VBROADCASTSS(at(reg.RDX, sweepShare), v.regs[boxShare])
	g.VXORPS(reg.Y7, reg.Y7, reg.Y7)
	g.MOVQ(at(reg.RDX, sweepTold), reg.R15)
	g.MOVQ(at(reg.RDX, sweepNext), reg.RAX)
	g.MOVL(operand.U32(ranges), reg.R14L)
	g.SUBQ(reg.R12, reg.R14)
	g.SHLQ(operand.U8(6), reg.R14)
	g.ADDQ(reg.R11, reg.R14)

	g.Label("range")
	g.MOVLQSX(at(reg.R14, queryTo), reg.RCX)
	g.CMPL(reg.ECX, at(reg.R14, queryFrom))
	g.JLE(to("next"))
	g.ADDQ(operand.U8(15), reg.RCX)
	g.SHRQ(operand.U8(4), reg.RCX)
	g.MOVQ(reg.RAX, reg.R9)
	g.SHLQ(operand.U8(blockShift), reg.R9)
	g.ADDQ(at(reg.RDX, sweepBlocks), reg.R9)
	g.CMPQ(reg.RAX, reg.RCX)
	g.JGE(to("next"))
	g.Label("block")
	test()
	g.TESTQ(reg.RSI, reg.RSI)
	g.JZ(to("sameClass"))
	g.MOVQ(reg.RAX, reg.RBX)
	g.SHLQ(operand.U8(6), reg.RBX)
	classes()
	g.ANDL(reg.R13L, reg.R8L)
	g.ANDL(reg.R13L, reg.R10L)
	g.Label("sameClass")
	gone := operand.Mem{Base: reg.RDI, Index: reg.RAX, Scale: 2}
	g.ORW(gone, reg.R10W)
	g.MOVW(reg.R10W, gone)
	g.NOTL(reg.R10L)
	g.ANDL(reg.R10L, reg.R8L)
	unsure := func(disp int) operand.Mem {
		return operand.Mem{Base: reg.RDX, Index: reg.R15, Scale: 8, Disp: sweepUnsure + disp}
	}
	g.MOVL(reg.EAX, unsure(0))
	g.MOVL(reg.R8L, unsure(4))
	g.ADDQ(operand.I32(4*blockSide), reg.R9)
	g.INCQ(reg.RAX)
	g.CMPL(reg.R8L, operand.U8(1)) // carries where there are none
	g.SBBQ(operand.I8(-1), reg.R15)
	g.CMPQ(reg.R15, operand.U8(sweepRoom))
	g.JE(to("done"))
	g.CMPQ(reg.RAX, reg.RCX)
	g.JLT(to("block"))
	g.Label("next")
	g.DECQ(reg.R12)
	g.JZ(to("done"))
	g.ADDQ(operand.U8(queryRow), reg.R14)
	g.MOVLQSX(at(reg.R14, queryFrom), reg.RAX)
	g.SHRQ(operand.U8(4), reg.RAX)
	g.JMP(to("range"))

	g.Label("done")
	g.MOVQ(reg.R15, at(reg.RDX, sweepTold))
	g.MOVQ(reg.RAX, at(reg.RDX, sweepNext))
	g.MOVQ(reg.R12, at(reg.RDX, sweepLeft))
	g.end()
}

// common computes the area of what the box has in common with as many others as a
// vector has numbers, from disp bytes on, into inter, and the share of theirs into
// share; registers from 8 to 10 are used.
func (g *gen) common(v vector, disp, inter, share int) {
	r := v.regs
	side := func(i int) operand.Mem { return at(reg.R9, disp+blockSide*i) }
	g.VMOVUPS(side(0), r[8])
	g.VMOVUPS(side(1), r[9])
	g.VMOVUPS(side(2), r[inter])
	g.VMOVUPS(side(3), r[10])
	g.VSUBPS(r[8], r[inter], r[share]) // their width
	g.VMINPS(r[boxX2], r[inter], r[inter])
	g.VMAXPS(r[boxX1], r[8], r[8])
	g.VSUBPS(r[8], r[inter], r[inter])
	g.VSUBPS(r[9], r[10], r[8]) // and height
	g.VMINPS(r[boxY2], r[10], r[10])
	g.VMAXPS(r[boxY1], r[9], r[9])
	g.VSUBPS(r[9], r[10], r[10])
	g.VMULPS(r[8], r[share], r[share])
	g.VMAXPS(r[boxZero], r[inter], r[inter])
	g.VMULPS(r[boxShare], r[share], r[share])
	g.VMULPS(r[10], r[inter], r[inter])
}

const greater = operand.U8(30) // ordered, quiet

// sweepAVX512 takes a block at once.
func (g *gen) sweepAVX512() {
	g.common(zmm, 0, 11, 12)
	g.VADDPS(reg.Z4, reg.Z12, reg.Z8)
	g.VADDPS(reg.Z6, reg.Z12, reg.Z9)
	g.VCMPPS(greater, reg.Z8, reg.Z11, reg.K1)
	g.VCMPPS(greater, reg.Z9, reg.Z11, reg.K2)
	g.KMOVW(reg.K1, reg.R8L)
	g.KMOVW(reg.K2, reg.R10L)
}

func (g *gen) classesAVX512() {
	g.VPBROADCASTD(at(reg.R11, queryClass), reg.Z8)
	g.VPCMPEQD(operand.Mem{Base: reg.RSI, Index: reg.RBX, Scale: 1}, reg.Z8, reg.K1)
	g.KMOVW(reg.K1, reg.R13L)
}

// sweepAVX2 takes it in halves.
func (g *gen) sweepAVX2() {
	g.common(ymm, 0, 11, 12)
	g.common(ymm, 32, 13, 14)
	above := func(than int, bits reg.Register) {
		g.VADDPS(ymm.regs[than], reg.Y12, reg.Y8)
		g.VCMPPS(greater, reg.Y8, reg.Y11, reg.Y8)
		g.VADDPS(ymm.regs[than], reg.Y14, reg.Y9)
		g.VCMPPS(greater, reg.Y9, reg.Y13, reg.Y9)
		g.halves(bits)
	}
	above(boxLow, reg.R8L)
	above(boxHigh, reg.R10L)
}

func (g *gen) classesAVX2() {
	g.VPBROADCASTD(at(reg.R11, queryClass), reg.Y10)
	g.VPCMPEQD(operand.Mem{Base: reg.RSI, Index: reg.RBX, Scale: 1}, reg.Y10, reg.Y8)
	g.VPCMPEQD(operand.Mem{Base: reg.RSI, Index: reg.RBX, Scale: 1, Disp: 32}, reg.Y10, reg.Y9)
	g.halves(reg.R13L)
}

// halves are the signs of Y8 and Y9, a bit each.
func (g *gen) halves(bits reg.Register) {
	g.VMOVMSKPS(reg.Y9, bits)
	g.SHLL(operand.U8(8), bits)
	g.VMOVMSKPS(reg.Y8, reg.EBX)
	g.ORL(reg.EBX, bits)
}
