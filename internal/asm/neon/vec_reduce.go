package main

// reductions writes the reductions of a row to a number, and the exponentials of softmax
// with their sum. Sums have four vectors of accumulators.
func reductions(e *emitter) {
	v := newVec(e)
	v.reduction("VecSum", "", v.fadd, v.faddp, func(acc, x int) { v.fadd(acc, acc, x) })
	v.reduction("VecSquareSum", "mean", v.fadd, v.faddp, func(acc, x int) {
		v.fsub(x, x, v.lowest)
		v.fmla(acc, x, x)
	})
	v.extreme("VecMaxOf", v.fmax, v.fmaxp)
	v.extreme("VecMinOf", v.fmin, v.fminp)
	v.expSum()
	v.writeNumbers()
}

// fold reduces V0 to V3 to the first number of V0; pair combines neighbouring numbers.
func (v *vec) fold(join, pair func(d, a, b int)) {
	join(0, 0, 1)
	join(2, 2, 3)
	join(0, 0, 2)
	pair(0, 0, 0)
	pair(0, 0, 0)
}

// reduction writes a reduction in which step adds a vector to one of four accumulators,
// which begin with 0. The last vector is filled with numbers that add nothing: 0, or the
// mean if there is one.
func (v *vec) reduction(name, mean string, join, pair func(d, a, b int), step func(acc, x int)) {
	const src, left = 1, 2
	signature, size, comment := "(src unsafe.Pointer, n int) float32", 20, ""
	if mean != "" {
		signature, size, comment = "(src unsafe.Pointer, n int, "+mean+" float32) float32", 28, ", V31 the mean"
	}
	v.textOf(name, signature, size, "takes n numbers.",
		"R1 src, R2 numbers left, R16 temporary; V0 to V3 sums, V4 to V7"+comment+". The last one to three are loaded one by one.")
	v.begin()
	v.arguments("src", "n")
	if mean != "" {
		v.parameter(mean, 16, v.take())
	}
	for i := range 4 {
		v.zero(i)
	}
	v.along(left, []int{src}, 4, func(fours, last int) {
		if last != whole && mean != "" {
			v.mov(4, v.lowest)
		} else if last != whole {
			v.zero(4)
		}
		for i := range fours {
			v.load(4+i, src, 16*i, last)
		}
		for i := range fours {
			step(i, 4+i)
		}
	})
	v.fold(join, pair)
	v.p("FMOVS F0, ret+%d(FP)", size-4)
	v.ret()
}

// extreme writes the maximum or minimum of a row that is not empty. The result is NaN if
// there is any, as FMAX and FMIN give.
func (v *vec) extreme(name string, join, pair func(d, a, b int)) {
	const src, left = 1, 2
	v.textOf(name, "(src unsafe.Pointer, n int) float32", 20, "takes n numbers, at least one, and returns NaN if one is.",
		"R1 src, R2 numbers left, R16 temporary; V0 to V3 the best, V4 to V7. The last one to three are loaded one by one.")
	v.begin()
	v.arguments("src", "n")
	for i := range 4 {
		v.ld1r(i, src)
	}
	v.along(left, []int{src}, 4, func(fours, last int) {
		if last != whole {
			v.mov(4, 0)
		}
		for i := range fours {
			v.load(4+i, src, 16*i, last)
		}
		for i := range fours {
			join(i, i, 4+i)
		}
	})
	v.fold(join, pair)
	v.p("FMOVS F0, ret+16(FP)")
	v.ret()
}

// expSum writes dst = e^(src - top), or 0 if src - top < expFloor, and returns the sum,
// with two accumulators. Missing numbers of the last vector are set to 0 by storing and
// loading it.
func (v *vec) expSum() {
	const dst, src, left = 1, 2, 3
	v.textOf("VecExpSum", "(dst, src unsafe.Pointer, n int, top float32) float32", 36, "takes n numbers; dst may be src.",
		"R1 dst, R2 src, R3 numbers left, R16 temporary, R17 constants; V31 top, V30 and V29 sums."+lastOnes)
	f := functions{vec: v}
	v.begin()
	v.arguments("dst", "src", "n")
	v.table()
	top, sums := v.take(), [2]int{v.take(), v.take()}
	v.parameter("top", 24, top)
	v.zero(sums[0])
	v.zero(sums[1])
	v.pin(append(expNumbers(1), expLeast, expMost, expFloor)...)
	v.along(left, []int{dst, src}, 2, func(fours, last int) {
		c := v.chains(fours, 2)
		for i, r := range c {
			v.loadOver0(r[0], src, 16*i, last)
		}
		c.each(func(r chain) { v.fsub(r[0], r[0], top) })
		c.each(func(r chain) { v.fcmgt(r[4], v.of(expFloor), r[0]) }) // false for NaN
		f.wholeExp(c)
		c.each(func(r chain) { v.bic(r[0], r[0], r[4]) })
		for i, r := range c {
			v.store(r[0], dst, 16*i, last)
			if last != whole {
				v.loadOver0(r[0], dst, 16*i, last)
			}
			v.fadd(sums[i], sums[i], r[0])
		}
	})
	v.fadd(0, sums[0], sums[1])
	v.faddp(0, 0, 0)
	v.faddp(0, 0, 0)
	v.p("FMOVS F0, ret+32(FP)")
	v.ret()
}
