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
	sweep kernel.BoxSweep
	// The next candidates, in their order, and what is looked for them.
	waiting int
	at      [16]int32 // their places
	near    kernel.BoxQueries
	one     kernel.BoxQueries // for one that asks for more places
}

func (s *work) run() error {
	rung := kernel.Best()
	s.odd = s.odd[:0]
	s.lay(s.boxes, s.Task)
	s.sweep.On(s.blocks, s.gone, s.class)
	s.sweep.Share = s.grid.Share
	look := s.mine + 64
	for k := 0; k < len(s.Order) && s.Most > 0; {
		if s.Check != nil {
			if err := s.Check(); err != nil {
				return err
			}
		}
		if len(s.kept) >= look {
			look = len(s.kept) + 256 // to count is not for nothing
			if s.taken > 512 && 5*s.live() < 2*s.taken {
				s.close()
			}
		}
		k = s.ahead(rung, k)
		for b, at := range s.at[:s.waiting] {
			if at < 0 || !s.isGone(at) {
				if s.decide(rung, b); len(s.kept)-s.mine >= s.Most {
					return nil
				}
			}
		}
	}
	return nil
}

// ahead looks for those that the next candidates may overlap, and tells which comes
// then.
func (s *work) ahead(rung *kernel.Rung, k int) int {
	s.waiting = 0
	for ; k < len(s.Order) && s.waiting < len(s.at); k++ {
		i := s.Order[k]
		at := s.place[i]
		if at == goneBox || at >= 0 && s.isGone(at) {
			continue
		}
		s.at[s.waiting], s.near.Index[s.waiting] = at, i
		s.waiting++
	}
	clear(s.near.Index[s.waiting:]) // of an earlier call
	rung.Near(&s.near, &s.grid)
	if s.IoU < leastIoU {
		s.near.Hard = math.MaxUint32
	}
	return k
}

// decide keeps a candidate that is not gone, or drops it for one that could not be
// swept.
func (s *work) decide(rung *kernel.Rung, b int) {
	i, at := s.near.Index[b], s.at[b]
	if at == oddBox && s.overAny(i, s.kept[s.mine:]) || at >= 0 && len(s.odd) > 0 && s.overAny(i, s.odd) {
		return
	}
	s.kept = append(s.kept, i)
	if at >= 0 {
		s.drop(at)
		if s.near.Hard>>b&1 == 0 {
			s.dropOver(rung, &s.near, b)
			return
		}
	}
	if at == oddBox || at >= 0 && !s.dropFar(rung, b) {
		s.odd = append(s.odd, i)
	}
}

// overAny compares without any help.
func (s *work) overAny(i int32, others []int32) bool {
	return slices.ContainsFunc(others, func(k int32) bool {
		return (s.Class == nil || s.Class[i] == s.Class[k]) && s.Over(i, k)
	})
}

// dropOver drops those in the places of a query that its box overlaps too much.
func (s *work) dropOver(rung *kernel.Rung, q *kernel.BoxQueries, b int) {
	c := &s.sweep
	rung.Sweep(c, q, b)
	for more := true; more; more = rung.Again(c) {
		for _, u := range c.Unsure[:c.Told] {
			for ; u.Bits != 0; u.Bits &= u.Bits - 1 {
				at := u.Block*16 + int32(bits.TrailingZeros32(u.Bits))
				if s.Over(s.index[at], q.Index[b]) {
					s.drop(at)
				}
			}
		}
	}
}

// dropFar drops those that a box overlaps too much where Near does not look in all
// places: the box is tall, or the threshold low. It reports false where there are too
// many places.
func (s *work) dropFar(rung *kernel.Rung, b int) bool {
	g, q, from := &s.grid, &s.one, &s.near
	i := from.Index[b]
	f := &s.flat[i]
	w, h, x, y := f[2]-f[0], f[3]-f[1], (f[0]+f[2])*0.5, (f[1]+f[3])*0.5
	slack := (abs(f[0]) + abs(f[1]) + abs(f[2]) + abs(f[3])) * 0x1p-20
	q.Index[0], q.Class[0] = i, from.Class[b]
	q.Low[0], q.High[0] = 0, math.MaxFloat32
	for side := range q.Box {
		q.Box[side][0] = from.Box[side][b]
	}
	low, high := g.Low, g.High
	if s.IoU >= leastIoU {
		q.Low[0], q.High[0] = from.Low[b], from.High[b]
		lost := from.High[b] - g.Share*w*h
		low = max(low, g.Level(max(w*h*g.Narrowest-lost*g.Widest, 0)))
		high = min(high, g.Level((w*h+lost)*g.Widest))
	}
	left, all, n := int64(mostRows), true, 0
	for v := low; v <= high; v++ {
		l, size := &s.levels[v], &s.size[v]
		// The other's width is at most w/t, and its area over its least height, h·t.
		rx := g.Reach*(w+min(w*g.Widest, l.Most*g.Widest/h, size.w)) + slack
		ry := g.Reach*(h+min(h*g.Widest, l.Most*g.Widest/w, size.h)) + slack
		x0, y0 := int64((x-rx)*l.PerX), int64((y-ry)*l.PerY)
		wide, rows := int64((x+rx)*l.PerX)-x0+1, int64((y+ry)*l.PerY)-y0+1
		if left -= rows; left < 0 {
			all = false
			break
		}
		for row := int64(l.First) + int64(q.Class[0])*kernel.BoxStepClass + x0 + y0*kernel.BoxStepY; rows > 0; rows-- {
			end := int64(g.Mask) + 1
			cell := row & int64(g.Mask)
			to := min(cell+wide, end+cell)
			q.From[n][0], q.To[n][0] = s.start[cell], s.start[min(to, end)]
			if n++; to > end { // around the end
				q.From[n][0], q.To[n][0] = 0, s.start[to-end]
				n++
			}
			if n+2 > len(q.From) {
				s.dropOver(rung, q, 0)
				n = 0
			}
			row += kernel.BoxStepY
		}
	}
	for k := n; k < len(q.From); k++ {
		q.To[k][0] = q.From[k][0]
	}
	s.dropOver(rung, q, 0)
	return all
}

// mostRows is in how many rows of cells a box is looked for that it overlaps.
const mostRows = 128

func abs(v float32) float32 { return math.Float32frombits(math.Float32bits(v) &^ (1 << 31)) }
