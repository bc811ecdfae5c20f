package main

import (
	"math"

	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// Registers of functions of one number: 0 is the argument and the result, 1 to 7 are
// free, 8 and 9 are the bounds of the argument of exp, 10 and 11 alpha and beta, 12 is
// zero, 13 is one.
const (
	expLow, expHigh = 8, 9
	alpha, beta     = 10, 11
	none, one       = 12, 13
)

// unaries writes the functions of one number. Alpha and beta are the parameters of the
// function. What NaN gives is in engine/kernel/vec.
func unaries(g *gen) {
	for _, v := range vectors {
		k := g.row(v)
		r := k.r
		k.unary("Exp", 1, func() { k.exp() })
		k.unary("Sigmoid", 1, func() {
			k.xorBits(signBit, r[0], r[0])
			k.exp()
			k.VADDPS(r[one], r[0], r[0])
			k.VDIVPS(r[0], r[one], r[0])
		})
		k.unary("Silu", 1, func() { // x / (1 + exp(-alpha·x))
			k.VMOVAPS(r[0], r[4])
			k.VMULPS(r[alpha], r[0], r[0])
			k.xorBits(signBit, r[0], r[0])
			k.exp()
			k.VADDPS(r[one], r[0], r[0])
			k.VDIVPS(r[0], r[4], r[0])
		})
		k.unary("Tanh", 1, k.tanh)
		k.unary("Erf", 1, k.erf)
		k.unary("Gelu", 2, k.gelu, k.geluConstants)
		k.unary("GeluTanh", 1, func() {
			// x/2·(1+tanh u) = x / (1 + e^-2u), u = √(2/π)·(x + 0.044715x³)
			k.VMOVAPS(r[0], r[4])
			k.VMULPS(r[0], r[0], r[1])
			k.set(-2*math.Sqrt(2/math.Pi)*0.044715, r[2])
			k.fmaC(-2*math.Sqrt(2/math.Pi), r[1], r[2])
			k.VMULPS(r[2], r[0], r[0])
			k.exp()
			k.VADDPS(r[one], r[0], r[0])
			k.VDIVPS(r[0], r[4], r[0])
		})
		k.unary("Mish", 1, func() {
			// with e = e^x: tanh(ln(1+e)) = n/(n+2), n = e·(e+2); for x > 20 it rounds to 1
			k.VMOVAPS(r[0], r[4])
			k.set(20, r[5])
			k.VMINPS(r[0], r[5], r[0])
			k.exp()
			k.addC(2, r[0], r[1])
			k.VMULPS(r[0], r[1], r[0])
			k.addC(2, r[0], r[1])
			k.VDIVPS(r[1], r[0], r[0])
			k.VMULPS(r[4], r[0], r[0])
		})
		k.unary("Softplus", 1, k.softplus)
		k.unary("Elu", 1, func() {
			k.VMOVAPS(r[0], r[4])
			k.expm1()
			k.VMULPS(r[alpha], r[0], r[0])
			k.VMULPS(r[beta], r[4], r[1])
			k.below(0, r[4], r[0], r[1], r[3])
			k.VMOVAPS(r[1], r[0])
		})
		k.unary("Celu", 1, func() {
			k.VMOVAPS(r[0], r[4])
			k.VMULPS(r[beta], r[0], r[0])
			k.expm1()
			k.VMULPS(r[alpha], r[0], r[0])
			k.below(0, r[4], r[0], r[4], r[3])
			k.VMOVAPS(r[4], r[0])
		})
		k.unary("Softsign", 1, func() {
			k.abs(r[0], r[1])
			k.VADDPS(r[one], r[1], r[1])
			k.VDIVPS(r[1], r[0], r[0])
		})
		k.unary("Clip", 4, func() { k.clip(r[0], r[alpha], r[beta]) })
		k.unary("LeakyRelu", 2, func() {
			if k.wide() {
				k.VCMPPS(less, r[none], r[0], reg.K2)
				k.VMULPS(r[alpha], r[0], reg.K2, r[0])
				return
			}
			k.VMULPS(r[alpha], r[0], r[1])
			k.VCMPPS(less, r[none], r[0], r[2])
			k.VBLENDVPS(r[2], r[1], r[0], r[0])
		})
		k.unary("HardSigmoid", 2, func() {
			k.VFMADD213PS(r[beta], r[alpha], r[0])
			k.clip(r[0], r[none], r[one])
		})
		k.unary("HardSwish", 2, func() {
			k.VMOVAPS(r[0], r[4])
			k.VFMADD213PS(r[beta], r[alpha], r[0])
			k.clip(r[0], r[none], r[one])
			k.VMULPS(r[4], r[0], r[0])
		})
		k.unary("ThresholdedRelu", 4, func() { k.ifAbove(r[alpha], r[0], r[0], r[1]) })
		k.unary("Shrink", 2, func() {
			k.abs(r[0], r[1])
			k.andBits(signBit, r[0], r[2])
			k.VXORPS(r[beta], r[2], r[2]) // beta with the sign of x
			k.VSUBPS(r[2], r[0], r[0])
			k.ifAbove(r[alpha], r[1], r[0], r[2])
		})
		k.unary("Affine", 4, func() { k.VFMADD213PS(r[beta], r[alpha], r[0]) })
		k.unary("Abs", 4, func() { k.abs(r[0], r[0]) })
		k.unary("Neg", 4, func() { k.xorBits(signBit, r[0], r[0]) })
		k.unary("Sqrt", 1, func() { k.VSQRTPS(r[0], r[0]) })
		k.unary("Reciprocal", 1, func() { k.VDIVPS(r[0], r[one], r[0]) })
		k.unary("Floor", 4, func() { k.round(1, r[0], r[0]) })
		k.unary("Ceil", 4, func() { k.round(2, r[0], r[0]) })
		k.unary("Round", 4, func() { k.round(0, r[0], r[0]) })
		k.unary("Sign", 2, k.signOf)
	}
	for _, v := range vectors {
		g.row(v).writeTail()
	}
}

// unary writes a loop of body, which replaces register 0 by the function of it. more sets
// up further registers.
func (k row) unary(name string, unroll int, body func(), more ...func()) {
	name = "Vec" + name + k.title
	k.leaf(name, []string{"dst ptr", "src ptr", "n int", "alpha float32", "beta float32"},
		name+" takes n numbers; dst may be src.")
	dst, src, n := reg.RDI, reg.RSI, reg.RDX
	k.takes(dst, src, n)
	k.set(expLeast, k.r[expLow])
	k.set(expMost, k.r[expHigh])
	k.broadcast("alpha", k.r[alpha])
	k.broadcast("beta", k.r[beta])
	k.zero(k.r[none])
	k.set(1, k.r[one])
	for _, setup := range more {
		setup()
	}
	k.loop("row", n, []reg.Register{dst, src}, unroll, func(disp, _ int, tail bool) {
		k.load(at(src, disp), k.r[0], tail)
		body()
		k.store(k.r[0], at(dst, disp), tail)
	})
	k.end()
}

// signOf sets register 0 to 1 with the sign of x, but leaves 0 and NaN.
func (k row) signOf() {
	const differs = operand.U8(12) // and neither is NaN
	r := k.r
	k.andBits(signBit, r[0], r[1])
	k.VORPS(r[one], r[1], r[1])
	if k.wide() {
		k.VCMPPS(differs, r[none], r[0], reg.K2)
		k.VMOVAPS(r[1], reg.K2, r[0])
		return
	}
	k.VCMPPS(differs, r[none], r[0], r[2])
	k.VBLENDVPS(r[2], r[1], r[0], r[0])
}

// round rounds to an integer; mode is 0 (nearest, ties to even), 1 (down) or 2 (up).
func (k row) round(mode int, x, d reg.VecPhysical) {
	if k.wide() {
		k.VRNDSCALEPS(operand.U8(mode), x, d)
		return
	}
	k.VROUNDPS(operand.U8(mode), x, d)
}

// The bounds of the argument of exp keep the exponent in range. In float32, e^expLeast is
// 0, and e^expMost is +Inf.
const (
	expLeast = -104.0
	expMost  = 88.8
)

// expPoly is a polynomial for e^r, |r| ≤ ln2/2, fitted to the relative error (3e-9).
var expPoly = []float64{1, 1, 0.49999994, 0.1666652, 0.041668393, 0.008368781, 0.0013814468}

// reduce sets register 1 to n, an integer, and register 0, which is x, to r = x - n·ln2,
// |r| ≤ ln2/2. ln 2 is in two parts, of which the first has 15 bits, so that its products
// with n are exact.
func (k row) reduce() {
	r := k.r
	const high = 0.693145751953125
	k.mulC(math.Log2E, r[0], r[1])
	k.round(0, r[1], r[1])
	k.fnmaC(high, r[1], r[0])
	k.fnmaC(math.Ln2-high, r[1], r[0])
}

// exp replaces register 0 by its exponential 2^n·e^r. Registers 1 to 3 change.
func (k row) exp() {
	r := k.r
	k.clip(r[0], r[expLow], r[expHigh])
	k.reduce()
	k.poly(expPoly, r[0], r[2])
	if k.wide() {
		k.VSCALEFPS(r[1], r[2], r[0])
		return
	}
	// 2^n in two factors, because it may be out of the range of float32.
	k.VCVTPS2DQ(r[1], r[1])
	k.VPSRAD(operand.U8(1), r[1], r[3])
	k.VPSUBD(r[3], r[1], r[1])
	for _, e := range []reg.VecPhysical{r[1], r[3]} {
		k.VPADDD(k.number(127), e, e)
		k.VPSLLD(operand.U8(23), e, e)
	}
	k.VMULPS(r[1], r[2], r[2])
	k.VMULPS(r[3], r[2], r[0])
}

// expm1 replaces register 0 by e^x - 1 for x ≤ 0, and by 0 for x > 0. With e^x = 2^n·e^r it
// is 2^n·(e^r - 1) + (2^n - 1), in which nothing cancels: 2^n - 1 is 0 where x is small.
// Registers 1 to 3 change.
func (k row) expm1() {
	r := k.r
	const least = -87 // e^x is negligible beside 1, and 2^n normal
	k.set(least, r[1])
	k.clip(r[0], r[1], r[none])
	k.reduce()
	k.poly(expPoly[1:], r[0], r[2])
	k.VMULPS(r[0], r[2], r[2])
	if k.wide() {
		k.VSCALEFPS(r[1], r[one], r[1])
	} else {
		k.VCVTPS2DQ(r[1], r[1])
		k.VPSLLD(operand.U8(23), r[1], r[1])
		k.VPADDD(r[one], r[1], r[1]) // to the exponent of 1
	}
	k.VSUBPS(r[one], r[1], r[0])
	k.VFMADD231PS(r[1], r[2], r[0])
}

// log1p is ln(1+u)/u for u in [0, 1], fitted to the relative error (5e-9).
var log1p = []float64{1, -0.49999902, 0.33329964, -0.24954134, 0.19675939, -0.15305592, 0.10603654, -0.056959525, 0.019851457, -0.0032440242}

// softplus is max(x, 0) + ln(1 + e^-|x|), in which nothing overflows. Below -87 it is 0,
// where the product with e^x could be subnormal, which is slow.
func (k row) softplus() {
	r := k.r
	const least = -87
	k.VMOVAPS(r[0], r[4])
	k.orBits(signBit, r[0], r[0])
	k.set(least, r[1])
	k.VMAXPS(r[0], r[1], r[0])
	k.exp()
	k.poly(log1p, r[0], r[1])
	k.VMULPS(r[1], r[0], r[0])
	k.below(least, r[4], r[none], r[0], r[3])
	k.VMAXPS(r[4], r[none], r[1]) // NaN stays
	k.VADDPS(r[1], r[0], r[0])
}

// tanh is 1 - 2/(e^2|x| + 1) with the sign of x. For |x| < 0.625, where that would cancel,
// it is x times a polynomial in x², fitted to the relative error (4e-9).
func (k row) tanh() {
	r := k.r
	k.VMOVAPS(r[0], r[4])
	k.abs(r[0], r[5])
	k.VADDPS(r[5], r[5], r[0])
	k.exp()
	k.VADDPS(r[one], r[0], r[0])
	k.set(2, r[1])
	k.VDIVPS(r[0], r[1], r[0])
	k.VSUBPS(r[0], r[one], r[0])
	k.VMULPS(r[5], r[5], r[1])
	k.poly([]float64{0.9999999963, -0.3333326337, 0.1333118564, -0.053725222, 0.0206031189, -0.0056723927}, r[1], r[2])
	k.VMULPS(r[5], r[2], r[2])
	k.below(0.625, r[5], r[2], r[0], r[3])
	k.sign(r[4], r[0], r[1])
}

// Weighted minimax fits: logErfc is ln erfc(t) for t in [0.84, 10.5], with an error of 2e-7
// where erfc is not negligible beside 1; erfNear is erf(t)/t as a polynomial in t², for
// t < 0.84, with an error of 6e-9.
var (
	logErfc = []float64{0.00010751168479075014, -1.1293575728936518, -0.6333100524968296, -0.10874096913340649,
		0.02572963239574285, -0.004559923508434324, 0.0005706332423218492, -4.678639956469656e-05, 2.2249160633813486e-06, -4.60777036928439e-08}
	erfNear = []float64{1.1283791610770781, -0.3761257778731377, 0.11282784723408013, -0.02680522149000879, 0.005055435357454894, -0.0006339808712323013}
)

const (
	erfSwitch = 0.84
	erfcEnd   = 10.5 // from here on, erfc is 0 in float32
)

// erfc sets register 0 to erfc(t) for t = register 5, at least erfSwitch; 1 to 3 change.
func (k row) erfc() {
	k.set(erfcEnd, k.r[3])
	k.VMINPS(k.r[5], k.r[3], k.r[3])
	k.poly(logErfc, k.r[3], k.r[0])
	k.exp()
}

// erf is 1 - erfc(|x|) with the sign of x, or, for |x| < erfSwitch, x·erfNear(x²).
func (k row) erf() {
	r := k.r
	k.VMOVAPS(r[0], r[4])
	k.abs(r[0], r[5])
	k.erfc()
	k.VSUBPS(r[0], r[one], r[0])
	k.VMULPS(r[5], r[5], r[1])
	k.poly(erfNear, r[1], r[2])
	k.VMULPS(r[5], r[2], r[2])
	k.below(erfSwitch, r[5], r[2], r[0], r[3])
	k.sign(r[4], r[0], r[1])
}
