package main

import (
	"math"

	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// double writes functions of float32 that are computed in float64 and rounded once at the end: a
// result differs from the exact one, rounded, only where the last bit hangs by less than their error of
// at most 4e-10. Register 0 is the argument and the result of a body, 1 to 5 are free.
type double struct{ row }

// Registers of the loops: a vector of arguments, of second ones and of results, and a half of
// these; the second argument of a body.
const (
	doubleIn, doubleWith, doubleOut, doubleHalf, exponent = 8, 9, 10, 11, 6
)

// doubles writes the kernels that compute in float64.
func doubles(g *gen) {
	for _, v := range vectors {
		k := double{g.row(v)}
		k.unary("Sin", func() { k.sine(0) })
		k.unary("Cos", func() { k.sine(0.5) })
		k.unary("Log", k.log)
		k.unary("Atan", k.atan)
		k.unary("Asin", func() { k.arc(false) })
		k.unary("Acos", func() { k.arc(true) })
		k.binary("Pow", 1, 1)
		k.binary("PowRight", 1, 0)
		k.binary("PowLeft", 0, 1)
	}
}

// unary writes a loop of body over a row. The parameters alpha and beta are those of all functions of
// one number.
func (k double) unary(name string, body func()) {
	name = "Vec" + name + k.title
	k.leaf(name, []string{"dst ptr", "src ptr", "n int", "alpha float32", "beta float32"},
		name+" takes n numbers; dst may be src. alpha and beta are not used.")
	dst, src, n := reg.RDI, reg.RSI, reg.RDX
	k.takes(dst, src, n)
	k.loop("row", n, []reg.Register{dst, src}, 1, func(disp, _ int, tail bool) {
		k.load(at(src, disp), k.r[doubleIn], tail)
		for half := range 2 {
			k.widen(half, doubleIn, 0)
			body()
			k.narrow(half)
		}
		k.store(k.r[doubleOut], at(dst, disp), tail)
	})
	k.end()
}

// binary writes powers of two rows, or of a row and a single number: stepA and stepB are 1 for rows.
// As for all functions of two numbers, a single one is the parameter b, also where it is the left one.
func (k double) binary(name string, stepA, stepB int) {
	name = "Vec" + name + k.title
	k.leaf(name, []string{"dst ptr", "a ptr", "b ptr", "n int"}, name+" takes n numbers, or one at b if it has a side; dst may be a row of them.")
	dst, a, b, n := reg.RDI, reg.RSI, reg.RBX, reg.RDX
	k.takes(dst, a, b, n)
	pointers, base, power := []reg.Register{dst, a, b}, reg.Register(a), reg.Register(b)
	if stepA+stepB == 1 {
		k.VBROADCASTSS(at(b, 0), k.r[doubleWith])
		if pointers = pointers[:2]; stepA == 0 {
			base, power = b, a
			k.VMOVAPS(k.r[doubleWith], k.r[doubleIn])
		}
	}
	k.loop("row", n, pointers, 1, func(disp, _ int, tail bool) {
		if stepA == 1 {
			k.load(at(base, disp), k.r[doubleIn], tail)
		}
		if stepB == 1 {
			k.load(at(power, disp), k.r[doubleWith], tail)
		}
		for half := range 2 {
			k.widen(half, doubleIn, 0)
			k.widen(half, doubleWith, exponent)
			k.power()
			k.narrow(half)
		}
		k.store(k.r[doubleOut], at(dst, disp), tail)
	})
	k.end()
}

// widen sets register d to a half of the vector in register x, in float64.
func (k double) widen(half, x, d int) {
	from := k.half(k.r[x])
	if half == 1 {
		from = k.half(k.r[d])
		if k.bytes == 64 {
			k.VEXTRACTF64X4(imm8(1), k.r[x], from)
		} else {
			k.VEXTRACTF128(imm8(1), k.r[x], from)
		}
	}
	k.VCVTPS2PD(from, k.r[d])
}

// narrow puts register 0 into a half of the results.
func (k double) narrow(half int) {
	out := k.half(k.r[doubleOut])
	if half == 1 {
		out = k.half(k.r[doubleHalf])
	}
	if k.wide() {
		k.VCVTPD2PS(k.r[0], out)
	} else {
		k.VCVTPD2PSY(k.r[0], out)
	}
	switch {
	case half == 0:
	case k.wide():
		k.VINSERTF64X4(imm8(1), out, k.r[doubleOut], k.r[doubleOut])
	default:
		k.VINSERTF128(imm8(1), out, k.r[doubleOut], k.r[doubleOut])
	}
}

func imm8(n int) operand.Op { return operand.U8(n) }

// half is the lower half of a register.
func (k double) half(r reg.VecPhysical) reg.VecPhysical {
	if k.wide() {
		return r.AsY().(reg.VecPhysical)
	}
	return r.AsX().(reg.VecPhysical)
}

// op applies an instruction to a constant, a register and the destination d.
func (k double) op(plain, repeated func(...operand.Op), v float64, x, d reg.VecPhysical) {
	k.pick(plain, repeated)(k.double(v), x, d)
}

// add: d = x + v. times: d = d·x + v. minus: d = d - x·v.
func (k double) add(v float64, x, d reg.VecPhysical) { k.op(k.VADDPD, k.VADDPD_BCST, v, x, d) }
func (k double) times(v float64, x, d reg.VecPhysical) {
	k.op(k.VFMADD213PD, k.VFMADD213PD_BCST, v, x, d)
}
func (k double) minus(v float64, x, d reg.VecPhysical) {
	k.op(k.VFNMADD231PD, k.VFNMADD231PD_BCST, v, x, d)
}

// and, or: bit by bit with those of v.
func (k double) and(v float64, x, d reg.VecPhysical) { k.op(k.VANDPD, k.VANDPD_BCST, v, x, d) }
func (k double) or(v float64, x, d reg.VecPhysical)  { k.op(k.VORPD, k.VORPD_BCST, v, x, d) }

// fill sets a register to a constant.
func (k double) fill(v float64, d reg.VecPhysical) {
	if k.wide() {
		k.VBROADCASTSD(k.double(v), d)
		return
	}
	k.VMOVUPD(k.double(v), d)
}

// poly sets d to a polynomial of x, whose coefficients are in ascending order.
func (k double) poly(c []float64, x, d reg.VecPhysical) {
	k.fill(c[len(c)-1], d)
	for i := len(c) - 2; i >= 0; i-- {
		k.times(c[i], x, d)
	}
}

// where sets d to a where a comparison of x with v holds; t changes.
func (k double) where(predicate operand.Op, x reg.VecPhysical, v float64, a, d, t reg.VecPhysical) {
	if k.wide() {
		k.VCMPPD_BCST(predicate, k.double(v), x, reg.K2)
		k.VMOVAPD(a, reg.K2, d)
		return
	}
	k.VCMPPD(predicate, k.double(v), x, t)
	k.VBLENDVPD(t, a, d, d)
}

const (
	same      = operand.U8(0)
	notLeast  = operand.U8(9) // not greater than or equal, as NaN is
	rounding  = 3 << 51       // added to a number below 2^51, it leaves its nearest integer in the low bits
	minusZero = 1 << 63
)

var (
	negative = math.Float64frombits(minusZero)
	positive = math.Float64frombits(minusZero - 1)
)

// sines is sin(r)/r as a polynomial in r², |r| ≤ π/2, fitted to the relative error (2e-11).
var sines = []float64{0.9999999999788239, -0.16666666608766198, 0.00833333071840896, -0.00019840832555393165, 2.7523957534941745e-06, -2.3868108489644158e-08}

// sine replaces x, |x| ≤ 2^30, by sin(x + π·shift), where shift is 0 or 1/2: with k = round(x/π + shift)
// and r = x - (k-shift)·π, |r| ≤ π/2, it is sin r, negated if k is odd. π is in two parts, whose products
// multiply-adds do not round: what they leave of r is exact to 2^-75, while no float32 is nearer than
// 2^-35 to a multiple of π/2 other than 0.
func (k double) sine(shift float64) {
	const low = 1.2246467991473532e-16 // π - float64(π)
	r := k.r
	k.fill(1/math.Pi, r[1])
	if shift == 0 {
		k.times(rounding, r[0], r[1])
		k.add(-rounding, r[1], r[2])
	} else {
		k.times(shift, r[0], r[1])
		k.add(rounding, r[1], r[1])
		k.add(-rounding, r[1], r[2])
		k.add(-shift, r[2], r[2])
	}
	k.VPSLLQ(imm8(63), r[1], r[1])
	k.minus(math.Pi, r[2], r[0])
	k.minus(low, r[2], r[0])
	k.VMULPD(r[0], r[0], r[2])
	k.poly(sines, r[2], r[3])
	k.VMULPD(r[3], r[0], r[0])
	k.VXORPD(r[1], r[0], r[0])
}

// logs is 2·atanh(f)/f as a polynomial in f², |f| ≤ 0.1716, fitted to the relative error (3e-14).
var logs = []float64{1.999999999999947, 0.6666666667965473, 0.399999948703713, 0.285721682662184, 0.22174164874602129, 0.19609284937193605}

// logarithm sets register 1 to e and register 2 to ln m where x = 2^e·m, √½ ≤ m < √2, for x that is
// positive and finite: ln m = 2·atanh(f), f = (m-1)/(m+1). Registers 3 and 4 change.
func (k double) logarithm() {
	r := k.r
	root := math.Float64frombits(0x3fe6a09e00000000) // √½
	integer := k.pick(k.VPSUBQ, k.VPSUBQ_BCST)
	joined := k.pick(k.VPADDQ, k.VPADDQ_BCST)
	integer(k.double(root), r[0], r[1])
	joined(k.double(1), r[1], r[1]) // e + 1023 in the place of an exponent
	k.and(math.Inf(1), r[1], r[1])
	k.VPSUBQ(r[1], r[0], r[2])
	joined(k.double(1), r[2], r[2])
	k.VPSRLQ(imm8(52), r[1], r[1])
	k.or(1<<52, r[1], r[1]) // the float 2^52 + e + 1023
	k.add(-(1<<52 + 1023), r[1], r[1])
	k.add(1, r[2], r[3])
	k.add(-1, r[2], r[2])
	k.VDIVPD(r[3], r[2], r[2])
	k.VMULPD(r[2], r[2], r[3])
	k.poly(logs, r[3], r[4])
	k.VMULPD(r[4], r[2], r[2])
}

// log is NaN below 0.
func (k double) log() {
	r := k.r
	k.logarithm()
	k.fill(math.Ln2, r[3])
	k.VFMADD231PD(r[3], r[1], r[2])
	k.fill(math.Inf(-1), r[1])
	k.where(same, r[0], 0, r[1], r[2], r[3])
	k.where(same, r[0], math.Inf(1), r[0], r[2], r[3])
	k.fill(math.NaN(), r[1])
	k.where(notLeast, r[0], 0, r[1], r[2], r[3])
	k.VMOVAPD(r[2], r[0])
}

// powers is 2^r, |r| ≤ ½, fitted to the relative error (5e-11).
var powers = []float64{1, 0.6931471807045378, 0.2402265106656898, 0.05550410365972966, 0.00961803813113676, 0.0013333935068859278, 0.00015466756565093217, 1.5196153709422233e-05}

// power replaces x by x^y, y in register 6, for finite numbers, x not negative: 2^(y·log2 x), where
// log2 0 is so small that any y gives 0, 1 or an infinity.
func (k double) power() {
	const logOfZero, most = -0x1p300, 160
	r := k.r
	k.logarithm()
	k.fill(math.Log2E, r[3])
	k.VFMADD213PD(r[1], r[3], r[2])
	k.fill(logOfZero, r[1])
	k.where(same, r[0], 0, r[1], r[2], r[3])
	k.VMULPD(r[exponent], r[2], r[0])
	k.op(k.VMINPD, k.VMINPD_BCST, most, r[0], r[0])
	k.op(k.VMAXPD, k.VMAXPD_BCST, -most, r[0], r[0])
	k.add(rounding, r[0], r[1])
	k.add(-rounding, r[1], r[2])
	k.VSUBPD(r[2], r[0], r[2])
	k.poly(powers, r[2], r[0])
	k.VPSLLQ(imm8(52), r[1], r[1])
	k.VPADDQ(r[1], r[0], r[0])
}

// atans is atan(z)/z as a polynomial in z², z ≤ 1, asins is asin(z)/z, z ≤ ½, fitted to the relative
// error (4e-10, 2e-11).
var (
	atans = []float64{0.9999999996282001, -0.3333332393467824, 0.19999604617111133, -0.142791593891562, 0.1105449968536972, -0.08798766645328593, 0.06716095985209025, -0.04435734221832299, 0.02227423113413883, -0.007199328030290719, 0.0010910999904123059}
	asins = []float64{0.9999999999849037, 0.16666667421646306, 0.07499938200351752, 0.0446620352380158, 0.030092212711676187, 0.024711522804137128, 0.007223885587282574, 0.034951489430665644}
)

// atan is that of z, the smaller of |x| and 1/|x|, or π/2 minus it, with the sign of x.
func (k double) atan() {
	r := k.r
	k.and(positive, r[0], r[1])
	k.fill(1, r[2])
	k.VMINPD(r[1], r[2], r[3]) // NaN stays
	k.VMAXPD(r[1], r[2], r[4])
	k.VDIVPD(r[4], r[3], r[3])
	k.VMULPD(r[3], r[3], r[2])
	k.poly(atans, r[2], r[4])
	k.VMULPD(r[4], r[3], r[3])
	k.fill(math.Pi/2, r[2])
	k.VSUBPD(r[3], r[2], r[2])
	k.where(greater, r[1], 1, r[2], r[3], r[4])
	k.and(negative, r[0], r[0])
	k.VORPD(r[3], r[0], r[0])
}

// arc is asin or acos: with a = asin z it is that of x itself for |x| ≤ ½; beyond, z = √((1-|x|)/2) and
// asin |x| = π/2 - 2a, acos |x| = 2a.
func (k double) arc(cosine bool) {
	r := k.r
	k.and(positive, r[0], r[1])
	k.fill(0.5, r[2])
	k.VFNMADD213PD(r[2], r[1], r[2]) // ½ - ½·|x|
	k.VSQRTPD(r[2], r[3])
	k.VMULPD(r[1], r[1], r[4])
	k.where(greater, r[1], 0.5, r[2], r[4], r[5]) // z²
	k.VMOVAPD(r[1], r[2])
	k.where(greater, r[1], 0.5, r[3], r[2], r[5]) // z
	k.poly(asins, r[4], r[3])
	k.VMULPD(r[3], r[2], r[2])
	k.VADDPD(r[2], r[2], r[3]) // 2a
	k.fill(math.Pi/2, r[4])
	k.and(negative, r[0], r[0])
	if cosine {
		k.VXORPD(r[0], r[2], r[2])
		k.VSUBPD(r[2], r[4], r[2]) // acos x = π/2 - asin x
		// beyond ½: 2a, or π - 2a where x is negative
		k.VXORPD(r[0], r[3], r[3])
		k.VPSRAD(imm8(31), r[0], r[0])
		k.fill(math.Pi, r[4])
		k.VPSHUFD(imm8(0xf5), r[0], r[0])
		k.VANDPD(r[4], r[0], r[0])
		k.VADDPD(r[0], r[3], r[3])
		k.where(greater, r[1], 0.5, r[3], r[2], r[5])
		k.VMOVAPD(r[2], r[0])
		return
	}
	k.VSUBPD(r[3], r[4], r[3])
	k.where(greater, r[1], 0.5, r[3], r[2], r[5])
	k.VORPD(r[2], r[0], r[0])
}
