package detect

import (
	"math"
)

// maskSource is one mask of a network: a grid of probabilities over a box.
type maskSource struct {
	width, height int
	data          []float32
	edge          bool // outside the grid its edge values continue, instead of 0
	flipped       bool // the network saw the picture mirrored left to right
}

// at is the probability at a grid point.
func (s maskSource) at(x, y int) float64 {
	if s.edge {
		x, y = min(max(x, 0), s.width-1), min(max(y, 0), s.height-1)
	}
	if x < 0 || y < 0 || x >= s.width || y >= s.height {
		return 0
	}
	return float64(s.data[y*s.width+x])
}

// paste stretches a grid of probabilities over a box (which may reach beyond the
// picture) and returns the pixels of a window whose value is at least the
// threshold. Values are interpolated bilinearly between the centres of the grid's
// cells at each pixel's centre, with zeros outside the grid, exactly as Detectron2
// pastes masks.
func (s maskSource) paste(b, window Box, width, height int, threshold float64) *Mask {
	x0, x1 := int(math.Floor(max(window.X1, 0))), int(math.Ceil(min(window.X2, float64(width))))
	y0, y1 := int(math.Floor(max(window.Y1, 0))), int(math.Ceil(min(window.Y2, float64(height))))
	if x1 <= x0 || y1 <= y0 || s.width == 0 || s.height == 0 {
		return maskOf(width, height, 0, 0, 0, 0, nil)
	}
	columns, rows := grid(x0, x1, b.X1, b.Width(), s.width), grid(y0, y1, b.Y1, b.Height(), s.height)
	if s.flipped {
		for i, c := range columns {
			columns[i] = gridPoint{s.width - 2 - c.low, 1 - c.part}
		}
	}
	return maskOf(width, height, x0, y0, x1, y1, func(x, y int) bool {
		c, r := columns[x-x0], rows[y-y0]
		top := s.at(c.low, r.low)*(1-c.part) + s.at(c.low+1, r.low)*c.part
		bottom := s.at(c.low, r.low+1)*(1-c.part) + s.at(c.low+1, r.low+1)*c.part
		return top*(1-r.part)+bottom*r.part >= threshold
	})
}

// gridPoint is a position between the cells low and low+1 of a grid.
type gridPoint struct {
	low  int
	part float64 // of the way to low+1
}

// grid maps the centres of pixels from … to-1 to positions in a grid of n cells,
// stretched over length pixels from start.
func grid(from, to int, start, length float64, n int) []gridPoint {
	points := make([]gridPoint, to-from)
	for i := range points {
		at := (float64(from+i)+0.5-start)/length*float64(n) - 0.5
		at = min(max(at, -1), float64(n))
		low := math.Floor(at)
		points[i] = gridPoint{int(low), at - low}
	}
	return points
}
