package vec_test

import (
	"fmt"
	"math"
	"math/rand"
	"reflect"
	"slices"
	"testing"
	"unsafe"

	"github.com/visionzoo/vision/engine/kernel"
	"github.com/visionzoo/vision/engine/kernel/num"
	"github.com/visionzoo/vision/engine/kernel/vec"
	"github.com/visionzoo/vision/engine/tensor"
	"github.com/visionzoo/vision/internal/fence"
)

// eachUnit runs a test on each rung of this machine but vnni, amx, dotprod and i8mm, whose unit is
// that of avx512 or neon: with operands before a page without access, and with operands after one.
func eachUnit(t *testing.T, test func(t *testing.T, u *vec.Unit)) {
	for _, k := range kernel.Rungs() {
		switch k.Name {
		case "vnni", "avx512bf16", "amx", "dotprod", "i8mm":
		default:
			t.Run(k.Name, func(t *testing.T) {
				for _, fenced = range []func(tb testing.TB, n int) []byte{fence.Before[byte], fence.After[byte]} {
					test(t, &k.Vec)
				}
			})
		}
	}
}

// fenced returns memory beside a page without access.
var fenced func(tb testing.TB, n int) []byte

// beside copies numbers there, to an address that is not aligned.
func beside[T any](t *testing.T, src []T) []T {
	if len(src) == 0 {
		return nil
	}
	x := unsafe.Slice((*T)(unsafe.Pointer(&fenced(t, len(src)*int(unsafe.Sizeof(src[0]))+1)[0])), len(src))
	copy(x, src)
	return x
}

func room(t *testing.T, n int) []float32 { return beside(t, make([]float32, n)) }

var (
	lengths  = []int{0, 1, 2, 3, 7, 8, 9, 15, 16, 17, 31, 33, 48, 63, 64, 65, 100, 129, 1000, 8191, 8193, 20000}
	specials = []float32{0, float32(math.Copysign(0, -1)), 1, -1, 0.5, -0.5, 20, -20, 87, -87, 88.5, -88.5, 88.73, 104, -104, -103, 3e38, -3e38,
		1e-40, -1e-40, 1e-45, float32(math.Inf(1)), float32(math.Inf(-1)), float32(math.NaN()), 0.84, 0.625, 1.187939, 2.5, 1e9, -1e9}
)

// numbers returns random numbers, some of them special.
func numbers(t *testing.T, rng *rand.Rand, n int, spread float64, special bool) []float32 {
	x := room(t, n)
	for i := range x {
		x[i] = float32(rng.NormFloat64() * spread)
		if special && rng.Intn(4) == 0 {
			x[i] = specials[rng.Intn(len(specials))]
		}
	}
	return x
}

// near reports whether got equals want up to a relative and an absolute error; NaN equals
// NaN, and infinities must be equal.
func near(got, want, relative, absolute float64) bool {
	if got != got || want != want || math.IsInf(want, 0) || math.IsInf(got, 0) {
		return got == want || got != got && want != want
	}
	return math.Abs(got-want) <= relative*math.Abs(want)+absolute
}

const ulp = 1.0 / (1 << 23)

func TestFunctions(t *testing.T) {
	f := func(name string, f vec.Func, alpha, beta float32, relative, absolute float64, of func(x float64) float64) function {
		return function{name, f, alpha, beta, relative, absolute, of}
	}
	sigmoid := func(x float64) float64 { return 1 / (1 + math.Exp(-x)) }
	elu := func(alpha, inner, outer float64) func(x float64) float64 {
		return func(x float64) float64 {
			if x < 0 {
				return alpha * math.Expm1(inner*x)
			}
			return outer * x
		}
	}
	least := 2e-38 // below it numbers lose digits, or become 0
	exact := 0.0
	all := []function{
		f("exp", vec.Exp, 0, 0, 1.01*ulp, 1e-44, math.Exp),
		f("sigmoid", vec.Sigmoid, 0, 0, 3*ulp, least, sigmoid),
		f("silu", vec.Silu, 1, 0, 3*ulp, 1e-35, func(x float64) float64 { return x * sigmoid(x) }),
		f("swish", vec.Silu, 1.702, 0, 6e-6, 1e-35, func(x float64) float64 { return x * sigmoid(float64(float32(1.702))*x) }),
		f("tanh", vec.Tanh, 0, 0, 3*ulp, 1e-44, math.Tanh),
		f("erf", vec.Erf, 0, 0, 3*ulp, 1e-44, math.Erf),
		f("gelu", vec.Gelu, 0, 0, 2e-6, 1e-9, func(x float64) float64 { return x * (0.5 * (1 + math.Erf(x/math.Sqrt2))) }),
		f("gelu by tanh", vec.GeluTanh, 0, 0, 2e-6, 1e-9, func(x float64) float64 {
			return 0.5 * x * (1 + math.Tanh(math.Sqrt(2/math.Pi)*(x+0.044715*x*x*x)))
		}),
		f("mish", vec.Mish, 0, 0, 6*ulp, 1e-35, func(x float64) float64 {
			return x * math.Tanh(max(x, 0)+math.Log1p(math.Exp(-math.Abs(x))))
		}),
		f("softplus", vec.Softplus, 0, 0, 3*ulp, least, func(x float64) float64 { return max(x, 0) + math.Log1p(math.Exp(-math.Abs(x))) }),
		f("elu", vec.Elu, 1, 1, 4*ulp, 1e-45, elu(1, 1, 1)),
		f("selu", vec.Elu, 1.75, 1.05, 4*ulp, 1e-45, elu(1.75, 1, float64(float32(1.05)))),
		f("celu", vec.Celu, 0.3, 1/0.3, 5*ulp, 1e-44, elu(float64(float32(0.3)), float64(float32(1/0.3)), 1)),
		f("softsign", vec.Softsign, 0, 0, ulp, 1e-45, func(x float64) float64 { return x / (1 + math.Abs(x)) }),
		f("thresholded relu", vec.ThresholdedRelu, 0.5, 0, exact, 0, func(x float64) float64 {
			if x > 0.5 {
				return x
			}
			return 0
		}),
		f("thresholded relu below 0", vec.ThresholdedRelu, -1, 0, exact, 0, func(x float64) float64 {
			if x > -1 {
				return x
			}
			return 0
		}),
		f("shrink", vec.Shrink, 0.5, 0.25, exact, 0, func(x float64) float64 {
			switch {
			case x > 0.5:
				return x - 0.25
			case x < -0.5:
				return x + 0.25
			}
			return 0
		}),
		f("clip", vec.Clip, -0.5, 2, exact, 0, func(x float64) float64 { return min(max(x, -0.5), 2) }),
		f("relu", vec.Clip, 0, float32(math.Inf(1)), exact, 0, func(x float64) float64 { return max(x, 0) }),
		f("leaky relu", vec.LeakyRelu, 0.125, 0, exact, 0, func(x float64) float64 {
			if x < 0 {
				return x / 8
			}
			return x
		}),
		f("leaky relu of infinite slope", vec.LeakyRelu, float32(math.Inf(1)), 0, exact, 0, func(x float64) float64 {
			if x < 0 {
				return math.Inf(-1)
			}
			return x
		}),
		f("hard sigmoid", vec.HardSigmoid, 0.25, 0.5, ulp, 2e-7, func(x float64) float64 { return min(max(x/4+0.5, 0), 1) }),
		f("hard swish", vec.HardSwish, 1./6, 0.5, ulp, 2e-6, func(x float64) float64 { return x * min(max(x/6+0.5, 0), 1) }),
		f("affine", vec.Affine, 3, -2, ulp, 1e-7, func(x float64) float64 { return float64(float32(3*x - 2)) }),
		f("abs", vec.Abs, 0, 0, exact, 0, math.Abs),
		f("neg", vec.Neg, 0, 0, exact, 0, func(x float64) float64 { return -x }),
		f("sqrt", vec.Sqrt, 0, 0, ulp/2, 0, math.Sqrt),
		f("reciprocal", vec.Reciprocal, 0, 0, ulp/2, 1e-45, func(x float64) float64 { return float64(float32(1 / x)) }),
		f("floor", vec.Floor, 0, 0, exact, 0, math.Floor),
		f("ceil", vec.Ceil, 0, 0, exact, 0, math.Ceil),
		f("round", vec.Round, 0, 0, exact, 0, math.RoundToEven),
		f("sign", vec.Sign, 0, 0, exact, 0, func(x float64) float64 {
			if x == 0 || x != x {
				return x
			}
			return math.Copysign(1, x)
		}),
		f("sin", vec.Sin, 0, 0, ulp, 1e-45, math.Sin),
		f("cos", vec.Cos, 0, 0, ulp, 1e-45, math.Cos),
		f("log", vec.Log, 0, 0, ulp, 0, math.Log),
		f("atan", vec.Atan, 0, 0, ulp, 1e-45, math.Atan),
		f("asin", vec.Asin, 0, 0, ulp, 1e-45, math.Asin),
		f("acos", vec.Acos, 0, 0, ulp, 1e-45, math.Acos),
	}
	if len(all) != len(vec.Plain.Map)+5 {
		t.Fatalf("%d functions are tested, there are %d", len(all)-5, len(vec.Plain.Map))
	}
	eachUnit(t, func(t *testing.T, u *vec.Unit) {
		rng := rand.New(rand.NewSource(1))
		for _, n := range lengths {
			for _, spread := range []float64{0.3, 3, 40} {
				x := numbers(t, rng, n, spread, true)
				y := room(t, n)
				for _, f := range all {
					f.check(t, u, y, x)
				}
			}
		}
	})
}

type function struct {
	name               string
	f                  vec.Func
	alpha, beta        float32
	relative, absolute float64
	of                 func(x float64) float64
}

func (f function) check(t *testing.T, u *vec.Unit, y, x []float32) {
	t.Helper()
	u.Apply(f.f, y, x, f.alpha, f.beta)
	for i, got := range y {
		want := float64(float32(f.of(float64(x[i]))))
		if !near(float64(got), want, f.relative, f.absolute) {
			t.Fatalf("%s(%g) is %g, want %g (number %d of %d)", f.name, x[i], got, want, i, len(x))
		}
	}
	same := append([]float32(nil), x...)
	u.Apply(f.f, same, same, f.alpha, f.beta)
	for i := range same {
		if math.Float32bits(same[i]) != math.Float32bits(y[i]) && y[i] == y[i] {
			t.Fatalf("%s in place: %g, elsewhere %g", f.name, same[i], y[i])
		}
	}
}

func TestPairs(t *testing.T) {
	twins := [len(vec.Plain.Rows)]func(a, b float32) float32{
		num.Add: func(a, b float32) float32 { return a + b },
		num.Sub: func(a, b float32) float32 { return a - b },
		num.Mul: func(a, b float32) float32 { return a * b },
		num.Div: func(a, b float32) float32 { return a / b },
		num.Min: func(a, b float32) float32 { return min(a, b) },
		num.Max: func(a, b float32) float32 { return max(a, b) },
		vec.Pow: func(a, b float32) float32 { return float32(math.Pow(float64(a), float64(b))) },
	}
	eachUnit(t, func(t *testing.T, u *vec.Unit) {
		rng := rand.New(rand.NewSource(2))
		for _, n := range lengths {
			a, b := numbers(t, rng, n, 3, true), numbers(t, rng, n, 3, true)
			one, two := numbers(t, rng, 1, 3, true), numbers(t, rng, 1, 3, true)
			y := room(t, n)
			for op, twin := range twins {
				for _, c := range []struct {
					name string
					a, b []float32
				}{{"rows", a, b}, {"number right", a, one}, {"number left", two, b}, {"two numbers", one, two}} {
					u.Zip(num.Pair(op), y, c.a, c.b)
					for i, got := range y {
						want := twin(c.a[i%len(c.a)], c.b[i%len(c.b)])
						if num.Pair(op) == vec.Pow && near(float64(got), float64(want), ulp, 1e-45) && math.Signbit(float64(got)) == math.Signbit(float64(want)) {
							continue
						}
						if math.Float32bits(got) != math.Float32bits(want) && (got == got || want == want) {
							t.Fatalf("%s, operation %d of %g and %g: %g, want %g", c.name, op, c.a[i%len(c.a)], c.b[i%len(c.b)], got, want)
						}
					}
				}
			}
		}
	})
}

func TestReductions(t *testing.T) {
	eachUnit(t, func(t *testing.T, u *vec.Unit) {
		rng := rand.New(rand.NewSource(3))
		for _, n := range lengths {
			x := numbers(t, rng, n, 3, false)
			sum, squares, abs := 0.0, 0.0, 0.0
			top, low := math.Inf(-1), math.Inf(1)
			for _, v := range x {
				sum += float64(v)
				abs += math.Abs(float64(v))
				squares += (float64(v) - 0.5) * (float64(v) - 0.5)
				top, low = max(top, float64(v)), min(low, float64(v))
			}
			bound := ulp * (4 + float64(min(n, 1<<13))/32)
			if got := u.Total(x); math.Abs(got-sum) > bound*abs {
				t.Fatalf("sum of %d: %g, want %g", n, got, sum)
			}
			if got := u.Squares(x, 0.5); math.Abs(got-squares) > bound*squares {
				t.Fatalf("squares of %d: %g, want %g", n, got, squares)
			}
			if got := u.Largest(x); float64(got) != top {
				t.Fatalf("largest of %d: %g, want %g", n, got, top)
			}
			if got := u.Smallest(x); float64(got) != low {
				t.Fatalf("smallest of %d: %g, want %g", n, got, low)
			}
			if n == 0 {
				continue
			}
			for range 5 {
				at := rng.Intn(n)
				keep := x[at]
				x[at] = float32(math.NaN())
				if a, b, c := u.Largest(x), u.Smallest(x), u.Total(x); a == a || b == b || c == c {
					t.Fatalf("NaN at %d of %d got lost: %g %g %g", at, n, a, b, c)
				}
				x[at] = keep
			}
		}
	})
}

func TestSoftmax(t *testing.T) {
	inf, nan := float32(math.Inf(1)), float32(math.NaN())
	special := map[string][]float32{"one -Inf": {1, -inf, 2}, "all -Inf": {-inf, -inf}, "+Inf": {1, inf}, "NaN": {1, nan, 3}, "large": {3e38, -3e38, 3e38},
		"masked": {1, -78, -79, -79.5, -86, -99, -104, 1, 0, -100, -200, -100, 1, -90, -103, 0.5, -99, -100, 2}}
	eachUnit(t, func(t *testing.T, u *vec.Unit) {
		rng := rand.New(rand.NewSource(4))
		one := func(y, z, x []float32) {
			u.Softmax(y, x)
			u.LogSoftmax(z, x)
		}
		lines := func(y, z, x []float32) { // three, of which the last counts
			n := len(x)
			three, out := slices.Concat(x, numbers(t, rng, n, 1, false), x), make([]float32, 3*n)
			u.SoftmaxLines(out, three, max(n, 1), true)
			copy(z, out[2*n:])
			u.SoftmaxLines(three, three, max(n, 1), false)
			copy(y, three[2*n:])
		}
		rows := func(y, z, x []float32) { // three with gaps between them, in place
			n := len(x)
			apart := n + 5
			three := room(t, 2*apart+n)
			for i := range three {
				three[i] = 7
			}
			for i := range 3 {
				copy(three[i*apart:], x)
			}
			if u.SoftmaxRows(three, three, max(n, 1), apart); n > 0 && !slices.Equal(three[n:apart], []float32{7, 7, 7, 7, 7}) {
				t.Fatalf("rows of %d: what is between them was written", n)
			}
			copy(y, three[2*apart:])
			u.LogSoftmax(z, x)
		}
		check := func(name string, x []float32, softmaxes func(y, z, x []float32)) {
			n := len(x)
			y, z := room(t, n), room(t, n)
			softmaxes(y, z, x)
			top, sum := math.Inf(-1), 0.0
			for _, v := range x {
				top = math.Max(top, float64(v))
			}
			for _, v := range x {
				sum += math.Exp(float64(v) - top)
			}
			for i, v := range x {
				want := math.Exp(float64(v)-top) / sum
				if !near(float64(y[i]), want, 8*ulp, 4e-9) {
					t.Fatalf("%s: softmax at %d of %d: %g, want %g", name, i, n, y[i], want)
				}
				if y[i] != 0 && y[i] < 1e-36 {
					t.Fatalf("%s: softmax at %d of %d is %g: slow to multiply", name, i, n, y[i])
				}
				want = float64(float32(float64(v) - top - math.Log(sum)))
				if !near(float64(z[i]), want, 4*ulp, 4*ulp*max(1, math.Log(float64(n)+1))) {
					t.Fatalf("%s: log softmax at %d of %d: %g, want %g", name, i, n, z[i], want)
				}
			}
		}
		for _, n := range lengths {
			check(fmt.Sprint(n, " numbers"), numbers(t, rng, n, 5, false), one)
			check(fmt.Sprint("lines of ", n, " numbers"), numbers(t, rng, n, 5, false), lines)
			check(fmt.Sprint("rows of ", n, " numbers"), numbers(t, rng, n, 5, false), rows)
		}
		for name, x := range special {
			check(name, beside(t, x), one)
			check(name+" in a line", beside(t, x), lines)
			check(name+" in a row", beside(t, x), rows)
		}
	})
}

func TestNormalise(t *testing.T) {
	eachUnit(t, func(t *testing.T, u *vec.Unit) {
		rng := rand.New(rand.NewSource(5))
		for _, n := range lengths {
			if n == 0 {
				continue
			}
			x, gain, bias := numbers(t, rng, n, 3, false), numbers(t, rng, n, 1, false), numbers(t, rng, n, 1, false)
			mean, variance := 0.0, 0.0
			for _, v := range x {
				mean += float64(v) / float64(n)
			}
			for _, v := range x {
				variance += (float64(v) - mean) * (float64(v) - mean) / float64(n)
			}
			gotMean, gotVariance := u.Moments(x)
			if !near(gotMean, mean, 0, 2e-5) || !near(gotVariance, variance, 1e-5, 1e-9) {
				t.Fatalf("moments of %d: %g %g, want %g %g", n, gotMean, gotVariance, mean, variance)
			}
			y := room(t, n)
			u.Affix(y, x, gain, bias, float32(mean), 0.7)
			for i := range n {
				want := (float64(x[i])-mean)*float64(float32(0.7))*float64(gain[i]) + float64(bias[i])
				if !near(float64(y[i]), want, 4*ulp, 6e-6) {
					t.Fatalf("%d of %d: %g, want %g", i, n, y[i], want)
				}
			}
			z := beside(t, bias)
			u.AddScaled(z, x, 1.5)
			for i := range n {
				if want := float64(bias[i]) + 1.5*float64(x[i]); !near(float64(z[i]), want, 2*ulp, 1e-6) {
					t.Fatalf("add scaled %d of %d: %g, want %g", i, n, z[i], want)
				}
			}
		}
	})
}

func TestBlends(t *testing.T) {
	eachUnit(t, func(t *testing.T, u *vec.Unit) {
		rng := rand.New(rand.NewSource(6))
		for _, n := range lengths {
			for taps := range 6 {
				src := numbers(t, rng, 3*n+50, 3, false)
				var offsets []int64
				var weights []float32
				list := vec.Taps{Per: taps}
				for range taps {
					offsets, weights = append(offsets, 4*int64(rng.Intn(2*n+50))), append(weights, float32(rng.NormFloat64()))
				}
				for range taps * n {
					list.Index, list.Weight = append(list.Index, int32(rng.Intn(len(src)))), append(list.Weight, float32(rng.NormFloat64()))
				}
				y, z := room(t, n), room(t, n)
				u.BlendRows(y, src, beside(t, offsets), beside(t, weights))
				u.PickSums(z, src, &vec.Taps{Index: beside(t, list.Index), Weight: beside(t, list.Weight), Per: taps})
				for i := range n {
					rows, picks, size := 0.0, 0.0, 0.0
					for j, o := range offsets {
						rows += float64(weights[j]) * float64(src[int(o)/4+i])
						picks += float64(list.Weight[j*n+i]) * float64(src[list.Index[j*n+i]])
						size += math.Abs(float64(weights[j])*float64(src[int(o)/4+i])) + math.Abs(float64(list.Weight[j*n+i])*float64(src[list.Index[j*n+i]]))
					}
					if !near(float64(y[i]), rows, 0, 4*ulp*size) || !near(float64(z[i]), picks, 0, 4*ulp*size) {
						t.Fatalf("%d taps, %d of %d: %g and %g, want %g and %g", taps, i, n, y[i], z[i], rows, picks)
					}
				}
			}
		}
	})
}

func TestTranspose(t *testing.T) {
	eachUnit(t, func(t *testing.T, u *vec.Unit) {
		for _, s := range [][2]int{{0, 3}, {3, 0}, {1, 1}, {1, 20}, {20, 1}, {7, 9}, {8, 8}, {16, 24}, {17, 33}, {50, 65}} {
			rows, columns := s[0], s[1]
			src, dst := make([]uint32, max(0, rows*(columns+3)-3)), make([]uint32, max(0, columns*(rows+2)-2))
			for i := range src {
				src[i] = uint32(i + 1)
			}
			src, dst = beside(t, src), beside(t, dst)
			u.TransposeMatrix(dst, src, rows+2, columns+3, rows, columns)
			for j := range columns {
				for i := range min(rows+2, len(dst)-j*(rows+2)) {
					want := uint32(0)
					if i < rows {
						want = src[i*(columns+3)+j]
					}
					if got := dst[j*(rows+2)+i]; got != want {
						t.Fatalf("%dx%d: row %d, column %d is %d, want %d", rows, columns, j, i, got, want)
					}
				}
			}
		}
	})
}

func TestUnzip(t *testing.T) {
	eachUnit(t, func(t *testing.T, u *vec.Unit) {
		for _, n := range lengths {
			src, even, odd := room(t, 2*n), room(t, n), room(t, n)
			for i := range src {
				src[i] = float32(i)
			}
			u.Pairs(even, odd, src)
			for i := range n {
				if even[i] != float32(2*i) || odd[i] != float32(2*i+1) {
					t.Fatalf("pair %d of %d is %v and %v", i, n, even[i], odd[i])
				}
			}
		}
	})
}

// TestTurn compares with the twin, into other memory and in place.
func TestTurn(t *testing.T) {
	rng := rand.New(rand.NewSource(5))
	eachUnit(t, func(t *testing.T, u *vec.Unit) {
		for _, n := range lengths {
			src, cos, sin := numbers(t, rng, 2*n, 1, true), numbers(t, rng, n, 1, true), numbers(t, rng, n, 1, true)
			for _, neighbours := range []bool{false, true} {
				want, got := make([]float32, 2*n), room(t, 2*n)
				vec.Plain.Turn(want, src, cos, sin, neighbours)
				u.Turn(got, src, cos, sin, neighbours)
				place := beside(t, src)
				u.Turn(place, place, cos, sin, neighbours)
				for i, w := range want {
					for _, g := range []float32{got[i], place[i]} {
						if math.Float32bits(g) != math.Float32bits(w) && (g == g || w == w) {
							t.Fatalf("%d pairs, neighbours %v, number %d: %v, want %v", n, neighbours, i, g, w)
						}
					}
				}
			}
		}
	})
}

func TestIsComplete(t *testing.T) {
	eachUnit(t, func(t *testing.T, u *vec.Unit) {
		v := reflect.ValueOf(*u)
		for i := range v.NumField() {
			f := v.Field(i)
			if f.Kind() != reflect.Array {
				if f.IsNil() {
					t.Errorf("field %s is empty", v.Type().Field(i).Name)
				}
				continue
			}
			for j := range f.Len() {
				if f.Index(j).IsNil() {
					t.Errorf("field %s[%d] is empty", v.Type().Field(i).Name, j)
				}
			}
		}
	})
}

func BenchmarkUnit(b *testing.B) {
	u := &kernel.Best().Vec
	x, y := make([]float32, 1024), make([]float32, 1024)
	for i := range x {
		x[i] = float32(i%17) - 8
	}
	for f := range u.Map {
		b.Run(fmt.Sprint("func", f), func(b *testing.B) {
			b.SetBytes(4096)
			for b.Loop() {
				u.Map[f](unsafe.Pointer(&y[0]), unsafe.Pointer(&x[0]), 1024, 1, 1)
			}
		})
	}
	b.Run("softmax", func(b *testing.B) {
		b.SetBytes(4096)
		for b.Loop() {
			u.Softmax(y, x)
		}
	})
	b.Run("add", func(b *testing.B) {
		b.SetBytes(4096)
		for b.Loop() {
			u.Zip(num.Add, y, x, y)
		}
	})
}

// TestWiden compares all float16 and bfloat16 with the conversions of package tensor.
func TestWiden(t *testing.T) {
	all := make([]uint16, 1<<16+1)[1:]
	for i := range all {
		all[i] = uint16(i)
	}
	eachUnit(t, func(t *testing.T, u *vec.Unit) {
		for name, test := range map[string]struct {
			widen func(dst, src unsafe.Pointer, n int)
			of    func(h uint16) float32
		}{
			"float16":  {u.Float16, func(h uint16) float32 { return tensor.Float16Bits(h).Float32() }},
			"bfloat16": {u.BFloat16, func(h uint16) float32 { return tensor.BFloat16Bits(h).Float32() }},
		} {
			check := func(from, n int) {
				got, src := room(t, n), beside(t, all[from:][:n])
				test.widen(unsafe.Pointer(&got[0]), unsafe.Pointer(&src[0]), n)
				for i, g := range got {
					if want := test.of(all[from+i]); math.Float32bits(g) != math.Float32bits(want) && (g == g || want == want) {
						t.Fatalf("%s: %#04x is %v, want %v", name, all[from+i], g, want)
					}
				}
			}
			check(0, len(all))
			for n := 1; n < 150; n++ {
				check(n*331, n)
			}
		}
	})
}
