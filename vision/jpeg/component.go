package jpeg

import (
	"fmt"
	"image"
)

// A component is one plane of samples, with its coefficients.
type component struct {
	frameComponent
	width, height    int // in samples, T.81 A.1.1
	blocksX, blocksY int // in blocks
	pitch            int // blocks per stored row: of complete MCUs, and even
	rows             int // stored rows of blocks: those of one row of MCUs, or of the picture

	coefs   []int16  // rows*pitch blocks of 64 coefficients in natural order
	nonzero []uint64 // for each block one bit per coefficient, in zigzag order; progressive only

	quant    [64]int16 // quantisation table at the component's first scan, in natural order
	hasQuant bool

	known knowledge // progressive only

	plane  []byte // 10 row groups of samples, see render.go
	stride int    // bytes per row of plane
	up     upsampler

	// The part of a row that the region needs: samples [x0, x1), and blocks [b0, b1) for
	// these and one more sample on either side.
	x0, x1, b0, b1 int

	line []byte // one row of upsampled samples, if up needs it
}

// block returns the coefficients of the block at column x of row y.
func (c *component) block(x, y int) *[64]int16 {
	i := (y*c.pitch + x) * 64
	return (*[64]int16)(c.coefs[i : i+64])
}

// latch stores the quantisation table at the first scan of c.
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

// A geometry is a frame divided into MCUs, T.81 A.2.
type geometry struct {
	width, height int
	maxH, maxV    int
	mcusX, mcusY  int

	area image.Rectangle // the region; its left edge is that of a sample in all components
}

// layOut sets the geometry and the sizes of the components from the frame header.
// stored says that coefficients of the whole picture are stored.
func (d *Decoder) layOut(stored bool) error {
	h := &d.header
	d.components = d.space[:h.info.Components]
	g := geometry{width: h.info.Width, height: h.info.Height}
	for i := range d.components {
		c := component{frameComponent: h.frame[i]}
		if len(d.components) == 1 {
			c.h, c.v = 1, 1 // a single component is not interleaved, so its factors have no effect: T.81 A.2.2
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

// mark sets the area, and the parts of the components that it needs.
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

// firstMCURow returns the first row of MCUs on which pixels of the area may depend.
func (d *Decoder) firstMCURow() int { return max(0, d.area.Min.Y/(8*d.maxV)-1) }

// margin is the number of bytes left and right of the samples of a row of a plane. One is
// needed, for the neighbour outside the picture.
const margin = 16

// groups is the number of row groups in a plane.
const groups = 10

// workBytes returns the size of the memory that allocate needs.
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

// allocate gives each component its memory, and reuses that of earlier pictures.
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

// grown returns n elements of undefined values, in the memory of s if they fit.
func grown[T any](s []T, n int) []T {
	if cap(s) >= n {
		return s[:n]
	}
	return make([]T, n)
}

func ceilDiv(a, b int) int { return (a + b - 1) / b }
