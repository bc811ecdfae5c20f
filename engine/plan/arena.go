package plan

import (
	"fmt"
	"math"
	"slices"
	"unsafe"
)

// align keeps every buffer at the start of a cache line.
const align = 64

// placeBuffers lays the buffers out in one arena so that those in use at the
// same time do not overlap: largest first, each at the lowest place that is
// free during its life.
func (b *builder) placeBuffers() error {
	order := make([]int, len(b.buffers))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(x, y int) int { return b.buffers[y].size - b.buffers[x].size })
	var placed []int // by offset
	for _, i := range order {
		buf := &b.buffers[i]
		if buf.size > math.MaxInt-align {
			return fmt.Errorf("memory: a buffer of %d bytes", buf.size)
		}
		size := (buf.size + align - 1) &^ (align - 1)
		at := 0
		for _, j := range placed {
			o := &b.buffers[j]
			if o.last < buf.first || buf.last < o.first {
				continue
			}
			if at+size <= o.offset {
				break
			}
			at = max(at, (o.offset+o.size+align-1)&^(align-1))
		}
		buf.offset = at
		if at > math.MaxInt-size {
			return fmt.Errorf("memory: the values alive at once take more than this system can address")
		}
		b.arena = max(b.arena, at+size)
		k, _ := slices.BinarySearchFunc(placed, at, func(j, at int) int { return b.buffers[j].offset - at })
		placed = slices.Insert(placed, k, i)
	}
	return nil
}

// heap is zeroed memory of the garbage collector's that starts a cache line.
func heap(n int) []byte {
	b := make([]byte, n+align)
	off := int(-uintptr(unsafe.Pointer(&b[0])) & (align - 1))
	return b[off : off+n : off+n]
}
