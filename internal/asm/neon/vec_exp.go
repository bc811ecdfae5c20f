package main

import "math"

// For arguments within these bounds, 2^n is a normal number. In float32, e^expLow is
// negligible beside 1, and 1 beside e^expHigh.
const expLow, expHigh = -87, 87

// In float32, e^expLeast is 0, and e^expMost is +Inf.
const expLeast, expMost = -104, 88.8

// expFloor is the exponent below which e^x is taken as 0, see engine/kernel/vec.
const expFloor = -80

// ln 2 in two parts, of which the first has 15 bits, so that its products with n are
// exact.
const (
	ln2High = 0.693145751953125
	ln2Low  = math.Ln2 - ln2High
)

// expPoly is a polynomial for e^r, |r| ≤ ln2/2, fitted to the relative error (3e-9).
var expPoly = []float64{1, 1, 0.49999994, 0.1666652, 0.041668393, 0.008368781, 0.0013814468}

// expOf is that polynomial of sign·r.
func expOf(sign float64) []float64 {
	p := make([]float64, len(expPoly))
	factor := 1.0
	for i, c := range expPoly {
		p[i] = c * factor
		factor *= sign
	}
	return p
}

// expNumbers are the constants of exp, in the order of use.
func expNumbers(sign float64) []float64 {
	return append([]float64{sign * math.Log2E, ln2High, ln2Low}, expOf(sign)...)
}

// reduce sets vector 1 to n, an integer in float32, and vector 0, which is x, to x - n·ln2
// for e^x, or x + n·ln2 for e^-x.
func (f *functions) reduce(c chains, sign float64) {
	c.each(func(r chain) { f.fmul(r[1], r[0], f.of(sign*math.Log2E)) })
	c.each(func(r chain) { f.frintn(r[1], r[1]) })
	away := f.fmls
	if sign < 0 {
		away = f.fmla
	}
	for _, part := range []float64{ln2High, ln2Low} {
		c.each(func(r chain) { away(r[0], r[1], f.of(part)) })
	}
}

// exp replaces x in vector 0, between expLow and expHigh, by e^x or e^-x: n is added to the
// exponent. Vectors 1 to 3 change.
func (f *functions) exp(c chains, sign float64) {
	f.reduce(c, sign)
	f.poly(c, expOf(sign), 0, 2, 3)
	c.each(func(r chain) { f.fcvtns(r[1], r[1]) })
	c.each(func(r chain) { f.shl(r[1], r[1], 23) })
	c.each(func(r chain) { f.add(r[0], r[2], r[1]) })
}

// wholeExp is e^x for all x. 2^n may be out of the range of float32, so it is applied in
// two factors.
func (f *functions) wholeExp(c chains) {
	c.each(func(r chain) { f.fmax(r[0], r[0], f.of(expLeast)) })
	c.each(func(r chain) { f.fmin(r[0], r[0], f.of(expMost)) })
	f.reduce(c, 1)
	f.poly(c, expOf(1), 0, 2, 3)
	c.each(func(r chain) { f.fcvtns(r[1], r[1]) })
	c.each(func(r chain) { f.sshr(r[3], r[1], 1) })
	c.each(func(r chain) { f.sub(r[1], r[1], r[3]) })
	for _, part := range []int{1, 3} {
		c.each(func(r chain) { f.shl(r[part], r[part], 23) })
		c.each(func(r chain) { f.add(r[part], r[part], f.of(1)) }) // to the exponent of 1
		c.each(func(r chain) { f.fmul(r[2], r[2], r[part]) })
	}
	c.each(func(r chain) { f.mov(r[0], r[2]) })
}

// logistic replaces x in vector 0 by 1/(1 + e^-x), or by 0 if that is below 2e-38;
// vectors 1 to 4 change.
func (f *functions) logistic(c chains) {
	c.each(func(r chain) { f.fcmge(r[4], f.of(expLow), r[0]) }) // false for NaN
	c.each(func(r chain) { f.fmax(r[0], r[0], f.of(expLow)) })
	c.each(func(r chain) { f.fmin(r[0], r[0], f.of(expHigh)) })
	f.exp(c, -1)
	c.each(func(r chain) { f.fadd(r[0], r[0], f.of(1)) })
	c.each(func(r chain) { f.fdiv(r[0], f.of(1), r[0]) })
	c.each(func(r chain) { f.bic(r[0], r[0], r[4]) })
}

// silu is x·logistic(alpha·x).
func (f *functions) silu(c chains) {
	c.each(func(r chain) { f.mov(r[5], r[0]) })
	c.each(func(r chain) { f.fmul(r[0], r[0], f.alpha) })
	f.logistic(c)
	c.each(func(r chain) { f.fmul(r[0], r[0], r[5]) })
}

// x/2·(1 + tanh u) = x / (1 + e^-2u) with 2u = x·(geluLinear + geluCubic·x²).
const (
	geluLinear = 2 * 0.7978845608028654 // √(2/π)
	geluCubic  = geluLinear * 0.044715
)

func (f *functions) geluTanh(c chains) {
	c.each(func(r chain) { f.mov(r[5], r[0]) })
	c.each(func(r chain) { f.fmul(r[1], r[0], r[0]) })
	c.each(func(r chain) { f.set(r[2], geluLinear) })
	c.each(func(r chain) { f.fmla(r[2], r[1], f.of(geluCubic)) })
	c.each(func(r chain) { f.fmul(r[0], r[0], r[2]) })
	f.logistic(c)
	c.each(func(r chain) { f.fmul(r[0], r[0], r[5]) })
}

// mish is x·tanh(ln(1 + e)) with e = e^x: the tanh is n/(n+2) with n = e·(e+2). For x > 20
// it rounds to 1, for x < -87 it is taken as 0.
func (f *functions) mish(c chains) {
	c.each(func(r chain) { f.mov(r[4], r[0]) })
	c.each(func(r chain) { f.fmin(r[0], r[0], f.of(20)) })
	c.each(func(r chain) { f.fmax(r[0], r[0], f.of(expLow)) })
	f.exp(c, 1)
	c.each(func(r chain) { f.fadd(r[1], r[0], f.of(2)) })
	c.each(func(r chain) { f.fmul(r[0], r[0], r[1]) })
	c.each(func(r chain) { f.fadd(r[1], r[0], f.of(2)) })
	c.each(func(r chain) { f.fdiv(r[0], r[0], r[1]) })
	c.each(func(r chain) { f.fcmge(r[1], f.of(expLow), r[4]) })
	c.each(func(r chain) { f.bic(r[0], r[0], r[1]) })
	c.each(func(r chain) { f.fmul(r[0], r[0], r[4]) })
}

// expm1 replaces x in vector 0 by e^x - 1 for x ≤ 0, and by 0 for x > 0. With e^x = 2^n·e^r
// it is 2^n·(e^r - 1) + (2^n - 1), in which nothing cancels: 2^n - 1 is 0 where x is small.
// Below expLow, e^x is negligible beside 1. Vectors 1 to 3 change.
func (f *functions) expm1(c chains) {
	c.each(func(r chain) { f.fmax(r[0], r[0], f.of(expLow)) })
	c.each(func(r chain) { f.fmin(r[0], r[0], f.of(0)) })
	f.reduce(c, 1)
	f.poly(c, expPoly[1:], 0, 2, 3)
	c.each(func(r chain) { f.fmul(r[2], r[2], r[0]) })
	c.each(func(r chain) { f.fcvtns(r[1], r[1]) })
	c.each(func(r chain) { f.shl(r[1], r[1], 23) })
	c.each(func(r chain) { f.add(r[1], r[1], f.of(1)) }) // to the exponent of 1
	c.each(func(r chain) { f.fsub(r[0], r[1], f.of(1)) })
	c.each(func(r chain) { f.fmla(r[0], r[1], r[2]) })
}

// log1p is ln(1+u)/u for u in [0, 1], fitted to the relative error (5e-9).
var log1p = []float64{1, -0.49999902, 0.33329964, -0.24954134, 0.19675939, -0.15305592, 0.10603654, -0.056959525, 0.019851457, -0.0032440242}

// softplus is max(x, 0) + ln(1 + e^-|x|), in which nothing overflows. Below expLow it is
// taken as 0.
func (f *functions) softplus(c chains) {
	c.each(func(r chain) { f.mov(r[4], r[0]) })
	c.each(func(r chain) { f.fabs(r[0], r[0]) })
	c.each(func(r chain) { f.fneg(r[0], r[0]) })
	c.each(func(r chain) { f.fmax(r[0], r[0], f.of(expLow)) })
	f.exp(c, 1)
	f.poly(c, log1p, 0, 1, 2)
	c.each(func(r chain) { f.fmul(r[0], r[0], r[1]) })
	c.each(func(r chain) { f.fcmge(r[1], f.of(expLow), r[4]) })
	c.each(func(r chain) { f.bic(r[0], r[0], r[1]) })
	c.each(func(r chain) { f.fmax(r[1], r[4], f.of(0)) }) // NaN stays
	c.each(func(r chain) { f.fadd(r[0], r[0], r[1]) })
}

// tanh is 1 - 2/(e^2|x| + 1) with the sign of x. For |x| < 0.625, where that would cancel,
// it is x times a polynomial in x², fitted to the relative error (4e-9).
func (f *functions) tanh(c chains) {
	c.each(func(r chain) { f.mov(r[4], r[0]) })
	c.each(func(r chain) { f.fabs(r[5], r[0]) })
	c.each(func(r chain) { f.fadd(r[0], r[5], r[5]) })
	c.each(func(r chain) { f.fmin(r[0], r[0], f.of(expHigh)) })
	f.exp(c, 1)
	c.each(func(r chain) { f.fadd(r[0], r[0], f.of(1)) })
	c.each(func(r chain) { f.fdiv(r[0], f.of(2), r[0]) })
	c.each(func(r chain) { f.fsub(r[0], f.of(1), r[0]) })
	f.odd(c, []float64{0.9999999963, -0.3333326337, 0.1333118564, -0.053725222, 0.0206031189, -0.0056723927}, 0.625)
}

// odd finishes an odd function of x. Vector 0 has its values for |x|, in vector 5, which
// are accurate from a bound on; below it, they are replaced by |x| times a polynomial in
// x². Vector 4 has the sign of x.
func (f *functions) odd(c chains, numbers []float64, from float64) {
	c.each(func(r chain) { f.fmul(r[1], r[5], r[5]) })
	f.poly(c, numbers, 1, 2, 3)
	c.each(func(r chain) { f.fmul(r[2], r[2], r[5]) })
	c.each(func(r chain) { f.set(r[3], from) })
	c.each(func(r chain) { f.fcmgt(r[3], r[3], r[5]) }) // false for NaN
	c.each(func(r chain) { f.bit(r[0], r[2], r[3]) })
	c.each(func(r chain) { f.setBits(r[3], 1<<31) })
	c.each(func(r chain) { f.bit(r[0], r[4], r[3]) })
}

// Weighted minimax fits: ln erfc(t) for t in [0.84, 10.5], with an error of 2e-7 where erfc
// is not negligible beside 1, and erf(t)/t as a polynomial in t², for t < 0.84, with an
// error of 6e-9.
var (
	logErfc = []float64{0.00010751168479075014, -1.1293575728936518, -0.6333100524968296, -0.10874096913340649,
		0.02572963239574285, -0.004559923508434324, 0.0005706332423218492, -4.678639956469656e-05, 2.2249160633813486e-06, -4.60777036928439e-08}
	erfNear = []float64{1.1283791610770781, -0.3761257778731377, 0.11282784723408013, -0.02680522149000879, 0.005055435357454894, -0.0006339808712323013}
)

const (
	erfSwitch = 0.84
	erfcEnd   = 9 // erfc is 4e-37 there, negligible beside 1
)

// erfc sets vector 0 to erfc(min(t, erfcEnd)) for t = vector 5, at least erfSwitch; 1 to 3
// change.
func (f *functions) erfc(c chains) {
	c.each(func(r chain) { f.fmin(r[1], r[5], f.of(erfcEnd)) })
	f.poly(c, logErfc, 1, 0, 2)
	f.exp(c, 1)
}

func (f *functions) erf(c chains) {
	c.each(func(r chain) { f.mov(r[4], r[0]) })
	c.each(func(r chain) { f.fabs(r[5], r[0]) })
	f.erfc(c)
	c.each(func(r chain) { f.fsub(r[0], f.of(1), r[0]) })
	f.odd(c, erfNear, erfSwitch)
}

// gelu is x·Φ(x). With t = |x|/√2, Φ is erfc(t)/2 for x < 0, which keeps the digits of its
// tail, and 1 - erfc(t)/2 otherwise; near 0 it is 1/2 + erf(x/√2)/2.
func (f *functions) gelu(c chains) {
	c.each(func(r chain) { f.mov(r[4], r[0]) })
	c.each(func(r chain) { f.set(r[6], math.Sqrt2/2) })
	c.each(func(r chain) { f.fmul(r[6], r[6], r[0]) }) // signed
	c.each(func(r chain) { f.fabs(r[5], r[6]) })
	f.erfc(c)
	c.each(func(r chain) { f.fcmge(r[1], r[5], f.of(erfcEnd)) })
	c.each(func(r chain) { f.bic(r[0], r[0], r[1]) })
	c.each(func(r chain) { f.fmul(r[0], r[0], f.of(0.5)) })
	c.each(func(r chain) { f.fsub(r[1], f.of(1), r[0]) })
	c.each(func(r chain) { f.fcmltZero(r[2], r[4]) })
	c.each(func(r chain) { f.bit(r[1], r[0], r[2]) })
	c.each(func(r chain) { f.fmul(r[0], r[6], r[6]) })
	f.poly(c, erfNear, 0, 2, 3)
	c.each(func(r chain) { f.fmul(r[6], r[6], f.of(0.5)) })
	c.each(func(r chain) { f.set(r[3], 0.5) })
	c.each(func(r chain) { f.fmla(r[3], r[6], r[2]) })
	c.each(func(r chain) { f.set(r[2], erfSwitch) })
	c.each(func(r chain) { f.fcmgt(r[2], r[2], r[5]) })
	c.each(func(r chain) { f.bit(r[1], r[3], r[2]) })
	c.each(func(r chain) { f.fmul(r[0], r[4], r[1]) })
}
