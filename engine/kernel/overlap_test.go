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
	const blocks = 200
	plain := purego()
	eachF32Rung(t, func(t *testing.T, k *Rung) {
		gone, told, missed, stopped := 0, 0, 0, 0
		for turn := range 2000 {
			most := 1 + 100*r.Float64()
			side := func() (low, high float32) {
				low = float32(r.Float64() * 100)
				return low, low + float32(r.Float64()*most)
			}
			boxes, wantGone, gotGone := make([]BoxBlock, blocks), make([]uint16, blocks), make([]uint16, blocks)
			var class [][16]int32
			if turn%2 == 0 {
				class = make([][16]int32, blocks)
			}
			for k := range boxes {
				for i := range 16 {
					b := &boxes[k]
					b[0][i], b[2][i] = side()
					b[1][i], b[3][i] = side()
					if class != nil {
						class[k][i] = int32(r.IntN(3))
					}
				}
				wantGone[k] = uint16(r.Uint32() & r.Uint32() & r.Uint32())
			}
			before := slices.Clone(wantGone)
			copy(gotGone, wantGone)
			var q BoxQueries
			which := r.IntN(16)
			q.Box[0][which], q.Box[2][which] = side()
			q.Box[1][which], q.Box[3][which] = side()
			q.Low[which] = float32(r.Float64()*most) * float32(turn%4) / 4
			q.High[which] = q.Low[which] + float32(r.Float64()*most)
			q.Class[which] = int32(r.IntN(3))
			for i := range q.From {
				from := r.IntN(16 * blocks)
				q.From[i][which], q.To[i][which] = int32(from), int32(from+r.IntN(16*blocks+1-from))
			}
			want := BoxSweep{Share: r.Float32() / 2}
			got := want
			want.On(boxes, wantGone, class)
			got.On(boxes, gotGone, class)
			plain.Sweep(&want, &q, which)
			k.Sweep(&got, &q, which)
			for more := true; more; more = plain.Again(&want) {
				if got.Told != want.Told || !slices.Equal(got.Unsure[:got.Told], want.Unsure[:want.Told]) {
					t.Fatalf("got %+v, want %+v", got, want)
				}
				told += int(got.Told)
				if k.Again(&got) {
					stopped++
				}
			}
			if !slices.Equal(wantGone, gotGone) {
				t.Fatalf("gone are %v, want %v", gotGone, wantGone)
			}
			if !slices.Equal(wantGone, before) {
				gone++
			} else {
				missed++
			}
		}
		if min(gone, told, missed, stopped) < 100 {
			t.Errorf("too few to tell: %d, %d, %d, %d", gone, told, missed, stopped)
		}
	})
}
