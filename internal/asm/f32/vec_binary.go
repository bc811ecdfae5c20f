package main

import (
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// binaries writes the functions of two numbers: rows of both, and a row with one
// number at its right or left.
func binaries(g *gen) {
	for _, v := range vectors {
		k := g.row(v)
		for _, b := range []struct {
			name string
			op   func(a, b, d, t reg.VecPhysical) // t is free, and so is d
			left bool                             // the number may stand at the left
		}{
			{"Add", func(a, b, d, _ reg.VecPhysical) { k.VADDPS(b, a, d) }, false},
			{"Sub", func(a, b, d, _ reg.VecPhysical) { k.VSUBPS(b, a, d) }, true},
			{"Mul", func(a, b, d, _ reg.VecPhysical) { k.VMULPS(b, a, d) }, false},
			{"Div", func(a, b, d, _ reg.VecPhysical) { k.VDIVPS(b, a, d) }, true},
			{"Min", k.least, false},
			{"Max", k.most, false},
		} {
			k.binary(b.name, b.op)
			k.withNumber(b.name, "Right", func(x, c, d, t reg.VecPhysical) { b.op(x, c, d, t) })
			if b.left {
				k.withNumber(b.name, "Left", func(x, c, d, t reg.VecPhysical) { b.op(c, x, d, t) })
			}
		}
		k.mulAdd()
	}
}

// least gives NaN where there is one, and -0 for zeros of both signs: the
// instruction gives its second source in both cases, so both orders together
// hold what is wanted in their set bits.
func (k row) least(a, b, d, t reg.VecPhysical) {
	k.VMINPS(a, b, t)
	k.VMINPS(b, a, d)
	k.VORPS(t, d, d)
}

// most gives NaN where there is one, and +0 for zeros of both signs: the common
// bits of both orders, but for NaN.
func (k row) most(a, b, d, t reg.VecPhysical) {
	k.VMAXPS(a, b, t)
	k.VMAXPS(b, a, d)
	if k.wide() {
		k.VCMPPS(operand.U8(3), b, a, reg.K2)
		k.VANDPS(t, d, d)
		k.VADDPS(b, a, reg.K2, d)
		return
	}
	k.VANDPS(t, d, d)
	k.VCMPPS(operand.U8(3), b, a, t)
	k.VORPS(t, d, d) // all ones are a NaN
}

// Registers: group of up to four, each a, b, result, temporary.
func (k row) quad(i int) (a, b, d, t reg.VecPhysical) {
	if k.wide() {
		return k.r[4*i], k.r[4*i+1], k.r[4*i+2], k.r[4*i+3]
	}
	i %= 3
	return k.r[4*i], k.r[4*i+1], k.r[4*i+2], k.r[4*i+3]
}

func (k row) binary(name string, op func(a, b, d, t reg.VecPhysical)) {
	name = "Vec" + name + k.title
	k.leaf(name, []string{"dst ptr", "a ptr", "b ptr", "n int"}, name+" takes n numbers; dst may be a or b.")
	dst, a, b, n := reg.RDI, reg.RSI, reg.RBX, reg.RDX
	k.param("dst", dst)
	k.param("a", a)
	k.param("b", b)
	k.param("n", n)
	k.loop("row", n, []reg.Register{dst, a, b}, 4, func(disp, i int, tail bool) {
		x, y, d, t := k.quad(i)
		k.load(at(a, disp), x, tail)
		k.load(at(b, disp), y, tail)
		op(x, y, d, t)
		k.store(d, at(dst, disp), tail)
	})
	k.end()
}

// withNumber joins a row with the one number at b.
func (k row) withNumber(name, side string, op func(x, c, d, t reg.VecPhysical)) {
	name = "Vec" + name + side + k.title
	k.leaf(name, []string{"dst ptr", "a ptr", "b ptr", "n int"}, name+" takes n numbers at a and one at b; dst may be a.")
	dst, a, n := reg.RDI, reg.RSI, reg.RDX
	c := k.r[14]
	k.param("b", reg.RBX)
	k.VBROADCASTSS(at(reg.RBX, 0), c)
	k.param("dst", dst)
	k.param("a", a)
	k.param("n", n)
	k.loop("row", n, []reg.Register{dst, a}, 4, func(disp, i int, tail bool) {
		x, _, d, t := k.quad(i % 3)
		k.load(at(a, disp), x, tail)
		op(x, c, d, t)
		k.store(d, at(dst, disp), tail)
	})
	k.end()
}

// mulAdd writes dst += a·factor.
func (k row) mulAdd() {
	name := "VecMulAdd" + k.title
	k.leaf(name, []string{"dst ptr", "a ptr", "n int", "factor float32"}, name+" adds factor times n numbers at a to dst.")
	dst, a, n := reg.RDI, reg.RSI, reg.RDX
	k.param("dst", dst)
	k.param("a", a)
	k.param("n", n)
	k.broadcast("factor", k.r[14])
	k.loop("row", n, []reg.Register{dst, a}, 4, func(disp, i int, tail bool) {
		x, y, _, _ := k.quad(i % 3)
		k.load(at(a, disp), x, tail)
		k.load(at(dst, disp), y, tail)
		k.VFMADD231PS(k.r[14], x, y)
		k.store(y, at(dst, disp), tail)
	})
	k.end()
}
