package kernel

import (
	"math"
	"math/rand"
	"testing"
	"unsafe"
)

func TestActivate(t *testing.T) {
	inf, nan := float32(math.Inf(1)), float32(math.NaN())
	special := []float32{0, float32(math.Copysign(0, -1)), 1, -1, 87, -87, 88.5, -88.5, 104, -104, 3e38, -3e38, 1e-40, -1e-40, inf, nan}
	rng := rand.New(rand.NewSource(4))
	acts := []Activation{{}, relu, {Kind: Clip, Beta: 6}, {Kind: Clip, Alpha: 5, Beta: 1}, {Kind: LeakyRelu, Alpha: 0.1}, {Kind: LeakyRelu, Alpha: inf}, {Kind: Sigmoid}, {Kind: Silu},
		{Kind: HardSigmoid, Alpha: 0.2, Beta: 0.5}, {Kind: HardSwish}, {Kind: Tanh}, {Kind: Gelu}, {Kind: Mish},
		{Kind: Softplus}, {Kind: Elu, Alpha: 1.7, Beta: 1.1}}
	eachF32Rung(t, func(t *testing.T, k *Rung) {
		for _, act := range acts {
			for n := 8; n <= 152; n += 8 {
				data := alignedFloats(n + 16)
				for i := range data {
					if data[i] = float32(rng.NormFloat64() * 5); n > 64 && i < len(special) {
						data[i] = special[i]
					}
				}
				before := append([]float32(nil), data...)
				k.Activate(unsafe.Pointer(&data[0]), n, act)
				for i, x := range before {
					got, want := float64(data[i]), float64(float32(act.Of(float64(x))))
					if i >= n {
						if data[i] != x {
							t.Fatalf("%+v of %d numbers wrote past them", act, n)
						}
						continue
					}
					if act.Kind == Silu && math.IsInf(float64(x), -1) {
						continue // the formula gives NaN, the limit is 0
					}
					// A relative error of 6e-7, or a negligible absolute one where the
					// function vanishes. The hard functions cancel at their lower end.
					least := 1e-34
					if act.Kind == HardSwish || act.Kind == HardSigmoid {
						least = 2e-7 * min(1, math.Abs(float64(x)))
					}
					if act.Kind == Gelu { // the reference cancels below -4
						least = 1e-9 + 4e-7*math.Abs(want)
					}
					if math.Abs(got-want) > 6e-7*math.Abs(want)+least && !(got != got && want != want) || (got != got) != (want != want) {
						t.Fatalf("%+v of %g: %g, want %g", act, x, got, want)
					}
				}
			}
		}
	})
}

func BenchmarkActivate(b *testing.B) {
	k := Best()
	data := alignedFloats(1024)
	for name, act := range map[string]Activation{"silu": {Kind: Silu}, "hardswish": {Kind: HardSwish}} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(4096)
			for b.Loop() {
				k.Activate(unsafe.Pointer(&data[0]), 1024, act)
			}
		})
	}
}
