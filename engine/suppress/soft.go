package suppress

import (
	"math"
	"unsafe"

	"github.com/visionzoo/vision/engine/kernel"
)

// SoftTask is what to lower.
type SoftTask struct {
	Order []int32   // indices of the candidates, best first
	Score []float64 // of each box; lowered where it takes part
	Class []int     // of each box: other classes do not lower; nil for one class
	Least float64   // what falls below is dropped
	Sigma float64   // a box that is kept lowers another to exp(-IoU²/Sigma) of it; positive
}

// Soft keeps the candidate with the highest score, lowers the scores of the others
// that it overlaps, and goes on with what is left. It returns the indices of the
// boxes that are kept, in this order.
//
// Scores only fall. So a box is compared with those that were kept only once it comes
// first with the score that it had, and then finds its place again. It is lowered by a
// single exponential, of the sum of what all of them take: a score is that of one
// exponential each but for less than 1e-12 of it.
func Soft[B ~struct{ X1, Y1, X2, Y2 float64 }](boxes []B, t SoftTask) []int32 {
	same := unsafe.Slice((*Box)(unsafe.Pointer(unsafe.SliceData(boxes))), len(boxes))
	s := soft{SoftTask: t, boxes: same, rung: kernel.Best()}
	s.start()
	for len(s.heap) > 0 {
		switch top := &s.heap[0]; {
		case !s.lower(top):
			s.keep(top)
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
	number []int32    // of the classes, by index
	class  []softList // by number
	sum    kernel.BoxSum
}

// softList are the boxes of a class that are kept, in their order.
type softList struct {
	blocks []kernel.IoUBlock
	count  int
}

// softBox is a candidate that is left, with its score after the first of those that are
// kept lowered it.
type softBox struct {
	score, first float64 // the one it began with
	squares      float64 // of its IoUs with those in the blocks it has seen, the sum
	rank, index  int32
	seen         int32 // blocks that are full
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
		s.heap = append(s.heap, softBox{score: s.Score[i], first: s.Score[i], rank: int32(rank), index: i}) // sorted is a heap
	}
	var l layout
	l.number(s.Class)
	s.number, s.class = l.numbers, make([]softList, l.classes)
}

// list are the boxes that are kept of the class of one.
func (s *soft) list(index int32) *softList {
	if len(s.number) == 0 {
		return &s.class[0]
	}
	return &s.class[s.number[index]]
}

// lower brings the score of a box up to date, and tells whether it fell.
func (s *soft) lower(b *softBox) bool {
	box, list := &s.boxes[b.index], s.list(b.index)
	if !box.hasArea() {
		return false
	}
	full := int32(list.count / 8)
	s.sum.Box = box.sides()
	b.squares += s.rung.SquareIoUs(&s.sum, list.blocks[b.seen:full])
	b.seen = full
	squares := b.squares + s.rung.SquareIoUs(&s.sum, list.blocks[full:]) // it may become fuller
	if squares == 0 {
		return false
	}
	score := b.first * math.Exp(-squares/s.Sigma)
	if score >= b.score {
		return false
	}
	b.score, s.Score[b.index] = score, score
	return true
}

// keep keeps a box.
func (s *soft) keep(b *softBox) {
	s.kept = append(s.kept, b.index)
	box, list := &s.boxes[b.index], s.list(b.index)
	if !box.hasArea() {
		return
	}
	at := list.count % 8
	if at == 0 {
		list.blocks = append(list.blocks, kernel.IoUBlock{})
	}
	for side, v := range box.sides() {
		list.blocks[list.count/8][side][at] = v
	}
	list.count++
}

// sides are those of a box, and its area.
func (b *Box) sides() [5]float64 {
	return [5]float64{b.X1, b.Y1, b.X2, b.Y2, (b.X2 - b.X1) * (b.Y2 - b.Y1)}
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
