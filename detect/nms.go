package detect

import (
	"cmp"
	"math"
	"slices"
	"sync"
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
	s := suppressors.Get().(*suppressor)
	s.start(boxes, scores[:len(boxes)], classes, iou)
	kept := make([]int, 0, 64)
	for at, i := range s.order {
		if !s.gone[at] {
			kept = append(kept, int(i))
			s.drop(int32(at))
		}
	}
	s.boxes, s.class = nil, nil
	if len(s.order) <= 2*maxCandidates {
		suppressors.Put(s)
	}
	return kept
}

// suppressors keeps what they work with from call to call: a video asks for the
// same again thirty times a second.
var suppressors = sync.Pool{New: func() any { return new(suppressor) }}

// sized is a slice of n elements, zero where clean is set, in the memory of old
// where it is enough.
func sized[T any](old []T, n int, clean bool) []T {
	if cap(old) < n {
		return make([]T, n)
	}
	old = old[:n]
	if clean {
		clear(old)
	}
	return old
}

// suppressor holds the boxes that are neither kept nor dropped yet, so that a box
// that is kept looks only at those that it may drop.
//
// Two boxes of areas a and b whose IoU is t or more have t(a+b)/(1+t) in common.
// Their widths, heights and areas are in ratios from t to 1/t; what is common is
// no higher than either, so it is at least t(w+v)/(1+t) wide for widths w and v,
// and the centres are no farther apart than (w+v)/2 times (1-t)/(1+t). So boxes
// lie in a hash table by class, the octave of their size and the cell of their
// centre, and one asks the few cells that can matter. A slot's boxes stand side by
// side; one that is done is replaced by the last.
type suppressor struct {
	boxes []Box
	order []int32
	class []int   // nil: one for all
	gone  []bool  // by place in the order: dropped
	limit float64 // the IoU that is too much
	iou   float32
	reach float32 // (1-iou)/(1+iou)/2, and a little for rounding
	fine  int     // cells are 2^-fine of the largest root of an area in their octave
	plain bool    // a threshold so low that cells would not help

	slots []smallBox // slot after slot
	from  []int32    // where a slot begins
	count []int32    // and how many boxes are left in it
	mask  uint32
	slot  []uint32      // of a box by its place, while they are placed
	items [2][]scored   // while they are sorted
	seen  [octaves]bool // octaves that have boxes
}

// smallBox is a box with what comparing needs, and its place in the order.
type smallBox struct {
	x1, y1, x2, y2, area float32
	class, at            int32
}

// octaves of the root of an area, from 2^-8 to 2^32 pixels.
const octaves = 41

// start takes the boxes and sorts them.
func (s *suppressor) start(boxes []Box, scores []float64, classes []int, iou float64) {
	n := len(boxes)
	s.boxes, s.class, s.limit, s.iou = boxes, classes, iou, float32(iou)
	s.reach, s.plain = float32((1-iou)/(1+iou)/2)+1e-4, iou < 0.1
	s.fine, s.seen = 0, [octaves]bool{}
	s.order = s.byScore(scores)
	s.gone = sized(s.gone, n, true)
	most := 0
	for _, c := range classes {
		most = max(most, min(c, n))
	}
	switch each := n / (most + 1); { // the fuller, the finer
	case each > 3000:
		s.fine = 1
	case each < 700:
		s.fine = -1
	}
	s.place()
}

// small is the box at a place of the order.
func (s *suppressor) small(at int32) smallBox {
	i := s.order[at]
	b := &s.boxes[i]
	o := smallBox{x1: float32(b.X1), y1: float32(b.Y1), x2: float32(b.X2), y2: float32(b.Y2), at: at}
	o.area = (o.x2 - o.x1) * (o.y2 - o.y1)
	if s.class != nil {
		o.class = int32(s.class[i])
	}
	return o
}

// place sorts the boxes into slots.
func (s *suppressor) place() {
	size := 1
	for size < len(s.order) && !s.plain {
		size *= 2
	}
	s.mask = uint32(size - 1)
	s.from, s.count = sized(s.from, size+1, true), sized(s.count, size, true)
	const none = math.MaxUint32
	s.slot = sized(s.slot, len(s.order), false)
	slot := s.slot
	for at := range s.order {
		b := s.small(int32(at))
		if !b.clean() {
			slot[at] = none
			continue
		}
		slot[at] = 0
		if !s.plain {
			o := octaveOf(b.area)
			s.seen[o] = true
			per := s.perCell(o)
			slot[at] = s.hash(o, cellOf((b.x1+b.x2)/2*per), cellOf((b.y1+b.y2)/2*per), b.class)
		}
		s.from[slot[at]+1]++
	}
	for i := range size {
		s.from[i+1] += s.from[i]
	}
	s.slots = sized(s.slots, int(s.from[size]), false)
	for at, k := range slot {
		if k != none {
			s.slots[s.from[k]+s.count[k]] = s.small(int32(at))
			s.count[k]++
		}
	}
}

// clean reports whether the box can overlap another.
func (b *smallBox) clean() bool { return b.area > 0 && b.area <= math.MaxFloat32 }

// scored is a score, in a form that sorts, with its index.
type scored struct {
	key   uint32
	index int32
}

// byScore sorts indices by score, highest first, equal ones as they are: three
// passes of a radix sort over the scores as float32, and a look at neighbours that
// float32 cannot tell apart.
func (s *suppressor) byScore(scores []float64) []int32 {
	n := len(scores)
	s.items[0], s.items[1] = sized(s.items[0], n, false), sized(s.items[1], n, false)
	a, b := s.items[0], s.items[1]
	var count [3][2048]int32
	for i, v := range scores {
		bits := math.Float32bits(float32(v))
		if bits>>31 == 0 { // so that unsigned order is descending order
			bits = ^bits & 0x7fffffff
		}
		if v != v {
			bits = math.MaxUint32
		}
		a[i] = scored{bits, int32(i)}
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
	order := sized(s.order, n, false)
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

// drop drops what overlaps a box that is kept.
func (s *suppressor) drop(at int32) {
	small := s.small(at)
	b := &small
	if !b.clean() || s.iou >= 1 {
		return
	}
	if s.plain {
		s.sweep(b, 0)
		return
	}
	w, h := b.x2-b.x1, b.y2-b.y1
	x, y := (b.x1+b.x2)/2, (b.y1+b.y2)/2
	// Areas are in the ratio t to 1/t.
	for o := octaveOf(b.area * s.iou); o <= octaveOf(b.area/s.iou); o++ {
		if !s.seen[o] {
			continue
		}
		// The other's width is at most w/t, and the octave's largest area over the
		// least height, h·t.
		most := octaveArea(o + 1)
		rx := s.reach * (w + min(w/s.iou, most/(h*s.iou)))
		ry := s.reach * (h + min(h/s.iou, most/(w*s.iou)))
		per := s.perCell(o)
		cx0, cx1 := cellOf((x-rx)*per), cellOf((x+rx)*per)
		cy0, cy1 := cellOf((y-ry)*per), cellOf((y+ry)*per)
		if int64(cx1-cx0+1)*int64(cy1-cy0+1) > int64(len(s.count)/4+16) { // a box of an extreme shape
			for k := range s.count {
				s.sweep(b, uint32(k))
			}
			return
		}
		for cy := cy0; cy <= cy1; cy++ {
			for cx := cx0; cx <= cx1; cx++ {
				if k := s.hash(o, cx, cy, b.class); s.count[k] > 0 {
					s.sweep(b, k)
				}
			}
		}
	}
}

// sweep drops what overlaps a box among those of a slot, the box itself with it.
func (s *suppressor) sweep(b *smallBox, k uint32) {
	list := s.slots[s.from[k]:][:s.count[k]]
	more := 1 + s.iou
	for i := 0; i < len(list); {
		o := &list[i]
		// inter/(a+b-inter) > t, without the division. Where the boxes do not
		// meet, inter is 0 or less.
		inter := max(min(b.x2, o.x2)-max(b.x1, o.x1), 0) * (min(b.y2, o.y2) - max(b.y1, o.y1)) * more
		bound := (b.area + o.area) * s.iou
		if !(inter > bound*0.9999) || o.class != b.class || inter < bound*1.0001 && !(s.exact(b.at).IoU(s.exact(o.at)) > s.limit) {
			i++
			continue
		}
		s.gone[o.at] = true
		last := len(list) - 1
		list[i] = list[last]
		list = list[:last]
	}
	s.count[k] = int32(len(list))
}

// exact is a box as the caller gave it, for overlaps that float32 cannot decide.
func (s *suppressor) exact(at int32) Box { return s.boxes[s.order[at]] }

func (s *suppressor) hash(octave int, cx, cy, class int32) uint32 {
	h := uint32(octave)*0x27d4eb2f + uint32(cx)*0x9e3779b1 + uint32(cy)*0x85ebca77 + uint32(class)*0xc2b2ae3d
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

// perCell is the cells a pixel of an octave.
func (s *suppressor) perCell(o int) float32 {
	return math.Float32frombits(uint32(127-(o-8)-1+s.fine) << 23)
}

// cellOf rounds down; far out all is one cell.
func cellOf(v float32) int32 {
	if !(v > -1e6 && v < 1e6) {
		if v > 0 {
			return 1e6
		}
		return -1e6
	}
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
	order := new(suppressor).byScore(scores)
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
