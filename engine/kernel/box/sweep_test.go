package box_test

import (
	"math"
	"math/bits"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/visionzoo/vision/engine/kernel/box"
	"github.com/visionzoo/vision/internal/fence"
)

// TestSweep compares the rungs with the twin: the same candidates are kept, the same boxes
// are no longer live, the same hits are reported, and the same candidates are left to the
// caller.
func TestSweep(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	const blocks = 200
	eachUnit(t, func(t *testing.T, u *box.Unit) {
		gone, kept, told, stopped, hard := 0, 0, 0, 0, 0
		for turn := range 2000 {
			most := 1 + 100*r.Float64()
			side := func() (low, high float32) {
				low = float32(r.Float64() * 100)
				return low, low + float32(r.Float64()*most)
			}
			boxes, wantLive, gotLive := fence.Before[box.Block](t, blocks), make([]uint16, blocks), fence.Before[uint16](t, blocks)
			var class [][16]int32
			if turn%2 == 0 {
				class = fence.Before[[16]int32](t, blocks)
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
				wantLive[k] = uint16(r.Uint32() | r.Uint32() | r.Uint32())
			}
			copy(gotLive, wantLive)
			var q box.Queries
			for i := range q.Index {
				q.Place[i] = int32(r.IntN(16 * blocks))
				q.Box[0][i], q.Box[2][i] = side()
				q.Box[1][i], q.Box[3][i] = side()
				q.Low[i] = float32(r.Float64()*most) * float32(turn%4) / 4
				q.High[i] = q.Low[i] + float32(r.Float64()*most)*float32(r.IntN(2))
				if turn%8 == 0 {
					q.High[i] = math.MaxFloat32 // many are not sure
				}
				q.Class[i] = int32(r.IntN(3))
				for n := range q.From {
					from := r.IntN(16 * blocks)
					end := from + r.IntN(16*blocks+1-from)/(1<<r.IntN(12))
					if turn%16 == 0 {
						from, end = 0, 16*blocks // a long sweep
					}
					q.SetRange(n, i, int32(from), int32(end))
				}
			}
			q.Hard = r.Uint32() & r.Uint32() & r.Uint32()
			want := box.Sweep{Share: r.Float32() / 2}
			got := want
			want.On(boxes, wantLive, class)
			got.On(boxes, gotLive, class)
			if which := r.IntN(16); turn%3 == 0 {
				want.StartOne(&q, which)
				got.StartOne(&q, which)
			} else {
				want.Start(&q, which+1)
				got.Start(&q, which+1)
			}
			for box.Plain.Sweep(&want) {
				if !u.Sweep(&got) {
					t.Fatal("it came to its end too early")
				}
				if got.Told != want.Told || got.Kept != want.Kept || got.Box() != want.Box() || !slices.Equal(got.Unsure[:got.Told], want.Unsure[:want.Told]) {
					t.Fatalf("got %+v, want %+v", got, want)
				}
				if !slices.Equal(wantLive, gotLive) {
					t.Fatalf("live are %v, want %v", gotLive, wantLive)
				}
				wantHard, is := want.Hard()
				if gotHard, too := got.Hard(); is != too || is && gotHard != wantHard {
					t.Fatalf("stopped at %d, want %d", gotHard, wantHard)
				}
				if is {
					hard++
				}
				if told += int(got.Told); int(got.Told) == len(got.Unsure) {
					stopped++
				}
				for _, hit := range want.Unsure[:want.Told] { // some of them go
					wantLive[hit.Block] &^= uint16(hit.Bits & 0x1248)
					gotLive[hit.Block] &^= uint16(hit.Bits & 0x1248)
				}
			}
			if u.Sweep(&got) {
				t.Fatal("it did not come to its end")
			}
			kept += bits.OnesCount32(got.Kept)
			for _, live := range gotLive {
				gone += 16 - bits.OnesCount16(live)
			}
		}
		if min(gone, kept, told, stopped, hard) < 100 {
			t.Errorf("too few to tell: %d, %d, %d, %d, %d", gone, kept, told, stopped, hard)
		}
	})
}
