package suppress

import (
	"math"
	"unsafe"

	"github.com/visionzoo/vision/engine/kernel"
	"github.com/visionzoo/vision/engine/kernel/box"
)

// SoftTask describes a soft suppression.
type SoftTask struct {
	Order []int32   // indices of the candidates, best first
	Score []float64 // of each box; lowered for boxes that take part
	Class []int     // of each box: boxes of different classes do not influence each other; nil for one class
	Least float64   // boxes whose score falls below are dropped
	Sigma float64   // positive; a kept box multiplies another's score by exp(-IoU²/Sigma)
}

// Soft keeps the candidate with the highest score, lowers the scores of the others
// that it overlaps, and repeats this with the rest. It returns the indices of the
// kept boxes, in this order.
//
// Scores only fall. So a kept box is only recorded, and a candidate's score is
// brought up to date when the candidate comes first in the heap; then it finds its
// new place there. The score is lowered by a single exponential, of the sum of all
// exponents, and differs from that of one exponential each by less than 1e-12 of
// it.
func Soft[B ~struct{ X1, Y1, X2, Y2 float64 }](boxes []B, t SoftTask) []int32 {
	same := unsafe.Slice((*Box)(unsafe.Pointer(unsafe.SliceData(boxes))), len(boxes))
	s := soft{SoftTask: t, boxes: same, unit: &kernel.Best().Boxes}
	s.start()
	for len(s.heap) > 0 {
		switch top := &s.heap[0]; {
		case !s.lower(top):
			s.keep(top)
			s.pop()
		case top.score >= t.Least:
			s.sink()
		default:
			s.remove(top.place)
			s.pop()
		}
	}
	return s.kept
}

// soft is one soft suppression. Its candidates lie in blocks; those of the same
// class and about the same place are together.
type soft struct {
	SoftTask
	boxes  []Box
	kept   []int32
	heap   []softBox // a heap; the first one comes before all others
	unit   *box.Unit
	number []int32       // numbers of the classes, by index; empty if there is one class
	class  [][]softGroup // by number
	blocks []box.IoUBlock
	sums   [][8]float64 // sums of the squared IoUs with kept boxes
	sides  [5]float64   // of the box that was kept last
}

// softGroup is a range of blocks with the bounds of their boxes.
type softGroup struct {
	from, to int32
	span     Box
}

// groupBlocks is the largest number of blocks in a group.
const groupBlocks = 8

// softBox is a remaining candidate with its score at the time when its sum had the
// given value.
type softBox struct {
	score, first, sum  float64 // first is its original score
	rank, index, place int32   // place is that among the blocks; noPlace: it overlaps nothing
}

const noPlace = -1

// before reports whether b comes before o; equal scores keep their original order.
func (b *softBox) before(o *softBox) bool {
	return b.score > o.score || b.score == o.score && b.rank < o.rank
}

func (s *soft) start() {
	for rank, i := range s.Order {
		if !(s.Score[i] >= s.Least) {
			break
		}
		s.heap = append(s.heap, softBox{s.Score[i], s.Score[i], 0, int32(rank), i, noPlace}) // a sorted list is a heap
	}
	var l layout
	l.number(s.Class)
	s.number, s.class = l.numbers, make([][]softGroup, l.classes)
	class := 0
	places := int32(0)
	for _, k := range ByScore(s.keys()) {
		b := &s.heap[k]
		if shape := &s.boxes[b.index]; shape.hasArea() {
			if c := s.classOf(b.index); c != class || places%8 == 0 {
				class, places = c, int32(len(s.blocks)*8)
				s.blocks = append(s.blocks, box.IoUBlock{})
			}
			b.place = places
			s.put(class, places, shape)
			places++
		}
	}
	s.sums = make([][8]float64, len(s.blocks))
}

// keys returns numbers that are close for candidates of the same class that lie
// close together.
func (s *soft) keys() []float64 {
	low, high := Box{X1: math.Inf(1), Y1: math.Inf(1)}, Box{X1: math.Inf(-1), Y1: math.Inf(-1)}
	for k := range s.heap {
		if b := &s.boxes[s.heap[k].index]; b.hasArea() {
			low.X1, low.Y1 = min(low.X1, b.X1), min(low.Y1, b.Y1)
			high.X1, high.Y1 = max(high.X1, b.X1), max(high.Y1, b.Y1)
		}
	}
	keys := make([]float64, len(s.heap))
	for k := range keys {
		b := &s.boxes[s.heap[k].index]
		x, y := part(b.X1-low.X1, high.X1-low.X1), part(b.Y1-low.Y1, high.Y1-low.Y1)
		key := 0
		for bit := range 5 { // bits of x and y alternate, which orders squares within squares
			key |= x>>bit&1<<(2*bit) | y>>bit&1<<(2*bit+1)
		}
		keys[k] = float64(s.classOf(s.heap[k].index)*parts*parts + key)
	}
	return keys
}

func (s *soft) classOf(index int32) int {
	if len(s.number) == 0 {
		return 0
	}
	return int(s.number[index])
}

// put stores a box at a place in the last block.
func (s *soft) put(class int, place int32, b *Box) {
	for side, v := range b.sides() {
		s.blocks[place/8][side][place%8] = v
	}
	groups, block := &s.class[class], place/8
	if n := len(*groups); n == 0 || block-(*groups)[n-1].from >= groupBlocks {
		*groups = append(*groups, softGroup{block, block, *b})
	}
	g := &(*groups)[len(*groups)-1]
	o := &g.span
	g.to, *o = block+1, Box{min(o.X1, b.X1), min(o.Y1, b.Y1), max(o.X2, b.X2), max(o.Y2, b.Y2)}
}

// remove removes a box from its place.
func (s *soft) remove(place int32) {
	if place != noPlace {
		b := &s.blocks[place/8]
		b[2][place%8] = b[0][place%8] // a box without width overlaps nothing
	}
}

// lower brings the score of a box up to date and reports whether it fell.
func (s *soft) lower(b *softBox) bool {
	if b.place == noPlace {
		return false
	}
	sum := s.sums[b.place/8][b.place%8]
	if sum == b.sum {
		return false
	}
	b.sum, b.score = sum, b.first*math.Exp(-sum/s.Sigma)
	s.Score[b.index] = b.score
	return true
}

// keep keeps a box.
func (s *soft) keep(b *softBox) {
	s.kept = append(s.kept, b.index)
	if s.remove(b.place); b.place == noPlace {
		return
	}
	shape := &s.boxes[b.index]
	s.sides = shape.sides()
	groups := s.class[s.classOf(b.index)]
	for k := range groups {
		if g := &groups[k]; g.span.meets(shape) {
			s.unit.AddSquareIoUs(s.sums[g.from:g.to], &s.sides, s.blocks[g.from:g.to])
		}
	}
}

// sides returns the sides of a box and its area.
func (b *Box) sides() [5]float64 {
	return [5]float64{b.X1, b.Y1, b.X2, b.Y2, (b.X2 - b.X1) * (b.Y2 - b.Y1)}
}

// meets reports whether two boxes without NaN overlap: whether four differences are
// negative, tested with a single branch, because separate ones could not be
// predicted.
func (b *Box) meets(o *Box) bool {
	x, y := math.Float64bits(b.X1-o.X2)&math.Float64bits(o.X1-b.X2), math.Float64bits(b.Y1-o.Y2)&math.Float64bits(o.Y1-b.Y2)
	return x&y>>63 != 0
}

// pop removes the first box.
func (s *soft) pop() {
	last := len(s.heap) - 1
	s.heap[0] = s.heap[last]
	s.heap = s.heap[:last]
	s.sink()
}

// sink moves the first box down to where its score belongs.
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
