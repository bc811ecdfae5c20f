// Package suppress finds the boxes that greedy suppression keeps, as detectors
// and the operator NonMaxSuppression want them. No promise: it serves packages
// of this module.
//
// A box is compared with those that were kept before it and that may overlap it
// too much, 16 at a time. Two boxes with an IoU of t or more along both axes have
// widths, heights and areas in ratios from t to 1/t, and centres no farther apart
// than (w+v)/2 times (1-t)/(1+t) for widths w and v. So a box that is kept goes to
// every cell in which the centre of a box of a size that it may suppress can lie,
// and a candidate asks the one cell of its own centre. Cells are as large as to
// hold a few boxes: pages of cells are made for the boxes of one class and of one
// octave of sizes.
//
// Vectors compare in float32, rounded so that no overlap is missed; what they find
// is decided by the caller's own definition, so that the result is that of the
// textbook's loop.
package suppress

import (
	"math"
	"slices"
	"sync"
	"unsafe"

	"github.com/visionzoo/vision/engine/kernel"
)

// Box is a rectangle by its left, top, right and bottom sides.
type Box struct{ X1, Y1, X2, Y2 float64 }

// Task is what to suppress.
type Task struct {
	Order []int32 // indices of the candidates, best first
	Class []int   // of each box: other classes do not suppress; nil for one class
	IoU   float64 // boxes that overlap a better one by more are dropped
	Most  int     // how many to keep
	// Over decides whether two boxes overlap by more than IoU; it says no where
	// they do not overlap and IoU is not negative.
	Over  func(a, b int32) bool
	Check func() error // asked now and then; nil: never
}

// Greedy appends the indices of the boxes that are kept to kept, best first.
func Greedy[B ~struct{ X1, Y1, X2, Y2 float64 }](kept []int32, boxes []B, t Task) ([]int32, error) {
	same := unsafe.Slice((*Box)(unsafe.Pointer(unsafe.SliceData(boxes))), len(boxes))
	return greedy(kept, same, &t)
}

func greedy(kept []int32, boxes []Box, t *Task) ([]int32, error) {
	if !(t.IoU < 1) { // no overlap is more
		return append(kept, t.Order[:min(len(t.Order), t.Most)]...), nil
	}
	s := works.Get().(*work)
	s.kept, s.mine = kept, len(kept)
	s.Task, s.boxes = t, boxes
	err := s.run()
	kept = s.kept
	s.Task, s.boxes, s.kept = nil, nil, nil
	if len(boxes) <= keepWork {
		works.Put(s)
	}
	return kept, err
}

// keepWork is for how many boxes the memory is kept for the next call: a video
// asks for the same again thirty times a second.
const keepWork = 100_000

var works = sync.Pool{New: func() any { return new(work) }}

// work is one suppression.
type work struct {
	*Task
	rung  *kernel.Rung
	boxes []Box
	kept  []int32
	mine  int // where kept began
	odd   []int32

	reach  float64 // (1-t)/(1+t)/2, and a little for rounding
	widest float64 // 1/t likewise
	slack  float64 // rounding of places, in pixels

	layout
	heads  []int32 // of the chains of the cells
	blocks []kernel.BoxBlock
	probe  kernel.BoxProbe
}

func (s *work) run() error {
	s.rung = kernel.Best()
	s.odd = s.odd[:0]
	s.reach = (1 - s.IoU) / (1 + s.IoU) / 2 * (1 + 1e-9)
	s.widest = min(1/max(s.IoU, 0)*(1+1e-9), math.MaxFloat64)
	s.place(s.boxes, s.Task)
	s.slack = s.far * 0x1p-48
	s.heads = sized(s.heads, s.cells)
	if len(s.blocks) == 0 {
		s.blocks = make([]kernel.BoxBlock, 1, 64)
	}
	s.blocks = s.blocks[:1]
	for k := range s.items {
		if len(s.kept)-s.mine >= s.Most {
			break
		}
		if k&255 == 255 && s.Check != nil {
			if err := s.Check(); err != nil {
				return err
			}
		}
		switch it := &s.items[k]; {
		case it.page == oddBox:
			if !s.overAny(it.index, s.kept[s.mine:]) {
				s.kept, s.odd = append(s.kept, it.index), append(s.odd, it.index)
			}
		case it.page == emptyBox:
			s.kept = append(s.kept, it.index)
		case !s.dropped(it, &s.pages[it.page]):
			s.kept = append(s.kept, it.index)
			s.spread(it)
		}
	}
	return nil
}

// overAny compares without any help.
func (s *work) overAny(i int32, others []int32) bool {
	return slices.ContainsFunc(others, func(k int32) bool {
		return (s.Class == nil || s.Class[i] == s.Class[k]) && s.Over(i, k)
	})
}

// dropped reports whether a box that was kept overlaps a candidate too much.
func (s *work) dropped(b *item, p *page) bool {
	cx, cy := p.cell((b.X1+b.X2)/2, (b.Y1+b.Y2)/2)
	if at := s.heads[p.first+cy*p.nx+cx]; at != 0 {
		v, u := p.x.place(b.X1, b.X2)
		s.probe.X1, s.probe.X2 = p.x.span(v, u, cx)
		v, u = p.y.place(b.Y1, b.Y2)
		s.probe.Y1, s.probe.Y2 = p.y.span(v, u, cy)
		s.probe.Share = p.share((b.X2 - b.X1) * (b.Y2 - b.Y1))
		s.probe.ShiftX, s.probe.ShiftY = p.x.shift, p.y.shift
		if s.chain(b.index, at) {
			return true
		}
	}
	return len(s.odd) > 0 && s.overAny(b.index, s.odd)
}

// chain looks for a box in a chain of blocks that overlaps box i.
func (s *work) chain(i, at int32) bool {
	for at != 0 {
		s.probe.At = at
		s.rung.Overlap(s.blocks, &s.probe)
		if at = s.probe.At; at == 0 {
			break
		}
		if s.probe.Sure != 0 {
			return true
		}
		b := &s.blocks[at]
		for mask, lane := s.probe.Mask, 0; mask != 0; mask, lane = mask>>1, lane+1 {
			if mask&1 != 0 && s.Over(i, b.ID[lane]) {
				return true
			}
		}
		at = b.Next
	}
	return false
}

// mostCells is to how many cells a box goes; one of a shape that asks for more is
// odd.
const mostCells = 256

// spread puts a box that is kept where those look that it may drop.
func (s *work) spread(b *item) {
	w, h := b.X2-b.X1, b.Y2-b.Y1
	x, y := (b.X1+b.X2)/2, (b.Y1+b.Y2)/2
	low, high := int32(0), int32(0)
	if s.octaves {
		low, high = octaveOf(w*h*s.IoU*(1-1e-9)), octaveOf(w*h*s.widest)
	}
	// The other's width is at most w/t, that of the widest of its page, and the
	// largest area there over the least height, h·t.
	mostW, mostH := w*s.widest, h*s.widest
	perW, perH := s.widest/w, s.widest/h
	var spans [4]span // of thresholds over leastIoU three octaves at most
	n, cells := 0, 0
	for _, at := range s.table[b.class*octaves+low : b.class*octaves+high+1] {
		if at == 0 {
			continue
		}
		p := &s.pages[at]
		rx := s.reach*(w+less(less(mostW, p.maxW), p.maxArea*perH)) + s.slack
		ry := s.reach*(h+less(less(mostH, p.maxH), p.maxArea*perW)) + s.slack
		if x+rx < p.x0 || x-rx > p.x1 || y+ry < p.y0 || y-ry > p.y1 {
			continue
		}
		to := &spans[n]
		to.page = p
		to.x0, to.y0 = p.cell(x-rx, y-ry)
		to.x1, to.y1 = p.cell(x+rx, y+ry)
		n++
		cells += int(to.x1-to.x0+1) * int(to.y1-to.y0+1)
	}
	if cells > mostCells {
		s.odd = append(s.odd, b.index)
		return
	}
	for k := range spans[:n] {
		s.fill(b, &spans[k], w*h)
	}
}

// less is the lesser of two numbers that are not NaN.
func less(a, b float64) float64 {
	if a < b {
		return a
	}
	return b
}

// span is a rectangle of cells, the last ones included.
type span struct {
	page           *page
	x0, y0, x1, y1 int32
}

// fill puts a box into a rectangle of cells.
func (s *work) fill(b *item, to *span, area float64) {
	p := to.page
	share := p.share(area)
	v, u := p.x.place(b.X1, b.X2)
	top, bottom := p.y.place(b.Y1, b.Y2)
	for cy := to.y0; cy <= to.y1; cy++ {
		y1, y2 := p.y.span(top, bottom, cy)
		for cx := to.x0; cx <= to.x1; cx++ {
			x1, x2 := p.x.span(v, u, cx)
			s.room(p.first+cy*p.nx+cx).Add(x1, y1, x2, y2, share, b.index)
		}
	}
}

// room is the block of a cell that takes the next box.
func (s *work) room(cell int32) *kernel.BoxBlock {
	at := s.heads[cell]
	if at != 0 && s.blocks[at].Count < 32 {
		return &s.blocks[at]
	}
	next := int32(len(s.blocks))
	if len(s.blocks) == cap(s.blocks) {
		s.blocks = slices.Grow(s.blocks, len(s.blocks))
	}
	s.blocks = s.blocks[:next+1]
	s.heads[cell] = next
	b := &s.blocks[next]
	b.Clear()
	b.Next = at
	return b
}

// sized is a slice of n zeros, in the memory of old where it is enough.
func sized[T any](old []T, n int) []T {
	if cap(old) < n {
		return make([]T, n)
	}
	old = old[:n]
	clear(old)
	return old
}

// octaves of the root of an area, from 2^-8 pixels on.
const octaves = 41

// octaveOf is the octave of the root of an area, counted from 2^-8.
func octaveOf(area float64) int32 {
	exponent := int32(math.Float64bits(area)>>52&2047) - 1023
	return min(max(exponent>>1+8, 0), octaves-1)
}
