package vec

import (
	"math"
	"unsafe"
)

// Plain holds the twins: functions are computed in float64 and rounded once, sums in
// float32 with eight accumulators.
var Plain = Unit{
	Map: [funcs]func(dst, src unsafe.Pointer, n int, alpha, beta float32){
		Exp:     mapOf(func(x, _, _ float64) float64 { return math.Exp(x) }),
		Sigmoid: mapOf(func(x, _, _ float64) float64 { return 1 / (1 + math.Exp(-x)) }),
		Silu:    mapOf(func(x, alpha, _ float64) float64 { return x / (1 + math.Exp(-alpha*x)) }),
		Tanh:    mapOf(func(x, _, _ float64) float64 { return math.Tanh(x) }),
		Erf:     mapOf(func(x, _, _ float64) float64 { return math.Erf(x) }),
		Gelu: mapOf(func(x, _, _ float64) float64 {
			return x * (math.Erfc(-x/math.Sqrt2) / 2)
		}),
		GeluTanh: mapOf(func(x, _, _ float64) float64 {
			return x / (1 + math.Exp(-2*math.Sqrt(2/math.Pi)*(x+0.044715*x*x*x)))
		}),
		Mish: mapOf(func(x, _, _ float64) float64 {
			return x * math.Tanh(softplus(x))
		}),
		Softplus: mapOf(func(x, _, _ float64) float64 { return softplus(x) }),
		Elu: mapOf(func(x, alpha, beta float64) float64 {
			if x < 0 {
				return alpha * math.Expm1(x)
			}
			return beta * x
		}),
		Celu: mapOf(func(x, alpha, beta float64) float64 {
			if x < 0 {
				return alpha * math.Expm1(beta*x)
			}
			return x
		}),
		Softsign: mapOf(func(x, _, _ float64) float64 { return x / (1 + math.Abs(x)) }),
		Clip:     mapOf(func(x, low, high float64) float64 { return min(max(x, low), high) }),
		LeakyRelu: mapOf(func(x, alpha, _ float64) float64 {
			if x < 0 {
				return alpha * x
			}
			return x
		}),
		HardSigmoid: mapOf(func(x, alpha, beta float64) float64 { return min(max(alpha*x+beta, 0), 1) }),
		HardSwish:   mapOf(func(x, alpha, beta float64) float64 { return x * min(max(alpha*x+beta, 0), 1) }),
		ThresholdedRelu: mapOf(func(x, alpha, _ float64) float64 {
			if x > alpha {
				return x
			}
			return 0
		}),
		Shrink: mapOf(func(x, alpha, beta float64) float64 {
			switch {
			case x > alpha:
				return x - beta
			case x < -alpha:
				return x + beta
			}
			return 0
		}),
		Affine:     affinePlain,
		Abs:        mapOf(func(x, _, _ float64) float64 { return math.Abs(x) }),
		Neg:        mapOf(func(x, _, _ float64) float64 { return -x }),
		Sqrt:       mapOf(func(x, _, _ float64) float64 { return math.Sqrt(x) }),
		Reciprocal: mapOf(func(x, _, _ float64) float64 { return 1 / x }),
		Floor:      mapOf(func(x, _, _ float64) float64 { return math.Floor(x) }),
		Ceil:       mapOf(func(x, _, _ float64) float64 { return math.Ceil(x) }),
		Round:      mapOf(func(x, _, _ float64) float64 { return math.RoundToEven(x) }),
		Sign: mapOf(func(x, _, _ float64) float64 {
			if x < 0 || x > 0 {
				return math.Copysign(1, x)
			}
			return x
		}),
		Sin:  mapOf(func(x, _, _ float64) float64 { return math.Sin(x) }),
		Cos:  mapOf(func(x, _, _ float64) float64 { return math.Cos(x) }),
		Log:  logOf,
		Atan: mapOf(func(x, _, _ float64) float64 { return math.Atan(x) }),
		Asin: mapOf(func(x, _, _ float64) float64 { return math.Asin(x) }),
		Acos: mapOf(func(x, _, _ float64) float64 { return math.Acos(x) }),
	},
	Rows: [pairs]func(dst, a, b unsafe.Pointer, n int){
		zipOf(plus, 1), zipOf(minus, 1), zipOf(times, 1), zipOf(over, 1), zipOf(least, 1), zipOf(most, 1), zipOf(power, 1)},
	Right: [pairs]func(dst, a, b unsafe.Pointer, n int){
		zipOf(plus, 0), zipOf(minus, 0), zipOf(times, 0), zipOf(over, 0), zipOf(least, 0), zipOf(most, 0), zipOf(power, 0)},
	Left: [pairs]func(dst, a, b unsafe.Pointer, n int){
		zipOf(plus, 0), zipOf(func(a, b float32) float32 { return b - a }, 0), zipOf(times, 0),
		zipOf(func(a, b float32) float32 { return b / a }, 0), zipOf(least, 0), zipOf(most, 0),
		zipOf(func(a, b float32) float32 { return power(b, a) }, 0)},
	Blend: blendPlain, Pick: pickPlain, Transpose: transposePlain, Unzip: unzip,
	TurnHalves: func(dst, src, cos, sin unsafe.Pointer, n int) {
		turnHalves(floats(dst, 2*n), floats(src, 2*n), floats(cos, n), floats(sin, n))
	},
	TurnPairs: func(dst, src, cos, sin unsafe.Pointer, n int) {
		turnPairs(floats(dst, 2*n), floats(src, 2*n), floats(cos, n), floats(sin, n))
	},
	Float16:  widenOf(fromFloat16),
	BFloat16: widenOf(func(h uint16) float32 { return math.Float32frombits(uint32(h) << 16) }),
	MulAdd: func(dst, a unsafe.Pointer, n int, factor float32) {
		to := floats(dst, n)
		for i, v := range floats(a, n) {
			to[i] += factor * v
		}
	},
	Sum: func(src unsafe.Pointer, n int) float32 {
		return chained(floats(src, n), func(sum, v float32) float32 { return sum + v })
	},
	SquareSum: func(src unsafe.Pointer, n int, mean float32) float32 {
		return chained(floats(src, n), func(sum, v float32) float32 { return sum + (v-mean)*(v-mean) })
	},
	MaxOf:     maxOfPlain,
	MinOf:     func(src unsafe.Pointer, n int) float32 { return joined(floats(src, n), least) },
	ExpSum:    expSumPlain,
	Softmaxes: softmaxesBy(maxOfPlain, expSumPlain, affinePlain),
	Normalise: func(dst, src, gain, bias unsafe.Pointer, n int, mean, inverse float32) {
		to, g, b := floats(dst, n), floats(gain, n), floats(bias, n)
		for i, v := range floats(src, n) {
			to[i] = (v-mean)*inverse*g[i] + b[i]
		}
	},
}

// softplus is ln(1 + e^x), without overflow.
func softplus(x float64) float64 { return max(x, 0) + math.Log1p(math.Exp(-math.Abs(x))) }

func plus(a, b float32) float32  { return a + b }
func minus(a, b float32) float32 { return a - b }
func times(a, b float32) float32 { return a * b }
func over(a, b float32) float32  { return a / b }
func least(a, b float32) float32 { return min(a, b) }
func most(a, b float32) float32  { return max(a, b) }

func mapOf(f func(x, alpha, beta float64) float64) func(dst, src unsafe.Pointer, n int, alpha, beta float32) {
	return func(dst, src unsafe.Pointer, n int, alpha, beta float32) {
		to := floats(dst, n)
		for i, v := range floats(src, n) {
			to[i] = float32(f(float64(v), float64(alpha), float64(beta)))
		}
	}
}

func widenOf(f func(h uint16) float32) func(dst, src unsafe.Pointer, n int) {
	return func(dst, src unsafe.Pointer, n int) {
		to := floats(dst, n)
		for i, h := range unsafe.Slice((*uint16)(src), n) {
			to[i] = f(h)
		}
	}
}

// fromFloat16 places the bits where binary32 has them, which gives 2^-112 times the
// number, also where it is subnormal.
func fromFloat16(h uint16) float32 {
	sign, rest := uint32(h&0x8000)<<16, uint32(h&0x7fff)<<13
	if h&0x7c00 == 0x7c00 { // infinities and NaN
		return math.Float32frombits(sign | rest | 0x7f800000)
	}
	return math.Float32frombits(sign | math.Float32bits(math.Float32frombits(rest)*0x1p112))
}

// zipOf joins a row with another (step 1) or with one number (step 0).
func zipOf(f func(a, b float32) float32, step int) func(dst, a, b unsafe.Pointer, n int) {
	return func(dst, a, b unsafe.Pointer, n int) {
		to, x, y := floats(dst, n), floats(a, n), floats(b, max(1, step*n))
		for i := range to {
			to[i] = f(x[i], y[i*step])
		}
	}
}

// chained reduces a row with eight accumulators.
func chained(x []float32, add func(sum, v float32) float32) float32 {
	var sums [8]float32
	for i, v := range x {
		sums[i&7] = add(sums[i&7], v)
	}
	return ((sums[0] + sums[1]) + (sums[2] + sums[3])) + ((sums[4] + sums[5]) + (sums[6] + sums[7]))
}

// joined reduces a row of at least one number.
func joined(x []float32, f func(a, b float32) float32) float32 {
	best := x[0]
	for _, v := range x {
		best = f(best, v)
	}
	return best
}

func floats(p unsafe.Pointer, n int) []float32 { return unsafe.Slice((*float32)(p), n) }

func turnHalves(dst, src, cos, sin []float32) {
	n := len(cos)
	a, b, toA, toB, sin := src[:n], src[n:2*n], dst[:n], dst[n:2*n], sin[:n]
	for i, co := range cos {
		p, q := a[i], b[i]
		toA[i], toB[i] = float32(co*p)-float32(sin[i]*q), float32(sin[i]*p)+float32(co*q)
	}
}

func turnPairs(dst, src, cos, sin []float32) {
	for i, co := range cos {
		a, b := src[2*i], src[2*i+1]
		dst[2*i], dst[2*i+1] = float32(co*a)-float32(sin[i]*b), float32(sin[i]*a)+float32(co*b)
	}
}

var affinePlain = mapOf(func(x, alpha, beta float64) float64 { return alpha*x + beta })

func maxOfPlain(src unsafe.Pointer, n int) float32 { return joined(floats(src, n), most) }

func expSumPlain(dst, src unsafe.Pointer, n int, top float32) float32 {
	sum, to := 0.0, floats(dst, n)
	for i, v := range floats(src, n) {
		e := 0.0
		if d := v - top; !(d < expFloor) {
			e = math.Exp(float64(d))
		}
		to[i] = float32(e)
		sum += e
	}
	return float32(sum)
}

// softmaxesBy returns Softmaxes made of three other kernels.
func softmaxesBy(maxOf func(src unsafe.Pointer, n int) float32, expSum func(dst, src unsafe.Pointer, n int, top float32) float32,
	affine func(dst, src unsafe.Pointer, n int, alpha, beta float32)) func(dst, src unsafe.Pointer, lines, n, apart int) {
	return func(dst, src unsafe.Pointer, lines, n, apart int) {
		for i := range lines {
			to, from := unsafe.Add(dst, i*apart), unsafe.Add(src, i*apart)
			affine(to, to, n, 1/expSum(to, from, n, maxOf(from, n)), 0)
		}
	}
}
