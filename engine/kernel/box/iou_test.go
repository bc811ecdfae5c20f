package box_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/visionzoo/vision/engine/kernel/box"
	"github.com/visionzoo/vision/internal/fence"
)

// TestAddSquareIoUs compares the rungs with the twin, bit for bit.
func TestAddSquareIoUs(t *testing.T) {
	r := rand.New(rand.NewPCG(6, 7))
	eachUnit(t, func(t *testing.T, u *box.Unit) {
		some, none := 0, 0
		for turn := range 3000 {
			most := math.Exp2(r.Float64()*10 - 3)
			random := func() [5]float64 {
				x, y, w, h := r.Float64()*100, r.Float64()*100, r.Float64()*most, r.Float64()*most
				if odd := []float64{0, 5e-324, 1e300, 1e-200}; r.IntN(20) == 0 {
					w = odd[r.IntN(len(odd))]
				}
				return [5]float64{x, y, x + w, y + h, w * h}
			}
			blocks := fence.Before[box.IoUBlock](t, r.IntN(20))
			for i := range blocks {
				for at := range 8 {
					if r.IntN(8) > 0 {
						for side, v := range random() {
							blocks[i][side][at] = v
						}
					}
				}
			}
			b := random()
			want, got := make([][8]float64, len(blocks)), fence.Before[[8]float64](t, len(blocks))
			for i := range want {
				want[i][r.IntN(8)] = r.Float64()
			}
			copy(got, want)
			box.Plain.AddSquareIoUs(want, &b, blocks)
			u.AddSquareIoUs(got, &b, blocks)
			for i := range want {
				for at, v := range want[i] {
					if math.Float64bits(got[i][at]) != math.Float64bits(v) {
						t.Fatalf("turn %d: got %v, want %v", turn, got, want)
					}
					if v > 0 {
						some++
					} else {
						none++
					}
				}
			}
		}
		if min(some, none) < 3000 {
			t.Errorf("too few to tell: %d, %d", some, none)
		}
	})
}
