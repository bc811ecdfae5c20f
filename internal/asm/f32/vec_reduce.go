package main

import (
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// reductions writes the reductions of a row to a number, and the parts of softmax and
// layer normalisation. Sums have four vectors of accumulators.
func reductions(g *gen) {
	for _, v := range vectors {
		k := g.row(v)
		k.reduction("Sum", nil, k.VADDPS, func(m operand.Mem, acc, x reg.VecPhysical, tail bool) {
			if !tail {
				k.VADDPS(m, acc, acc)
				return
			}
			k.load(m, x, true)
			k.VADDPS(x, acc, acc)
		})
		k.reduction("SquareSum", []string{"mean float32"}, k.VADDPS, func(m operand.Mem, acc, x reg.VecPhysical, tail bool) {
			k.load(m, x, tail)
			k.VSUBPS(k.r[14], x, x)
			if tail {
				k.keep(x)
			}
			k.VFMADD231PS(x, x, acc)
		})
		k.extremes(g)
		k.expSum()
		k.softmaxes()
		k.normalise()
	}
}

// keep sets the lanes after the end of the row to 0.
func (k row) keep(x reg.VecPhysical) {
	if k.wide() {
		k.VMOVAPS_Z(x, reg.K1, x)
		return
	}
	k.VANDPS(k.mask(), x, x)
}

// reduction writes a reduction in which step adds a vector to one of four accumulators,
// which begin with 0.
func (k row) reduction(name string, more []string, join func(...operand.Op), step func(m operand.Mem, acc, x reg.VecPhysical, tail bool)) {
	name = "Vec" + name + k.title
	k.leaf(name, append(append([]string{"src ptr", "n int"}, more...), "ret float32"), name+" takes n numbers.")
	src, n := reg.RSI, reg.RDX
	k.takes(src, n)
	for _, m := range more {
		k.broadcast(m[:len(m)-len(" float32")], k.r[14])
	}
	for i := range 4 {
		k.zero(k.r[i])
	}
	k.loop("row", n, []reg.Register{src}, 4, func(disp, i int, tail bool) {
		step(at(src, disp), k.r[i], k.r[4+i], tail)
	})
	k.fold(join)
	k.VMOVSS(k.r[0].AsX(), k.params["ret"])
	k.end()
}

// fold reduces registers 0 to 3 to the first lane of register 0.
func (k row) fold(join func(...operand.Op)) {
	r := k.r
	join(r[1], r[0], r[0])
	join(r[3], r[2], r[2])
	join(r[2], r[0], r[0])
	k.foldOne(join)
}

// foldOne reduces register 0 to its first lane.
func (k row) foldOne(join func(...operand.Op)) {
	r := k.r
	if k.wide() {
		k.VEXTRACTF64X4(operand.U8(1), r[0], r[1].AsY())
		join(r[1].AsY(), r[0].AsY(), r[0].AsY())
	}
	k.VEXTRACTF128(operand.U8(1), r[0].AsY(), r[1].AsX())
	for i, swap := range []int{-1, 0x4e, 0xb1} {
		if i > 0 {
			k.VPERMILPS(operand.U8(swap), r[0].AsX(), r[1].AsX())
		}
		join(r[1].AsX(), r[0].AsX(), r[0].AsX())
	}
}

// extremes writes the maximum and minimum of a row that is not empty; the result is NaN
// if there is any.
func (k row) extremes(g *gen) {
	for _, side := range []struct {
		name string
		op   func(...operand.Op)
	}{{"Max", g.VMAXPS}, {"Min", g.VMINPS}} {
		name := "Vec" + side.name + "Of" + k.title
		k.leaf(name, []string{"src ptr", "n int", "ret float32"}, name+" takes n numbers, at least one, and returns NaN if one is.")
		src, n := reg.RSI, reg.RDX
		k.takes(src, n)
		for i := range 4 {
			k.VBROADCASTSS(at(src, 0), k.r[i])
		}
		bad := k.r[13]
		if k.wide() {
			g.KXORW(reg.K3, reg.K3, reg.K3)
		} else {
			k.zero(bad)
		}
		k.loop("row", n, []reg.Register{src}, 4, func(disp, i int, tail bool) {
			x, acc := k.r[4+i], k.r[i]
			k.load(at(src, disp), x, tail)
			if tail { // lanes after the end repeat the accumulator
				if k.wide() {
					k.VMOVAPS(acc, k.r[12])
					k.VMOVAPS(x, reg.K1, k.r[12])
					k.VMOVAPS(k.r[12], x)
				} else {
					k.VBLENDVPS(k.mask(), x, acc, x)
				}
			}
			side.op(x, acc, acc)
			if k.wide() {
				k.VCMPPS(unordered, x, x, reg.K2)
				k.KORW(reg.K2, reg.K3, reg.K3)
			} else {
				k.VCMPPS(unordered, x, x, k.r[12])
				k.VORPS(k.r[12], bad, bad)
			}
		})
		k.fold(side.op)
		if k.wide() {
			k.KORTESTW(reg.K3, reg.K3)
		} else {
			k.VPTEST(bad, bad)
		}
		k.JZ(to("number"))
		k.MOVL(operand.U32(0x7fc00000), reg.EAX)
		k.VMOVD(reg.EAX, k.r[0].AsX())
		k.Label("number")
		k.VMOVSS(k.r[0].AsX(), k.params["ret"])
		k.end()
	}
}

// expFloor is the exponent below which e^x is taken as 0, see engine/kernel/vec.
const expFloor = -80

// expSum writes dst = e^(src - top), 0 below expFloor, and returns the sum.
func (k row) expSum() {
	name := "VecExpSum" + k.title
	k.leaf(name, []string{"dst ptr", "src ptr", "n int", "top float32", "ret float32"}, name+" takes n numbers; dst may be src.")
	dst, src, n := reg.RDI, reg.RSI, reg.RDX
	k.takes(dst, src, n)
	k.broadcast("top", k.r[10])
	k.set(expFloor, k.r[expLow])
	k.set(expMost, k.r[expHigh])
	k.sumExps(dst, src, n)
	k.VMOVSS(k.r[0].AsX(), k.params["ret"])
	k.end()
}

// sumExps writes dst = e^(src - register 10), and the sum to the first lane of register 0.
func (k row) sumExps(dst, src, n reg.GPPhysical) {
	sum := k.r[5]
	k.zero(sum)
	k.loop("row", n, []reg.Register{dst, src}, 1, func(disp, _ int, tail bool) {
		k.load(at(src, disp), k.r[0], tail)
		k.VSUBPS(k.r[10], k.r[0], k.r[0])
		k.notBelow(k.r[0], k.r[expLow], k.r[4])
		k.exp()
		k.clearOthers(k.r[4], k.r[0])
		if tail {
			k.keep(k.r[0])
		}
		k.store(k.r[0], at(dst, disp), tail)
		k.VADDPS(k.r[0], sum, sum)
	})
	k.VMOVAPS(sum, k.r[0])
	k.foldOne(k.VADDPS)
}

// softmaxes writes the softmax of each of several lines. For short lines the calls of three
// kernels take longer than the numbers do.
func (k row) softmaxes() {
	name := "VecSoftmaxes" + k.title
	k.leaf(name, []string{"dst ptr", "src ptr", "lines int", "n int", "apart int"},
		name+" takes lines of n numbers, at least one of each, that begin apart bytes from each other; dst may be src.")
	dst, src, lines, n, apart := reg.RDI, reg.RSI, reg.R8, reg.R9, reg.R10
	k.takes(dst, src, lines, n, apart)
	k.set(expFloor, k.r[expLow])
	k.set(expMost, k.r[expHigh])
	out, from, left := reg.R11, reg.R12, reg.RDX
	k.Label("line")
	k.MOVQ(src, from)
	k.MOVQ(n, left)
	top := k.r[0]
	k.VBROADCASTSS(at(src, 0), top)
	k.loop("top", left, []reg.Register{from}, 1, func(disp, _ int, tail bool) {
		x := k.r[1]
		if tail { // lanes after the end repeat the maximum
			k.load(at(from, disp), k.r[2], true)
			k.VMOVAPS(top, x)
			k.choose(k.r[2], x)
		} else {
			k.load(at(from, disp), x, false)
		}
		k.VMAXPS(top, x, top) // a NaN makes no maximum, but a sum
	})
	k.foldOne(k.VMAXPS)
	k.VBROADCASTSS(top.AsX(), k.r[10])
	k.MOVQ(dst, out)
	k.MOVQ(src, from)
	k.MOVQ(n, left)
	k.sumExps(out, from, left)
	k.VBROADCASTSS(k.r[0].AsX(), k.r[0])
	k.set(1, k.r[1])
	k.VDIVPS(k.r[0], k.r[1], k.r[1])
	k.MOVQ(dst, out)
	k.MOVQ(n, left)
	k.loop("factor", left, []reg.Register{out}, 1, func(disp, _ int, tail bool) {
		k.load(at(out, disp), k.r[0], tail)
		k.VMULPS(k.r[1], k.r[0], k.r[0])
		k.store(k.r[0], at(out, disp), tail)
	})
	k.ADDQ(apart, src)
	k.ADDQ(apart, dst)
	k.DECQ(lines)
	k.JNZ(to("line"))
	k.end()
}

// choose writes x to d except in the lanes after the end of the row.
func (k row) choose(x, d reg.VecPhysical) {
	if k.wide() {
		k.VMOVAPS(x, reg.K1, d)
		return
	}
	k.VBLENDVPS(k.mask(), x, d, d)
}

// notBelow sets K2 (AVX-512) or register d to where x ≥ bound or x is NaN.
func (k row) notBelow(x, bound, d reg.VecPhysical) {
	if k.wide() {
		k.VCMPPS(notLess, bound, x, reg.K2)
		return
	}
	k.VCMPPS(notLess, bound, x, d)
}

// clearOthers sets the other lanes of x to 0.
func (k row) clearOthers(d, x reg.VecPhysical) {
	if k.wide() {
		k.VMOVAPS_Z(x, reg.K2, x)
		return
	}
	k.VANDPS(d, x, x)
}

// normalise writes dst = (src - mean)·inverse·gain + bias.
func (k row) normalise() {
	name := "VecNormalise" + k.title
	k.leaf(name, []string{"dst ptr", "src ptr", "gain ptr", "bias ptr", "n int", "mean float32", "inverse float32"},
		name+" takes n numbers of each; dst may be src.")
	dst, src, gain, bias, n := reg.RDI, reg.RSI, reg.R8, reg.R9, reg.RDX
	k.takes(dst, src, gain, bias, n)
	k.broadcast("mean", k.r[10])
	k.broadcast("inverse", k.r[11])
	k.loop("row", n, []reg.Register{dst, src, gain, bias}, 2, func(disp, i int, tail bool) {
		x, g, b := k.r[3*i], k.r[3*i+1], k.r[3*i+2]
		k.load(at(src, disp), x, tail)
		k.load(at(gain, disp), g, tail)
		k.load(at(bias, disp), b, tail)
		k.VSUBPS(k.r[10], x, x)
		k.VMULPS(k.r[11], x, x)
		k.VFMADD231PS(g, x, b)
		k.store(b, at(dst, disp), tail)
	})
	k.end()
}
