package main

import (
	"math"

	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// f is the memory operand of a constant in the table of the file.
func (k row) f(v float64) operand.Mem { return k.number(math.Float32bits(float32(v))) }

// set fills a register with a constant.
func (k row) set(v float64, r reg.VecPhysical) { k.setBits(math.Float32bits(float32(v)), r) }

func (k row) setBits(bits uint32, r reg.VecPhysical) {
	if k.wide() {
		k.VBROADCASTSS(k.number(bits), r)
		return
	}
	k.VMOVUPS(k.number(bits), r)
}

// pick returns the instruction that takes a constant: with AVX-512 it broadcasts it.
func (k row) pick(plain, repeated func(...operand.Op)) func(...operand.Op) {
	if k.wide() {
		return repeated
	}
	return plain
}

// mulC, addC: d = x·v, x+v.
func (k row) mulC(v float64, x, d reg.VecPhysical) { k.pick(k.VMULPS, k.VMULPS_BCST)(k.f(v), x, d) }
func (k row) addC(v float64, x, d reg.VecPhysical) { k.pick(k.VADDPS, k.VADDPS_BCST)(k.f(v), x, d) }

// fmaC: d = d·x + v. fnmaC: d = d - x·v.
func (k row) fmaC(v float64, x, d reg.VecPhysical) {
	k.pick(k.VFMADD213PS, k.VFMADD213PS_BCST)(k.f(v), x, d)
}
func (k row) fnmaC(v float64, x, d reg.VecPhysical) {
	k.pick(k.VFNMADD231PS, k.VFNMADD231PS_BCST)(k.f(v), x, d)
}

// andBits, orBits, xorBits: d = x & bits, x | bits, x ^ bits.
func (k row) andBits(bits uint32, x, d reg.VecPhysical) {
	k.pick(k.VANDPS, k.VANDPS_BCST)(k.number(bits), x, d)
}
func (k row) orBits(bits uint32, x, d reg.VecPhysical) {
	k.pick(k.VORPS, k.VORPS_BCST)(k.number(bits), x, d)
}
func (k row) xorBits(bits uint32, x, d reg.VecPhysical) {
	k.pick(k.VXORPS, k.VXORPS_BCST)(k.number(bits), x, d)
}

const (
	signBit   = 1 << 31
	magnitude = 1<<31 - 1
)

// abs: d = |x|.
func (k row) abs(x, d reg.VecPhysical) { k.andBits(magnitude, x, d) }

// sign gives d, which is not negative, the sign of x; t changes.
func (k row) sign(x, d, t reg.VecPhysical) {
	k.andBits(signBit, x, t)
	k.VORPS(t, d, d)
}

// poly sets d to a polynomial of x, whose coefficients are in ascending order.
func (k row) poly(c []float64, x, d reg.VecPhysical) {
	k.set(c[len(c)-1], d)
	for i := len(c) - 2; i >= 0; i-- {
		k.fmaC(c[i], x, d)
	}
}

// below sets d to a where x < v, which is false for NaN; t changes.
func (k row) below(v float64, x, a, d, t reg.VecPhysical) {
	if k.wide() {
		k.VCMPPS_BCST(less, k.f(v), x, reg.K2)
		k.VMOVAPS(a, reg.K2, d)
		return
	}
	k.VCMPPS(less, k.f(v), x, t)
	k.VBLENDVPS(t, a, d, d)
}

// ifAbove keeps d where x > limit, which is false for NaN, and sets it to 0 elsewhere; t
// changes.
func (k row) ifAbove(limit, x, d, t reg.VecPhysical) {
	if k.wide() {
		k.VCMPPS(greater, limit, x, reg.K2)
		k.VMOVAPS_Z(d, reg.K2, d)
		return
	}
	k.VCMPPS(greater, limit, x, t)
	k.VANDPS(t, d, d)
}
