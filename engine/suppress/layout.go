package suppress

import (
	"math"
	"slices"

	"github.com/visionzoo/vision/engine/kernel"
)

// layout is where boxes lie: in cells of a grid, one grid an octave of sizes and a
// class. All grids share one table, in which several cells may come to the same
// place: boxes are compared by where they are, so that only time is lost.
type layout struct {
	originX, originY float64
	scale            float64 // so that a box of the usual size has an area of about 1
	levels           [levels]level
	low, high        int     // levels that are used
	mask             int64   // cells are as many and one
	numbers          []int32 // of the classes of the candidates, from 0 on; empty for one
	classes          int
	cells            []kernel.FlatBox // the candidates, as they come
	place            []int32          // by index
	start            []int32          // of the cells' places, and the end
	flat             []kernel.FlatBox // by place
	gone             []uint8          // by place
	class            []int32          // by place; empty for one
	index            []int32          // by place
	size             int              // places that are taken
}

// level is the grid of an octave of sizes.
type level struct {
	perX, perY float32 // cells a unit
	first      int64   // where its cells begin in the table
	maxW, maxH float32 // of the candidates, where the threshold bounds them too little
	used       bool
}

// levels are those that the exponent of a float32 area gives two by two.
const levels = 128

func levelOf(area float32) int {
	return int(math.Float32bits(area) >> 24 & (levels - 1))
}

// Steps through the table: from a cell to the next below, from a level to the
// next, from a class to the next. Nearby cells do not come to the same place then.
const (
	stepY     = 0x9E3779B1
	stepLevel = 0x2545F491
	stepClass = 0x6C8E9CF5
)

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

// lay puts the candidates into the cells.
func (l *layout) lay(boxes []Box, t *Task) {
	n := len(t.Order)
	order := t.Order
	if n == len(boxes) {
		order = nil // in the order of memory
	}
	l.number(t, order)
	l.survey(boxes, t)
	l.start = sized(l.start, int(l.mask)+2)
	l.cells, l.place = unset(l.cells, n), unset(l.place, len(boxes))
	l.flat, l.gone, l.index = unset(l.flat, n+16), sized(l.gone, n+16), unset(l.index, n)
	if l.class = l.class[:0]; len(l.numbers) > 0 {
		l.class = sized(l.class, n+16)
	}
	if t.IoU < 0 { // even what does not overlap goes
		for i := range l.place {
			l.place[i] = oddBox
		}
		l.size = 0
		return
	}
	l.cut(boxes, t.IoU, order)
	sum := int32(0)
	for i, count := range l.start {
		l.start[i], sum = sum, sum+count
	}
	for k := range l.cells {
		i := k
		if order != nil {
			i = int(order[k])
		}
		cell := l.place[i]
		if cell < 0 {
			continue
		}
		at := l.start[cell]
		l.start[cell] = at + 1
		l.flat[at], l.place[i], l.index[at] = l.cells[k], at, int32(i)
		if len(l.numbers) > 0 {
			l.class[at] = l.numbers[k]
		}
	}
	l.size = int(sum)
	clear(l.flat[sum:])        // they have nothing in common with any
	copy(l.start[1:], l.start) // they have moved to where the next begins
	l.start[0] = 0
}

// close closes the gaps that boxes left that are gone.
func (l *layout) close() {
	at, next := int32(0), l.start[0]
	for cell := range l.start[:len(l.start)-1] {
		from, to := next, l.start[cell+1]
		next, l.start[cell] = to, at
		for p := from; p < to; p++ {
			i := l.index[p]
			if l.gone[p] != 0 {
				l.place[i] = goneBox
				continue
			}
			l.flat[at], l.place[i], l.index[at] = l.flat[p], at, i
			if len(l.class) > 0 {
				l.class[at] = l.class[p]
			}
			at++
		}
	}
	l.start[len(l.start)-1] = at
	clear(l.flat[at:][:16])
	clear(l.gone[:l.size])
	l.size = int(at)
}

// cut brings the candidates to float32, notes in place in which cells they lie, and
// counts those of each.
func (l *layout) cut(boxes []Box, iou float64, order []int32) {
	class := int64(0)
	for k := range l.cells {
		i := k
		if order != nil {
			i = int(order[k])
		}
		b, f := &boxes[i], &l.cells[k]
		if area := (b.X2 - b.X1) * (b.Y2 - b.Y1); !(b.X2 > b.X1 && b.Y2 > b.Y1 && area > 0 && area <= math.MaxFloat64) {
			l.place[i] = emptyBox
			continue
		}
		x1, y1 := float32((b.X1-l.originX)*l.scale), float32((b.Y1-l.originY)*l.scale)
		x2, y2 := float32((b.X2-l.originX)*l.scale), float32((b.Y2-l.originY)*l.scale)
		w, h, x, y := x2-x1, y2-y1, (x1+x2)*0.5, (y1+y2)*0.5
		far := 2*(abs(x)+abs(y)) + w + h
		if !(far < tooFar && w > far*tooSmall && h > far*tooSmall && w > leastSide && h > leastSide) {
			l.place[i] = oddBox
			continue
		}
		*f = kernel.FlatBox{x1, y1, x2, y2}
		lv := &l.levels[levelOf(w*h)]
		lv.used = true
		if iou < leastIoU {
			lv.maxW, lv.maxH = max(lv.maxW, w), max(lv.maxH, h)
		}
		if len(l.numbers) > 0 {
			class = int64(l.numbers[k]) * stepClass
		}
		cell := int32((lv.first + class + int64(x*lv.perX) + int64(y*lv.perY)*stepY) & l.mask)
		l.place[i] = cell
		l.start[cell]++
	}
	for l.low, l.high = 0, levels-1; l.low < l.high && !l.levels[l.low].used; l.low++ {
	}
	for l.high > l.low && !l.levels[l.high].used {
		l.high--
	}
}

// number gives the classes of the candidates numbers from 0 on.
func (l *layout) number(t *Task, order []int32) {
	l.classes = 1
	if t.Class == nil {
		l.numbers = l.numbers[:0]
		return
	}
	const direct = 1024 // classes that are indices of a label set
	var few [direct]int32
	others := map[int]int32{}
	last := int32(0)
	l.numbers = unset(l.numbers, len(t.Order))
	for n := range l.numbers {
		i := n
		if order != nil {
			i = int(order[n])
		}
		c, k := t.Class[i], int32(0)
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
		l.numbers[n] = k - 1
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
	tall      = 1.5
	few       = 8.
	leastCell = 0x1p-12 // for numbers of cells to be whole numbers
)

// survey looks at some candidates and makes grids for what is like them. Others
// come out right too, in more time.
func (l *layout) survey(boxes []Box, t *Task) {
	l.originX, l.originY, l.scale = 0, 0, 1
	clear(l.levels[:])
	for l.mask = 63; int(l.mask) < len(t.Order)/3; {
		l.mask = 2*l.mask + 1
	}
	var some [sample]Box
	n, size := 0, 0
	for k := 0; k < len(t.Order) && n < sample; k += max(1, len(t.Order)/sample) {
		b := boxes[t.Order[k]]
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
	var count [levels]float64
	var sumW, sumH [levels]float64
	for _, b := range some[:n] {
		at := &taken[grid((b.X1+b.X2)/2-left, width)*32+grid((b.Y1+b.Y2)/2-top, height)]
		if !*at {
			*at = true
			places++
		}
		w, h := (b.X2-b.X1)*l.scale, (b.Y2-b.Y1)*l.scale
		v := levelOf(float32(w * h))
		count[v], sumW[v], sumH[v] = count[v]+1, sumW[v]+w, sumH[v]+h
	}
	// If places lay evenly, as many parts of the picture would be taken.
	evenly := 1024 * (1 - math.Exp(-float64(n)/1024))
	room := width * height * l.scale * l.scale * min(float64(places)/evenly, 1) * float64(l.classes)
	room = min(max(room, 1e-18), 1e30)
	for v := range l.levels {
		side, aspect := math.Ldexp(1, v-63), 1.
		if count[v] > 0 {
			aspect = min(max(math.Sqrt(sumW[v]/sumH[v]), 1./64), 64)
		}
		// How far boxes of the level may lie apart, across; boxes on its square.
		across := 2 * (1 - t.IoU) / (1 + t.IoU) * side
		per := max(count[v], 0.5) / float64(n) * float64(len(t.Order)) / room
		high := min(max(tall*across, few/(across*per)), math.Sqrt(64/per)+across)
		wide := max(perCell/(high*per), across/8, leastCell)
		high = max(high, leastCell)
		l.levels[v] = level{perX: float32(1 / (wide * aspect)), perY: float32(aspect / high), first: int64(v) * stepLevel}
		if t.IoU >= leastIoU {
			// The largest area of the level, over the least height.
			most := float32(math.Ldexp(1, min(2*v-127+2, 127)))
			l.levels[v].maxW, l.levels[v].maxH = most, most
		}
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
