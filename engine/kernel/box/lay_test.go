package box_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/visionzoo/vision/engine/kernel/box"
	"github.com/visionzoo/vision/internal/fence"
)

// TestLay compares the rungs with the twin, for any number of boxes, some of them odd.
func TestLay(t *testing.T) {
	r := rand.New(rand.NewPCG(4, 5))
	eachUnit(t, func(t *testing.T, u *box.Unit) {
		odd, even := 0, 0
		for turn := range 2000 {
			n := 1 + r.IntN(70)
			levels := fence.Before[box.Level](t, 257)
			for i := range levels {
				levels[i] = box.Level{float32(math.Exp2(r.Float64()*40 - 20)), r.Float32(), 1, int32(r.Uint32())}
			}
			boxes := fence.Before[[4]float64](t, n)
			for i := range boxes {
				x, y := r.Float64()*100-50, r.Float64()*100-50
				boxes[i] = [4]float64{x, y, x + math.Exp2(r.Float64()*20-15), y + math.Exp2(r.Float64()*20-15)}
				if r.IntN(10) == 0 {
					what := []float64{math.NaN(), math.Inf(1), math.Inf(-1), -1e300, 1e20, 1e12, 0, 5e-324}
					boxes[i][r.IntN(4)] = what[r.IntN(len(what))]
				}
			}
			var class []int32
			if turn%2 == 0 {
				class = fence.Before[int32](t, n)
				for i := range class {
					class[i] = int32(r.IntN(1000))
				}
			}
			lay := func(u *box.Unit) (box.Grid, []box.Flat, []int32) {
				g := box.Grid{Mask: 1023, PerLevel: 0x1p-23 / float32(1+turn%3)}
				flat, cell := fence.Before[box.Flat](t, n), fence.Before[int32](t, n)
				g.On(flat, class, make([]int32, g.Mask+2), levels)
				l := box.Lay{Origin: [4]float64{3, -2, 3, -2}, Scale: 0.25, Far: 0x1p40}
				u.Lay(&l, &g, boxes, cell)
				return g, flat, cell
			}
			wantGrid, wantFlat, want := lay(&box.Plain)
			gotGrid, gotFlat, got := lay(u)
			if !slices.Equal(got, want) || gotGrid.Low != wantGrid.Low || gotGrid.High != wantGrid.High {
				t.Fatalf("got cells %v of levels %d to %d, want %v of %d to %d", got, gotGrid.Low, gotGrid.High, want, wantGrid.Low, wantGrid.High)
			}
			for i, f := range wantFlat {
				for side, v := range f {
					if math.Float32bits(gotFlat[i][side]) != math.Float32bits(v) && v == v {
						t.Fatalf("box %v: got %v, want %v", boxes[i], gotFlat[i], f)
					}
				}
			}
			for _, cell := range want {
				if cell < 0 {
					odd++
				} else {
					even++
				}
			}
		}
		if min(odd, even) < 1000 {
			t.Errorf("too few to tell: %d, %d", odd, even)
		}
	})
}
