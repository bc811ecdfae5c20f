package suppress

import (
	"math"
	"slices"

	"github.com/visionzoo/vision/engine/kernel/box"
)

// sample is the number of candidates by which the grids are chosen.
const sample = 256

// The size of cells: they hold perCell candidates on average. Their height is tall
// times the largest distance of boxes of their level that overlap too much, or
// enough for a row of a sweep to have few candidates, but not so much that a square
// has more than perSquare.
const (
	perCell   = 4.
	tall      = 2.5
	few       = 8.
	perSquare = 32.
	leastCell = 0x1p-12 // so that numbers of cells are integers
)

// survey examines some candidates and chooses grids that suit them. Other
// candidates are handled correctly too, but take more time.
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

// pick takes some of the boxes, and returns the approximate sum of the logarithms
// of their areas to the base 2.
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

// room puts the origin into the middle of some boxes, and returns the area of the
// parts of the picture in which they lie.
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
	// The extent of the middle nine tenths of the positions.
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
	// The number of parts that evenly distributed positions would occupy.
	evenly := parts * parts * (1 - math.Exp(-float64(n)/(parts*parts)))
	return min(max(width*height*l.scale*l.scale*min(float64(places)/evenly, 1), 1e-18), 1e30)
}

// parts is the number of parts of a picture, across and down.
const parts = 32

// part is the number of the part of a length in which a position lies.
func part(at, length float64) int { return int(min(max(at/length*parts, 0), parts-1)) }

// level makes the grid of a level; per is the number of its boxes whose centres lie
// in a unit of area.
func (l *layout) level(v int, iou, per, aspect float64) box.Level {
	most := l.leastArea(v+1) * (1 + 1e-3) // for rounding
	side := math.Sqrt(math.Sqrt(float64(max(l.leastArea(v), 0x1p-126)) * float64(most)))
	// The largest horizontal distance of boxes of the level; boxes on its square.
	across := 2 * (1 - iou) / (1 + iou) * side
	high := min(max(tall*across, few/(across*per)), math.Sqrt(perSquare/per)+across)
	wide := max(perCell/(high*per), across/8, leastCell)
	high = max(high, leastCell)
	return box.Level{PerX: float32(1 / (wide * aspect)), PerY: float32(aspect / high), First: int32(v) * stepLevel, Most: most}
}
