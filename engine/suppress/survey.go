package suppress

import (
	"math"
	"slices"

	"github.com/visionzoo/vision/engine/kernel/box"
)

// sample is how many candidates the grids are made for.
const sample = 256

// How cells are made: they hold so many candidates in the mean, and are so many
// times as high as boxes of their level may lie apart that overlap too much, or high
// enough for a row of a sweep to have a few, but not for more than so many in a
// square.
const (
	perCell   = 4.
	tall      = 2.5
	few       = 8.
	perSquare = 32.
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
	var room [sample]Box
	some, octaves := pick(room[:0], boxes)
	n := len(some)
	if n == 0 {
		return
	}
	l.scale = math.Ldexp(1, -octaves/(2*n))
	per := float64(len(boxes)) / float64(n) / (l.room(some) * float64(l.classes))
	var count, sumW, sumH [mostLevels]float64
	for _, b := range some {
		w, h := (b.X2-b.X1)*l.scale, (b.Y2-b.Y1)*l.scale
		v := min(l.grid.Level(float32(w*h)), mostLevels-1)
		count[v], sumW[v], sumH[v] = count[v]+1, sumW[v]+w, sumH[v]+h
	}
	for v := range mostLevels {
		aspect := 1.
		if count[v] > 0 {
			aspect = min(max(math.Sqrt(sumW[v]/sumH[v]), 1./64), 64)
		}
		l.levels[v] = l.level(v, iou, min(max(max(count[v], 0.5)*per, 1e-30), 1e30), aspect)
	}
}

// pick takes some of the boxes, with the sum of the logarithms of their areas to the
// base 2, about.
func pick(some, boxes []Box) (picked []Box, octaves int) {
	for k := 0; k < len(boxes) && len(some) < sample; k += max(1, len(boxes)/sample) {
		b := boxes[k]
		area := (b.X2 - b.X1) * (b.Y2 - b.Y1)
		far := max(math.Abs(b.X1), math.Abs(b.Y1), math.Abs(b.X2), math.Abs(b.Y2))
		if b.X2 > b.X1 && b.Y2 > b.Y1 && area > 1e-100 && area < 1e100 && far < 1e100 {
			_, e := math.Frexp(area)
			octaves += e
			some = append(some, b)
		}
	}
	return some, octaves
}

// room puts the origin into the middle of some boxes, and tells the area of the parts of
// the picture where they are.
func (l *layout) room(some []Box) float64 {
	var xs, ys [sample]float64
	n := len(some)
	x, y := xs[:n], ys[:n]
	for i, b := range some {
		x[i], y[i] = (b.X1+b.X2)/2, (b.Y1+b.Y2)/2
	}
	slices.Sort(x)
	slices.Sort(y)
	l.originX, l.originY = x[n/2], y[n/2]
	// What the middle nine tenths of the places span.
	cut := n / 20
	left, top := x[cut], y[cut]
	width, height := max((x[n-1-cut]-left)/0.9, 1e-9/l.scale), max((y[n-1-cut]-top)/0.9, 1e-9/l.scale)
	var taken [parts * parts]bool
	places := 0
	for _, b := range some {
		at := &taken[part((b.X1+b.X2)/2-left, width)*parts+part((b.Y1+b.Y2)/2-top, height)]
		if !*at {
			*at = true
			places++
		}
	}
	// If places lay evenly, as many parts would be taken.
	evenly := parts * parts * (1 - math.Exp(-float64(n)/(parts*parts)))
	return min(max(width*height*l.scale*l.scale*min(float64(places)/evenly, 1), 1e-18), 1e30)
}

// parts are those of a picture, across and down.
const parts = 32

// part is in which part of a length a place lies.
func part(at, length float64) int { return int(min(max(at/length*parts, 0), parts-1)) }

// level makes the grid of a level of which so many boxes have their centre in a unit of
// area.
func (l *layout) level(v int, iou, per, aspect float64) box.Level {
	most := l.leastArea(v+1) * (1 + 1e-3) // for rounding
	side := math.Sqrt(math.Sqrt(float64(max(l.leastArea(v), 0x1p-126)) * float64(most)))
	// How far boxes of the level may lie apart, across; boxes on its square.
	across := 2 * (1 - iou) / (1 + iou) * side
	high := min(max(tall*across, few/(across*per)), math.Sqrt(perSquare/per)+across)
	wide := max(perCell/(high*per), across/8, leastCell)
	high = max(high, leastCell)
	return box.Level{PerX: float32(1 / (wide * aspect)), PerY: float32(aspect / high), First: int32(v) * stepLevel, Most: most}
}
