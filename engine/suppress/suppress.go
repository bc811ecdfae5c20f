// Package suppress finds the boxes that greedy suppression keeps, as detectors
// and the operator NonMaxSuppression want them. No promise: it serves packages
// of this module.
//
// A box that is kept sweeps those that it may overlap too much, 16 at a time, and
// they are gone. Two boxes with an IoU of t or more have widths, heights and areas
// in ratios from t to 1/t, and centres no farther apart than (w+v)/2 times
// (1-t)/(1+t) for widths w and v, heights likewise. So the candidates lie sorted by
// cells: those of one class, one level of sizes and one row of cells side by side,
// and a sweep is over a few ranges. Once most have been decided the gaps are closed.
//
// Vectors compare in float32, with what rounding may do to an overlap taken into
// account; where that cannot decide the caller's own definition does, so that the
// result is that of the textbook's loop.
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

// Task is what to suppress.
type Task struct {
	Order []int32 // indices of all boxes, best first
	Class []int   // of each box: other classes do not suppress; nil for one class
	IoU   float64 // boxes that overlap a better one by more are dropped
	Most  int     // how many to keep
	// Over decides whether two boxes overlap by more than IoU; it says no where
	// they do not overlap and IoU is not negative.
	Over  func(a, b int32) bool
	Check func() error // asked now and then; nil: never
}

// Greedy appends the indices of the boxes that are kept to kept, best first. Kept may
// lie in the memory of the order, at its beginning.
func Greedy[B ~struct{ X1, Y1, X2, Y2 float64 }](kept []int32, boxes []B, t Task) ([]int32, error) {
	same := unsafe.Slice((*Box)(unsafe.Pointer(unsafe.SliceData(boxes))), len(boxes))
	return greedy(kept, same, &t)
}

func greedy(kept []int32, boxes []Box, t *Task) ([]int32, error) {
	if !(t.IoU < 1) || len(boxes) == 0 { // no overlap is more
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
	boxes []Box
	kept  []int32
	mine  int // where kept began
	odd   []int32

	layout
	// The next candidates, in their order, and what is looked for them.
	waiting int
	near    box.Queries
	far     uint32 // a bit each: not all places are known
	sweep   box.Sweep
	// For one that is decided alone.
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
			look += look / 2 // to count is not for nothing
			s.tidy()
		}
		k = s.ahead(unit, k)
		s.decide(unit)
	}
	return nil
}

// pays is how many blocks are to have been compared for each box that was decided, for
// closing the gaps to be worth its time.
const pays = 4

// tidy closes the gaps where most are gone and sweeps are long.
func (s *work) tidy() {
	if left := s.left(); 3*left < s.taken && s.sweep.Swept > pays*int64(s.taken-left) {
		s.close()
		s.sweep.Swept = 0
	}
}

// room is how many may be kept.
func (s *work) room() int { return s.Most - (len(s.kept) - s.mine) }

// ahead looks for those that the next candidates may overlap, and tells which comes
// then.
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
		s.waiting += live // whether cannot be foreseen
	}
	clear(q.Index[s.waiting:]) // of an earlier call
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

// decide keeps the candidates, or drops them, in their order.
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

// keep appends those that a sweep kept.
func (s *work) keep(c *box.Sweep) {
	for ; c.Kept != 0; c.Kept &= c.Kept - 1 {
		s.kept = append(s.kept, s.near.Index[bits.TrailingZeros32(c.Kept)])
	}
}

// decideOne keeps a candidate, or drops it for one that could not be swept.
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

// overAny compares without any help.
func (s *work) overAny(i int32, others []int32) bool {
	return slices.ContainsFunc(others, func(k int32) bool {
		return (s.Class == nil || s.Class[i] == s.Class[k]) && s.Over(i, k)
	})
}

// dropOver drops those in the blocks of a query that its box overlaps too much.
func (s *work) dropOver(unit *box.Unit, q *box.Queries, b int) {
	c := &s.oneSweep
	for c.StartOne(q, b); unit.Sweep(c); {
		s.dropTold(c, q)
	}
}

// dropTold drops those of the hits that a sweep told that overlap too much.
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
