package box

import (
	"math"
	"unsafe"
)

// Flat is a box by its left, top, right and bottom sides.
type Flat [4]float32

// Grid is a table of cells in which boxes lie, by their centres; boxes of about the
// same area share a grid (a level).
type Grid struct {
	boxes  *Flat
	class  *int32 // of each box; nil: one class for all
	start  *int32 // where the places of each cell's boxes begin; and the end
	levels *Level

	Mask      int32 // the number of cells less one; the number is a power of two
	Low, High int32 // levels in use
	PerLevel  float32
	Reach
	count int32 // boxes
}

// Level is the grid of one level.
type Level struct {
	PerX, PerY float32 // cells per unit of length
	Most       float32 // the largest area
	First      int32   // its first cell in the table
}

// Reach holds bounds for boxes that may overlap with an IoU of at least t.
type Reach struct {
	Apart     float32 // (1-t)/(1+t)/2: the largest distance of the centres, relative to the sum of both widths
	Widest    float32 // 1/t: the largest ratio of widths, heights and areas
	Narrowest float32 // the smallest ratio
	Share     float32 // t/(1+t): the intersection relative to the sum of both areas
	Rounding  float32 // the relative rounding error of distances and sizes
}

// Steps in the table: from a cell to the one below it, and from one class to the
// next.
const (
	StepY     = -0x61C8864F
	StepClass = 0x6C8E9CF5
)

// On sets the boxes of the grid. class may be empty; start has one element more
// than there are cells, and there is one level more than High.
func (g *Grid) On(boxes []Flat, class, start []int32, levels []Level) {
	g.boxes, g.start, g.levels, g.class = &boxes[0], &start[0], &levels[0], nil
	if len(class) > 0 {
		g.class = &class[0]
	}
	g.count = int32(len(boxes))
	if len(start) < int(g.Mask)+2 || len(levels) < int(g.High)+2 || g.class != nil && len(class) < len(boxes) {
		panic("BUG: a table of boxes is too short")
	}
}

// Level returns the level of an area.
func (g *Grid) Level(area float32) int32 {
	return int32(float32(int32(math.Float32bits(area))) * g.PerLevel)
}

// place is the element of a slice at a place, without a bounds check.
func place[T any](first *T, at int32) *T {
	return (*T)(unsafe.Add(unsafe.Pointer(first), uintptr(at)*unsafe.Sizeof(*first)))
}

// size is the absolute value of v.
func size(v float32) float32 { return math.Float32frombits(math.Float32bits(v) &^ (1 << 31)) }
