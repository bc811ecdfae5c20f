package main

// chain has the registers for one vector of four numbers: arguments and results are in
// the first, the others are temporaries.
type chain [7]int

// chains are vectors whose instructions are interleaved, because those of one vector
// depend on each other.
type chains []chain

// each writes an instruction for each vector.
func (c chains) each(op func(r chain)) {
	for _, r := range c {
		op(r)
	}
}

// unary is a function of one number.
type unary struct {
	name     string
	together int // vectors at a time
	pin      []float64
	body     func(c chains)
}

// unaries writes the functions of one number. Alpha and beta are the parameters of the
// function. The formulas are those of internal/asm/f32, except that exp is
// limited to the range of 2^n, and callers handle arguments below it.
func unaries(e *emitter) {
	v := newVec(e)
	f := functions{vec: v}
	for _, u := range []unary{
		{"VecExp", 2, append(expNumbers(1), expLeast, expMost), f.wholeExp},
		{"VecSigmoid", 2, append(expNumbers(-1), expLow, expHigh), f.logistic},
		{"VecSilu", 2, append(expNumbers(-1), expLow, expHigh), f.silu},
		{"VecTanh", 2, append(expNumbers(1), expHigh, 2), f.tanh},
		{"VecErf", 2, append(expNumbers(1), erfcEnd), f.erf},
		{"VecGelu", 2, append(expNumbers(1), erfcEnd, 0.5), f.gelu},
		{"VecGeluTanh", 2, append(expNumbers(-1), expLow, expHigh, geluLinear, geluCubic), f.geluTanh},
		{"VecMish", 2, append(expNumbers(1), expLow, 20, 2), f.mish},
		{"VecSoftplus", 2, append(expNumbers(1), expLow, 0), f.softplus},
		{"VecElu", 2, append(expNumbers(1), expLow, 0), func(c chains) {
			c.each(func(r chain) { v.mov(r[4], r[0]) })
			f.expm1(c)
			c.each(func(r chain) { v.fmul(r[0], r[0], f.alpha) })
			c.each(func(r chain) { v.fcmltZero(r[1], r[4]) })
			c.each(func(r chain) { v.fmul(r[4], r[4], f.beta) })
			c.each(func(r chain) { v.bif(r[0], r[4], r[1]) })
		}},
		{"VecCelu", 2, append(expNumbers(1), expLow, 0), func(c chains) {
			c.each(func(r chain) { v.mov(r[4], r[0]) })
			c.each(func(r chain) { v.fmul(r[0], r[0], f.beta) })
			f.expm1(c)
			c.each(func(r chain) { v.fmul(r[0], r[0], f.alpha) })
			c.each(func(r chain) { v.fcmltZero(r[1], r[4]) })
			c.each(func(r chain) { v.bif(r[0], r[4], r[1]) })
		}},
		{"VecSoftsign", 4, []float64{1}, func(c chains) {
			c.each(func(r chain) { v.fabs(r[1], r[0]) })
			c.each(func(r chain) { v.fadd(r[1], r[1], v.of(1)) })
			c.each(func(r chain) { v.fdiv(r[0], r[0], r[1]) })
		}},
		{"VecClip", 4, nil, func(c chains) {
			c.each(func(r chain) { v.fmax(r[0], r[0], f.alpha) })
			c.each(func(r chain) { v.fmin(r[0], r[0], f.beta) })
		}},
		{"VecLeakyRelu", 4, nil, func(c chains) {
			c.each(func(r chain) { v.fmul(r[1], r[0], f.alpha) })
			c.each(func(r chain) { v.fcmltZero(r[2], r[0]) })
			c.each(func(r chain) { v.bit(r[0], r[1], r[2]) })
		}},
		{"VecHardSigmoid", 4, []float64{0, 1}, func(c chains) {
			f.line(c, 1)
			c.each(func(r chain) { v.mov(r[0], r[1]) })
		}},
		{"VecHardSwish", 4, []float64{0, 1}, func(c chains) {
			f.line(c, 1)
			c.each(func(r chain) { v.fmul(r[0], r[0], r[1]) })
		}},
		{"VecThresholdedRelu", 4, []float64{0}, func(c chains) {
			c.each(func(r chain) { v.fcmgt(r[1], r[0], f.alpha) }) // false for NaN
			c.each(func(r chain) { v.bif(r[0], v.of(0), r[1]) })
		}},
		{"VecShrink", 4, []float64{0}, func(c chains) {
			c.each(func(r chain) { v.fabs(r[1], r[0]) })
			c.each(func(r chain) { v.fcmgt(r[1], r[1], f.alpha) }) // false for NaN
			c.each(func(r chain) { v.fcmltZero(r[2], r[0]) })
			c.each(func(r chain) { v.fadd(r[3], r[0], f.beta) })
			c.each(func(r chain) { v.fsub(r[0], r[0], f.beta) })
			c.each(func(r chain) { v.bit(r[0], r[3], r[2]) })
			c.each(func(r chain) { v.bif(r[0], v.of(0), r[1]) })
		}},
		{"VecAffine", 4, nil, func(c chains) {
			c.each(func(r chain) { v.mov(r[1], f.beta) })
			c.each(func(r chain) { v.fmla(r[1], r[0], f.alpha) })
			c.each(func(r chain) { v.mov(r[0], r[1]) })
		}},
		{"VecAbs", 4, nil, func(c chains) { c.each(func(r chain) { v.fabs(r[0], r[0]) }) }},
		{"VecNeg", 4, nil, func(c chains) { c.each(func(r chain) { v.fneg(r[0], r[0]) }) }},
		{"VecSqrt", 4, nil, func(c chains) { c.each(func(r chain) { v.fsqrt(r[0], r[0]) }) }},
		{"VecReciprocal", 4, []float64{1}, func(c chains) { c.each(func(r chain) { v.fdiv(r[0], v.of(1), r[0]) }) }},
		{"VecFloor", 4, nil, func(c chains) { c.each(func(r chain) { v.frintm(r[0], r[0]) }) }},
		{"VecCeil", 4, nil, func(c chains) { c.each(func(r chain) { v.frintp(r[0], r[0]) }) }},
		{"VecRound", 4, nil, func(c chains) { c.each(func(r chain) { v.frintn(r[0], r[0]) }) }},
	} {
		f.emit(u)
	}
	v.writeNumbers()
}

// functions writes functions of one number.
type functions struct {
	*vec
	alpha, beta int
}

// emit writes a function.
func (f *functions) emit(u unary) {
	const dst, src, left = 1, 2, 3
	f.text(u.name, "dst, src unsafe.Pointer, n int, alpha, beta float32", 32, "takes n numbers; dst may be src.",
		"R1 dst, R2 src, R3 numbers left, R16 temporary, R17 constants. The last one to three are loaded and stored one by one.")
	f.begin()
	f.arguments("dst", "src", "n")
	f.table()
	f.alpha, f.beta = f.take(), f.take()
	f.parameter("alpha", 24, f.alpha)
	f.parameter("beta", 28, f.beta)
	f.pin(u.pin...)
	f.along(left, []int{dst, src}, u.together, func(fours, last int) {
		c := f.chains(fours, u.together)
		for i, r := range c {
			f.loadOver0(r[0], src, 16*i, last)
		}
		u.body(c)
		for i, r := range c {
			f.store(r[0], dst, 16*i, last)
		}
	})
	f.ret()
}

// chains assigns registers to each of the vectors.
func (v *vec) chains(fours, together int) chains {
	width := min(len(chain{}), v.lowest/together)
	all := make(chains, fours)
	for i := range all {
		for j := range all[i] {
			all[i][j] = 32 // no register
			if j < width {
				all[i][j] = i*width + j
			}
		}
	}
	return all
}

// poly sets vector d to a polynomial of vector x, whose coefficients are in ascending
// order; vector t changes.
func (f *functions) poly(c chains, numbers []float64, x, d, t int) {
	n := len(numbers) - 1
	if n%2 == 1 {
		d, t = t, d
	}
	c.each(func(r chain) { f.set(r[d], numbers[n]) })
	for i := n - 1; i >= 0; i-- {
		d, t = t, d
		c.each(func(r chain) { f.set(r[d], numbers[i]) })
		c.each(func(r chain) { f.fmla(r[d], r[x], r[t]) })
	}
}

// line sets vector d to min(max(alpha·x + beta, 0), 1).
func (f *functions) line(c chains, d int) {
	c.each(func(r chain) { f.mov(r[d], f.beta) })
	c.each(func(r chain) { f.fmla(r[d], r[0], f.alpha) })
	c.each(func(r chain) { f.fmax(r[d], r[d], f.of(0)) })
	c.each(func(r chain) { f.fmin(r[d], r[d], f.of(1)) })
}
