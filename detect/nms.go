package detect

import (
	"cmp"
	"math"
	"slices"
)

// NMS returns the boxes that survive greedy suppression, highest score first: one
// that overlaps a better one by an IoU of more than the threshold is dropped. Of
// equal scores the lower index ranks first. Boxes without an area never overlap;
// a NaN score ranks last.
func NMS(boxes []Box, scores []float64, iou float64) []int {
	return NMSByClass(boxes, scores, nil, iou)
}

// NMSByClass is NMS among the boxes of each class; classes may be nil for one.
// The three slices are as long as one another.
func NMSByClass(boxes []Box, scores []float64, classes []int, iou float64) []int {
	s := newSuppressor(boxes, scores, classes, iou)
	kept := make([]int, 0, 64)
	for at := range s.sorted {
		if s.keep(int32(at)) {
			kept = append(kept, int(s.order[at]))
		}
	}
	return kept
}

// suppressor holds the boxes in order of their scores and finds those kept ones
// that may overlap another without looking at all of them.
//
// Two boxes with an IoU of at least t have widths in the ratio t to 1/t, heights
// and roots of areas likewise, and centres no farther apart than (1-t) times the
// larger width. So kept boxes lie in hash tables by the octave of their size and
// the cell of their centre, and one asks the few cells that can matter.
type suppressor struct {
	order  []int32    // indices of the caller, highest score first
	sorted []smallBox // in that order
	class  []int32
	iou    float32
	reach  float32 // 1-iou, and a little for rounding

	heads []int32 // by hash of octave, cell and class: the last box kept there, -1
	next  []int32 // of a box kept: the one before it in its chain
	mask  uint32
	kept  []int32       // all of them
	seen  [octaves]bool // whether a box of an octave was kept
	plain bool          // a threshold so low that cells would not help
}

// smallBox is a box with what comparing needs.
type smallBox struct {
	x1, y1, x2, y2, area float32
}

// octaves of the root of an area, from 2^-8 to 2^32 pixels.
const octaves = 41

func newSuppressor(boxes []Box, scores []float64, classes []int, iou float64) *suppressor {
	n := len(boxes)
	s := &suppressor{order: byScore(scores[:n]), sorted: make([]smallBox, n), iou: float32(iou), reach: float32(1-iou) + 1e-4, next: make([]int32, n)}
	for at, i := range s.order {
		b := boxes[i]
		s.sorted[at] = smallBox{float32(b.X1), float32(b.Y1), float32(b.X2), float32(b.Y2), 0}
		s.sorted[at].area = (s.sorted[at].x2 - s.sorted[at].x1) * (s.sorted[at].y2 - s.sorted[at].y1)
	}
	if classes != nil {
		s.class = make([]int32, n)
		for at, i := range s.order {
			s.class[at] = int32(classes[i])
		}
	}
	s.plain = iou < 0.2
	size := 1
	for size < 2*n && !s.plain {
		size *= 2
	}
	s.heads, s.mask = make([]int32, size), uint32(size-1)
	for i := range s.heads {
		s.heads[i] = -1
	}
	return s
}

// byScore sorts indices by score, highest first, equal ones as they are: three
// passes of a radix sort over the scores as float32, and a look at neighbours that
// float32 cannot tell apart.
func byScore(scores []float64) []int32 {
	n := len(scores)
	type item struct {
		key   uint32
		index int32
	}
	a, b := make([]item, n), make([]item, n)
	var count [3][2048]int32
	for i, v := range scores {
		bits := math.Float32bits(float32(v))
		if bits>>31 == 0 { // so that unsigned order is descending order
			bits = ^bits & 0x7fffffff
		}
		if v != v {
			bits = math.MaxUint32
		}
		a[i] = item{bits, int32(i)}
		count[0][bits&2047]++
		count[1][bits>>11&2047]++
		count[2][bits>>22]++
	}
	for pass := range 3 {
		c, shift := &count[pass], 11*pass
		sum := int32(0)
		for i := range c {
			c[i], sum = sum, sum+c[i]
		}
		for _, it := range a {
			at := &c[it.key>>shift&2047]
			b[*at] = it
			*at++
		}
		a, b = b, a
	}
	order := make([]int32, n)
	for i, it := range a {
		order[i] = it.index
	}
	for from := 0; from < n; { // scores that differ beyond float32
		to := from + 1
		for to < n && a[to].key == a[from].key {
			to++
		}
		if to-from > 1 {
			slices.SortStableFunc(order[from:to], func(x, y int32) int { return cmp.Compare(scores[y], scores[x]) })
		}
		from = to
	}
	return order
}

// keep reports whether the box at a place of the order survives, and remembers it.
func (s *suppressor) keep(at int32) bool {
	b := &s.sorted[at]
	if !(b.area > 0) || b.area > math.MaxFloat32 {
		return true // overlaps nothing
	}
	if s.plain {
		if s.meetsAny(at) {
			return false
		}
		s.kept = append(s.kept, at)
		return true
	}
	octave := octaveOf(b.area)
	// A kept box has the root of its area between mine·√t and mine/√t.
	low, high := octaveOf(b.area*s.iou), octaveOf(b.area/s.iou)
	w, h := b.x2-b.x1, b.y2-b.y1
	x, y := (b.x1+b.x2)/2, (b.y1+b.y2)/2
	for o := low; o <= high; o++ {
		if !s.seen[o] {
			continue
		}
		// The larger width is at most w/t, and in this octave areas are bounded
		// too: the other width is at most the octave's largest area over the
		// least height, h·t.
		most := octaveArea(o + 1)
		rx := s.reach * max(w, min(w/s.iou, most/(h*s.iou)))
		ry := s.reach * max(h, min(h/s.iou, most/(w*s.iou)))
		per := perCell(o)
		cx0, cx1 := cellOf((x-rx)*per), cellOf((x+rx)*per)
		cy0, cy1 := cellOf((y-ry)*per), cellOf((y+ry)*per)
		if int64(cx1-cx0)*int64(cy1-cy0) > 256 { // a box of an extreme shape
			if s.meetsAny(at) {
				return false
			}
			break
		}
		for cy := cy0; cy <= cy1; cy++ {
			for cx := cx0; cx <= cx1; cx++ {
				if s.meets(at, s.heads[s.hash(o, cx, cy, at)]) {
					return false
				}
			}
		}
	}
	s.seen[octave] = true
	s.kept = append(s.kept, at)
	slot := s.hash(octave, cellOf(x*perCell(octave)), cellOf(y*perCell(octave)), at)
	s.next[at], s.heads[slot] = s.heads[slot], at
	return true
}

// meets reports whether the box overlaps one of a chain too much.
func (s *suppressor) meets(at, chain int32) bool {
	for ; chain >= 0; chain = s.next[chain] {
		if s.overlaps(at, chain) {
			return true
		}
	}
	return false
}

// meetsAny looks at every box that was kept.
func (s *suppressor) meetsAny(at int32) bool {
	for _, k := range s.kept {
		if s.overlaps(at, k) {
			return true
		}
	}
	return false
}

// overlaps reports whether two boxes of one class overlap too much.
func (s *suppressor) overlaps(at, other int32) bool {
	b, o := &s.sorted[at], &s.sorted[other]
	w, h := min(b.x2, o.x2)-max(b.x1, o.x1), min(b.y2, o.y2)-max(b.y1, o.y1)
	if w <= 0 || h <= 0 || s.class != nil && s.class[at] != s.class[other] {
		return false
	}
	inter := w * h
	return inter > s.iou*(b.area+o.area-inter)
}

func (s *suppressor) hash(octave int, cx, cy, at int32) uint32 {
	h := uint32(octave)*0x27d4eb2f + uint32(cx)*0x9e3779b1 + uint32(cy)*0x85ebca77
	if s.class != nil {
		h += uint32(s.class[at]) * 0xc2b2ae3d
	}
	return (h ^ h>>15) & s.mask
}

// octaveOf is the octave of the root of an area, counted from 2^-8.
func octaveOf(area float32) int {
	exponent := int(math.Float32bits(area)>>23&255) - 127
	return min(max(exponent>>1+8, 0), octaves-1)
}

// octaveArea is the least area of an octave; beyond the last there is no bound.
func octaveArea(o int) float32 {
	if o >= octaves {
		return math.MaxFloat32
	}
	return math.Float32frombits(uint32((o-8)*2+127) << 23)
}

// perCell is the cells a pixel of an octave: a cell is as wide as the roots of its
// areas get.
func perCell(o int) float32 { return math.Float32frombits(uint32(127-(o-8)-1) << 23) }

// cellOf rounds down; far out all is one cell.
func cellOf(v float32) int32 {
	v = min(max(v, -1e6), 1e6)
	i := int32(v)
	if float32(i) > v {
		i--
	}
	return i
}

// SoftNMS lowers the score of each box by exp(-iou²/sigma) for each better one of
// its class that it overlaps, and drops what falls below least. It returns the
// boxes that are left, highest new score first, and the new scores by the
// caller's index. Bodla et al. 2017, "Improving Object Detection With One Line of
// Code". Only the best 5,000 boxes take part: the work grows with the square.
func SoftNMS(boxes []Box, scores []float64, classes []int, sigma, least float64) (kept []int, lowered []float64) {
	lowered = slices.Clone(scores)
	order := byScore(scores)
	rest := order[:min(len(order), 5000)]
	for len(rest) > 0 {
		top := 0
		for k, i := range rest {
			if lowered[i] > lowered[rest[top]] {
				top = k
			}
		}
		i := rest[top]
		rest = slices.Delete(rest, top, top+1)
		if !(lowered[i] >= least) {
			continue
		}
		kept = append(kept, int(i))
		for _, k := range rest {
			if classes == nil || classes[i] == classes[k] {
				v := boxes[i].IoU(boxes[k])
				lowered[k] *= math.Exp(-v * v / sigma)
			}
		}
	}
	return kept, lowered
}
