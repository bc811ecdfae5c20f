package detect

import (
	"fmt"
	"math"
	"slices"
)

// maxPolygon bounds the number of a polygon's corners and their coordinates.
const maxPolygon = 1_000_000

// MaskOfPolygons is the union of polygons, each x1, y1, x2, y2, … in pixels, for a
// picture of width × height. Which pixels belong to a polygon is decided as in
// COCO's own tools (cocoapi, maskApi.c, rleFrPoly): the outline is drawn on a
// raster five times as fine, and a column changes between outside and inside where
// the outline crosses its middle.
func MaskOfPolygons(polygons [][]float64, width, height int) (*Mask, error) {
	if width < 0 || height < 0 || int64(width)*int64(height) > math.MaxUint32 {
		return nil, fmt.Errorf("a mask of %dx%d", width, height)
	}
	union := maskOf(width, height, 0, 0, 0, 0, nil)
	for _, p := range polygons {
		m, err := polygonMask(p, width, height)
		if err != nil {
			return nil, err
		}
		union = union.union(m)
	}
	return union, nil
}

// finePoint is a point of the fine raster.
type finePoint struct{ x, y int }

const fine = 5

func polygonMask(p []float64, width, height int) (*Mask, error) {
	n := len(p) / 2
	if len(p)%2 != 0 || n < 3 || n > maxPolygon {
		return nil, fmt.Errorf("a polygon of %d numbers; it needs 3 corners or more", len(p))
	}
	corners, around := make([]finePoint, n, n+1), 0
	for i := range corners {
		for _, v := range p[2*i : 2*i+2] {
			if !(math.Abs(v) <= 1e6) {
				return nil, fmt.Errorf("a polygon's corner at %v", v)
			}
		}
		corners[i] = finePoint{int(fine*p[2*i] + 0.5), int(fine*p[2*i+1] + 0.5)}
	}
	corners = append(corners, corners[0])
	for i := range n {
		around += max(abs(corners[i].x-corners[i+1].x), abs(corners[i].y-corners[i+1].y)) + 1
	}
	if around > 1<<24 {
		return nil, fmt.Errorf("a polygon with an outline of %d pixels, of which %d are read", around/fine, 1<<24/fine)
	}
	c := crossings{width: width, height: height, last: corners[0]}
	for i := range n {
		fineLine(corners[i], corners[i+1], c.add)
	}
	slices.Sort(c.at)
	return fillOutline(c.at, width, height), nil
}

func abs(v int) int { return max(v, -v) }

// fineLine calls point for the points of a line from a to b, both included. They are those
// of the line from its lower end along its longer side, so that both directions draw the
// same.
func fineLine(a, b finePoint, point func(finePoint)) {
	dx, dy := abs(a.x-b.x), abs(a.y-b.y)
	flat := dx >= dy
	from, end := a, b
	back := flat && a.x > b.x || !flat && a.y > b.y
	if back {
		from, end = b, a
	}
	steps, slope := dx, float64(end.y-from.y)/float64(dx)
	if !flat {
		steps, slope = dy, float64(end.x-from.x)/float64(dy)
	}
	if steps == 0 {
		point(from)
		return
	}
	for s := range steps + 1 {
		if back {
			s = steps - s
		}
		if flat {
			point(finePoint{from.x + s, int(float64(from.y) + slope*float64(s) + 0.5)})
		} else {
			point(finePoint{int(float64(from.x) + slope*float64(s) + 0.5), from.y + s})
		}
	}
}

// crossings collects the positions, counted down the columns, at which an outline
// crosses the middle of a column.
type crossings struct {
	width, height int
	last          finePoint // of the outline so far
	at            []int
}

// add goes on to the next point of the outline.
func (c *crossings) add(b finePoint) {
	a := c.last
	c.last = b
	if a.x == b.x {
		return
	}
	column := (float64(min(a.x, b.x))+0.5)/fine - 0.5
	if b.x > a.x {
		column = (float64(b.x-1)+0.5)/fine - 0.5
	}
	if math.Floor(column) != column || column < 0 || column > float64(c.width-1) {
		return
	}
	row := math.Ceil(min(max((float64(min(a.y, b.y))+0.5)/fine-0.5, 0), float64(c.height)))
	c.at = append(c.at, int(column)*c.height+int(row))
}

// fillOutline makes a mask that changes between outside and inside at each
// position.
func fillOutline(at []int, width, height int) *Mask {
	var r runs
	last, inside := 0, false
	for _, v := range append(at, width*height) {
		r.add(inside, uint32(v-last))
		last, inside = v, !inside
	}
	return r.mask(width, height)
}

// union is the mask of the pixels in at least one of two masks of the same size.
func (m *Mask) union(o *Mask) *Mask {
	var r runs
	m.walk(o, func(n uint32, inM, inO bool) { r.add(inM || inO, n) })
	return r.mask(m.Width, m.Height)
}

// Polygons returns the outlines of the mask along the pixels' edges as the corners
// x1, y1, x2, y2, …: outer outlines clockwise (y down), those of holes
// anticlockwise, in the order of their first pixel down the columns. COCO's
// polygons cannot have holes; where they matter, use the mask's RLE.
func (m *Mask) Polygons() [][]float64 {
	p := m.Picture()
	at := func(x, y int) bool {
		return x >= 0 && y >= 0 && x < p.Width && y < p.Height && p.Pix[y*p.Width+x] != 0
	}
	// An edge goes from a lattice point in one of four directions with the inside
	// on its right: 0 right, 1 down, 2 left, 3 up.
	step := [4][2]int{{1, 0}, {0, 1}, {-1, 0}, {0, -1}}
	edge := func(x, y, d int) bool { // whether there is an edge from (x, y)
		right := [4][2]int{{0, 0}, {-1, 0}, {-1, -1}, {0, -1}}[d]
		left := [4][2]int{{0, -1}, {0, 0}, {-1, 0}, {-1, -1}}[d]
		return at(x+right[0], y+right[1]) && !at(x+left[0], y+left[1])
	}
	seen := map[[2]int]bool{} // edges to the right that have been followed
	var all [][]float64
	for x := range p.Width + 1 {
		for y := range p.Height + 1 {
			if !edge(x, y, 0) || seen[[2]int{x, y}] {
				continue
			}
			var outline []float64
			cx, cy, d, turned := x, y, 0, true
			for {
				if d == 0 {
					if seen[[2]int{cx, cy}] {
						break
					}
					seen[[2]int{cx, cy}] = true
				}
				if turned {
					outline = append(outline, float64(cx+p.Left), float64(cy+p.Top))
				}
				cx, cy = cx+step[d][0], cy+step[d][1]
				// At a corner where two pixels touch, turning right stays with the
				// same pixel.
				before := d
				for _, turn := range []int{1, 0, 3} {
					if edge(cx, cy, (before+turn)%4) {
						d = (before + turn) % 4
						break
					}
				}
				turned = d != before
			}
			all = append(all, outlineStart(outline, turned))
		}
	}
	return all
}

// outlineStart drops the first point where the outline runs straight through it.
func outlineStart(outline []float64, turned bool) []float64 {
	if !turned && len(outline) > 2 {
		return outline[2:]
	}
	return outline
}
