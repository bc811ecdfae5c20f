// Package vec has kernels on rows of float32 of any length and at any address:
// functions of one and of two numbers, reductions, and the parts of a softmax, a
// normalisation and a resize.
//
// This package may change without notice.
package vec

import (
	"math"
	"unsafe"

	"github.com/visionzoo/vision/engine/kernel/num"
)

// Func is a function of one number, x, with parameters alpha and beta. NaN gives NaN,
// but 0 for ThresholdedRelu and Shrink.
type Func uint8

// The functions, with the largest errors of the assembly in units of the last place;
// those without one are exact or rounded once.
const (
	Exp             Func = iota // e^x; 1
	Sigmoid                     // 1 / (1 + e^-x); 3
	Silu                        // x / (1 + e^(-alpha·x)); 3
	Tanh                        // tanh x; 3
	Erf                         // erf x; 3
	Gelu                        // x/2 · (1 + erf(x/√2)); 2e-6 relative, or 1e-9 absolute
	GeluTanh                    // x/2 · (1 + tanh(√(2/π)·(x + 0.044715x³))); 2e-6 relative, or 1e-9 absolute
	Mish                        // x · tanh(ln(1 + e^x)); 6
	Softplus                    // ln(1 + e^x); 3
	Elu                         // beta·x, or alpha·(e^x - 1) if x < 0; 4
	Celu                        // x, or alpha·(e^(beta·x) - 1) if x < 0; 5
	Softsign                    // x / (1 + |x|); 1
	Clip                        // min(max(x, alpha), beta); neither bound is NaN
	LeakyRelu                   // x, or alpha·x if x < 0
	HardSigmoid                 // min(max(alpha·x + beta, 0), 1)
	HardSwish                   // x · min(max(alpha·x + beta, 0), 1)
	ThresholdedRelu             // x if x > alpha, otherwise 0
	Shrink                      // x - beta if x > alpha, x + beta if x < -alpha, otherwise 0; alpha is not negative
	Affine                      // alpha·x + beta, rounded once
	Abs
	Neg
	Sqrt
	Reciprocal
	Floor
	Ceil
	Round // to the nearest, ties to even
	Sign  // -1 or 1; x if it is 0
	Sin   // 1, as of the following
	Cos
	Log // natural
	Atan
	Asin
	Acos
	funcs
)

// Pow is one more function of two numbers, which only float32 has: a^b as math.Pow has it, with an
// error of at most 1. Its number is that of And, which is not for float32.
const Pow = num.Max + 1

// pairs is how many functions of two numbers there are: num.Add to num.Max, and Pow.
const pairs = Pow + 1

// Unit holds the kernels of one class of processors. They access no more than n
// numbers. dst may be a source; other overlaps are not allowed. Those of Sin and Cos take numbers up to
// sineReach, those of Pow finite ones of which a is not negative; Apply and Zip take all.
type Unit struct {
	Map         [funcs]func(dst, src unsafe.Pointer, n int, alpha, beta float32)
	Rows        [pairs]func(dst, a, b unsafe.Pointer, n int) // a op b
	Right, Left [pairs]func(dst, a, b unsafe.Pointer, n int) // b is a single number: a op b, b op a

	MulAdd    func(dst, a unsafe.Pointer, n int, factor float32)                      // dst += factor·a
	Sum       func(src unsafe.Pointer, n int) float32                                 // with at least 8 accumulators
	SquareSum func(src unsafe.Pointer, n int, mean float32) float32                   // Σ (src-mean)²
	MaxOf     func(src unsafe.Pointer, n int) float32                                 // NaN if there is any; n is at least 1
	MinOf     func(src unsafe.Pointer, n int) float32                                 // likewise
	ExpSum    func(dst, src unsafe.Pointer, n int, top float32) float32               // dst = e^(src-top), or 0 if src-top < expFloor; returns the sum
	Softmaxes func(dst, src unsafe.Pointer, lines, n, apart int)                      // Softmax of lines of n numbers that begin apart bytes from each other
	Normalise func(dst, src, gain, bias unsafe.Pointer, n int, mean, inverse float32) // dst = (src-mean)·inverse·gain + bias

	TurnHalves func(dst, src, cos, sin unsafe.Pointer, n int) // see Turn; pairs are n apart
	TurnPairs  func(dst, src, cos, sin unsafe.Pointer, n int) // pairs are neighbours; n is a positive multiple of 4

	Float16, BFloat16 func(dst, src unsafe.Pointer, n int) // dst = src, n float16 or bfloat16 as float32; signalling NaN may become quiet

	Blend     func(dst, src, offsets, weights unsafe.Pointer, taps, n int) // see BlendRows; offsets are int64, in bytes
	Pick      func(dst, src, index, weights unsafe.Pointer, taps, n int)   // see PickSums; indices are int32, in numbers
	Transpose func(dst, src unsafe.Pointer, dstRow, srcRow, squares int)   // squares of 8 by 8 side by side in src; row strides in bytes
	Unzip     func(even, odd, src unsafe.Pointer, n int)                   // see Pairs; n is a positive multiple of 8
}

// atOnce is the number of numbers per call of a kernel. Assembly is not preempted, so
// a call must be short.
const atOnce = 1 << 13

// Apply sets dst[i] = f(src[i]). dst may be src.
func (v *Unit) Apply(f Func, dst, src []float32, alpha, beta float32) {
	src = src[:len(dst)]
	for len(dst) > 0 {
		n := min(len(dst), atOnce)
		if (f == Sin || f == Cos) && !v.within(src[:n], -sineReach, sineReach) {
			v.applyFar(f, dst[:n], src[:n])
			dst, src = dst[n:], src[n:]
			continue
		}
		v.Map[f](unsafe.Pointer(&dst[0]), unsafe.Pointer(&src[0]), n, alpha, beta)
		dst, src = dst[n:], src[n:]
	}
}

// Zip sets dst[i] = a[i] op b[i]. dst may be a or b. Each of a and b may be a single
// number, which is broadcast.
func (v *Unit) Zip(op num.Pair, dst, a, b []float32) {
	kernel, stepA, stepB := v.Rows[op], 1, 1
	switch {
	case len(dst) == 0:
		return
	case op == Pow && !(v.powerTakes(a) && v.within(b, -math.MaxFloat32, math.MaxFloat32)):
		v.powers(dst, a, b)
		return
	case len(a) == 1 && len(b) == 1:
		kernel(unsafe.Pointer(&dst[0]), unsafe.Pointer(&a[0]), unsafe.Pointer(&b[0]), 1)
		for i := range dst {
			dst[i] = dst[0]
		}
		return
	case len(b) == 1 && len(dst) > 1:
		kernel, stepB = v.Right[op], 0
	case len(a) == 1 && len(dst) > 1:
		kernel, stepB = v.Left[op], 0
		a, b = b, a
	}
	a, b = a[:len(dst)], b[:max(1, stepB*len(dst))]
	for i := 0; i < len(dst); i += atOnce {
		n := min(len(dst)-i, atOnce)
		kernel(unsafe.Pointer(&dst[i]), unsafe.Pointer(&a[i*stepA]), unsafe.Pointer(&b[i*stepB]), n)
	}
}

// AddScaled adds factor·a to dst.
func (v *Unit) AddScaled(dst, a []float32, factor float32) {
	a = a[:len(dst)]
	for i := 0; i < len(dst); i += atOnce {
		v.MulAdd(unsafe.Pointer(&dst[i]), unsafe.Pointer(&a[i]), min(len(dst)-i, atOnce), factor)
	}
}

// Total returns the sum of a row: in float32 within atOnce numbers, in float64 beyond.
func (v *Unit) Total(x []float32) float64 {
	sum := 0.0
	for i := 0; i < len(x); i += atOnce {
		sum += float64(v.Sum(unsafe.Pointer(&x[i]), min(len(x)-i, atOnce)))
	}
	return sum
}

// Squares returns the sum of (x-mean)².
func (v *Unit) Squares(x []float32, mean float32) float64 {
	sum := 0.0
	for i := 0; i < len(x); i += atOnce {
		sum += float64(v.SquareSum(unsafe.Pointer(&x[i]), min(len(x)-i, atOnce), mean))
	}
	return sum
}

// Largest returns the largest number of a row, NaN if there is any, or -Inf if the row
// is empty.
func (v *Unit) Largest(x []float32) float32 {
	return extremeOf(x, float32(math.Inf(-1)), v.MaxOf, func(a, b float32) bool { return a > b })
}

// Smallest returns the smallest number of a row, NaN if there is any, or +Inf if the
// row is empty.
func (v *Unit) Smallest(x []float32) float32 {
	return extremeOf(x, float32(math.Inf(1)), v.MinOf, func(a, b float32) bool { return a < b })
}

func extremeOf(x []float32, best float32, kernel func(unsafe.Pointer, int) float32, beats func(a, b float32) bool) float32 {
	for i := 0; i < len(x); i += atOnce {
		m := kernel(unsafe.Pointer(&x[i]), min(len(x)-i, atOnce))
		if m != m {
			return m
		}
		if beats(m, best) {
			best = m
		}
	}
	return best
}

// exponentials sets dst = e^(src-top) and returns the sum.
func (v *Unit) exponentials(dst, src []float32, top float32) float64 {
	const block = 2048 // numbers that are summed in float32, before their sum is added in float64
	sum := 0.0
	for i := 0; i < len(dst); i += block {
		sum += float64(v.ExpSum(unsafe.Pointer(&dst[i]), unsafe.Pointer(&src[i]), min(len(dst)-i, block), top))
	}
	return sum
}

// expFloor is the exponent x below which e^x is replaced by 0 in sums that include an
// e^0, to which it adds nothing in float32. Otherwise products with it could be
// subnormal, and processors multiply those a hundred times more slowly. Masks of
// attention often are -100.
const expFloor = -80

// Softmax sets dst = e^src / Σ e^src. dst may be src. The relative error is at most
// 1e-6; results below e^expFloor times the largest are 0.
func (v *Unit) Softmax(dst, src []float32) {
	if len(dst) > 0 {
		v.Apply(Affine, dst, dst, float32(1/v.exponentials(dst, src[:len(dst)], v.Largest(src))), 0)
	}
}

// SoftmaxRows is Softmax of each of the rows of n numbers that begin apart numbers from each
// other. dst may be src.
func (v *Unit) SoftmaxRows(dst, src []float32, n, apart int) {
	const longest = 2048 // numbers that the kernel sums in float32
	if len(dst) < n {
		return
	}
	rows := (len(dst)-n)/apart + 1
	if n > longest {
		for i := range rows {
			v.Softmax(dst[i*apart:][:n], src[i*apart:][:n])
		}
		return
	}
	each := max(1, atOnce/n)
	for i := 0; i < rows; i += each {
		to, from, now := dst[i*apart:], src[i*apart:], min(each, rows-i)
		v.Softmaxes(unsafe.Pointer(&to[0]), unsafe.Pointer(&from[:(now-1)*apart+n][0]), now, n, 4*apart)
	}
}

// LogSoftmax sets dst = src - ln Σ e^src. dst may not be src.
func (v *Unit) LogSoftmax(dst, src []float32) {
	if len(dst) == 0 {
		return
	}
	top := v.Largest(src)
	log := float32(math.Log(v.exponentials(dst, src, top)))
	v.Apply(Affine, dst, src, 1, -top)
	v.Apply(Affine, dst, dst, 1, -log)
}

// LogSumExp returns ln Σ e^x, -Inf if the row is empty. work is scratch memory.
func (v *Unit) LogSumExp(x, work []float32) float32 {
	top := v.Largest(x)
	if !(math.Abs(float64(top)) <= math.MaxFloat32) {
		return top
	}
	sum := 0.0
	for i := 0; i < len(x); i += len(work) {
		n := min(len(x)-i, len(work))
		sum += v.exponentials(work[:n], x[i:i+n], top)
	}
	return float32(float64(top) + math.Log(sum))
}

// SoftmaxLines is Softmax, or LogSoftmax, of each of the lines of the given length that are side by side
// in src. dst may be src unless log is set.
func (v *Unit) SoftmaxLines(dst, src []float32, length int, log bool) {
	short := 12 // up to it, calls of kernels would cost more than what they compute
	if !log {
		short = 4 // one call computes many lines
	}
	if length <= short {
		whole := atOnce / 8 / length * length
		for i := 0; i < len(dst); i += whole {
			n := min(whole, len(dst)-i)
			v.shortSoftmaxes(dst[i:i+n], src[i:i+n], length, log)
		}
		return
	}
	if !log {
		v.SoftmaxRows(dst, src, length, length)
		return
	}
	for i := 0; i < len(dst); i += length {
		v.LogSoftmax(dst[i:i+length], src[i:i+length])
	}
}

// shortSoftmaxes computes the exponentials of all lines together.
func (v *Unit) shortSoftmaxes(dst, src []float32, length int, log bool) {
	for i := 0; i < len(dst); i += length {
		line, to := src[i:i+length], dst[i:i+length]
		top := largest(line)
		for j, x := range line {
			if x -= top; x < expFloor {
				x = float32(math.Inf(-1))
			}
			to[j] = x
		}
	}
	v.Apply(Exp, dst, dst, 0, 0)
	for i := 0; i < len(dst); i += length {
		line, to := src[i:i+length], dst[i:i+length]
		sum := total(to)
		if log {
			top, less := largest(line), float32(math.Log(float64(sum)))
			for j, x := range line {
				to[j] = x - top - less
			}
			continue
		}
		factor := 1 / sum
		for j := range to {
			to[j] *= factor
		}
	}
}

// largest is Largest without a kernel, in four chains: the next number of one would wait for the last.
func largest(x []float32) float32 {
	a := x[0]
	b, c, d := a, a, a
	for ; len(x) >= 4; x = x[4:] {
		a, b, c, d = max(a, x[0]), max(b, x[1]), max(c, x[2]), max(d, x[3])
	}
	for _, v := range x {
		a = max(a, v)
	}
	return max(a, b, c, d)
}

// total is the sum of a few numbers, in four chains.
func total(x []float32) float32 {
	var a, b, c, d float32
	for ; len(x) >= 4; x = x[4:] {
		a, b, c, d = a+x[0], b+x[1], c+x[2], d+x[3]
	}
	for _, v := range x {
		a += v
	}
	return a + b + (c + d)
}

// Moments returns the mean of a row and its variance: the mean of (x-mean)².
func (v *Unit) Moments(x []float32) (mean, variance float64) {
	n := float64(len(x))
	mean = v.Total(x) / n
	return mean, v.Squares(x, float32(mean)) / n
}

// Affix sets dst = (src-mean)·inverse·gain + bias; all slices have the same length.
// dst may be src.
func (v *Unit) Affix(dst, src, gain, bias []float32, mean, inverse float32) {
	n := len(dst)
	src, gain, bias = src[:n], gain[:n], bias[:n]
	for i := 0; i < n; i += atOnce {
		v.Normalise(unsafe.Pointer(&dst[i]), unsafe.Pointer(&src[i]), unsafe.Pointer(&gain[i]), unsafe.Pointer(&bias[i]),
			min(n-i, atOnce), mean, inverse)
	}
}

// Turn turns pairs (a, b) by angles: to (cos·a - sin·b, sin·a + cos·b), each product rounded. Pairs
// are neighbours, or else half of src apart; there are as many as cosines. dst may be src.
func (v *Unit) Turn(dst, src, cos, sin []float32, neighbours bool) {
	n := len(cos)
	dst, src, sin = dst[:2*n], src[:2*n], sin[:n]
	if !neighbours {
		if n == 0 || n > atOnce {
			turnHalves(dst, src, cos, sin)
			return
		}
		v.TurnHalves(unsafe.Pointer(&dst[0]), unsafe.Pointer(&src[0]), unsafe.Pointer(&cos[0]), unsafe.Pointer(&sin[0]), n)
		return
	}
	whole := n &^ 3
	for i := 0; i < whole; i += atOnce {
		v.TurnPairs(unsafe.Pointer(&dst[2*i]), unsafe.Pointer(&src[2*i]), unsafe.Pointer(&cos[i]), unsafe.Pointer(&sin[i]), min(whole-i, atOnce))
	}
	turnPairs(dst[2*whole:], src[2*whole:], cos[whole:], sin[whole:])
}
