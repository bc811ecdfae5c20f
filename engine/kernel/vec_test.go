package kernel

import (
	"fmt"
	"math"
	"math/rand"
	"reflect"
	"testing"
	"unsafe"
)

var (
	vecLengths  = []int{0, 1, 2, 3, 7, 8, 9, 15, 16, 17, 31, 33, 48, 63, 64, 65, 100, 129, 1000, 8191, 8193, 20000}
	vecSpecials = []float32{0, float32(math.Copysign(0, -1)), 1, -1, 0.5, -0.5, 20, -20, 87, -87, 88.5, -88.5, 88.73, 104, -104, -103, 3e38, -3e38,
		1e-40, -1e-40, 1e-45, float32(math.Inf(1)), float32(math.Inf(-1)), float32(math.NaN()), 0.84, 0.625, 1.187939, 2.5, 1e9, -1e9}
)

// vecNumbers are random numbers with specials among them, at an odd address.
func vecNumbers(rng *rand.Rand, n int, spread float64, special bool) []float32 {
	x := make([]float32, n+1)[1:]
	for i := range x {
		x[i] = float32(rng.NormFloat64() * spread)
		if special && rng.Intn(4) == 0 {
			x[i] = vecSpecials[rng.Intn(len(vecSpecials))]
		}
	}
	return x
}

// near reports whether got is want to a relative and an absolute error; NaN is
// near NaN and an infinity near itself.
func near(got, want, relative, absolute float64) bool {
	if got != got || want != want || math.IsInf(want, 0) || math.IsInf(got, 0) {
		return got == want || got != got && want != want
	}
	return math.Abs(got-want) <= relative*math.Abs(want)+absolute
}

const ulp = 1.0 / (1 << 23)

func TestVecFunctions(t *testing.T) {
	f := func(name string, f Func, alpha, beta float32, relative, absolute float64, of func(x float64) float64) vecFunction {
		return vecFunction{name, f, alpha, beta, relative, absolute, of}
	}
	sigmoid := func(x float64) float64 { return 1 / (1 + math.Exp(-x)) }
	least := 2e-38 // below it numbers lose digits, or become 0
	exact := 0.0
	all := []vecFunction{
		f("exp", FuncExp, 0, 0, 1.01*ulp, 1e-44, math.Exp),
		f("sigmoid", FuncSigmoid, 0, 0, 3*ulp, least, sigmoid),
		f("silu", FuncSilu, 1, 0, 3*ulp, 1e-35, func(x float64) float64 { return x * sigmoid(x) }),
		f("swish", FuncSilu, 1.702, 0, 6e-6, 1e-35, func(x float64) float64 { return x * sigmoid(float64(float32(1.702))*x) }),
		f("tanh", FuncTanh, 0, 0, 3*ulp, 1e-44, math.Tanh),
		f("erf", FuncErf, 0, 0, 3*ulp, 1e-44, math.Erf),
		f("gelu", FuncGelu, 0, 0, 2e-6, 1e-9, func(x float64) float64 { return x * (0.5 * (1 + math.Erf(x/math.Sqrt2))) }),
		f("gelu by tanh", FuncGeluTanh, 0, 0, 2e-6, 1e-9, func(x float64) float64 {
			return 0.5 * x * (1 + math.Tanh(math.Sqrt(2/math.Pi)*(x+0.044715*x*x*x)))
		}),
		f("mish", FuncMish, 0, 0, 6*ulp, 1e-35, func(x float64) float64 {
			return x * math.Tanh(max(x, 0)+math.Log1p(math.Exp(-math.Abs(x))))
		}),
		f("clip", FuncClip, -0.5, 2, exact, 0, func(x float64) float64 { return min(max(x, -0.5), 2) }),
		f("relu", FuncClip, 0, float32(math.Inf(1)), exact, 0, func(x float64) float64 { return max(x, 0) }),
		f("leaky relu", FuncLeakyRelu, 0.125, 0, exact, 0, func(x float64) float64 {
			if x < 0 {
				return x / 8
			}
			return x
		}),
		f("hard sigmoid", FuncHardSigmoid, 0.25, 0.5, ulp, 2e-7, func(x float64) float64 { return min(max(x/4+0.5, 0), 1) }),
		f("hard swish", FuncHardSwish, 1./6, 0.5, ulp, 2e-6, func(x float64) float64 { return x * min(max(x/6+0.5, 0), 1) }),
		f("affine", FuncAffine, 3, -2, ulp, 1e-7, func(x float64) float64 { return float64(float32(3*x - 2)) }),
		f("abs", FuncAbs, 0, 0, exact, 0, math.Abs),
		f("neg", FuncNeg, 0, 0, exact, 0, func(x float64) float64 { return -x }),
		f("sqrt", FuncSqrt, 0, 0, ulp/2, 0, math.Sqrt),
		f("reciprocal", FuncReciprocal, 0, 0, ulp/2, 1e-45, func(x float64) float64 { return float64(float32(1 / x)) }),
		f("floor", FuncFloor, 0, 0, exact, 0, math.Floor),
		f("ceil", FuncCeil, 0, 0, exact, 0, math.Ceil),
		f("round", FuncRound, 0, 0, exact, 0, math.RoundToEven),
	}
	if len(all) != int(funcs)+2 {
		t.Fatalf("%d functions are tested, there are %d", len(all)-2, funcs)
	}
	eachF32Rung(t, func(t *testing.T, k *Rung) {
		rng := rand.New(rand.NewSource(1))
		for _, n := range vecLengths {
			for _, spread := range []float64{0.3, 3, 40} {
				x := vecNumbers(rng, n+1, spread, true)
				for _, f := range all {
					f.check(t, k, x, n)
				}
			}
		}
	})
}

type vecFunction struct {
	name               string
	f                  Func
	alpha, beta        float32
	relative, absolute float64
	of                 func(x float64) float64
}

func (f vecFunction) check(t *testing.T, k *Rung, x []float32, n int) {
	t.Helper()
	y := make([]float32, n+1)
	y[n] = 77
	k.Vec.Apply(f.f, y[:n], x[:n], f.alpha, f.beta)
	if y[n] != 77 {
		t.Fatalf("%s of %d numbers wrote past them", f.name, n)
	}
	for i, got := range y[:n] {
		want := float64(float32(f.of(float64(x[i]))))
		if !near(float64(got), want, f.relative, f.absolute) {
			t.Fatalf("%s(%g) is %g, want %g (number %d of %d)", f.name, x[i], got, want, i, n)
		}
	}
	same := append([]float32(nil), x...)
	k.Vec.Apply(f.f, same[:n], same[:n], f.alpha, f.beta)
	for i := range n {
		if math.Float32bits(same[i]) != math.Float32bits(y[i]) && y[i] == y[i] {
			t.Fatalf("%s in place: %g, elsewhere %g", f.name, same[i], y[i])
		}
	}
}

func TestVecPairs(t *testing.T) {
	twins := [pairs]func(a, b float32) float32{plus, minus, times, over, least, most}
	eachF32Rung(t, func(t *testing.T, k *Rung) {
		rng := rand.New(rand.NewSource(2))
		for _, n := range vecLengths {
			a, b := vecNumbers(rng, n+1, 3, true), vecNumbers(rng, n+1, 3, true)
			for op, twin := range twins {
				for _, c := range []struct {
					name string
					a, b []float32
				}{{"rows", a[:n], b[:n]}, {"number right", a[:n], b[n:]}, {"number left", a[n:], b[:n]}, {"two numbers", a[n:], b[n:]}} {
					y := make([]float32, n+1)
					y[n] = 77
					k.Vec.Zip(Pair(op), y[:n], c.a, c.b)
					for i, got := range y[:n] {
						want := twin(c.a[i%len(c.a)], c.b[i%len(c.b)])
						if math.Float32bits(got) != math.Float32bits(want) && (got == got || want == want) {
							t.Fatalf("%s, operation %d of %g and %g: %g, want %g", c.name, op, c.a[i%len(c.a)], c.b[i%len(c.b)], got, want)
						}
					}
					if y[n] != 77 {
						t.Fatalf("%s of %d numbers wrote past them", c.name, n)
					}
				}
			}
		}
	})
}

func TestVecReductions(t *testing.T) {
	eachF32Rung(t, func(t *testing.T, k *Rung) {
		rng := rand.New(rand.NewSource(3))
		for _, n := range vecLengths {
			x := vecNumbers(rng, n, 3, false)
			sum, squares, abs := 0.0, 0.0, 0.0
			top, low := math.Inf(-1), math.Inf(1)
			for _, v := range x {
				sum += float64(v)
				abs += math.Abs(float64(v))
				squares += (float64(v) - 0.5) * (float64(v) - 0.5)
				top, low = max(top, float64(v)), min(low, float64(v))
			}
			bound := ulp * (4 + float64(min(n, vecBlock))/32)
			if got := k.Vec.Total(x); math.Abs(got-sum) > bound*abs {
				t.Fatalf("sum of %d: %g, want %g", n, got, sum)
			}
			if got := k.Vec.Squares(x, 0.5); math.Abs(got-squares) > bound*squares {
				t.Fatalf("squares of %d: %g, want %g", n, got, squares)
			}
			if got := k.Vec.Largest(x); float64(got) != top {
				t.Fatalf("largest of %d: %g, want %g", n, got, top)
			}
			if got := k.Vec.Smallest(x); float64(got) != low {
				t.Fatalf("smallest of %d: %g, want %g", n, got, low)
			}
			if n == 0 {
				continue
			}
			for range 5 {
				at := rng.Intn(n)
				keep := x[at]
				x[at] = float32(math.NaN())
				if a, b, c := k.Vec.Largest(x), k.Vec.Smallest(x), k.Vec.Total(x); a == a || b == b || c == c {
					t.Fatalf("NaN at %d of %d got lost: %g %g %g", at, n, a, b, c)
				}
				x[at] = keep
			}
		}
	})
}

func TestVecSoftmax(t *testing.T) {
	inf, nan := float32(math.Inf(1)), float32(math.NaN())
	special := map[string][]float32{"one -Inf": {1, -inf, 2}, "all -Inf": {-inf, -inf}, "+Inf": {1, inf}, "NaN": {1, nan, 3}, "large": {3e38, -3e38, 3e38}}
	eachF32Rung(t, func(t *testing.T, k *Rung) {
		rng := rand.New(rand.NewSource(4))
		check := func(name string, x []float32) {
			n := len(x)
			y, z, work := make([]float32, n), make([]float32, n), make([]float32, n)
			k.Vec.Softmax(y, x)
			k.Vec.LogSoftmax(z, x, work)
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
				want = float64(float32(float64(v) - top - math.Log(sum)))
				if !near(float64(z[i]), want, 4*ulp, 4*ulp*max(1, math.Log(float64(n)+1))) {
					t.Fatalf("%s: log softmax at %d of %d: %g, want %g", name, i, n, z[i], want)
				}
			}
		}
		for _, n := range vecLengths {
			check(fmt.Sprint(n, " numbers"), vecNumbers(rng, n, 5, false))
		}
		for name, x := range special {
			check(name, x)
		}
	})
}

func TestVecNormalise(t *testing.T) {
	eachF32Rung(t, func(t *testing.T, k *Rung) {
		rng := rand.New(rand.NewSource(5))
		for _, n := range vecLengths {
			if n == 0 {
				continue
			}
			x, gain, bias := vecNumbers(rng, n, 3, false), vecNumbers(rng, n, 1, false), vecNumbers(rng, n, 1, false)
			mean, variance := 0.0, 0.0
			for _, v := range x {
				mean += float64(v) / float64(n)
			}
			for _, v := range x {
				variance += (float64(v) - mean) * (float64(v) - mean) / float64(n)
			}
			gotMean, gotVariance := k.Vec.Moments(x)
			if !near(gotMean, mean, 0, 2e-5) || !near(gotVariance, variance, 1e-5, 1e-9) {
				t.Fatalf("moments of %d: %g %g, want %g %g", n, gotMean, gotVariance, mean, variance)
			}
			y := make([]float32, n+1)
			y[n] = 77
			k.Vec.Affix(y[:n], x, gain, bias, float32(mean), 0.7)
			for i := range n {
				want := (float64(x[i])-mean)*float64(float32(0.7))*float64(gain[i]) + float64(bias[i])
				if !near(float64(y[i]), want, 4*ulp, 6e-6) {
					t.Fatalf("%d of %d: %g, want %g", i, n, y[i], want)
				}
			}
			if y[n] != 77 {
				t.Fatalf("%d numbers: wrote past them", n)
			}
			z := append([]float32(nil), bias...)
			k.Vec.AddScaled(z, x, 1.5)
			for i := range n {
				if want := float64(bias[i]) + 1.5*float64(x[i]); !near(float64(z[i]), want, 2*ulp, 1e-6) {
					t.Fatalf("add scaled %d of %d: %g, want %g", i, n, z[i], want)
				}
			}
		}
	})
}

func TestVecBlends(t *testing.T) {
	eachF32Rung(t, func(t *testing.T, k *Rung) {
		rng := rand.New(rand.NewSource(6))
		for _, n := range vecLengths {
			for taps := range 6 {
				src := vecNumbers(rng, 3*n+50, 3, false)
				var offsets []int64
				var weights []float32
				list := Taps{Per: taps}
				for range taps {
					offsets, weights = append(offsets, 4*int64(rng.Intn(2*n+50))), append(weights, float32(rng.NormFloat64()))
				}
				for range taps * n {
					list.Index, list.Weight = append(list.Index, int32(rng.Intn(len(src)))), append(list.Weight, float32(rng.NormFloat64()))
				}
				y, z := make([]float32, n+1), make([]float32, n+1)
				y[n], z[n] = 77, 77
				k.Vec.BlendRows(y[:n], src, offsets, weights)
				k.Vec.PickSums(z[:n], src, &list)
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
				if y[n] != 77 || z[n] != 77 {
					t.Fatalf("%d numbers: wrote past them", n)
				}
			}
		}
	})
}

func TestVecTranspose(t *testing.T) {
	eachF32Rung(t, func(t *testing.T, k *Rung) {
		for _, s := range [][2]int{{0, 3}, {3, 0}, {1, 1}, {1, 20}, {20, 1}, {7, 9}, {8, 8}, {16, 24}, {17, 33}, {50, 65}} {
			rows, columns := s[0], s[1]
			src, dst := make([]uint32, rows*(columns+3)), make([]uint32, columns*(rows+2))
			for i := range src {
				src[i] = uint32(i + 1)
			}
			k.Vec.TransposeMatrix(dst, src, rows+2, columns+3, rows, columns)
			for j := range columns {
				for i := range rows + 2 {
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

func TestVecIsComplete(t *testing.T) {
	eachRung(t, func(t *testing.T, k *Rung) {
		v := reflect.ValueOf(k.Vec)
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

func BenchmarkVec(b *testing.B) {
	k := Best()
	x, y := alignedFloats(1024), alignedFloats(1024)
	for i := range x {
		x[i] = float32(i%17) - 8
	}
	for f := range funcs {
		b.Run(fmt.Sprint("func", f), func(b *testing.B) {
			b.SetBytes(4096)
			for b.Loop() {
				k.Vec.Map[f](unsafe.Pointer(&y[0]), unsafe.Pointer(&x[0]), 1024, 1, 1)
			}
		})
	}
	b.Run("softmax", func(b *testing.B) {
		b.SetBytes(4096)
		for b.Loop() {
			k.Vec.Softmax(y, x)
		}
	})
	b.Run("add", func(b *testing.B) {
		b.SetBytes(4096)
		for b.Loop() {
			k.Vec.Zip(PairAdd, y, x, y)
		}
	})
}
