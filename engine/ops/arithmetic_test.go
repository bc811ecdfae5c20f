package ops

import (
	"math"
	"math/rand"
	"testing"
)

func TestModulo(t *testing.T) {
	rng := rand.New(rand.NewSource(1))
	number := func() float64 {
		switch rng.Intn(4) {
		case 0:
			return float64(rng.Intn(41)-20) / 4
		case 1:
			return float64(fastSpecials[rng.Intn(len(fastSpecials))])
		case 2:
			return math.Float64frombits(rng.Uint64())
		}
		return rng.NormFloat64() * math.Ldexp(1, rng.Intn(60)-30)
	}
	for range 1000000 {
		a, b := number(), number()
		if rng.Intn(3) == 0 { // next to a multiple
			a = math.Nextafter(b*float64(rng.Intn(1000)), number())
		}
		got, want := modulo(a, b), math.Mod(a, b)
		if math.Float64bits(got) != math.Float64bits(want) && (got == got || want == want) {
			t.Fatalf("%g modulo %g is %g, want %g", a, b, got, want)
		}
	}
}
