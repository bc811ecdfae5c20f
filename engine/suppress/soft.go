package suppress

import (
	"math"
	"math/bits"
	"unsafe"

	"github.com/visionzoo/vision/engine/kernel"
)

// SoftTask is what to lower.
type SoftTask struct {
	Order []int32   // indices of the candidates, best first
	Score []float64 // of each box; lowered where it takes part
	Class []int     // of each box: other classes do not lower; nil for one class
	Least float64   // what falls below is dropped
	// Factor tells by what a box that is kept lowers another that it overlaps; not
	// more than 1.
	Factor func(kept, other int32) float64
}

// Soft keeps the candidate with the highest score, lowers the scores of the others
// that it overlaps, and goes on with what is left. It returns the indices of the
// boxes that are kept, in this order.
//
// Scores only fall. So a box is compared with those that were kept only once it comes
// first with the score that it had, 16 at a time, and then finds its place again.
func Soft[B ~struct{ X1, Y1, X2, Y2 float64 }](boxes []B, t SoftTask) []int32 {
	same := unsafe.Slice((*Box)(unsafe.Pointer(unsafe.SliceData(boxes))), len(boxes))
	s := soft{SoftTask: t, boxes: same, rung: kernel.Best()}
	s.start()
	for len(s.heap) > 0 {
		switch top := &s.heap[0]; {
		case !s.lower(top):
			s.keep(top.index)
			s.pop()
		case top.score >= t.Least:
			s.sink()
		default:
			s.pop()
		}
	}
	return s.kept
}

// soft is one soft suppression.
type soft struct {
	SoftTask
	boxes  []Box
	kept   []int32
	heap   []softBox // the first one comes before all others
	rung   *kernel.Rung
	number []int32 // of the classes, by index
	sweep  kernel.BoxSweep
	query  kernel.BoxQueries // of one box
	blocks []kernel.BoxBlock // of those that are kept, in their order
	class  [][16]int32       // likewise
}

// softBox is a candidate that is left, with its score after the first seen of those
// that are kept lowered it.
type softBox struct {
	score             float64
	rank, index, seen int32
}

// before tells which comes first: of equal scores, the better one as they were.
func (b *softBox) before(o *softBox) bool {
	return b.score > o.score || b.score == o.score && b.rank < o.rank
}

func (s *soft) start() {
	for rank, i := range s.Order {
		if !(s.Score[i] >= s.Least) {
			break
		}
		s.heap = append(s.heap, softBox{s.Score[i], int32(rank), i, 0}) // sorted is a heap
	}
	var l layout
	l.number(s.Class)
	s.number = l.numbers
	blocks := len(s.heap)/16 + 1
	s.blocks = make([]kernel.BoxBlock, blocks)
	if len(s.number) > 0 {
		s.class = make([][16]int32, blocks)
	}
	s.query.High[0] = math.MaxFloat32 // each that it overlaps is told
	live := make([]uint16, blocks)
	for b := range live {
		live[b] = math.MaxUint16
	}
	s.sweep.On(s.blocks, live, s.class)
}

// lower brings the score of a box up to date, and tells whether it fell.
func (s *soft) lower(b *softBox) bool {
	c, q, before := &s.sweep, &s.query, b.score
	for side, v := range roomy(&s.boxes[b.index]) {
		q.Box[side][0] = v
	}
	if len(s.number) > 0 {
		q.Class[0] = s.number[b.index]
	}
	from := b.seen
	b.seen = int32(len(s.kept))
	q.SetRange(0, 0, from, b.seen)
	for c.StartOne(q, 0); s.rung.Sweep(c); {
		for _, u := range c.Unsure[:c.Told] {
			for ; u.Bits != 0; u.Bits &= u.Bits - 1 {
				at := u.Block*16 + int32(bits.TrailingZeros32(u.Bits))
				if at < from || !s.boxes[s.kept[at]].meets(&s.boxes[b.index]) {
					continue
				}
				b.score *= s.Factor(s.kept[at], b.index)
				if s.Score[b.index] = b.score; !(b.score >= s.Least) {
					return true
				}
			}
		}
	}
	return b.score != before
}

// keep keeps a box.
func (s *soft) keep(i int32) {
	at := len(s.kept)
	s.kept = append(s.kept, i)
	for side, v := range roomy(&s.boxes[i]) {
		s.blocks[at/16][side][at%16] = v
	}
	if len(s.number) > 0 {
		s.class[at/16][at%16] = s.number[i]
	}
}

// pop takes the first box away.
func (s *soft) pop() {
	last := len(s.heap) - 1
	s.heap[0] = s.heap[last]
	s.heap = s.heap[:last]
	s.sink()
}

// sink puts the first box where its score belongs.
func (s *soft) sink() {
	if len(s.heap) == 0 {
		return
	}
	b, at := s.heap[0], 0
	for {
		next := 2*at + 1
		if next+1 < len(s.heap) && s.heap[next+1].before(&s.heap[next]) {
			next++
		}
		if next >= len(s.heap) || !s.heap[next].before(&b) {
			break
		}
		s.heap[at] = s.heap[next]
		at = next
	}
	s.heap[at] = b
}

// meets reports whether two boxes have anything in common.
func (b *Box) meets(o *Box) bool {
	return b.X1 < o.X2 && o.X1 < b.X2 && b.Y1 < o.Y2 && o.Y1 < b.Y2
}

// roomy is a box in float32, a little larger than it is, so that none that it meets
// is missed for rounding, and that areas are numbers.
func roomy(b *Box) kernel.FlatBox {
	const far, little = 1e18, 1e-18
	out := func(v, sign float64) float32 {
		v += sign * (math.Abs(v)*0x1p-22 + little)
		return float32(min(max(v, -far), far))
	}
	return kernel.FlatBox{out(b.X1, -1), out(b.Y1, -1), out(b.X2, 1), out(b.Y2, 1)}
}
