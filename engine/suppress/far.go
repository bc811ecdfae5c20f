package suppress

import (
	"math"

	"github.com/visionzoo/vision/engine/kernel/box"
)

// mostRows bounds the rows of cells in which boxes that a box may overlap are
// looked for.
const mostRows = 128

// dropFar drops the boxes that a box overlaps too much, if Near cannot cover all
// cells in which they may lie: the box is tall, or the threshold low. It reports
// false if there are too many cells.
func (s *work) dropFar(unit *box.Unit, b int) (all bool) {
	f := s.farBox(b)
	rows, n := int64(mostRows), 0
	for v := f.low; v <= f.high && rows >= 0; v++ {
		row, wide, high := s.window(f, v)
		if rows -= high; rows < 0 {
			break
		}
		for ; high > 0; high-- {
			if n+2 > len(s.one.From) {
				s.dropOver(unit, &s.one, 0)
				n = 0
			}
			n = s.look(n, row&int64(s.grid.Mask), wide)
			row += box.StepY
		}
	}
	for ; n < len(s.one.From); n++ {
		s.one.SetRange(n, 0, 0, 0)
	}
	s.dropOver(unit, &s.one, 0)
	return rows >= 0
}

// farBox describes a box for the search of boxes that may overlap it.
type farBox struct {
	w, h, x, y float32 // its width, height and centre
	slack      float32 // tolerance for rounding
	low, high  int32   // levels
	class      int64   // the first cell of its class
}

// farBox returns the description of a box that is decided alone.
func (s *work) farBox(b int) farBox {
	g, q, from := &s.grid, &s.one, &s.near
	q.Index[0], q.Class[0] = from.Index[b], from.Class[b]
	q.Low[0], q.High[0] = 0, math.MaxFloat32
	for side := range q.Box {
		q.Box[side][0] = from.Box[side][b]
	}
	o := &s.flat[q.Index[0]]
	f := farBox{w: o[2] - o[0], h: o[3] - o[1], x: (o[0] + o[2]) * 0.5, y: (o[1] + o[3]) * 0.5, low: g.Low, high: g.High}
	f.slack = (abs(o[0]) + abs(o[1]) + abs(o[2]) + abs(o[3])) * 0x1p-20
	f.class = int64(q.Class[0]) * box.StepClass
	if area := f.w * f.h; s.IoU >= leastIoU {
		q.Low[0], q.High[0] = from.Low[b], from.High[b]
		lost := from.High[b] - g.Share*area
		f.low = max(g.Low, g.Level(max(area*g.Narrowest-lost*g.Widest, 0)))
		f.high = min(g.High, g.Level((area+lost)*g.Widest))
	}
	return f
}

// window returns the cells of a level in which boxes lie that a box may overlap:
// the first cell (before it is mapped to the table), how many cells there are in a
// row, and how many rows.
func (s *work) window(f farBox, v int32) (first, wide, high int64) {
	g, l, size := &s.grid, &s.levels[v], &s.size[v]
	// The other's width is at most w/t, and at most its area divided by its least
	// height, h·t.
	rx := g.Apart*(f.w+min(f.w*g.Widest, l.Most*g.Widest/f.h, size.w)) + f.slack
	ry := g.Apart*(f.h+min(f.h*g.Widest, l.Most*g.Widest/f.w, size.h)) + f.slack
	x, y := int64((f.x-rx)*l.PerX), int64((f.y-ry)*l.PerY)
	wide, high = int64((f.x+rx)*l.PerX)-x+1, int64((f.y+ry)*l.PerY)-y+1
	return int64(l.First) + f.class + x + y*box.StepY, wide, high
}

// look appends the ranges of the cells in a row from the n-th range on, and returns
// the number of the next.
func (s *work) look(n int, cell, wide int64) int {
	end := int64(s.grid.Mask) + 1
	to := min(cell+wide, end+cell)
	s.one.SetRange(n, 0, s.start[cell], s.start[min(to, end)])
	if n++; to > end { // wraps around the end of the table
		s.one.SetRange(n, 0, 0, s.start[to-end])
		n++
	}
	return n
}

func abs(v float32) float32 { return math.Float32frombits(math.Float32bits(v) &^ (1 << 31)) }
