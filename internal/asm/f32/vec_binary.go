package main

import (
	"github.com/mmcloughlin/avo/reg"
)

// binaries writes the functions of two numbers: of two rows, and of a row and a single
// number as the right or left operand.
func binaries(g *gen) {
	for _, v := range vectors {
		k := g.row(v)
		for _, b := range []struct {
			name string
			op   func(a, b, d, t reg.VecPhysical) // t is free, and so is d
			left bool                             // it is not commutative, and has a form with the number at the left
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

// least is the minimum: NaN if either is NaN, and -0 of zeros of different signs. In both
// cases VMINPS returns its second source, so the bitwise or of the results of both orders
// is right.
func (k row) least(a, b, d, t reg.VecPhysical) {
	k.VMINPS(a, b, t)
	k.VMINPS(b, a, d)
	k.VORPS(t, d, d)
}

// most is the maximum: NaN if either is NaN, and +0 of zeros of different signs. The
// bitwise and of the results of both orders of VMAXPS is right but for NaN, which is
// handled apart.
func (k row) most(a, b, d, t reg.VecPhysical) {
	k.VMAXPS(a, b, t)
	k.VMAXPS(b, a, d)
	if k.wide() {
		k.VCMPPS(unordered, b, a, reg.K2)
		k.VANDPS(t, d, d)
		k.VADDPS(b, a, reg.K2, d)
		return
	}
	k.VANDPS(t, d, d)
	k.VCMPPS(unordered, b, a, t)
	k.VORPS(t, d, d) // all bits set is a NaN
}

// quad returns the registers of vector i of a group: a, b, the result, a temporary. AVX2
// has three such sets.
func (k row) quad(i int) (a, b, d, t reg.VecPhysical) {
	if k.wide() {
		return k.r[4*i], k.r[4*i+1], k.r[4*i+2], k.r[4*i+3]
	}
	i %= 3
	return k.r[4*i], k.r[4*i+1], k.r[4*i+2], k.r[4*i+3]
}

// binary writes a function of two rows.
func (k row) binary(name string, op func(a, b, d, t reg.VecPhysical)) {
	name = "Vec" + name + k.title
	k.leaf(name, []string{"dst ptr", "a ptr", "b ptr", "n int"}, name+" takes n numbers; dst may be a or b.")
	dst, a, b, n := reg.RDI, reg.RSI, reg.RBX, reg.RDX
	k.takes(dst, a, b, n)
	k.loop("row", n, []reg.Register{dst, a, b}, 4, func(disp, i int, tail bool) {
		x, y, d, t := k.quad(i)
		k.load(at(a, disp), x, tail)
		k.load(at(b, disp), y, tail)
		op(x, y, d, t)
		k.store(d, at(dst, disp), tail)
	})
	k.end()
}

// withNumber writes a function of a row and the single number at b.
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
	k.takes(dst, a, n)
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
