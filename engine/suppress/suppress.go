// Package suppress implements greedy non-maximum suppression of boxes, for
// detectors and the operator NonMaxSuppression. It may change without notice.
//
// A box that is kept is compared with the boxes that it may overlap too much, 16 at
// a time (a sweep), and those that it does are dropped. The widths, heights and
// areas of two boxes with an IoU of t or more have ratios from t to 1/t, and the
// distance of their centres is at most (w+v)/2 times (1-t)/(1+t) for widths w and
// v, and likewise for heights. So the candidates are sorted by cells, with those of
// one class, one level of sizes and one row of cells side by side, and a sweep
// covers a few ranges. Once most candidates have been decided, the gaps are closed.
//
// Vector kernels compare in float32 and take the rounding error of an overlap into
// account. Where that cannot decide, the caller's own definition does, so the
// result is exactly that of the textbook loop.
package suppress

import (
	"math"
	"math/bits"
	"slices"
	"sync"
	"unsafe"

	"github.com/visionzoo/vision/engine/kernel"
	"github.com/visionzoo/vision/engine/kernel/box"
)

// Box is a rectangle by its left, top, right and bottom sides.
type Box struct{ X1, Y1, X2, Y2 float64 }

// Task describes a suppression.
type Task struct {
	Order []int32 // indices of all boxes, best first
	Class []int   // of each box: boxes of different classes do not suppress each other; nil for one class
	IoU   float64 // boxes that overlap a better one by more are dropped
	Most  int     // the most boxes to keep
	// Over reports whether two boxes overlap by more than IoU. It must be false for
	// boxes that do not overlap, unless IoU is negative.
	Over  func(a, b int32) bool
	Check func() error // called from time to time; an error ends the suppression; nil: never
}

// Greedy appends the indices of the kept boxes to kept, best first. kept may use
// the memory of t.Order, from its beginning.
func Greedy[B ~struct{ X1, Y1, X2, Y2 float64 }](kept []int32, boxes []B, t Task) ([]int32, error) {
	same := unsafe.Slice((*Box)(unsafe.Pointer(unsafe.SliceData(boxes))), len(boxes))
	return greedy(kept, same, &t)
}

func greedy(kept []int32, boxes []Box, t *Task) ([]int32, error) {
	if !(t.IoU < 1) || len(boxes) == 0 { // no IoU exceeds 1
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

// keepWork is the number of boxes up to which the memory is kept for the next call:
// a video needs the same memory thirty times per second.
const keepWork = 100_000

var works = sync.Pool{New: func() any { return new(work) }}

// work is one suppression.
type work struct {
	*Task
	boxes []Box
	kept  []int32
	mine  int // length of kept at the beginning
	odd   []int32

	layout
	// The next candidates, in order, and the queries for them.
	waiting int
	near    box.Queries
	far     uint32 // one bit each: the query does not cover all cells
	sweep   box.Sweep
	// For a candidate that is decided alone.
	one      box.Queries
	oneSweep box.Sweep
}

func (s *work) run() error {
	unit := &kernel.Best().Boxes
	s.odd = s.odd[:0]
	s.lay(s.boxes, s.Task)
	for _, c := range []*box.Sweep{&s.sweep, &s.oneSweep} {
		c.On(s.blocks, s.live, s.class)
		c.Share = s.grid.Share
	}
	s.sweep.Swept = 0
	look := s.mine + 64
	for k := 0; k < len(s.Order) && s.room() > 0; {
		if s.Check != nil {
			if err := s.Check(); err != nil {
				return err
			}
		}
		if len(s.kept) >= look {
			look += look / 2 // counting is not free
			s.tidy()
		}
		k = s.ahead(unit, k)
		s.decide(unit)
	}
	return nil
}

// pays is how many blocks must have been compared per decided box for closing the
// gaps to be worth its time.
const pays = 4

// tidy closes the gaps if most boxes are gone and sweeps are long.
func (s *work) tidy() {
	if left := s.left(); 3*left < s.taken && s.sweep.Swept > pays*int64(s.taken-left) {
		s.close()
		s.sweep.Swept = 0
	}
}

// room is how many more boxes may be kept.
func (s *work) room() int { return s.Most - (len(s.kept) - s.mine) }

// ahead makes the queries for the next candidates, and returns the number of the
// candidate after them.
func (s *work) ahead(unit *box.Unit, k int) int {
	q := &s.near
	s.waiting = 0
	for most := min(len(q.Index), s.room()); k < len(s.Order) && s.waiting < most; k++ {
		i := s.Order[k]
		at, live := s.place[i], 1
		if at >= 0 {
			live = int(s.live[at>>4] >> (at & 15) & 1)
		}
		q.Index[s.waiting], q.Place[s.waiting] = i, at
		s.waiting += live // no branch: it could not be predicted
	}
	clear(q.Index[s.waiting:]) // values of an earlier call
	unit.Near(q, &s.grid)
	if s.far = q.Hard; s.IoU < leastIoU {
		s.far = math.MaxUint32
	}
	for b, at := range q.Place[:s.waiting] {
		if at < 0 || len(s.odd) > 0 {
			q.Hard |= 1 << b
		}
	}
	q.Hard |= s.far
	return k
}

// decide keeps or drops the candidates, in their order.
func (s *work) decide(unit *box.Unit) {
	c := &s.sweep
	for c.Start(&s.near, s.waiting); unit.Sweep(c); {
		s.dropTold(c, &s.near)
		if b, is := c.Hard(); is {
			s.keep(c)
			s.decideOne(unit, b)
		}
	}
	s.keep(c)
}

// keep appends the candidates that a sweep kept.
func (s *work) keep(c *box.Sweep) {
	for ; c.Kept != 0; c.Kept &= c.Kept - 1 {
		s.kept = append(s.kept, s.near.Index[bits.TrailingZeros32(c.Kept)])
	}
}

// decideOne keeps a candidate, or drops it because of a box that could not be
// swept.
func (s *work) decideOne(unit *box.Unit, b int) {
	i, at := s.near.Index[b], s.near.Place[b]
	switch {
	case at >= 0 && !s.isLive(at),
		at == oddBox && s.overAny(i, s.kept[s.mine:]),
		at >= 0 && len(s.odd) > 0 && s.overAny(i, s.odd):
		return
	}
	s.kept = append(s.kept, i)
	if at >= 0 {
		s.drop(at)
		if s.far>>b&1 == 0 {
			s.dropOver(unit, &s.near, b)
			return
		}
	}
	if at == oddBox || at >= 0 && !s.dropFar(unit, b) {
		s.odd = append(s.odd, i)
	}
}

// overAny compares a box with others one by one.
func (s *work) overAny(i int32, others []int32) bool {
	return slices.ContainsFunc(others, func(k int32) bool {
		return (s.Class == nil || s.Class[i] == s.Class[k]) && s.Over(i, k)
	})
}

// dropOver drops the boxes in the blocks of a query that its box overlaps too much.
func (s *work) dropOver(unit *box.Unit, q *box.Queries, b int) {
	c := &s.oneSweep
	for c.StartOne(q, b); unit.Sweep(c); {
		s.dropTold(c, q)
	}
}

// dropTold drops those of a sweep's hits that really overlap too much.
func (s *work) dropTold(c *box.Sweep, q *box.Queries) {
	for _, u := range c.Unsure[:c.Told] {
		for ; u.Bits != 0; u.Bits &= u.Bits - 1 {
			at := u.Block*16 + int32(bits.TrailingZeros32(u.Bits))
			if s.Over(s.index[at], q.Index[c.Box()]) {
				s.drop(at)
			}
		}
	}
}
