package main

import "math"

// Within these bounds 2^n is a normal number. Their exponentials are smaller and
// larger than what float32 has beside 1.
const expLow, expHigh = -87, 87

// e to the first is 0 in float32, to the second +Inf.
const expLeast, expMost = -104, 88.8

// expFloor is from where on down e^x counts as 0 in a sum, see engine/kernel/vec.
const expFloor = -80

// ln 2 in two parts of which the first has 15 bits, so that its products with n are
// exact.
const (
	ln2High = 0.693145751953125
	ln2Low  = math.Ln2 - ln2High
)

// expPoly is fitted to the relative error of e^r on |r| ≤ ln2/2 (3e-9).
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

// expNumbers are the constants of exp in the order of their use.
func expNumbers(sign float64) []float64 {
	return append([]float64{sign * math.Log2E, ln2High, ln2Low}, expOf(sign)...)
}

// reduce sets vector 1 to n, a whole number in float32, and vector 0, which is x, to
// x - n·ln2 for e^x, or x + n·ln2 for e^-x.
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

// exp sets vector 0 to e^x or e^-x for x at vector 0, within expLow and expHigh;
// vectors 1 to 3 change. 2^n is added to the exponent.
func (f *functions) exp(c chains, sign float64) {
	f.reduce(c, sign)
	f.poly(c, expOf(sign), 0, 2, 3)
	c.each(func(r chain) { f.fcvtns(r[1], r[1]) })
	c.each(func(r chain) { f.shl(r[1], r[1], 23) })
	c.each(func(r chain) { f.add(r[0], r[2], r[1]) })
}

// wholeExp is e^x for every x: 2^n alone may be too small or too large, and comes in
// two steps.
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

// logistic sets vector 0 to 1/(1 + e^-x), x at vector 0, and to 0 where that is
// below 2e-38; vectors 1 to 4 change.
func (f *functions) logistic(c chains) {
	c.each(func(r chain) { f.fcmge(r[4], f.of(expLow), r[0]) }) // NaN is not
	c.each(func(r chain) { f.fmax(r[0], r[0], f.of(expLow)) })
	c.each(func(r chain) { f.fmin(r[0], r[0], f.of(expHigh)) })
	f.exp(c, -1)
	c.each(func(r chain) { f.fadd(r[0], r[0], f.of(1)) })
	c.each(func(r chain) { f.fdiv(r[0], f.of(1), r[0]) })
	c.each(func(r chain) { f.bic(r[0], r[0], r[4]) })
}

// silu is x times that of alpha·x.
func (f *functions) silu(c chains) {
	c.each(func(r chain) { f.mov(r[5], r[0]) })
	c.each(func(r chain) { f.fmul(r[0], r[0], f.alpha) })
	f.logistic(c)
	c.each(func(r chain) { f.fmul(r[0], r[0], r[5]) })
}

// x/2·(1 + tanh u) is x / (1 + e^-2u), 2u = x·(geluLinear + geluCubic·x²).
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

// mish is x·tanh(ln(1 + e)), e = e^x: tanh is n/(n+2), n = e·(e+2). Past 20 it is 1
// in float32; below -87 it is 0.
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

// tanh is 1 - 2/(e^2|x| + 1) with the sign of x; below 0.625, where that would
// cancel, x times a polynomial in x² fitted to the relative error (4e-9).
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

// odd finishes an odd function: vector 0 has its values at |x|, which is at vector 5,
// from where on it is right; below, |x| times a polynomial in x² is. The sign is that
// of vector 4.
func (f *functions) odd(c chains, numbers []float64, from float64) {
	c.each(func(r chain) { f.fmul(r[1], r[5], r[5]) })
	f.poly(c, numbers, 1, 2, 3)
	c.each(func(r chain) { f.fmul(r[2], r[2], r[5]) })
	c.each(func(r chain) { f.set(r[3], from) })
	c.each(func(r chain) { f.fcmgt(r[3], r[3], r[5]) }) // NaN is not
	c.each(func(r chain) { f.bit(r[0], r[2], r[3]) })
	c.each(func(r chain) { f.setBits(r[3], 1<<31) })
	c.each(func(r chain) { f.bit(r[0], r[4], r[3]) })
}

// The logarithm of erfc(t) on [0.84, 10.5], to 2e-7 where erfc matters to 1, and
// erf(t)/t in t² below 0.84, to 6e-9: weighted minimax fits.
var (
	logErfc = []float64{0.00010751168479075014, -1.1293575728936518, -0.6333100524968296, -0.10874096913340649,
		0.02572963239574285, -0.004559923508434324, 0.0005706332423218492, -4.678639956469656e-05, 2.2249160633813486e-06, -4.60777036928439e-08}
	erfNear = []float64{1.1283791610770781, -0.3761257778731377, 0.11282784723408013, -0.02680522149000879, 0.005055435357454894, -0.0006339808712323013}
)

const (
	erfSwitch = 0.84
	erfcEnd   = 9 // erfc is 4e-37 there, and nothing beside 1
)

// erfc sets vector 0 to erfc(t), t = vector 5 at least erfSwitch, as if it were at
// most erfcEnd; 1 to 3 change.
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

// gelu is x·Φ(x): Φ is erfc(t)/2 or 1 - erfc(t)/2 by the sign of x, t = |x|/√2,
// so that its tail keeps its digits; near 0 it is 1/2 + erf(x/√2)/2.
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
