package plan

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"
	"unsafe"
)

// A buffer has a size and a life, from the step that writes it to the last one that reads
// it. Two buffers may have the same bytes of the arena if their lives do not overlap. Drawn
// with steps to the right and offsets upwards, placing them is packing rectangles whose
// horizontal positions are given:
//
//	offset
//	     ┌─────────┐       ┌───────┐
//	 3 M │    B    │       │   D   │
//	     ├───┬─────┴───┬───┴───┬───┘
//	 1 M │ A │         │   C   │
//	     └───┘         └───────┘      step
//
// The least memory is what the step with the most bytes in use has; to reach it is not
// always possible.

// align keeps every buffer at the start of a cache line.
const align = 64

// placeBuffers places the buffers in one arena so that those in use at the same time do
// not overlap. Buffers are placed one after the other, each as low as it fits. The order
// that takes the least memory depends on the network, so three are tried until one takes
// no more than what is in use at once: by size; by how full the arena is in their life; by
// size times life.
func (b *builder) placeBuffers() error {
	for i := range b.buffers {
		if b.buffers[i].size > math.MaxInt-align {
			return fmt.Errorf("memory: a buffer of %d bytes", b.buffers[i].size)
		}
	}
	const many = 10_000 // trying orders takes time by the square of their number
	if len(b.buffers) > many {
		return b.placeInTurn()
	}
	peaks, least := b.peaks()
	life := func(i int) int { return b.buffers[i].last - b.buffers[i].first + 1 }
	size := func(i int) int { return b.buffers[i].size }
	best := math.MaxInt
	for _, before := range []func(x, y int) int{
		func(x, y int) int { return cmp.Compare(size(y), size(x)) },
		func(x, y int) int {
			return cmp.Or(cmp.Compare(peaks[y], peaks[x]), cmp.Compare(life(y), life(x)), cmp.Compare(size(y), size(x)))
		},
		func(x, y int) int {
			return cmp.Compare(float64(size(y))*float64(life(y)), float64(size(x))*float64(life(x)))
		},
	} {
		order := make([]int, len(b.buffers))
		for i := range order {
			order[i] = i
		}
		slices.SortStableFunc(order, before)
		offsets, all, err := b.place(order)
		if err != nil {
			return err
		}
		if all < best {
			best, b.arena = all, all
			for i, at := range offsets {
				b.buffers[i].offset = at
			}
		}
		if best <= least {
			break
		}
	}
	return nil
}

// bytes is how many bytes a buffer takes in the arena: complete cache lines.
func (b *buffer) bytes() int { return (b.size + align - 1) &^ (align - 1) }

// peaks returns, for each buffer, the most bytes in use at once during its life,
// and the most over all.
func (b *builder) peaks() (of []int, most int) {
	inUse := make([]int, len(b.steps)+1) // by step, and after the last
	for i := range b.buffers {
		for t := b.buffers[i].first; t <= b.buffers[i].last; t++ {
			inUse[t] += b.buffers[i].bytes()
		}
	}
	of = make([]int, len(b.buffers))
	for i := range of {
		of[i] = slices.Max(inUse[b.buffers[i].first : b.buffers[i].last+1])
		most = max(most, of[i])
	}
	return of, most
}

// place puts each buffer in turn at the lowest offset that is free during its life,
// and returns how many bytes all take.
func (b *builder) place(order []int) (offsets []int, all int, err error) {
	offsets = make([]int, len(b.buffers))
	placed := make([]int, 0, len(order)) // by offset
	for _, i := range order {
		buf, at := &b.buffers[i], 0
		for _, j := range placed {
			o := &b.buffers[j]
			if o.last < buf.first || buf.last < o.first {
				continue
			}
			if at+buf.bytes() <= offsets[j] {
				break
			}
			at = max(at, offsets[j]+o.bytes())
		}
		if at > math.MaxInt-buf.bytes() {
			return nil, 0, errArena
		}
		offsets[i] = at
		all = max(all, at+buf.bytes())
		k, _ := slices.BinarySearchFunc(placed, at, func(j, at int) int { return offsets[j] - at })
		placed = slices.Insert(placed, k, i)
	}
	return offsets, all, nil
}

var errArena = errors.New("memory: the values alive at once take more than this system can address")

// gap is a range of bytes of the arena that no buffer in use takes.
type gap struct{ start, end int }

// placeInTurn is for so many buffers that comparing each with each takes too long. It goes
// through the steps: buffers whose life is over become gaps, and each new one takes the
// first gap that is large enough, or the end of the arena.
func (b *builder) placeInTurn() error {
	byFirst := make([]int, len(b.buffers))
	for i := range byFirst {
		byFirst[i] = i
	}
	byLast := slices.Clone(byFirst)
	slices.SortStableFunc(byFirst, func(x, y int) int { return cmp.Compare(b.buffers[x].first, b.buffers[y].first) })
	slices.SortStableFunc(byLast, func(x, y int) int { return cmp.Compare(b.buffers[x].last, b.buffers[y].last) })
	const looked = 100 // gaps; further ones are not worth the time
	var gaps []gap     // by offset
	b.arena = 0
	for _, i := range byFirst {
		buf := &b.buffers[i]
		for ; b.buffers[byLast[0]].last < buf.first; byLast = byLast[1:] {
			done := &b.buffers[byLast[0]]
			gaps = addGap(gaps, gap{done.offset, done.offset + done.bytes()})
		}
		room := buf.bytes()
		k := slices.IndexFunc(gaps[:min(looked, len(gaps))], func(g gap) bool { return g.end-g.start >= room })
		if k < 0 {
			if buf.offset = b.arena; buf.offset > math.MaxInt-room {
				return errArena
			}
			b.arena += room
			continue
		}
		buf.offset = gaps[k].start
		if gaps[k].start += room; gaps[k].start == gaps[k].end {
			gaps = slices.Delete(gaps, k, k+1)
		}
	}
	return nil
}

// addGap adds a gap to a list, where it becomes one with those that it touches.
func addGap(gaps []gap, g gap) []gap {
	k, _ := slices.BinarySearchFunc(gaps, g.start, func(of gap, start int) int { return of.start - start })
	from, to := k, k
	if k > 0 && gaps[k-1].end == g.start {
		from, g.start = k-1, gaps[k-1].start
	}
	if k < len(gaps) && gaps[k].start == g.end {
		to, g.end = k+1, gaps[k].end
	}
	if g.start == g.end {
		return gaps
	}
	return slices.Replace(gaps, from, to, g)
}

// heap allocates zeroed memory on Go's heap, aligned to a cache line.
func heap(n int) []byte {
	b := make([]byte, n+align)
	off := int(-uintptr(unsafe.Pointer(&b[0])) & (align - 1))
	return b[off : off+n : off+n]
}
