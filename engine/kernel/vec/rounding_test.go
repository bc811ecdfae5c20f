package vec_test

import (
	"math"
	"math/big"
	"testing"

	"github.com/visionzoo/vision/engine/kernel/vec"
)

// TestRounding holds functions that are computed in float64 to half a unit in the last place and a
// hundredth, over numbers of all exponents and the float32 next to multiples of π/2.
func TestRounding(t *testing.T) {
	var x []float32
	for bits := uint32(0); bits < 1<<32-1<<17; bits += 65521 {
		x = append(x, math.Float32frombits(bits))
	}
	for k := 1.0; k < 1<<30; k *= 1.01 {
		near := float32(math.Round(k) * (math.Pi / 2))
		x = append(x, near, -near, math.Nextafter32(near, 0), math.Nextafter32(near, near*2))
	}
	// The float32 that is nearest to a multiple of π/2 (Muller, Elementary Functions, 3rd ed., §11.4),
	// and those at the end of what kernels take.
	x = append(x, 16367173*0x1p72, 0x1.fffffep29, 0x1p30, 0x1.000002p30)
	y := make([]float32, len(x))
	functions := map[string]struct {
		f  vec.Func
		of func(float64) float64
	}{
		"sin": {vec.Sin, math.Sin}, "cos": {vec.Cos, math.Cos}, "log": {vec.Log, math.Log},
		"atan": {vec.Atan, math.Atan}, "asin": {vec.Asin, math.Asin}, "acos": {vec.Acos, math.Acos},
	}
	eachUnit(t, func(t *testing.T, u *vec.Unit) {
		for name, f := range functions {
			u.Apply(f.f, y, x, 0, 0)
			for i, v := range x {
				if want := f.of(float64(v)); !rounded(y[i], want) {
					t.Fatalf("%s(%g) is %g, want %g", name, v, y[i], want)
				}
			}
		}
		for _, p := range []float32{0, 1, -1, 0.5, 1.2, -0.7, 4, 33, 1e-3, -1e-9, 1e9} {
			u.Zip(vec.Pow, y, x, []float32{p})
			for i, v := range x {
				if want := math.Pow(float64(v), float64(p)); !rounded(y[i], want) {
					t.Fatalf("%g to the power of %g is %g, want %g", v, p, y[i], want)
				}
			}
			base := float32(math.Abs(float64(p)))
			u.Zip(vec.Pow, y, []float32{base}, x)
			for i, v := range x {
				if want := math.Pow(float64(base), float64(v)); !rounded(y[i], want) {
					t.Fatalf("%g to the power of %g is %g, want %g", base, v, y[i], want)
				}
			}
		}
	})
}

// rounded reports whether got is want, rounded to float32, or almost.
func rounded(got float32, want float64) bool {
	narrow := float32(want)
	if got == narrow || got != got && want != want {
		return math.Signbit(float64(got)) == math.Signbit(want) || got != got
	}
	unit := math.Abs(float64(math.Nextafter32(narrow, 2*narrow+1) - narrow))
	return math.Abs(float64(got)-want) <= 0.51*unit
}

// TestSineFar compares the sine of large numbers with that of what big.Float leaves of them modulo 2π.
func TestSineFar(t *testing.T) {
	const digits = "3.14159265358979323846264338327950288419716939937510582097494459230781640628620899862803482534211706798214808651"
	pi, _, err := big.ParseFloat(digits, 10, 300, big.ToNearestEven)
	if err != nil {
		t.Fatal(err)
	}
	turn := new(big.Float).Mul(pi, big.NewFloat(2))
	var x []float32
	for v := 1e3; v < 1<<30; v *= 1.003 {
		x = append(x, float32(v), -float32(math.Ceil(v/math.Pi)*math.Pi))
	}
	sin, cos := make([]float32, len(x)), make([]float32, len(x))
	eachUnit(t, func(t *testing.T, u *vec.Unit) {
		u.Apply(vec.Sin, sin, x, 0, 0)
		u.Apply(vec.Cos, cos, x, 0, 0)
		for i, v := range x {
			turns, _ := new(big.Float).Quo(big.NewFloat(float64(v)), turn).Int(nil)
			rest := new(big.Float).SetPrec(300).SetInt(turns)
			rest.Sub(new(big.Float).SetPrec(300).SetFloat64(float64(v)), rest.Mul(rest, turn))
			angle, _ := rest.Float64()
			if !rounded(cos[i], math.Cos(angle)) && math.Abs(math.Cos(angle)) > 1e-6 {
				t.Fatalf("cos %g is %g, want %g", v, cos[i], math.Cos(angle))
			}
			if want := math.Sin(angle); !rounded(sin[i], want) && math.Abs(want) > 1e-6 {
				t.Fatalf("sin %g is %g, want %g", v, sin[i], want)
			}
		}
	})
}
