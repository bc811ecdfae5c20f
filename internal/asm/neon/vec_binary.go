package main

// binaries writes the functions of two numbers: of two rows, and of a row and a single
// number as the right or left operand. FMIN and FMAX treat NaN and zeros as package vec
// specifies.
func binaries(e *emitter) {
	v := newVec(e)
	for _, b := range []struct {
		name string
		op   func(d, a, b int)
		left bool // it is not commutative, and has a form with the number at the left
	}{
		{"VecAdd", v.fadd, false}, {"VecSub", v.fsub, true}, {"VecMul", v.fmul, false},
		{"VecDiv", v.fdiv, true}, {"VecMin", v.fmin, false}, {"VecMax", v.fmax, false},
	} {
		v.binary(b.name, b.op)
		v.withNumber(b.name+"Right", b.op)
		if b.left {
			v.withNumber(b.name+"Left", func(d, x, c int) { b.op(d, c, x) })
		}
	}
	v.mulAdd()
	v.normalise()
}

const lastOnes = " The last one to three are loaded and stored one by one."

func (v *vec) binary(name string, op func(d, a, b int)) {
	const dst, a, b, left = 1, 2, 3, 4
	v.text(name, "dst, a, b unsafe.Pointer, n int", 32, "takes n numbers; dst may be a or b.",
		"R1 dst, R2 a, R3 b, R4 numbers left, R16 temporary; V0 to V7."+lastOnes)
	v.begin()
	v.arguments("dst", "a", "b", "n")
	v.along(left, []int{dst, a, b}, 4, func(fours, last int) {
		for i := range fours {
			v.loadOver0(i, a, 16*i, last)
			v.loadOver0(4+i, b, 16*i, last)
		}
		for i := range fours {
			op(i, i, 4+i)
			v.store(i, dst, 16*i, last)
		}
	})
	v.ret()
}

// withNumber writes a function of a row and the single number at b.
func (v *vec) withNumber(name string, op func(d, x, c int)) {
	const dst, a, b, left = 1, 2, 3, 4
	v.text(name, "dst, a, b unsafe.Pointer, n int", 32, "takes n numbers at a and one at b; dst may be a.",
		"R1 dst, R2 a, R3 b, R4 numbers left, R16 temporary; V0 to V3, V31 the number."+lastOnes)
	v.begin()
	v.arguments("dst", "a", "b", "n")
	c := v.take()
	v.ld1r(c, b)
	v.along(left, []int{dst, a}, 4, func(fours, last int) {
		for i := range fours {
			v.loadOver0(i, a, 16*i, last)
		}
		for i := range fours {
			op(i, i, c)
			v.store(i, dst, 16*i, last)
		}
	})
	v.ret()
}

// mulAdd writes dst += a·factor.
func (v *vec) mulAdd() {
	const dst, a, left = 1, 2, 3
	v.text("VecMulAdd", "dst, a unsafe.Pointer, n int, factor float32", 28, "adds factor times n numbers at a to dst.",
		"R1 dst, R2 a, R3 numbers left, R16 temporary; V0 to V7, V31 the factor."+lastOnes)
	v.begin()
	v.arguments("dst", "a", "n")
	factor := v.take()
	v.parameter("factor", 24, factor)
	v.along(left, []int{dst, a}, 4, func(fours, last int) {
		for i := range fours {
			v.loadOver0(i, a, 16*i, last)
			v.loadOver0(4+i, dst, 16*i, last)
		}
		for i := range fours {
			v.fmla(4+i, i, factor)
			v.store(4+i, dst, 16*i, last)
		}
	})
	v.ret()
}

// normalise writes dst = (src - mean)·inverse·gain + bias.
func (v *vec) normalise() {
	const dst, src, gain, bias, left = 1, 2, 3, 4, 5
	v.text("VecNormalise", "dst, src, gain, bias unsafe.Pointer, n int, mean, inverse float32", 48, "takes n numbers of each; dst may be src.",
		"R1 dst, R2 src, R3 gain, R4 bias, R5 numbers left, R16 temporary; V0 to V11, V31 mean, V30 inverse."+lastOnes)
	v.begin()
	v.arguments("dst", "src", "gain", "bias", "n")
	mean, inverse := v.take(), v.take()
	v.parameter("mean", 40, mean)
	v.parameter("inverse", 44, inverse)
	v.along(left, []int{dst, src, gain, bias}, 4, func(fours, last int) {
		for i := range fours {
			v.loadOver0(i, src, 16*i, last)
			v.loadOver0(4+i, gain, 16*i, last)
			v.loadOver0(8+i, bias, 16*i, last)
		}
		for i := range fours {
			v.fsub(i, i, mean)
		}
		for i := range fours {
			v.fmul(i, i, inverse)
		}
		for i := range fours {
			v.fmla(8+i, i, 4+i)
			v.store(8+i, dst, 16*i, last)
		}
	})
	v.ret()
}
