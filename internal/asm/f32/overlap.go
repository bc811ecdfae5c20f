package main

import (
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// Offsets of the fields of box.Sweep.
const (
	sweepBlocks, sweepLive, sweepClasses = 0, 8, 16

	sweepQuery, sweepWhich, sweepCount = 24, 32, 40
	sweepLeft, sweepNext               = 48, 56
	sweepInRun, sweepRun, sweepSwept   = 64, 72, 80
	sweepTold, sweepKept, sweepShare   = 88, 96, 100
	sweepRuns                          = 104
	sweepUnsure, sweepRoom             = sweepRuns + 8*(ranges+1), 64
	longSweep                          = 1024 // blocks
)

// A block of boxes is 16 left sides, then 16 top, right and bottom ones.
const (
	blockShift = 8  // binary logarithm of the bytes of a block
	blockSide  = 64 // bytes of 16 sides
)

// Vector registers: the sides of the box, its Low, Share, its High, 0.
const (
	boxX1, boxY1, boxX2, boxY2 = 0, 1, 2, 3
	boxLow, boxShare           = 4, 5
	boxHigh, boxZero           = 6, 7
)

// overlaps writes the kernels of package box for suppression.
func overlaps(g *gen) {
	g.lay(ymm)
	g.lay(zmm)
	g.near(ymm)
	g.near(zmm)
	sweeper{g, ymm}.sweep()
	sweeper{g, zmm}.sweep()
}

// sweeper writes the sweep, whose twin is Sweep in engine/kernel/box:
//
//	for each candidate that is live: keep it                     (candidate)
//		collect the ranges that near has found for it            (begin)
//		for each block of 16 boxes in these ranges:              (blocks)
//			compare the box with all 16; seldom, some are hits:  (found)
//				those that are sure are no longer live, the others are told
//		if any was told, return
//
// It may return in the middle, when there is no room for more hits, and goes on there.
//
// RDX sweep, RSI queries, RDI live, RBX blocks, R13 next candidate, R11 the current box among
// the queries, R12 blocks left, RAX next block, RCX blocks left in its run, R14 next run, R15
// Told. R8, R9 and R10 are temporaries.
type sweeper struct {
	*gen
	v vector
}

func (s sweeper) sweep() {
	name := "Sweep" + s.v.title
	s.leaf(name, []string{"sweep ptr"},
		name+" decides candidates and compares kept ones with others, 16 at a time, until there are",
		"hits that are not sure.")
	s.param("sweep", reg.RDX)
	s.MOVQ(at(reg.RDX, sweepBlocks), reg.RBX)
	s.MOVQ(at(reg.RDX, sweepLive), reg.RDI)
	s.MOVQ(at(reg.RDX, sweepQuery), reg.RSI)
	s.MOVQ(at(reg.RDX, sweepWhich), reg.R13)
	s.XORL(reg.R15L, reg.R15L)
	s.VBROADCASTSS(at(reg.RDX, sweepShare), s.v.regs[boxShare])
	s.VXORPS(reg.Y7, reg.Y7, reg.Y7)
	s.MOVQ(at(reg.RDX, sweepLeft), reg.R12)
	s.TESTQ(reg.R12, reg.R12)
	s.JLT(to("begin"))
	s.JZ(to("candidate"))
	s.MOVQ(at(reg.RDX, sweepNext), reg.RAX)
	s.MOVQ(at(reg.RDX, sweepInRun), reg.RCX)
	s.MOVQ(at(reg.RDX, sweepRun), reg.R14)
	s.LEAQ(operand.Mem{Base: reg.RDX, Index: reg.R14, Scale: 8, Disp: sweepRuns}, reg.R14)
	s.JMP(to("box"))
	s.candidate()
	s.begin()
	s.blocks()
	s.found()

	s.Label("done")
	s.LEAQ(at(reg.RDX, sweepRuns), reg.R8)
	s.SUBQ(reg.R8, reg.R14)
	s.SHRQ(operand.U8(3), reg.R14)
	s.MOVQ(reg.R14, at(reg.RDX, sweepRun))
	s.MOVQ(reg.RCX, at(reg.RDX, sweepInRun))
	s.MOVQ(reg.RAX, at(reg.RDX, sweepNext))
	s.Label("none")
	s.MOVQ(reg.R12, at(reg.RDX, sweepLeft))
	s.MOVQ(reg.R13, at(reg.RDX, sweepWhich))
	s.MOVQ(reg.R15, at(reg.RDX, sweepTold))
	s.end()
}

// candidate finds the next live candidate, and keeps it.
func (s sweeper) candidate() {
	s.Label("gone")
	s.INCQ(reg.R13)
	s.Label("candidate")
	s.CMPQ(reg.R13, at(reg.RDX, sweepCount))
	s.JGE(to("none"))
	s.MOVL(at(reg.RSI, queryHard), reg.R8L)
	s.BTL(reg.R13L, reg.R8L)
	s.JCS(to("none"))
	s.MOVL(operand.Mem{Base: reg.RSI, Index: reg.R13, Scale: 4, Disp: queryPlace}, reg.R9L)
	s.MOVL(reg.R9L, reg.R10L)
	s.ANDL(operand.U8(15), reg.R9L)
	s.SHRL(operand.U8(4), reg.R10L)
	live := operand.Mem{Base: reg.RDI, Index: reg.R10, Scale: 2}
	s.MOVWLZX(live, reg.R8L)
	s.BTRL(reg.R9L, reg.R8L)
	s.JCC(to("gone"))
	s.MOVW(reg.R8W, live)
	s.MOVL(at(reg.RDX, sweepKept), reg.R8L)
	s.BTSL(reg.R13L, reg.R8L)
	s.MOVL(reg.R8L, at(reg.RDX, sweepKept))
}

// begin stores the runs of the next box that are not empty.
func (s sweeper) begin() {
	s.Label("begin")
	s.LEAQ(operand.Mem{Base: reg.RSI, Index: reg.R13, Scale: 4}, reg.R11)
	s.INCQ(reg.R13)
	s.XORL(reg.R12L, reg.R12L)
	s.XORL(reg.R10L, reg.R10L)
	for r := range ranges {
		run := operand.Mem{Base: reg.RDX, Index: reg.R10, Scale: 8, Disp: sweepRuns}
		s.MOVL(at(reg.R11, queryFrom+queryRow*r), reg.R8L)
		s.MOVL(at(reg.R11, queryCount+queryRow*r), reg.R9L)
		s.MOVL(reg.R8L, run)
		s.MOVL(reg.R9L, run.Offset(4))
		s.ADDQ(reg.R9, reg.R12)
		s.CMPL(reg.R9L, operand.U8(1)) // carries where it is empty
		s.SBBQ(operand.I8(-1), reg.R10)
	}
	s.ADDQ(reg.R12, at(reg.RDX, sweepSwept))
	s.TESTQ(reg.R12, reg.R12)
	s.JZ(to("candidate"))
	s.MOVQ(reg.R12, at(reg.RDX, sweepLeft)) // for swept
	s.LEAQ(at(reg.RDX, sweepRuns+8), reg.R14)
	s.MOVL(at(reg.R14, -8), reg.EAX)
	s.MOVL(at(reg.R14, -4), reg.ECX)
}

// blocks compares the box with its blocks.
func (s sweeper) blocks() {
	s.Label("box")
	s.LEAQ(operand.Mem{Base: reg.RSI, Index: reg.R13, Scale: 4, Disp: -4}, reg.R11)
	for i := range 4 {
		s.VBROADCASTSS(at(reg.R11, queryBox+queryRow*i), s.v.regs[i])
	}
	s.VBROADCASTSS(at(reg.R11, queryLow), s.v.regs[boxLow])
	s.VBROADCASTSS(at(reg.R11, queryHigh), s.v.regs[boxHigh])
	s.Label("block")
	s.MOVQ(reg.RAX, reg.R9)
	s.SHLQ(operand.U8(blockShift), reg.R9)
	s.ADDQ(reg.RBX, reg.R9)
	s.test()
	s.ANDW(operand.Mem{Base: reg.RDI, Index: reg.RAX, Scale: 2}, reg.R8W)
	s.JNZ(to("found")) // seldom
	s.Label("more")
	s.LEAQ(at(reg.R14, 8), reg.R8)
	s.INCQ(reg.RAX)
	s.DECL(reg.ECX)
	s.CMOVLEQ(at(reg.R14, 4), reg.ECX)
	s.CMOVLEQ(at(reg.R14, 0), reg.EAX)
	s.CMOVQEQ(reg.R8, reg.R14)
	s.DECQ(reg.R12)
	s.JZ(to("swept"))
	s.CMPQ(reg.R15, operand.U8(sweepRoom))
	s.JNE(to("block"))
	s.JMP(to("done"))
	s.Label("swept")
	s.TESTQ(reg.R15, reg.R15)
	s.JNZ(to("done"))
	s.CMPQ(at(reg.RDX, sweepLeft), operand.U32(longSweep))
	s.JLE(to("candidate"))
	s.JMP(to("done"))
}

// found drops sure hits, and reports the others.
func (s sweeper) found() {
	s.Label("found")
	s.MOVQ(at(reg.RDX, sweepClasses), reg.R9)
	s.TESTQ(reg.R9, reg.R9)
	s.JZ(to("sameClass"))
	s.SHLQ(operand.U8(6), reg.RAX)
	s.ADDQ(reg.RAX, reg.R9)
	s.SHRQ(operand.U8(6), reg.RAX)
	s.classes()
	s.ANDL(reg.R10L, reg.R8L)
	s.Label("sameClass")
	s.above(boxHigh, reg.R10L)
	s.ANDL(reg.R8L, reg.R10L)
	s.XORL(reg.R10L, reg.R8L)
	s.NOTL(reg.R10L)
	s.ANDW(reg.R10W, operand.Mem{Base: reg.RDI, Index: reg.RAX, Scale: 2})
	unsure := operand.Mem{Base: reg.RDX, Index: reg.R15, Scale: 8, Disp: sweepUnsure}
	s.MOVL(reg.EAX, unsure)
	s.MOVL(reg.R8L, unsure.Offset(4))
	s.CMPL(reg.R8L, operand.U8(1)) // carries where there are none
	s.SBBQ(operand.I8(-1), reg.R15)
	s.JMP(to("more"))
}

// common computes the areas of the intersections of the box with the boxes of a vector,
// disp bytes after R9, in inter, and Share of their areas in share; registers 8 to 10
// change.
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

// test compares the box with 16 others and sets a bit in R8 for each hit.
func (s sweeper) test() {
	s.common(s.v, 0, 11, 12)
	if s.v.bytes < 64 {
		s.common(s.v, 32, 13, 14)
	}
	s.above(boxLow, reg.R8L)
}

// above sets a bit for each of 16 boxes whose intersection is greater than its share plus
// register than.
func (s sweeper) above(than int, bits reg.Register) {
	r := s.v.regs
	s.VADDPS(r[than], r[12], r[8])
	if s.v.bytes == 64 {
		s.VCMPPS(greater, r[8], r[11], reg.K1)
		s.KMOVW(reg.K1, bits)
		return
	}
	s.VCMPPS(greater, r[8], r[11], r[8])
	s.VADDPS(r[than], r[14], r[9])
	s.VCMPPS(greater, r[9], r[13], r[9])
	s.halves(bits)
}

// classes sets a bit in R10 for each of the 16 classes at R9 that is the class of the box.
func (s sweeper) classes() {
	r := s.v.regs
	s.VPBROADCASTD(at(reg.R11, queryClass), r[10])
	if s.v.bytes == 64 {
		s.VPCMPEQD(at(reg.R9, 0), r[10], reg.K1)
		s.KMOVW(reg.K1, reg.R10L)
		return
	}
	s.VPCMPEQD(at(reg.R9, 0), r[10], r[8])
	s.VPCMPEQD(at(reg.R9, 32), r[10], r[9])
	s.halves(reg.R10L)
}

// halves extracts the sign bits of vectors 8 and 9; R9 is overwritten.
func (s sweeper) halves(bits reg.Register) {
	s.VMOVMSKPS(reg.Y9, bits)
	s.SHLL(operand.U8(8), bits)
	s.VMOVMSKPS(reg.Y8, reg.R9L)
	s.ORL(reg.R9L, bits)
}
