package box_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/visionzoo/vision/engine/kernel/box"
	"github.com/visionzoo/vision/internal/fence"
)

// TestNear compares the rungs with the twin, also for NaN and infinities: places must be
// inside the table then too.
func TestNear(t *testing.T) {
	r := rand.New(rand.NewPCG(2, 3))
	eachUnit(t, func(t *testing.T, u *box.Unit) {
		hard, easy, empty := 0, 0, 0
		for turn := range 3000 {
			g := box.Grid{Mask: 63, Low: int32(r.IntN(3)), PerLevel: 0x1p-23 / float32(1+r.IntN(4))}
			g.High = g.Low + int32(r.IntN(200))
			iou := 0.15 + 0.8*r.Float32()
			g.Reach = box.Reach{(1 - iou) / (1 + iou) / 2, 1 / iou, iou, iou / (1 + iou), 0x1p-20}
			start := fence.Before[int32](t, int(g.Mask)+2)
			for i := 1; i < len(start); i++ {
				start[i] = start[i-1] + int32(r.IntN(3))
			}
			levels := fence.Before[box.Level](t, int(g.High)+2)
			for i := range levels {
				levels[i] = box.Level{r.Float32(), r.Float32(), float32(math.Exp2(r.Float64()*40 - 10)), int32(r.Uint32())}
			}
			boxes := fence.Before[box.Flat](t, 40)
			for i := range boxes {
				x, y := r.Float32()*100-50, r.Float32()*100-50
				boxes[i] = box.Flat{x, y, x + float32(math.Exp2(r.Float64()*8-4)), y + float32(math.Exp2(r.Float64()*8-4))}
				if r.IntN(20) == 0 {
					odd := []float32{float32(math.NaN()), float32(math.Inf(1)), -1e30, 1e20, 0}
					boxes[i][r.IntN(4)] = odd[r.IntN(len(odd))]
				}
			}
			var class []int32
			if turn%2 == 0 {
				class = fence.Before[int32](t, len(boxes))
				for i := range class {
					class[i] = int32(r.IntN(1000))
				}
			}
			g.On(boxes, class, start, levels)
			var want, got box.Queries
			for i := range want.Index {
				want.Index[i] = int32(r.IntN(len(boxes)))
			}
			got.Index = want.Index
			box.Plain.Near(&want, &g)
			u.Near(&got, &g)
			for i := range want.Index {
				if want.Hard>>i&1 != 0 && got.Hard>>i&1 != 0 {
					hard++
					continue
				}
				easy++
				for side := range got.Box {
					if got.Box[side][i] != want.Box[side][i] {
						t.Fatalf("got boxes %v, want %v", got.Box, want.Box)
					}
				}
				for n := range got.From {
					from, count := got.From[n][i], got.Count[n][i]
					if from != want.From[n][i] || count != want.Count[n][i] {
						t.Fatalf("box %v: got blocks %v %v, want %v %v", boxes[want.Index[i]], got.From, got.Count, want.From, want.Count)
					}
					if from < 0 || count < 0 || from+count > (start[g.Mask+1]+15)/16 {
						t.Fatalf("%d blocks from %d on", count, from)
					} else if count == 0 {
						empty++
					}
				}
				if got.Low[i] != want.Low[i] || got.High[i] != want.High[i] || got.Class[i] != want.Class[i] {
					t.Fatalf("got %v to %v of %d, want %v to %v of %d", got.Low[i], got.High[i], got.Class[i], want.Low[i], want.High[i], want.Class[i])
				}
			}
		}
		if min(hard, easy, empty) < 1000 {
			t.Errorf("too few to tell: %d, %d, %d", hard, easy, empty)
		}
	})
}
