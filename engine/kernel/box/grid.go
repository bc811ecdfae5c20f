package box

import (
	"math"
	"unsafe"
)

// Flat is a box by its left, top, right and bottom sides.
type Flat [4]float32

// Grid is a table of cells in which boxes lie: those of about the same area in one
// grid, by where their centres are.
type Grid struct {
	boxes  *Flat
	class  *int32 // of each box; nil: one for all
	start  *int32 // the places of the boxes of each cell begin there; and the end
	levels *Level

	Mask      int32 // cells are as many and one: a power of two
	Low, High int32 // levels that are used
	PerLevel  float32
	Reach
	count int32 // boxes
}

// Level is the grid of one level.
type Level struct {
	PerX, PerY float32 // cells a unit
	Most       float32 // no area is larger
	First      int32   // where its cells begin in the table
}

// Reach tells which boxes may overlap by an IoU of t.
type Reach struct {
	Apart     float32 // (1-t)/(1+t)/2: how far centres lie apart, in widths of both
	Widest    float32 // 1/t: how many times as wide, high and large one is
	Narrowest float32 // its inverse
	Share     float32 // t/(1+t): of the areas of both what they have in common
	Rounding  float32 // what a unit of distance and of size may be off, in it
}

// Steps through the table: from a cell to the next below, and from a class to the next.
const (
	StepY     = -0x61C8864F
	StepClass = 0x6C8E9CF5
)

// On makes boxes those that lie in the grid. class may be empty; there are as many
// starts as cells and one, and one level more than High.
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

// Level is that of an area.
func (g *Grid) Level(area float32) int32 {
	return int32(float32(int32(math.Float32bits(area))) * g.PerLevel)
}

// place is what lies at a place of a slice.
func place[T any](first *T, at int32) *T {
	return (*T)(unsafe.Add(unsafe.Pointer(first), uintptr(at)*unsafe.Sizeof(*first)))
}

// size is the absolute value.
func size(v float32) float32 { return math.Float32frombits(math.Float32bits(v) &^ (1 << 31)) }
