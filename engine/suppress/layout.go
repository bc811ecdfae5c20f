package suppress

import (
	"math"
	"math/bits"
	"unsafe"

	"github.com/visionzoo/vision/engine/kernel"
	"github.com/visionzoo/vision/engine/kernel/box"
)

// layout sorts boxes into the cells of grids, one grid for each level of sizes and
// each class. All grids share one table, in which several cells may have the same
// place: boxes are compared by their coordinates, so that only costs time.
type layout struct {
	originX, originY float64
	scale            float64 // makes the area of a typical box about 1
	grid             box.Grid
	task             box.Lay
	levels           [mostLevels + 1]box.Level
	size             [mostLevels]sizes
	numbers          []int32 // numbers of the boxes' classes, from 0; empty if there is one class
	classes          int
	flat             []box.Flat  // by index
	place            []int32     // by index
	start            []int32     // first place of each cell, and the end
	blocks           []box.Block // by place
	live             []uint16    // by place, one bit each
	class            [][16]int32 // by place; empty if there is one class
	index            []int32     // by place
	before           []int32     // by block: for close
	taken            int         // places
}

// sizes holds the largest width and height of the boxes of a level.
type sizes struct {
	w, h float32
}

// mostLevels is the number of levels; each covers one octave of areas.
const mostLevels = 256

// spread makes levels so wide that the boxes that may overlap a box too much lie in
// two of them.
func (l *layout) spread(iou float64) {
	g := &l.grid
	g.Apart = float32((1 - iou) / (1 + iou) / 2 * (1 + 1e-5))
	g.Widest = float32(min(1/max(iou, 0)*(1+1e-5), math.MaxFloat32))
	g.Narrowest = 1 / g.Widest
	g.Rounding = float32(0x1p-20 * (1 + 0.3/max(iou, leastIoU)))
	if g.Share = 0; iou >= leastIoU {
		g.Share = float32(iou / (1 + iou))
	}
	// The bits of a float32 are its logarithm to the base 2, times 2^23, with an
	// error of at most 0.0861.
	octaves := max(2*(-math.Log2(max(iou, leastIoU))+0.0862), 1)
	g.PerLevel = float32(1 / (octaves * 0x1p23))
}

// leastArea is approximately the smallest area of a level.
func (l *layout) leastArea(v int) float32 {
	return math.Float32frombits(uint32(min(float64(v)/float64(l.grid.PerLevel), 0x7f7fffff)))
}

// stepLevel is the step through the table from one level to the next. It keeps
// nearby cells from sharing a place.
const stepLevel = 0x2545F491

// Places of boxes that lie in no cell: emptyBox for those without an area or with a
// NaN, which overlap nothing; and oddBox for those too far out or of too extreme a
// size for float32, which are compared one by one.
const (
	emptyBox = -1
	oddBox   = -2

	tooFar = 0x1p40
)

// leastIoU is the threshold below which the size of a box says little about the
// sizes of those that overlap it.
const leastIoU = 0.15

// lay puts the boxes into the cells.
func (l *layout) lay(boxes []Box, t *Task) {
	n := len(boxes)
	l.number(t.Class)
	l.spread(t.IoU)
	l.survey(boxes, t.IoU)
	l.start = sized(l.start, int(l.grid.Mask)+2)
	l.flat, l.place, l.index = unset(l.flat, n), unset(l.place, n), unset(l.index, n)
	l.grid.On(l.flat, l.numbers, l.start, l.levels[:])
	l.cut(boxes, t.IoU)
	l.bound(t.IoU)
	sum := int32(0)
	for i, count := range l.start {
		l.start[i], sum = sum, sum+count
	}
	for i, cell := range l.place {
		if cell >= 0 {
			at := l.start[cell]
			l.start[cell]++
			l.place[i], l.index[at] = at, int32(i)
		}
	}
	copy(l.start[1:], l.start) // filling has moved each start to the next one
	l.start[0] = 0
	l.fill(int(sum))
}

// fill fills the places with the boxes in index.
func (l *layout) fill(size int) {
	l.taken = size
	l.blocks = unset(l.blocks, size/16+1)
	l.live = sized(l.live, len(l.flat)/16+1)
	for b := range size / 16 {
		l.live[b] = math.MaxUint16
	}
	l.live[size/16] = 1<<(size%16) - 1
	for at, i := range l.index[:size] {
		b, k, f := &l.blocks[at/16], at%16, &l.flat[i]
		b[0][k], b[1][k], b[2][k], b[3][k] = f[0], f[1], f[2], f[3]
	}
	if l.class = l.class[:0]; len(l.numbers) > 0 {
		l.class = unset(l.class, size/16+1)
		for at, i := range l.index[:size] {
			l.class[at/16][at%16] = l.numbers[i]
		}
	}
}

func (l *layout) isLive(at int32) bool { return l.live[at>>4]>>(at&15)&1 != 0 }

func (l *layout) drop(at int32) { l.live[at>>4] &^= 1 << (at & 15) }

// left is the number of live boxes.
func (l *layout) left() (n int) {
	for _, b := range l.live {
		n += bits.OnesCount16(b)
	}
	return n
}

// close closes the gaps left by boxes that are no longer live.
func (l *layout) close() {
	l.before = unset(l.before, len(l.live))
	sum := int32(0)
	for b, live := range l.live {
		l.before[b] = sum
		sum += int32(bits.OnesCount16(live))
	}
	for c, p := range l.start {
		live := l.live[p>>4] & (1<<(p&15) - 1)
		l.start[c] = l.before[p>>4] + int32(bits.OnesCount16(live))
	}
	at := int32(0)
	for p, i := range l.index[:l.taken] {
		live, next := int32(l.live[p>>4]>>(p&15)&1), at
		if live == 0 {
			next = int32(len(l.flat)) // for empty places
		}
		l.place[i], l.index[at] = next, i
		at += live
	}
	l.fill(int(sum))
}

// cut records in place in which cells the boxes lie, and counts the boxes of each
// cell.
func (l *layout) cut(boxes []Box, iou float64) {
	far := float32(tooFar)
	if iou < 0 {
		far = 0 // all are odd
	}
	l.task = box.Lay{Origin: [4]float64{l.originX, l.originY, l.originX, l.originY}, Scale: l.scale, Far: far}
	sides := unsafe.Slice((*[4]float64)(unsafe.Pointer(&boxes[0])), len(boxes))
	kernel.Best().Boxes.Lay(&l.task, &l.grid, sides, l.place)
	for i, cell := range l.place {
		if cell >= 0 {
			l.start[cell]++
		} else if l.place[i] = emptyBox; boxes[i].hasArea() {
			l.place[i] = oddBox
		}
	}
}

// hasArea reports whether a box may overlap others.
func (b *Box) hasArea() bool {
	area := (b.X2 - b.X1) * (b.Y2 - b.Y1)
	return b.X2 > b.X1 && b.Y2 > b.Y1 && area > 0 && area <= math.MaxFloat64
}

// bound records the largest sizes of the boxes of each level.
func (l *layout) bound(iou float64) {
	if iou >= leastIoU { // the threshold bounds sizes well enough
		for v := l.grid.Low; v <= l.grid.High; v++ {
			l.size[v] = sizes{math.MaxFloat32, math.MaxFloat32}
		}
		return
	}
	clear(l.size[:])
	for i, f := range l.flat {
		if l.place[i] >= 0 {
			w, h := f[2]-f[0], f[3]-f[1]
			size := &l.size[l.grid.Level(w*h)]
			size.w, size.h = max(size.w, w), max(size.h, h)
		}
	}
}

// number numbers the classes of the boxes from 0.
func (l *layout) number(class []int) {
	l.classes, l.numbers = 1, l.numbers[:0]
	if class == nil {
		return
	}
	const direct = 1024 // classes that are indices of a label set
	var few [direct]int32
	others := map[int]int32{}
	last := int32(0)
	l.numbers = unset(l.numbers, len(class))
	for i, c := range class {
		k := int32(0)
		if uint(c) < direct {
			k = few[c]
		} else {
			k = others[c]
		}
		if k == 0 {
			last++
			if k = last; uint(c) < direct {
				few[c] = k
			} else {
				others[c] = k
			}
		}
		l.numbers[i] = k - 1
	}
	l.classes = max(int(last), 1)
}

// unset returns a slice of n elements, in the memory of old if that is large
// enough.
func unset[T any](old []T, n int) []T {
	if cap(old) < n {
		return make([]T, n)
	}
	return old[:n]
}

// sized returns a slice of n zeros, in the memory of old if that is large enough.
func sized[T any](old []T, n int) []T {
	new := unset(old, n)
	clear(new)
	return new
}
