package plan

import (
	"math/rand/v2"
	"testing"
)

// Buffers that are in use at the same time never overlap, however many there are.
func TestPlaceBuffers(t *testing.T) {
	for _, count := range []int{1, 200, 12_000} {
		r := rand.New(rand.NewPCG(1, uint64(count)))
		b := &builder{Plan: &Plan{}}
		last := count
		for i := range count {
			first := r.IntN(count)
			b.buffers = append(b.buffers, buffer{size: r.IntN(500) * r.IntN(2), first: first, last: min(last, first+r.IntN(4)*r.IntN(i+2)/100)})
		}
		b.steps = make([]step, last)
		if err := b.placeBuffers(); err != nil {
			t.Fatal(err)
		}
		inUse := make([][]int, last+1)
		most := 0
		for i, buf := range b.buffers {
			if buf.offset < 0 || buf.offset%align != 0 || buf.offset+buf.size > b.arena {
				t.Fatalf("a buffer of %d bytes lies at %d, the arena has %d", buf.size, buf.offset, b.arena)
			}
			for at := buf.first; at <= buf.last; at++ {
				for _, j := range inUse[at] { // a buffer without bytes may lie in another
					if o := b.buffers[j]; buf.size > 0 && o.size > 0 && buf.offset < o.offset+o.size && o.offset < buf.offset+buf.size {
						t.Fatalf("at step %d, buffers at %d and %d overlap", at, buf.offset, o.offset)
					}
				}
				inUse[at] = append(inUse[at], i)
			}
		}
		for _, all := range inUse {
			sum := 0
			for _, i := range all {
				sum += b.buffers[i].bytes()
			}
			most = max(most, sum)
		}
		if b.arena > 2*most {
			t.Errorf("%d buffers take %d bytes, and %d are in use at most", count, b.arena, most)
		}
		t.Logf("%d buffers: %d bytes, %d in use at most", count, b.arena, most)
	}
}
