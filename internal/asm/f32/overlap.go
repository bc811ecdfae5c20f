package main

import (
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// Where things lie in a sweep (kernel.BoxSweep), in bytes.
const (
	sweepBoxes, sweepGone, sweepClasses = 0, 8, 16
	sweepRanges, sweepLeft              = 24, 32
	sweepBox                            = 40
	sweepShare, sweepLow, sweepHigh     = 56, 60, 64
	sweepClass                          = 68
	sweepAt, sweepUnsure                = 72, 76
	rangeBytes, rangeTo                 = 8, 4
	boxBytes                            = 16
)

// Vector registers of a sweep: the sides of the box, Low, Share, 0.
const (
	boxX1, boxY1, boxX2, boxY2 = 0, 1, 2, 3
	boxLow, boxShare, boxZero  = 4, 5, 6
)

// overlaps writes the search for boxes that one may overlap too much.
func overlaps(g *gen) {
	g.sweep(ymm, g.sweepAVX2)
	g.sweep(zmm, g.sweepAVX512)
}

// sweep writes the loop. RDX holds the sweep, RSI the boxes, RDI what is gone, R11
// the range, R12 how many are left, RAX and RCX the place and the end, R9 the
// address of the box at RAX. test compares 16 boxes: it goes to missed where there
// is no hit, else it leaves hits in X7 and sure ones in X8, 255 a byte and box, in
// their order.
func (g *gen) sweep(v vector, test func()) {
	name := "Sweep" + v.title
	g.leaf(name, []string{"sweep ptr"},
		name+" compares a box with ranges of others, 16 at a time, until it comes to hits",
		"that are not sure.")
	g.param("sweep", reg.RDX)
	g.MOVQ(at(reg.RDX, sweepBoxes), reg.RSI)
	g.MOVQ(at(reg.RDX, sweepGone), reg.RDI)
	g.MOVQ(at(reg.RDX, sweepRanges), reg.R11)
	g.MOVQ(at(reg.RDX, sweepLeft), reg.R12)
	for i := range 4 {
		g.VBROADCASTSS(at(reg.RDX, sweepBox+4*i), v.regs[i])
	}
	g.VBROADCASTSS(at(reg.RDX, sweepLow), v.regs[boxLow])
	g.VBROADCASTSS(at(reg.RDX, sweepShare), v.regs[boxShare])
	g.VXORPS(reg.Y6, reg.Y6, reg.Y6)
	g.XORL(reg.EBX, reg.EBX)
	g.TESTQ(reg.R12, reg.R12)
	g.JZ(to("done"))
	g.MOVLQSX(at(reg.RDX, sweepAt), reg.RAX)
	g.MOVLQSX(at(reg.R11, rangeTo), reg.RCX)

	g.Label("check")
	g.CMPQ(reg.RAX, reg.RCX)
	g.JGE(to("next"))
	g.MOVQ(reg.RAX, reg.R9)
	g.SHLQ(operand.U8(4), reg.R9)
	g.ADDQ(reg.RSI, reg.R9)
	g.Label("some")
	test()
	g.MOVQ(at(reg.RDX, sweepClasses), reg.R13)
	g.TESTQ(reg.R13, reg.R13)
	g.JZ(to("sameClass"))
	g.classes(v)
	g.VPAND(reg.X9, reg.X7, reg.X7)
	g.VPAND(reg.X9, reg.X8, reg.X8)
	g.Label("sameClass")
	gone := operand.Mem{Base: reg.RDI, Index: reg.RAX, Scale: 1}
	g.VPOR(gone, reg.X8, reg.X9)
	g.VMOVDQU(reg.X9, gone)
	g.VPANDN(reg.X7, reg.X8, reg.X7)
	g.VPMOVMSKB(reg.X7, reg.EBX)
	g.TESTL(reg.EBX, reg.EBX)
	g.JNZ(to("stop"))
	g.Label("missed")
	g.ADDQ(operand.U32(16*boxBytes), reg.R9)
	g.ADDQ(operand.U8(16), reg.RAX)
	g.CMPQ(reg.RAX, reg.RCX)
	g.JLT(to("some"))
	g.Label("next")
	g.DECQ(reg.R12)
	g.JZ(to("done"))
	g.ADDQ(operand.U8(rangeBytes), reg.R11)
	g.MOVLQSX(at(reg.R11, 0), reg.RAX)
	g.MOVLQSX(at(reg.R11, rangeTo), reg.RCX)
	g.JMP(to("check"))

	g.Label("stop")
	g.ADDQ(operand.U8(16), reg.RAX)
	g.Label("done")
	g.MOVL(reg.EAX, at(reg.RDX, sweepAt))
	g.MOVL(reg.EBX, at(reg.RDX, sweepUnsure))
	g.MOVQ(reg.R11, at(reg.RDX, sweepRanges))
	g.MOVQ(reg.R12, at(reg.RDX, sweepLeft))
	g.end()
}

// common computes the area of what the box has in common with as many others as a
// vector has numbers, from disp bytes on, into inter, and the share of theirs into
// share; registers from 7 to 10 are used. Box n is at number n/4 + 4·(n mod 4) of a
// vector of 16, at n/2 + 4·(n mod 2) of one of 8.
func (g *gen) common(v vector, disp, inter, share int) {
	r := v.regs
	b := func(i int) operand.Mem { return at(reg.R9, disp+v.bytes*i) }
	g.VMOVUPS(b(0), r[7])
	g.VUNPCKHPS(b(1), r[7], r[8])
	g.VUNPCKLPS(b(1), r[7], r[7])
	g.VMOVUPS(b(2), r[9])
	g.VUNPCKHPS(b(3), r[9], r[10])
	g.VUNPCKLPS(b(3), r[9], r[9])
	g.VUNPCKLPD(r[9], r[7], r[inter])  // left
	g.VUNPCKHPD(r[9], r[7], r[7])      // top
	g.VUNPCKLPD(r[10], r[8], r[9])     // right
	g.VUNPCKHPD(r[10], r[8], r[8])     // bottom
	g.VSUBPS(r[inter], r[9], r[share]) // their width
	g.VSUBPS(r[7], r[8], r[10])
	g.VMULPS(r[10], r[share], r[share])
	g.VMINPS(r[boxX2], r[9], r[9])
	g.VMAXPS(r[boxX1], r[inter], r[inter])
	g.VMINPS(r[boxY2], r[8], r[8])
	g.VMAXPS(r[boxY1], r[7], r[7])
	g.VSUBPS(r[inter], r[9], r[inter])
	g.VSUBPS(r[7], r[8], r[8])
	g.VMULPS(r[boxShare], r[share], r[share])
	g.VMAXPS(r[boxZero], r[inter], r[inter])
	g.VMULPS(r[8], r[inter], r[inter])
}

const greater = operand.U8(30) // ordered, quiet

// shuffle puts 16 bytes into another order.
func (g *gen) shuffle(order func(n int) int, v ...reg.Register) {
	for half := range 2 {
		pattern := uint64(0)
		for n := range 8 {
			pattern |= uint64(order(8*half+n)) << (8 * n)
		}
		g.MOVQ(operand.U64(pattern), reg.R13)
		if half == 0 {
			g.VMOVQ(reg.R13, reg.X9)
		} else {
			g.VPINSRQ(operand.U8(1), reg.R13, reg.X9, reg.X9)
		}
	}
	for _, r := range v {
		g.VPSHUFB(reg.X9, r, r)
	}
}

// classes sets the bytes of X9 where the boxes are of the class, with the addresses
// of classes in R13.
func (g *gen) classes(v vector) {
	of := func(disp int) operand.Mem {
		return operand.Mem{Base: reg.R13, Index: reg.RAX, Scale: 4, Disp: disp}
	}
	g.VPBROADCASTD(at(reg.RDX, sweepClass), v.regs[9])
	if v.bytes == 64 {
		g.VPCMPEQD(of(0), reg.Z9, reg.K1)
		g.VPMOVM2B(reg.K1, reg.X9)
		return
	}
	g.VPCMPEQD(of(32), reg.Y9, reg.Y10)
	g.VPCMPEQD(of(0), reg.Y9, reg.Y9)
	g.VPACKSSDW(reg.Y10, reg.Y9, reg.Y9)
	g.VPERMQ(operand.U8(0xd8), reg.Y9, reg.Y9)
	g.VEXTRACTI128(operand.U8(1), reg.Y9, reg.X10)
	g.VPACKSSWB(reg.X10, reg.X9, reg.X9)
}

// sweepAVX512 takes 16 boxes at once.
func (g *gen) sweepAVX512() {
	g.common(zmm, 0, 11, 12)
	g.VADDPS(reg.Z4, reg.Z12, reg.Z7)
	g.VCMPPS(greater, reg.Z7, reg.Z11, reg.K1)
	g.KORTESTW(reg.K1, reg.K1)
	g.JZ(to("missed"))
	g.VBROADCASTSS(at(reg.RDX, sweepHigh), reg.Z7)
	g.VADDPS(reg.Z7, reg.Z12, reg.Z7)
	g.VCMPPS(greater, reg.Z7, reg.Z11, reg.K1, reg.K2)
	g.VPMOVM2B(reg.K1, reg.X7)
	g.VPMOVM2B(reg.K2, reg.X8)
	g.shuffle(func(n int) int { return n/4 + 4*(n%4) }, reg.X7, reg.X8)
}

// sweepAVX2 takes them in halves.
func (g *gen) sweepAVX2() {
	g.common(ymm, 0, 11, 12)
	g.common(ymm, 8*boxBytes, 13, 14)
	above := func(than, first, second int) {
		g.VADDPS(ymm.regs[than], reg.Y12, ymm.regs[first])
		g.VCMPPS(greater, ymm.regs[first], reg.Y11, ymm.regs[first])
		g.VADDPS(ymm.regs[than], reg.Y14, ymm.regs[second])
		g.VCMPPS(greater, ymm.regs[second], reg.Y13, ymm.regs[second])
	}
	above(boxLow, 7, 8)
	g.VORPS(reg.Y7, reg.Y8, reg.Y9)
	g.VPTEST(reg.Y9, reg.Y9)
	g.JZ(to("missed"))
	g.VBROADCASTSS(at(reg.RDX, sweepHigh), reg.Y15)
	above(15, 9, 10)
	pack := func(first, second, into reg.VecPhysical, wide reg.VecPhysical) {
		g.VPACKSSDW(second, first, wide)
		g.VEXTRACTI128(operand.U8(1), wide, reg.X15)
		g.VPACKSSWB(reg.X15, into, into)
	}
	pack(reg.Y7, reg.Y8, reg.X7, reg.Y7)
	pack(reg.Y9, reg.Y10, reg.X8, reg.Y8)
	g.shuffle(func(n int) int { return n%8/2 + 4*(n/8) + 8*(n%2) }, reg.X7, reg.X8)
}
