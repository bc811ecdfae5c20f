package main

import (
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// Where things lie in a block of boxes (kernel.BoxBlock) and in a probe
// (kernel.BoxProbe), in bytes.
const (
	blockBytes  = 512
	blockNext   = 448
	probeShiftX = 12
	probeShiftY = 16
	probeAt     = 20
	probeMask   = 24
	probeSure   = 28
)

// overlaps writes the search for boxes that one box may overlap too much.
func overlaps(g *gen) {
	g.overlapAVX2()
	g.overlapAVX512()
}

// overlap begins the search: the box is in the first five registers, the shifts
// in the next two, RDX holds the probe, RDI the blocks, R8 the block's number and
// RSI its address. test finds hits (in EAX), sure the sure ones (in EBX).
func (g *gen) overlap(v vector, constants, test, sure func()) {
	name := "Overlap" + v.title
	g.leaf(name, []string{"blocks ptr", "probe ptr"},
		name+" follows the chain of blocks from the probe's on to the first with a box that",
		"may overlap the probe's too much; block 0 ends the chain.")
	g.param("blocks", reg.RDI)
	g.param("probe", reg.RDX)
	for i := range 5 {
		g.VPBROADCASTW(at(reg.RDX, 2*i), v.regs[i])
	}
	g.VMOVD(at(reg.RDX, probeShiftX), reg.X5)
	g.VMOVD(at(reg.RDX, probeShiftY), reg.X6)
	constants()
	g.MOVL(at(reg.RDX, probeAt), reg.R8L)
	g.Label("block")
	g.MOVQ(reg.R8, reg.RSI)
	g.SHLQ(operand.U8(9), reg.RSI)
	g.ADDQ(reg.RDI, reg.RSI)
	test()
	g.TESTL(reg.EAX, reg.EAX)
	g.JNZ(to("found"))
	g.MOVL(at(reg.RSI, blockNext), reg.R8L)
	g.TESTL(reg.R8L, reg.R8L)
	g.JNZ(to("block"))
	g.XORL(reg.EBX, reg.EBX)
	g.JMP(to("done"))
	g.Label("found")
	sure()
	g.ANDL(reg.EAX, reg.EBX)
	g.Label("done")
	g.MOVL(reg.R8L, at(reg.RDX, probeAt))
	g.MOVL(reg.EAX, at(reg.RDX, probeMask))
	g.MOVL(reg.EBX, at(reg.RDX, probeSure))
	g.end()
}

// common computes the sides of what is common into w and h; other is used.
func (g *gen) common(v vector, disp, w, h, other int) {
	r := v.regs
	side := func(i int) operand.Mem { return at(reg.RSI, 64*i+disp) }
	g.VPMINUW(side(2), r[2], r[w])
	g.VPMAXUW(side(0), r[0], r[other])
	g.VPSUBUSW(r[other], r[w], r[w])
	g.VPMINUW(side(3), r[3], r[h])
	g.VPMAXUW(side(1), r[1], r[other])
	g.VPSUBUSW(r[other], r[h], r[h])
}

// product multiplies shifted sides into inter; w and h may be used.
func (g *gen) product(v vector, w, h, inter int) {
	r := v.regs
	g.VPSLLW(reg.X5, r[w], r[w])
	g.VPSLLW(reg.X6, r[h], r[h])
	g.VPMULHUW(r[h], r[w], r[inter])
}

// overlapAVX512 keeps 3 and 4 in Z7 and Z8.
func (g *gen) overlapAVX512() {
	const notLess, greater = operand.U8(5), operand.U8(6)
	g.overlap(zmm, func() {
		g.MOVL(operand.U32(3), reg.EAX)
		g.VPBROADCASTW(reg.EAX, reg.Z7)
		g.MOVL(operand.U32(4), reg.EAX)
		g.VPBROADCASTW(reg.EAX, reg.Z8)
	}, func() {
		g.common(zmm, 0, 9, 10, 11)
		g.VPMINUW(reg.Z9, reg.Z10, reg.Z11)
		g.VPTESTMW(reg.Z11, reg.Z11, reg.K1)
		g.VPSUBUSW(reg.Z7, reg.Z9, reg.Z13)
		g.VPSUBUSW(reg.Z7, reg.Z10, reg.Z14)
		g.product(zmm, 9, 10, 11)
		g.VPADDUSW(at(reg.RSI, 256), reg.Z4, reg.Z12)
		g.VPCMPUW(notLess, reg.Z12, reg.Z11, reg.K1, reg.K2)
		g.KMOVD(reg.K2, reg.EAX)
	}, func() {
		g.product(zmm, 13, 14, 11)
		g.VPADDUSW(reg.Z8, reg.Z12, reg.Z12)
		g.VPCMPUW(greater, reg.Z12, reg.Z11, reg.K1)
		g.KMOVD(reg.K1, reg.EBX)
	})
}

// overlapAVX2 takes a block in halves and keeps 3 and 4 in Y7 and Y14.
func (g *gen) overlapAVX2() {
	half := func(disp, mask int, sure bool) {
		r := ymm.regs
		g.common(ymm, disp, 8, 9, 10)
		g.VPADDUSW(at(reg.RSI, 256+disp), r[4], r[11])
		if sure { // greater: not (bound not less)
			g.VPSUBUSW(r[7], r[8], r[8])
			g.VPSUBUSW(r[7], r[9], r[9])
			g.product(ymm, 8, 9, 10)
			g.VPADDUSW(r[14], r[11], r[11])
			g.VPMAXUW(r[10], r[11], r[10])
			g.VPCMPEQW(r[11], r[10], r[mask])
			g.VPANDN(r[15], r[mask], r[mask])
			return
		}
		g.VPMINUW(r[8], r[9], r[12])
		g.product(ymm, 8, 9, 10)
		g.VPMAXUW(r[10], r[11], r[11])
		g.VPCMPEQW(r[10], r[11], r[mask])
		g.VPXOR(r[11], r[11], r[11])
		g.VPCMPEQW(r[11], r[12], r[12])
		g.VPANDN(r[mask], r[12], r[mask])
	}
	g.overlap(ymm, func() {
		g.MOVL(operand.U32(3), reg.EAX)
		g.VMOVD(reg.EAX, reg.X7)
		g.VPBROADCASTW(reg.X7, reg.Y7)
		g.MOVL(operand.U32(4), reg.EAX)
		g.VMOVD(reg.EAX, reg.X14)
		g.VPBROADCASTW(reg.X14, reg.Y14)
	}, func() {
		half(0, 15, false)
		half(32, 13, false)
		g.VPACKSSWB(reg.Y13, reg.Y15, reg.Y13)
		g.VPERMQ(operand.U8(0xd8), reg.Y13, reg.Y13)
		g.VPMOVMSKB(reg.Y13, reg.EAX)
	}, func() {
		g.VPCMPEQW(reg.Y15, reg.Y15, reg.Y15)
		half(0, 13, true)
		half(32, 12, true)
		g.VPACKSSWB(reg.Y12, reg.Y13, reg.Y13)
		g.VPERMQ(operand.U8(0xd8), reg.Y13, reg.Y13)
		g.VPMOVMSKB(reg.Y13, reg.EBX)
	})
}
