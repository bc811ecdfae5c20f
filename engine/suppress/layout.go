package suppress

import (
	"math"
	"math/bits"
	"slices"

	"github.com/visionzoo/vision/engine/kernel"
)

// layout is where boxes lie: in cells of a grid, one grid a level of sizes and a
// class. All grids share one table, in which several cells may come to the same
// place: boxes are compared by where they are, so that only time is lost.
type layout struct {
	originX, originY float64
	scale            float64 // so that a box of the usual size has an area of about 1
	grid             kernel.BoxGrid
	levels           [mostLevels + 1]kernel.BoxLevel
	size             [mostLevels]sizes
	numbers          []int32 // of the classes of the boxes, from 0 on; empty for one
	classes          int
	flat             []kernel.FlatBox  // by index
	place            []int32           // by index
	start            []int32           // of the cells' places, and the end
	blocks           []kernel.BoxBlock // by place
	gone             []uint16          // by place, a bit each
	class            [][16]int32       // by place; empty for one
	index            []int32           // by place
	before           []int32           // by block: for close
	taken            int               // places
}

// sizes are the largest of the boxes of a level.
type sizes struct {
	w, h float32
}

// mostLevels are those of an octave of areas each.
const mostLevels = 256

// spread makes levels so wide that what may overlap a box too much lies in two.
func (l *layout) spread(iou float64) {
	g := &l.grid
	g.Reach = float32((1 - iou) / (1 + iou) / 2 * (1 + 1e-5))
	g.Widest = float32(min(1/max(iou, 0)*(1+1e-5), math.MaxFloat32))
	g.Narrowest = 1 / g.Widest
	g.Rounding = float32(0x1p-20 * (1 + 0.3/max(iou, leastIoU)))
	if g.Share = 0; iou >= leastIoU {
		g.Share = float32(iou / (1 + iou))
	}
	// The bits of a float32 are a logarithm to the base 2, times 2^23, but for 0.0861.
	octaves := max(2*(-math.Log2(max(iou, leastIoU))+0.0862), 1)
	g.PerLevel = float32(1 / (octaves * 0x1p23))
}

// leastArea is about the one with which a level begins.
func (l *layout) leastArea(v int) float32 {
	return math.Float32frombits(uint32(min(float64(v)/float64(l.grid.PerLevel), 0x7f7fffff)))
}

// stepLevel is the step through the table from a level to the next. Nearby cells do not
// come to the same place then.
const stepLevel = 0x2545F491

// Places of boxes that lie in no cell: those without an area, or not made of
// numbers, which overlap nothing; and those too far out or of too odd a size for
// float32, which are compared one by one.
const (
	emptyBox = -1
	oddBox   = -2
	goneBox  = -3 // it was in one

	tooFar    = 0x1p40
	tooSmall  = 0x1p-22 // of how far they lie out
	leastSide = 0x1p-40
)

// leastIoU is the threshold below which the size of a box tells little of that of
// others that overlap it.
const leastIoU = 0.15

// lay puts the boxes into the cells.
func (l *layout) lay(boxes []Box, t *Task) {
	n := len(boxes)
	l.number(t.Class)
	l.spread(t.IoU)
	l.survey(boxes, t.IoU)
	l.start = sized(l.start, int(l.grid.Mask)+2)
	l.flat, l.place, l.index = unset(l.flat, n), unset(l.place, n), unset(l.index, n)
	l.cut(boxes, t.IoU)
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
	copy(l.start[1:], l.start) // they have moved to where the next begins
	l.start[0] = 0
	l.fill(int(sum))
	l.grid.On(l.flat, l.numbers, l.start, l.levels[:])
}

// fill fills the places with the boxes of the index.
func (l *layout) fill(size int) {
	l.taken = size
	l.blocks = unset(l.blocks, size/16+1)
	l.gone = sized(l.gone, size/16+1)
	l.blocks[size/16] = kernel.BoxBlock{} // they have nothing in common with any
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

func (l *layout) isGone(at int32) bool { return l.gone[at>>4]>>(at&15)&1 != 0 }

func (l *layout) drop(at int32) { l.gone[at>>4] |= 1 << (at & 15) }

// live is how many are not gone.
func (l *layout) live() int {
	live := l.taken
	for _, b := range l.gone {
		live -= bits.OnesCount16(b)
	}
	return live
}

// close closes the gaps that boxes left that are gone.
func (l *layout) close() {
	l.before = unset(l.before, len(l.gone))
	sum := int32(0)
	for b, gone := range l.gone {
		l.before[b] = sum
		sum += 16 - int32(bits.OnesCount16(gone))
	}
	for c, p := range l.start {
		gone := l.gone[p>>4] & (1<<(p&15) - 1)
		l.start[c] = l.before[p>>4] + p&15 - int32(bits.OnesCount16(gone))
	}
	live, at := int32(l.live()), int32(0)
	for p, i := range l.index[:l.taken] {
		gone, next := int32(l.gone[p>>4]>>(p&15)&1), at
		if gone != 0 {
			next = goneBox
		}
		l.place[i], l.index[at] = next, i
		at += 1 - gone
	}
	l.fill(int(live))
}

// cut brings the boxes to float32, notes in place in which cells they lie, and
// counts those of each.
func (l *layout) cut(boxes []Box, iou float64) {
	class := int32(0)
	clear(l.size[:])
	for i := range boxes {
		b, f := &boxes[i], &l.flat[i]
		x1, y1 := float32((b.X1-l.originX)*l.scale), float32((b.Y1-l.originY)*l.scale)
		x2, y2 := float32((b.X2-l.originX)*l.scale), float32((b.Y2-l.originY)*l.scale)
		w, h, x, y := x2-x1, y2-y1, (x1+x2)*0.5, (y1+y2)*0.5
		far := 2*(abs(x)+abs(y)) + w + h
		if !(far < tooFar && w > far*tooSmall && h > far*tooSmall && w > leastSide && h > leastSide) || iou < 0 {
			l.place[i] = oddBox
			if area := (b.X2 - b.X1) * (b.Y2 - b.Y1); !(b.X2 > b.X1 && b.Y2 > b.Y1 && area > 0 && area <= math.MaxFloat64) {
				l.place[i] = emptyBox
			}
			continue
		}
		*f = kernel.FlatBox{x1, y1, x2, y2}
		v := l.grid.Level(w * h)
		lv, size := &l.levels[v], &l.size[v]
		if iou < leastIoU {
			size.w, size.h = max(size.w, w), max(size.h, h)
		} else { // the threshold bounds them well enough
			size.w, size.h = math.MaxFloat32, math.MaxFloat32
		}
		if len(l.numbers) > 0 {
			class = l.numbers[i] * kernel.BoxStepClass
		}
		column, row := int32(int64(x*lv.PerX)), int32(int64(y*lv.PerY))
		cell := (lv.First + class + column + row*kernel.BoxStepY) & l.grid.Mask
		l.place[i] = cell
		l.start[cell]++
	}
	low, high := int32(0), int32(mostLevels-1)
	for ; low < high && l.size[low].w == 0; low++ {
	}
	for ; high > low && l.size[high].w == 0; high-- {
	}
	l.grid.Low, l.grid.High = low, high
}

// number gives the classes of the boxes numbers from 0 on.
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

// sample is how many candidates the grids are made for.
const sample = 256

// How cells are made: they hold so many candidates in the mean, and are so many
// times as high as boxes of their level may lie apart that overlap too much, or high
// enough for a row of a sweep to have a few.
const (
	perCell   = 4.
	tall      = 2.5
	few       = 8.
	leastCell = 0x1p-12 // for numbers of cells to be whole numbers
)

// survey looks at some candidates and makes grids for what is like them. Others
// come out right too, in more time.
func (l *layout) survey(boxes []Box, iou float64) {
	l.originX, l.originY, l.scale = 0, 0, 1
	clear(l.levels[:])
	for l.grid.Mask = 63; int(l.grid.Mask) < len(boxes)/3; {
		l.grid.Mask = 2*l.grid.Mask + 1
	}
	var some [sample]Box
	n, size := 0, 0
	for k := 0; k < len(boxes) && n < sample; k += max(1, len(boxes)/sample) {
		b := boxes[k]
		area := (b.X2 - b.X1) * (b.Y2 - b.Y1)
		far := max(math.Abs(b.X1), math.Abs(b.Y1), math.Abs(b.X2), math.Abs(b.Y2))
		if b.X2 > b.X1 && b.Y2 > b.Y1 && area > 1e-100 && area < 1e100 && far < 1e100 {
			_, e := math.Frexp(area)
			size += e
			some[n] = b
			n++
		}
	}
	if n == 0 {
		return
	}
	l.scale = math.Ldexp(1, -size/(2*n))
	var x, y [sample]float64
	for i, b := range some[:n] {
		x[i], y[i] = (b.X1+b.X2)/2, (b.Y1+b.Y2)/2
	}
	slices.Sort(x[:n])
	slices.Sort(y[:n])
	l.originX, l.originY = x[n/2], y[n/2]
	// What the middle nine tenths of the places span.
	cut := n / 20
	left, top := x[cut], y[cut]
	width, height := max((x[n-1-cut]-left)/0.9, 1e-9/l.scale), max((y[n-1-cut]-top)/0.9, 1e-9/l.scale)
	var taken [32 * 32]bool
	places := 0
	var count, sumW, sumH [mostLevels]float64
	for _, b := range some[:n] {
		at := &taken[grid((b.X1+b.X2)/2-left, width)*32+grid((b.Y1+b.Y2)/2-top, height)]
		if !*at {
			*at = true
			places++
		}
		w, h := (b.X2-b.X1)*l.scale, (b.Y2-b.Y1)*l.scale
		v := min(l.grid.Level(float32(w*h)), mostLevels-1)
		count[v], sumW[v], sumH[v] = count[v]+1, sumW[v]+w, sumH[v]+h
	}
	// If places lay evenly, as many parts of the picture would be taken.
	evenly := 1024 * (1 - math.Exp(-float64(n)/1024))
	room := width * height * l.scale * l.scale * min(float64(places)/evenly, 1) * float64(l.classes)
	room = min(max(room, 1e-18), 1e30)
	for v := range mostLevels {
		most := l.leastArea(v+1) * (1 + 1e-3) // for rounding
		side, aspect := math.Sqrt(math.Sqrt(float64(max(l.leastArea(v), 0x1p-126))*float64(most))), 1.
		if count[v] > 0 {
			aspect = min(max(math.Sqrt(sumW[v]/sumH[v]), 1./64), 64)
		}
		// How far boxes of the level may lie apart, across; boxes on its square.
		across := 2 * (1 - iou) / (1 + iou) * side
		per := max(count[v], 0.5) / float64(n) * float64(len(boxes)) / room
		high := min(max(tall*across, few/(across*per)), math.Sqrt(64/per)+across)
		wide := max(perCell/(high*per), across/8, leastCell)
		high = max(high, leastCell)
		l.levels[v] = kernel.BoxLevel{PerX: float32(1 / (wide * aspect)), PerY: float32(aspect / high), First: int32(v) * stepLevel, Most: most}
	}
}

// grid is which of 32 parts of a length a place lies in.
func grid(at, length float64) int { return int(min(max(at/length*32, 0), 31)) }

// unset is a slice of n, in the memory of old where it is enough.
func unset[T any](old []T, n int) []T {
	if cap(old) < n {
		return make([]T, n)
	}
	return old[:n]
}

// sized is a slice of n zeros.
func sized[T any](old []T, n int) []T {
	new := unset(old, n)
	clear(new)
	return new
}
