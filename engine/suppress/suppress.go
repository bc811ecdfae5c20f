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
	boxes []Box
	kept  []int32
	mine  int // where kept began
	odd   []int32

	reach     float32 // (1-t)/(1+t)/2, and a little for rounding
	widest    float32 // 1/t likewise
	narrowest float32 // its inverse
	// What a unit of distance from the origin and of size may be off by rounding in
	// the area that two boxes have in common, less the shares of theirs.
	rounding float32
	share    float32 // t/(1+t): of their area what two boxes need in common

	layout
	batch   [16]query
	waiting int // queries
	used    int // ranges of theirs
	ranges  [4 * mostRanges]kernel.BoxRange
	sweep   kernel.BoxSweep
}

func (s *work) run() error {
	rung := kernel.Best()
	s.odd = s.odd[:0]
	s.reach = float32((1 - s.IoU) / (1 + s.IoU) / 2 * (1 + 1e-5))
	s.widest = float32(min(1/max(s.IoU, 0)*(1+1e-5), math.MaxFloat32))
	s.narrowest = 1 / s.widest
	s.share = float32(s.IoU / (1 + s.IoU))
	s.rounding = float32(0x1p-20 * (1 + 0.3/max(s.IoU, leastIoU)))
	s.lay(s.boxes, s.Task)
	s.sweep.On(s.blocks, s.gone, s.class)
	look := s.mine + 64
	for k := 0; k < len(s.Order) && s.Most > 0; {
		if s.Check != nil {
			if err := s.Check(); err != nil {
				return err
			}
		}
		if len(s.kept) >= look {
			look = len(s.kept) + 256 // to count is not for nothing
			if s.size > 512 && 5*s.live() < 2*s.size {
				s.close()
				s.sweep.On(s.blocks, s.gone, s.class)
			}
		}
		k = s.ahead(k)
		for b := range s.batch[:s.waiting] {
			if q := &s.batch[b]; q.at < 0 || !s.isGone(q.at) {
				if s.decide(rung, q); len(s.kept)-s.mine >= s.Most {
					return nil
				}
			}
		}
	}
	return nil
}

// ahead makes sweeps of the next candidates that are not gone, and tells which comes
// then.
func (s *work) ahead(k int) int {
	s.waiting, s.used = 0, 0
	for ; k < len(s.Order) && s.waiting < len(s.batch) && s.used+mostRanges <= len(s.ranges); k++ {
		i := s.Order[k]
		at := s.place[i]
		if at == goneBox || at >= 0 && s.isGone(at) {
			continue
		}
		q := &s.batch[s.waiting]
		s.waiting++
		q.i, q.at, q.n = i, at, 0
		if at >= 0 {
			s.near(q)
		}
	}
	return k
}

// decide keeps a candidate that is not gone, or drops it for one that could not be
// swept.
func (s *work) decide(rung *kernel.Rung, q *query) {
	if q.at == oddBox && s.overAny(q.i, s.kept[s.mine:]) || q.at >= 0 && len(s.odd) > 0 && s.overAny(q.i, s.odd) {
		return
	}
	s.kept = append(s.kept, q.i)
	switch {
	case q.at == oddBox || q.at >= 0 && q.n < 0:
		s.odd = append(s.odd, q.i)
	case q.at >= 0:
		s.dropOver(rung, q)
	}
}

// overAny compares without any help.
func (s *work) overAny(i int32, others []int32) bool {
	return slices.ContainsFunc(others, func(k int32) bool {
		return (s.Class == nil || s.Class[i] == s.Class[k]) && s.Over(i, k)
	})
}

// dropOver drops those that a box overlaps too much, and itself.
func (s *work) dropOver(rung *kernel.Rung, q *query) {
	s.drop(q.at)
	c := &s.sweep
	c.BoxProbe = q.probe
	rung.Sweep(c, s.ranges[q.from:q.from+q.n])
	for more := true; more; more = rung.Again(c) {
		for _, u := range c.Unsure[:c.Told] {
			for ; u.Bits != 0; u.Bits &= u.Bits - 1 {
				at := u.Block*16 + int32(bits.TrailingZeros32(u.Bits))
				if s.Over(s.index[at], q.i) {
					s.drop(at)
				}
			}
		}
	}
}

// query is a candidate whose turn comes, with the ranges of places of the boxes that
// it may overlap too much.
type query struct {
	i, at   int32 // its index and place
	from, n int   // ranges; -1 for too many
	probe   kernel.BoxProbe
}

// near makes a query.
func (s *work) near(q *query) {
	c := &q.probe
	f := &s.flat[q.i]
	x1, y1, x2, y2 := f[0], f[1], f[2], f[3]
	w, h, x, y := x2-x1, y2-y1, (x1+x2)*0.5, (y1+y2)*0.5
	far, area := abs(x1)+abs(y1)+abs(x2)+abs(y2), w*h
	// Moved out, so that none that it overlaps is missed for rounding.
	out, slack := far*0x1p-22, far*0x1p-20
	c.Box = kernel.FlatBox{x1 - out, y1 - out, x2 + out, y2 + out}
	low, high := s.low, s.high
	per := float32(0)
	if s.IoU >= leastIoU {
		// What rounding takes away, the caller's too if it is in float32.
		off := far * s.rounding
		lost := off*(w+h+off) + area*0x1p-18
		share := s.share * area
		c.Share, c.Low, c.High = s.share, positive(share-lost), share+lost
		high = min(high, s.levelOf((area+lost)*s.widest))
		low = max(low, s.levelOf(positive(area*s.narrowest-lost*s.widest)))
		per = s.widest / area
	} else {
		c.Share, c.Low, c.High = 0, 0, math.MaxFloat32
	}
	cell := int64(0)
	if len(s.numbers) > 0 {
		c.Class = s.numbers[q.i]
		cell = int64(c.Class) * stepClass
	}
	reachX, reachY := s.reach*w, s.reach*h
	q.from, q.n = s.used, -1
	ranges := s.ranges[s.used:][:mostRanges]
	n := 0
	for v := low; v <= high; v++ {
		lv := &s.levels[v&(mostLevels-1)]
		var rx, ry float32
		if per != 0 {
			// The other's width is at most w/t, and its area over its least height, h·t.
			more := 1 + per*least(area, lv.most)
			rx, ry = reachX*more+slack, reachY*more+slack
		} else {
			rx, ry = reachX+s.reach*lv.maxW+slack, reachY+s.reach*lv.maxH+slack
		}
		x0, y0 := int64((x-rx)*lv.perX), int64((y-ry)*lv.perY)
		wide, rows := int64((x+rx)*lv.perX)-x0+1, int64((y+ry)*lv.perY)-y0+1
		if int64(n)+2*rows > mostRanges {
			return
		}
		for row := lv.first + cell + y0*stepY + x0; rows > 0; row, rows = row+stepY, rows-1 {
			from := row & s.mask
			to := from + wide
			if to > s.mask+1 { // around the end of the table
				ranges[n] = kernel.BoxRange{From: 0, To: s.start[min(to-s.mask-1, s.mask+1)]}
				n, to = n+1, s.mask+1
			}
			ranges[n] = kernel.BoxRange{From: s.start[from], To: s.start[to]}
			n++
		}
	}
	q.n = n
	s.used += n
}

// mostRanges is how many ranges a box may ask for; one of a shape that asks for
// more is odd.
const mostRanges = 256

// positive is v, or 0 where that is negative, without a branch.
func positive(v float32) float32 {
	n := int32(math.Float32bits(v))
	return math.Float32frombits(uint32(n &^ (n >> 31)))
}

// least is the lesser of two numbers that are not negative. Which it is cannot be
// foreseen, so there is no branch.
func least(a, b float32) float32 {
	return math.Float32frombits(min(math.Float32bits(a), math.Float32bits(b)))
}

func abs(v float32) float32 { return math.Float32frombits(math.Float32bits(v) &^ (1 << 31)) }
