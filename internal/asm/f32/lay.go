package main

import (
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// Offsets of the fields of box.Lay.
const (
	layGrid, layFrom, layCell = 0, 8, 16
	layCount, layOrigin       = 24, 32
	layScale, layFar          = 64, 72
	layLow                    = 76
	layHigh                   = layLow + 64
	laySteps                  = layHigh + 64
)

// Vector registers that keep their values: the lowest and highest level, and a mask of odd
// boxes.
const layLowest, layHighest, layOdd = 4, 5, 6

// lay writes the kernel that converts boxes and finds their cells in a grid. RDX task, RDI
// grid, RSI its boxes, R9 its levels, R10 classes or 0, R11 cells, RCX boxes left.
func (g *gen) lay(v vector) {
	name := "Lay" + v.title
	g.leaf(name, []string{"task ptr"}, name+" converts boxes to float32, and finds their cells in a grid.")
	g.param("task", reg.RDX)
	g.MOVQ(at(reg.RDX, layGrid), reg.RDI)
	g.MOVQ(at(reg.RDI, gridBoxes), reg.RSI)
	n := nearer{g, v, v.regs, 0}
	n.flatten()
	g.MOVQ(at(reg.RDI, gridLevels), reg.R9)
	g.MOVQ(at(reg.RDI, gridClass), reg.R10)
	g.MOVQ(at(reg.RDX, layCell), reg.R11)
	g.MOVQ(at(reg.RDX, layCount), reg.RCX)
	g.VMOVUPS(at(reg.RDX, layLow), v.regs[layLowest])
	g.VMOVUPS(at(reg.RDX, layHigh), v.regs[layHighest])
	g.Label("boxes")
	n.measure()
	n.levels()
	n.cell()
	g.ADDQ(imm(16*v.bytes/4), reg.RSI)
	g.ADDQ(imm(v.bytes), reg.R11)
	g.SUBQ(imm(v.bytes/4), reg.RCX)
	g.JNZ(to("boxes"))
	g.VMOVUPS(v.regs[layLowest], at(reg.RDX, layLow))
	g.VMOVUPS(v.regs[layHighest], at(reg.RDX, layHigh))
	g.end()
}

// flatten converts the boxes to float32.
func (n nearer) flatten() {
	half := ymm.regs
	n.MOVQ(at(reg.RDX, layFrom), reg.R8)
	n.MOVQ(at(reg.RDX, layCount), reg.RCX)
	n.XORL(reg.EAX, reg.EAX)
	n.VBROADCASTSD(at(reg.RDX, layScale), n.r[1])
	if n.v.bytes == 64 {
		n.VBROADCASTF64X4(at(reg.RDX, layOrigin), n.r[0])
	} else {
		n.VMOVUPD(at(reg.RDX, layOrigin), n.r[0])
		half = xmms
	}
	n.SHLQ(operand.U8(4), reg.RCX)
	n.Label("flatten")
	n.VMOVUPD(operand.Mem{Base: reg.R8, Index: reg.RAX, Scale: 2}, n.r[2])
	n.VSUBPD(n.r[0], n.r[2], n.r[2])
	n.VMULPD(n.r[1], n.r[2], n.r[2])
	if n.v.bytes == 64 {
		n.VCVTPD2PS(n.r[2], half[2])
	} else {
		n.VCVTPD2PSY(n.r[2], half[2])
	}
	n.VMOVUPS(half[2], operand.Mem{Base: reg.RSI, Index: reg.RAX, Scale: 1})
	n.ADDQ(imm(n.v.bytes/2), reg.RAX)
	n.CMPQ(reg.RAX, reg.RCX)
	n.JLT(to("flatten"))
}

// measure computes centres and areas of boxes, and which are odd.
func (n nearer) measure() {
	r := n.r
	x, y, w, h, far := nearA, nearB, nearC, nearD, nearE
	n.VMOVUPS(at(reg.RDX, laySteps), r[7])
	for i, into := range []int{0, 1, 2, 3} {
		n.gather(reg.RSI, 7, 1, 4*i, nearF, into)
	}
	n.VSUBPS(r[0], r[2], r[w])
	n.VSUBPS(r[1], r[3], r[h])
	n.VADDPS(r[0], r[2], r[x])
	n.VADDPS(r[1], r[3], r[y])
	n.float(0.5, 0)
	n.VMULPS(r[0], r[x], r[x])
	n.VMULPS(r[0], r[y], r[y])
	n.number(0x7fffffff, 0)
	n.and(x, 0, 1)
	n.and(y, 0, 2)
	n.VADDPS(r[1], r[2], r[far])
	n.VADDPS(r[far], r[far], r[far])
	n.VADDPS(r[w], r[far], r[far])
	n.VADDPS(r[h], r[far], r[far])
	n.VBROADCASTSS(at(reg.RDX, layFar), r[1])
	n.notBelow(far, 1, layOdd)
	n.float(0x1p-22, 1)
	n.VMULPS(r[1], r[far], r[1])
	n.float(0x1p-40, 2)
	n.VMAXPS(r[2], r[1], r[1])
	for _, side := range []int{w, h} {
		n.notBelow(1, side, 2)
		n.or(2, layOdd, layOdd)
	}
	n.VMULPS(r[w], r[h], r[w])
}

// levels computes the level of each box, 0 for odd ones, in register nearF.
func (n nearer) levels() {
	r := n.r
	v := r[nearF]
	n.VCVTDQ2PS(r[nearC], v)
	n.fill(gridPerLevel, 0)
	n.VMULPS(r[0], v, v)
	n.VCVTTPS2DQ(v, v)
	if n.v.bytes == 64 {
		n.VPANDND(v, r[layOdd], v)
	} else {
		n.VPANDN(v, r[layOdd], v)
	}
	n.VPMAXSD(v, r[layHighest], r[layHighest])
	n.or(nearF, layOdd, 0)
	n.VPMINUD(r[0], r[layLowest], r[layLowest])
	n.VPSLLD(operand.U8(4), v, v)
}

// cell computes the cell of each box, -1 for odd ones.
func (n nearer) cell() {
	r := n.r
	for _, axis := range []struct{ place, per int }{{nearA, levelPerX}, {nearB, levelPerY}} {
		n.gather(reg.R9, nearF, 1, axis.per, nearC, 0)
		n.VMULPS(r[0], r[axis.place], r[axis.place])
		n.number(0x7fffffff, 0)
		n.and(axis.place, 0, 1)
		n.float(0x1p30, 0)
		n.notBelow(1, 0, 1)
		n.or(1, layOdd, layOdd)
		n.VCVTTPS2DQ(r[axis.place], r[axis.place])
	}
	n.number(stepY, 0)
	n.VPMULLD(r[0], r[nearB], r[nearB])
	n.VPADDD(r[nearA], r[nearB], r[nearB])
	n.gather(reg.R9, nearF, 1, levelFirst, nearC, 0)
	n.VPADDD(r[0], r[nearB], r[nearB])
	n.TESTQ(reg.R10, reg.R10)
	n.JZ(to("oneClass"))
	n.VMOVUPS(at(reg.R10, 0), r[0])
	n.ADDQ(imm(n.v.bytes), reg.R10)
	n.number(stepClass, 1)
	n.VPMULLD(r[0], r[1], r[0])
	n.VPADDD(r[0], r[nearB], r[nearB])
	n.Label("oneClass")
	n.fill(gridMask, 0)
	n.and(0, nearB, 0)
	n.or(0, layOdd, 0)
	n.VMOVUPS(r[0], at(reg.R11, 0))
}
