package box

import (
	"math"
	"unsafe"
)

// Lay converts boxes to the coordinates of a grid: minus Origin, times Scale, in
// float32.
type Lay struct {
	grid      *Grid
	from      *[4]float64
	cell      *int32
	count     int64
	Origin    [4]float64 // of x, y, x, y
	Scale     float64
	Far       float32 // boxes farther out than about four times this are odd
	low, high [16]int32
	steps     [16]int32 // bytes from one Flat to the next
}

// Boxes are also odd if a side is smaller than leastSide, or smaller than the
// spacing of float32 numbers at their coordinates, or if they are so far out that
// cells cannot be distinguished.
const (
	leastShare = 0x1p-22
	leastSide  = 0x1p-40
	mostCells  = 0x1p30
)

// Lay converts the boxes of a grid, finds the cell of each, -1 for an odd one, and
// sets Low and High to the levels in use. The slices for cells and converted boxes
// have one element for each box.
func (u *Unit) Lay(l *Lay, g *Grid, boxes [][4]float64, cell []int32) {
	n := len(boxes)
	if len(cell) < n || int(g.count) < n {
		panic("BUG: boxes do not fit a grid")
	}
	for k := range l.steps {
		l.low[k], l.high[k], l.steps[k] = math.MaxInt32, 0, int32(k)*int32(unsafe.Sizeof(Flat{}))
	}
	l.grid, l.from, l.cell, l.count = g, &boxes[0], &cell[0], int64(n&^15)
	if l.count > 0 {
		u.lay(unsafe.Pointer(l))
	}
	for i := n &^ 15; i < n; i++ {
		l.lay(int32(i))
	}
	g.Low, g.High = math.MaxInt32, 0
	for k := range l.low {
		g.Low, g.High = min(g.Low, l.low[k]), max(g.High, l.high[k])
	}
	g.Low = min(g.Low, g.High)
}

func layBoxes(arg unsafe.Pointer) {
	l := (*Lay)(arg)
	for i := range int32(l.count) {
		l.lay(i)
	}
}

func (l *Lay) lay(i int32) {
	g, b, f, cell := l.grid, place(l.from, i), place(l.grid.boxes, i), place(l.cell, i)
	for side := range f {
		f[side] = float32((b[side] - l.Origin[side]) * l.Scale)
	}
	w, h, x, y := f[2]-f[0], f[3]-f[1], (f[0]+f[2])*0.5, (f[1]+f[3])*0.5
	far := 2*(size(x)+size(y)) + w + h
	least := max(far*leastShare, leastSide)
	if *cell = -1; !(far < l.Far && w > least && h > least) {
		return
	}
	v := g.Level(w * h)
	l.low[0], l.high[0] = min(l.low[0], v), max(l.high[0], v)
	at := place(g.levels, v)
	column, row := x*at.PerX, y*at.PerY
	if !(size(column) < mostCells && size(row) < mostCells) {
		return
	}
	class := int32(0)
	if g.class != nil {
		class = *place(g.class, i) * StepClass
	}
	*cell = (at.First + class + int32(column) + int32(row)*StepY) & g.Mask
}
