package kernel

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// TestSweep holds the rungs to the twin: the same boxes are gone, the same hits are
// told.
func TestSweep(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	const places = 200
	plain := purego()
	eachF32Rung(t, func(t *testing.T, k *Rung) {
		gone, told, missed := 0, 0, 0
		for turn := range 2000 {
			most := 1 + 100*r.Float64()
			side := func() (low, high float32) {
				low = float32(r.Float64() * 100)
				return low, low + float32(r.Float64()*most)
			}
			boxes, wantGone, gotGone := make([]FlatBox, places), make([]uint8, places), make([]uint8, places)
			var class []int32
			if turn%2 == 0 {
				class = make([]int32, places)
			}
			for i := range boxes {
				b := &boxes[i]
				b[0], b[2] = side()
				b[1], b[3] = side()
				if class != nil {
					class[i] = int32(r.IntN(3))
				}
			}
			want := BoxSweep{BoxProbe: BoxProbe{Class: int32(r.IntN(3)), Share: r.Float32() / 2}}
			want.Box[0], want.Box[2] = side()
			want.Box[1], want.Box[3] = side()
			want.Low = float32(r.Float64() * most)
			want.High = want.Low * float32(1+r.Float64())
			ranges := make([]BoxRange, r.IntN(5))
			for i := range ranges {
				from := r.IntN(places - 16)
				ranges[i] = BoxRange{int32(from), int32(from + r.IntN(places-15-from))}
			}
			got := want
			want.On(boxes, wantGone, class)
			got.On(boxes, gotGone, class)
			plain.Sweep(&want, ranges)
			k.Sweep(&got, ranges)
			for {
				if got.At != want.At || got.Unsure != want.Unsure || got.left != want.left || got.ranges != want.ranges {
					t.Fatalf("got %+v, want %+v", got, want)
				}
				if want.Unsure == 0 {
					break
				}
				told++
				plain.Again(&want)
				k.Again(&got)
			}
			if !slices.Equal(wantGone, gotGone) {
				t.Fatalf("gone are %v, want %v", gotGone, wantGone)
			}
			if slices.Contains(wantGone, 255) {
				gone++
			} else {
				missed++
			}
		}
		if min(gone, told, missed) < 100 {
			t.Errorf("too few to tell: %d, %d, %d", gone, told, missed)
		}
	})
}
