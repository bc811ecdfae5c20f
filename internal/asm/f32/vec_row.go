package main

import (
	"fmt"

	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// alongRows returns a program that writes kernels on rows and their constants.
func alongRows(emit func(*gen)) func(*gen) {
	return func(g *gen) {
		emit(g)
		g.writeConstants()
	}
}

var vectors = []vector{ymm, zmm}

// row writes kernels on rows of numbers. The last vector of a row is masked: by K1 with
// AVX-512, by the last register with AVX2.
type row struct {
	*gen
	vector
	r []reg.VecPhysical
}

func (g *gen) row(v vector) row { return row{g, v, v.regs} }

func (k row) wide() bool            { return k.bytes == 64 }
func (k row) lanesOf() int          { return k.bytes / 4 }
func (k row) mask() reg.VecPhysical { return k.r[15] }

// tailMask sets the mask for n remaining numbers; RAX and RCX change.
func (k row) tailMask(n reg.GPPhysical) {
	if k.wide() {
		k.MOVL(imm(1), reg.EAX)
		k.MOVQ(n, reg.RCX)
		k.SHLL(reg.CL, reg.EAX)
		k.DECL(reg.EAX)
		k.KMOVW(reg.EAX, reg.K1)
		return
	}
	k.VMOVD(n.As32(), k.mask().AsX())
	k.VPBROADCASTD(k.mask().AsX(), k.mask())
	k.VPCMPGTD(k.lanes(), k.mask(), k.mask())
}

// load loads a vector; in a tail, masked lanes are 0.
func (k row) load(m operand.Mem, r reg.VecPhysical, tail bool) {
	switch {
	case !tail:
		k.VMOVUPS(m, r)
	case k.wide():
		k.VMOVUPS_Z(m, reg.K1, r)
	default:
		k.VMASKMOVPS(m, k.mask(), r)
	}
}

func (k row) store(r reg.VecPhysical, m operand.Mem, tail bool) {
	switch {
	case !tail:
		k.VMOVUPS(r, m)
	case k.wide():
		k.VMOVUPS(r, reg.K1, m)
	default:
		k.VMASKMOVPS(r, k.mask(), m)
	}
}

// loop writes loops over the vectors of a row: in groups of unroll, then one by one, then
// for the tail. body gets the offset of the vector in its group, in bytes, and its number
// in the group; pointers advance.
func (k row) loop(label string, n reg.GPPhysical, pointers []reg.Register, unroll int, body func(disp, i int, tail bool)) {
	for _, u := range []int{unroll, 1} {
		name := fmt.Sprintf("%s%d", label, u)
		k.while(name, n, u*k.lanesOf(), func() {
			for i := range u {
				body(i*k.bytes, i, false)
			}
			for _, p := range pointers {
				k.ADDQ(imm(u*k.bytes), p)
			}
		})
		if unroll == 1 {
			break
		}
	}
	k.TESTQ(n, n)
	k.JZ(to(label + "End"))
	k.tailMask(n)
	body(0, 0, true)
	k.Label(label + "End")
}

// clip bounds r by low and high; a NaN stays.
func (k row) clip(r, low, high reg.Register) {
	k.VMAXPS(r, low, r)
	k.VMINPS(r, high, r)
}

func (k row) zero(r reg.VecPhysical) { k.VXORPS(r.AsX(), r.AsX(), r.AsX()) }
