package main

import (
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// products64 writes the kernels of matrix products in float64.
func products64(g *gen) {
	g.product64(ymm)
	g.product64(zmm)
}

// product64 writes a register tile of four rows by two vectors. Its sums are r[0] to r[7], two for
// each row; r[8] and r[9] are a row of the panel, r[10] is a number of A. RDI sums, RSI rows 0, 1
// and 2 of A, RBX row 3, RDX panel, RCX rows of the panel left, R8 bytes from a row of A to the next.
func (g *gen) product64(v vector) {
	name := "Product64" + v.title
	g.leaf(name, []string{"sums ptr", "a ptr", "panel ptr", "k int", "row int"},
		name+" adds to a tile of sums the product of four rows of A, row bytes apart, by a panel of k rows, at least one.")
	r := v.regs
	g.takes(reg.RDI, reg.RSI, reg.RDX, reg.RCX, reg.R8)
	g.LEAQ(operand.Mem{Base: reg.R8, Index: reg.R8, Scale: 2}, reg.RBX)
	g.ADDQ(reg.RSI, reg.RBX)
	for i := range 8 {
		g.VMOVUPD(at(reg.RDI, v.bytes*i), r[i])
	}
	g.Label("row")
	g.VMOVUPD(at(reg.RDX, 0), r[8])
	g.VMOVUPD(at(reg.RDX, v.bytes), r[9])
	for i, m := range []operand.Mem{at(reg.RSI, 0), {Base: reg.RSI, Index: reg.R8, Scale: 1}, {Base: reg.RSI, Index: reg.R8, Scale: 2}, at(reg.RBX, 0)} {
		g.VBROADCASTSD(m, r[10])
		g.VFMADD231PD(r[8], r[10], r[2*i])
		g.VFMADD231PD(r[9], r[10], r[2*i+1])
	}
	g.ADDQ(imm(8), reg.RSI)
	g.ADDQ(imm(8), reg.RBX)
	g.ADDQ(imm(2*v.bytes), reg.RDX)
	g.DECQ(reg.RCX)
	g.JNZ(to("row"))
	for i := range 8 {
		g.VMOVUPD(r[i], at(reg.RDI, v.bytes*i))
	}
	g.end()
}
