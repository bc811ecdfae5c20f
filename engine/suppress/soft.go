package suppress

import (
	"math"
	"unsafe"

	"github.com/visionzoo/vision/engine/kernel"
	"github.com/visionzoo/vision/engine/kernel/box"
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
// Scores only fall. So what a box that is kept takes from others is only noted, and a
// score is brought up to date when it comes first; then the box finds its place again.
// It is lowered by a single exponential, of the sum of what all take: a score is that of
// one exponential each but for less than 1e-12 of it.
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

// soft is one soft suppression. Its candidates lie in blocks, those of a class and of
// about one place together.
type soft struct {
	SoftTask
	boxes  []Box
	kept   []int32
	heap   []softBox // the first one comes before all others
	unit   *box.Unit
	number []int32       // of the classes, by index; empty for one
	class  [][]softGroup // by number
	blocks []box.IoUBlock
	sums   [][8]float64 // of the squares of IoUs with those that are kept
	sides  [5]float64   // of the box that is kept
}

// softGroup are blocks, and what their boxes span.
type softGroup struct {
	from, to int32
	span     Box
}

// groupBlocks are those of a group at most.
const groupBlocks = 8

// softBox is a candidate that is left, with its score when the sum was as it says.
type softBox struct {
	score, first, sum  float64 // the first is that it began with
	rank, index, place int32   // among the blocks; noPlace: it overlaps nothing
}

const noPlace = -1

// before tells which comes first: of equal scores, the better one as they were.
func (b *softBox) before(o *softBox) bool {
	return b.score > o.score || b.score == o.score && b.rank < o.rank
}

func (s *soft) start() {
	for rank, i := range s.Order {
		if !(s.Score[i] >= s.Least) {
			break
		}
		s.heap = append(s.heap, softBox{s.Score[i], s.Score[i], 0, int32(rank), i, noPlace}) // sorted is a heap
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

// keys are numbers that are near one another for candidates of a class that lie near one
// another.
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
		for bit := range 5 { // of x and y in turns: squares in squares
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

// put puts a box at a place, in the last block.
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

// remove takes a box away from its place.
func (s *soft) remove(place int32) {
	if place != noPlace {
		b := &s.blocks[place/8]
		b[2][place%8] = b[0][place%8] // without width it overlaps nothing
	}
}

// lower brings the score of a box up to date, and tells whether it fell.
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

// sides are those of a box, and its area.
func (b *Box) sides() [5]float64 {
	return [5]float64{b.X1, b.Y1, b.X2, b.Y2, (b.X2 - b.X1) * (b.Y2 - b.Y1)}
}

// meets reports whether two boxes, made of numbers, have anything in common: whether four
// differences are negative, in one branch, as none of them could be foreseen.
func (b *Box) meets(o *Box) bool {
	x, y := math.Float64bits(b.X1-o.X2)&math.Float64bits(o.X1-b.X2), math.Float64bits(b.Y1-o.Y2)&math.Float64bits(o.Y1-b.Y2)
	return x&y>>63 != 0
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
