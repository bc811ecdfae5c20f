package jpeg

import (
	"fmt"
	"image"
)

// A component is one plane of samples on its way from coefficients to pixels.
type component struct {
	frameComponent
	width, height    int // samples that belong to the picture, T.81 A.1.1
	blocksX, blocksY int // blocks that hold them
	pitch            int // blocks stored a row: whole MCUs, and even
	rows             int // rows of blocks stored: one MCU's, or the picture's

	coefs   []int16  // rows*pitch blocks of 64 in natural order
	nonzero []uint64 // which of a block's coefficients, in zigzag order; progressive only

	quant    [64]int16 // in natural order, as it was at the component's first scan
	hasQuant bool

	known knowledge // progressive only

	plane  []byte // 10 row groups, see window
	stride int
	up     upsampler

	// What the wanted part of the picture takes: samples [x0, x1) of a row, and
	// blocks [b0, b1) for them and a neighbour on either side.
	x0, x1, b0, b1 int

	line []byte // one row of upsampled samples, where up needs it
}

// block returns the coefficients of the block at column x of row y.
func (c *component) block(x, y int) *[64]int16 {
	i := (y*c.pitch + x) * 64
	return (*[64]int16)(c.coefs[i : i+64])
}

// latch keeps the quantisation table that holds at the first scan of c.
func (c *component) latch(h *header) error {
	if c.hasQuant {
		return nil
	}
	if !h.hasQuant[c.tq] {
		return FormatError(fmt.Sprintf("component %d: quantisation table %d is not defined", c.id, c.tq))
	}
	for k, q := range h.quant[c.tq] {
		c.quant[natural[k]] = int16(q)
	}
	c.hasQuant = true
	return nil
}

// A geometry is a frame cut into MCUs, T.81 A.2.
type geometry struct {
	width, height int
	maxH, maxV    int
	mcusX, mcusY  int

	area image.Rectangle // that is wanted; its left edge is a sample's in all components
}

// layOut sets the geometry and the components' sizes from the frame header.
// stored says that the whole picture's coefficients are kept.
func (d *Decoder) layOut(stored bool) error {
	h := &d.header
	d.components = d.space[:h.info.Components]
	g := geometry{width: h.info.Width, height: h.info.Height}
	for i := range d.components {
		c := component{frameComponent: h.frame[i]}
		if len(d.components) == 1 {
			c.h, c.v = 1, 1 // one component alone is never subsampled, T.81 A.2.2
		}
		g.maxH, g.maxV = max(g.maxH, c.h), max(g.maxV, c.v)
		c.known.now.forget()
		c.known.before.forget()
		d.components[i] = c
	}
	g.mcusX, g.mcusY = ceilDiv(g.width, 8*g.maxH), ceilDiv(g.height, 8*g.maxV)
	d.geometry = g
	for i := range d.components {
		c := &d.components[i]
		if g.maxH%c.h != 0 || g.maxV%c.v != 0 {
			return UnsupportedError(fmt.Sprintf("sampling %dx%d beside %dx%d: not a whole ratio", c.h, c.v, g.maxH, g.maxV))
		}
		c.width, c.height = ceilDiv(g.width*c.h, g.maxH), ceilDiv(g.height*c.v, g.maxV)
		c.blocksX, c.blocksY = ceilDiv(c.width, 8), ceilDiv(c.height, 8)
		c.pitch = (g.mcusX*c.h + 1) &^ 1
		c.rows = c.v
		if stored {
			c.rows = c.v * g.mcusY
		}
		c.stride = margin + c.pitch*8 + margin
		c.up = chooseUpsampler(c, g)
	}
	return nil
}

// mark sets what the wanted part of the picture takes.
func (d *Decoder) mark(region image.Rectangle) {
	g := &d.geometry
	g.area = image.Rect(0, 0, g.width, g.height)
	if r := region.Intersect(g.area); !r.Empty() {
		g.area = r
	}
	g.area.Min.X -= g.area.Min.X % g.maxH
	for i := range d.components {
		c := &d.components[i]
		c.x0, c.x1 = g.area.Min.X*c.h/g.maxH, ceilDiv(g.area.Max.X*c.h, g.maxH)
		c.b0, c.b1 = max(c.x0-1, 0)/8&^1, (min(c.x1, c.width-1)/8+2)&^1
	}
}

// firstMCURow is the first row of MCUs that wanted pixels, or their neighbours,
// come from.
func (d *Decoder) firstMCURow() int { return max(0, d.area.Min.Y/(8*d.maxV)-1) }

// margin is how many bytes a plane's row has left and right of its samples.
// One is needed, for a neighbour outside the picture.
const margin = 16

// groups is how many row groups a plane holds.
const groups = 10

// workBytes is what allocate will take.
func (d *Decoder) workBytes() int64 {
	var total int64
	for i := range d.components {
		c := &d.components[i]
		total += int64(c.rows) * int64(c.pitch) * 128
		if d.info.Progressive {
			total += int64(c.rows) * int64(c.pitch) * 8
		}
		total += int64(groups*c.v*c.stride) + d.lineBytes()
	}
	return total
}

func (d *Decoder) lineBytes() int64 {
	g := &d.geometry
	return int64(g.mcusX*g.maxH*8 + 2*margin)
}

// allocate gives every component its memory, out of what earlier pictures left.
func (d *Decoder) allocate() {
	coefs, bytes := 0, 0
	line := int(d.lineBytes())
	for i := range d.components {
		c := &d.components[i]
		coefs += c.rows * c.pitch * 64
		bytes += groups*c.v*c.stride + line
	}
	d.coefs = grown(d.coefs, coefs)
	d.bytes = grown(d.bytes, bytes)
	clear(d.coefs)
	if d.info.Progressive {
		d.nonzero = grown(d.nonzero, coefs/64)
		clear(d.nonzero)
	}
	coefRest, nonzeroRest, byteRest := d.coefs, d.nonzero, d.bytes
	for i := range d.components {
		c := &d.components[i]
		c.coefs, coefRest = cut(coefRest, c.rows*c.pitch*64)
		if d.info.Progressive {
			c.nonzero, nonzeroRest = cut(nonzeroRest, c.rows*c.pitch)
		}
		c.plane, byteRest = cut(byteRest, groups*c.v*c.stride)
		c.line, byteRest = cut(byteRest, line)
	}
}

// cut splits s after n elements.
func cut[T any](s []T, n int) (head, tail []T) { return s[:n:n], s[n:] }

// grown returns n elements, in the memory of s if they fit. Their values are
// what earlier use left.
func grown[T any](s []T, n int) []T {
	if cap(s) >= n {
		return s[:n]
	}
	return make([]T, n)
}

func ceilDiv(a, b int) int { return (a + b - 1) / b }
