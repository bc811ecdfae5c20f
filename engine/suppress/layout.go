package suppress

import "math"

// page is a grid of cells for the centres of the boxes of one class and one octave
// of sizes.
type page struct {
	n              int32
	x0, y0, x1, y1 float64 // around the centres
	maxW, maxH     float64
	sumW, sumH     float64
	maxArea        float64
	nx, ny         int32
	perX, perY     float64 // cells a pixel
	x, y           axis
	perArea        float64 // units of a share in an area
	first          int32   // the first cell
}

// axis turns places into units of one sixteen-bit scale a cell. It spans the boxes
// whose centres lie in the cell; what lies beyond is cut off.
type axis struct {
	origin float64 // of the first cell's scale, in pixels
	per    float64 // units a pixel
	cell   float64 // units a cell
	shift  uint32  // by which a width of the page's boxes stays below 2^16
}

// place turns a range into units of the first cell's scale, moved out by what
// rounding may take away.
func (a *axis) place(low, high float64) (v, u float64) {
	return (low-a.origin)*a.per - 0.01, (high-a.origin)*a.per + 1.01
}

// span is a range that place made on the scale of a cell, in whole units.
func (a *axis) span(v, u float64, cell int32) (from, to uint16) {
	off := float64(cell) * a.cell
	return unit(v - off), unit(u - off)
}

// unit rounds towards 0, to the nearest sixteen bits.
func unit(v float64) uint16 {
	n := int64(v)
	if uint64(n) > 65535 {
		if n < 0 {
			return 0
		}
		return 65535
	}
	return uint16(n)
}

// scale makes an axis for cells of a size and boxes of a greatest size.
func scale(from, cell, most, far float64) axis {
	unit := max((cell+most)/65000, far*0x1p-42)
	a := axis{per: 1 / unit, cell: cell / unit}
	a.origin = from - most/2 - 100*unit
	for math.Ldexp(most/unit+4, int(a.shift)+1) < 65536 {
		a.shift++
	}
	return a
}

// share is what a box of an area needs for itself of what it has in common with
// another.
func (p *page) share(area float64) uint16 {
	if v := area * p.perArea; v < 65534 {
		return uint16(int32(v))
	}
	return 65534
}

// cell is the cell of a place, the nearest where it lies outside.
func (p *page) cell(x, y float64) (cx, cy int32) {
	return nearest((x-p.x0)*p.perX, p.nx), nearest((y-p.y0)*p.perY, p.ny)
}

// nearest is the cell of n that a number is in.
func nearest(v float64, n int32) int32 {
	switch {
	case v <= 0:
		return 0
	case v < float64(n):
		return int32(v)
	}
	return n - 1
}

// layout says in which page each box lies.
type layout struct {
	pages   []page  // the first is none
	table   []int32 // of pages by class and octave
	items   []item  // the candidates, best first
	cells   int     // chains of all pages
	octaves bool    // a page an octave; else all of a class on one
	far     float64 // the largest coordinate
	classes int
}

// item is a candidate with what is needed of it, side by side.
type item struct {
	Box
	index, class, page int32
}

// Boxes that lie on no page: those without an area, or not made of numbers, which
// overlap nothing; and those too far out or too small for units, which are compared one
// by one.
const (
	emptyBox = -1
	oddBox   = -2
	tooFar   = 0x1p40
	tooSmall = 1e-100
)

// A cell is to hold this many candidates; it is no smaller than this share of the
// mean box.
const (
	perCell   = 64.
	leastCell = 0.7
)

// leastIoU is the threshold below which sizes tell little: octaves share a page.
const leastIoU = 0.15

// place lays the candidates out.
func (l *layout) place(boxes []Box, t *Task) {
	if cap(l.items) < len(t.Order) {
		l.items = make([]item, len(t.Order))
	}
	l.items = l.items[:len(t.Order)]
	l.number(t)
	l.table = sized(l.table, l.classes*octaves)
	l.pages = append(l.pages[:0], page{})
	l.far, l.octaves = 0, t.IoU > leastIoU
	for k, i := range t.Order {
		it := &l.items[k]
		it.Box, it.index = boxes[i], i
		if it.page = oddBox; t.IoU >= 0 { // else even what does not overlap goes
			it.page = l.pageOf(it)
		}
	}
	l.cells = 0
	for i := range l.pages[1:] {
		l.pages[1+i].divide(&l.cells, l.far, t.IoU)
	}
}

// pageOf finds the page of a candidate and notes it there.
func (l *layout) pageOf(it *item) int32 {
	w, h := it.X2-it.X1, it.Y2-it.Y1
	area := w * h
	if !(w > 0 && h > 0 && area > 0 && area <= math.MaxFloat64) {
		return emptyBox
	}
	if w < tooSmall || h < tooSmall {
		return oddBox
	}
	if it.X1 < -l.far || it.Y1 < -l.far || it.X2 > l.far || it.Y2 > l.far { // seldom
		far := max(-it.X1, -it.Y1, it.X2, it.Y2)
		if far > tooFar {
			return oddBox
		}
		l.far = far
	}
	o := int32(0)
	if l.octaves {
		o = octaveOf(area)
	}
	x, y := (it.X1+it.X2)/2, (it.Y1+it.Y2)/2
	at := l.table[it.class*octaves+o]
	if at == 0 {
		at = int32(len(l.pages))
		l.table[it.class*octaves+o] = at
		l.pages = append(l.pages, page{x0: x, y0: y, x1: x, y1: y})
	}
	p := &l.pages[at]
	p.n++
	p.sumW, p.sumH = p.sumW+w, p.sumH+h
	p.stretch(x, y, w, h, area)
	return at
}

// stretch makes a page hold a box. It is written with comparisons that are
// foreseen: nearly all boxes change nothing.
func (p *page) stretch(x, y, w, h, area float64) {
	if x < p.x0 {
		p.x0 = x
	}
	if x > p.x1 {
		p.x1 = x
	}
	if y < p.y0 {
		p.y0 = y
	}
	if y > p.y1 {
		p.y1 = y
	}
	if w > p.maxW {
		p.maxW = w
	}
	if h > p.maxH {
		p.maxH = h
	}
	if area > p.maxArea {
		p.maxArea = area
	}
}

// number gives the classes numbers from 0 on.
func (l *layout) number(t *Task) {
	l.classes = 1
	if t.Class == nil {
		for k := range l.items {
			l.items[k].class = 0
		}
		return
	}
	const direct = 1024 // classes that are indices of a label set
	var few [direct]int32
	others := map[int]int32{}
	last := int32(0)
	for n, i := range t.Order {
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
		l.items[n].class = k - 1
	}
	l.classes = max(int(last), 1)
}

// divide cuts a page into cells, the chains of which begin at cells.
func (p *page) divide(cells *int, far, iou float64) {
	n := float64(p.n)
	// Cells are as many boxes wide as high, those of the page in the mean.
	u := max((p.x1-p.x0)*n/p.sumW, 1e-6)
	v := max((p.y1-p.y0)*n/p.sumH, 1e-6)
	each := max(math.Sqrt(u*v*perCell/n), leastCell)
	nx, ny := min(max(math.Floor(u/each), 1), n), min(max(math.Floor(v/each), 1), n)
	for nx*ny > 2*n/perCell+1 { // a page that is long and narrow
		nx, ny = math.Ceil(nx/2), math.Ceil(ny/2)
	}
	p.nx, p.ny = int32(nx), int32(ny)
	p.perX, p.perY = nx/max(p.x1-p.x0, 1e-30), ny/max(p.y1-p.y0, 1e-30)
	p.first = int32(*cells)
	p.x = scale(p.x0, (p.x1-p.x0)/nx, p.maxW, far)
	p.y = scale(p.y0, (p.y1-p.y0)/ny, p.maxH, far)
	p.perArea = iou / (1 + iou) * (1 - 1e-5) * p.x.per * p.y.per * math.Ldexp(1, int(p.x.shift+p.y.shift)-16)
	*cells += int(p.nx) * int(p.ny)
}
