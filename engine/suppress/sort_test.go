package suppress

import (
	"cmp"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

func TestByScore(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	draws := map[string]func() float64{
		"even":       r.Float64,
		"a few":      func() float64 { return float64(r.IntN(5)) / 4 },
		"small":      func() float64 { return math.Exp(-30 * r.Float64()) },
		"close":      func() float64 { return 0.5 + r.Float64()*1e-9 },
		"both signs": r.NormFloat64,
		"odd": func() float64 {
			return []float64{math.NaN(), math.Inf(1), math.Inf(-1), 0, math.Copysign(0, -1), 1e300, 5e-324, 0.5}[r.IntN(8)]
		},
	}
	for name, draw := range draws {
		for _, n := range []int{0, 1, 2, 3, 100, 5000} {
			scores, want := make([]float64, n), make([]int32, n)
			for i := range scores {
				scores[i], want[i] = draw(), int32(i)
			}
			slices.SortStableFunc(want, func(a, b int32) int { return cmp.Compare(scores[b], scores[a]) })
			if got := ByScore(scores); !slices.Equal(got, want) {
				t.Errorf("%s, %d scores: out of order", name, n)
			}
		}
	}
}
