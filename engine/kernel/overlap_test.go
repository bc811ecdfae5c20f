package kernel

import (
	"math/rand/v2"
	"testing"
)

// TestOverlap holds the rungs to the twin: same block, same hits.
func TestOverlap(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	side := func(most int) (low, high uint16) {
		low = uint16(r.IntN(0x10000))
		return low, uint16(min(int(low)+r.IntN(most), 0xffff))
	}
	plain := purego()
	eachF32Rung(t, func(t *testing.T, k *Rung) {
		found, sure := 0, 0
		for range 5000 {
			most := 1 << (1 + r.IntN(16))
			blocks := make([]BoxBlock, 6)
			for i := range blocks {
				blocks[i].Clear()
				blocks[i].Next = int32(i+1) % 6
				for range r.IntN(33) {
					x1, x2 := side(65536)
					y1, y2 := side(65536)
					blocks[i].Add(x1, y1, x2, y2, uint16(r.IntN(most)), int32(i))
				}
			}
			var want BoxProbe
			want.X1, want.X2 = side(most)
			want.Y1, want.Y2 = side(most)
			want.ShiftX, want.ShiftY = uint32(r.IntN(16)), uint32(r.IntN(16))
			want.Share, want.At = uint16(r.IntN(most)), int32(1+r.IntN(5))
			got := want
			plain.Overlap(blocks, &want)
			k.Overlap(blocks, &got)
			if got != want {
				t.Fatalf("got %+v, want %+v", got, want)
			}
			if want.Mask != 0 {
				found++
			}
			if want.Sure != 0 {
				sure++
			}
			if (want.Mask == 0) != (want.At == 0) || want.Sure&^want.Mask != 0 {
				t.Fatalf("%+v", want)
			}
		}
		if found < 500 || sure < 100 || found == 5000 {
			t.Errorf("%d hits, %d of them sure: too few to tell", found, sure)
		}
	})
}
