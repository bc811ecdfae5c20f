package vision

import (
	"context"

	"github.com/visionzoo/vision/engine/tensor"
)

// sample is the element type of a tensor of pictures.
type sample interface {
	float32 | tensor.Float16Bits | uint8 | int8
}

// writer writes rows of RGB into one picture of a tensor.
type writer[T sample] struct {
	dst           []T
	tables        [3]*[256]T // in the order of the tensor's channels
	source        [3]int     // the byte of RGB that each channel reads
	channels      int
	width, height int
	planar        bool
	border        [3]T // the stored value of padding
	flip          bool
}

// write fills one picture of a tensor: resized rows as they are produced, and the
// border around them.
func write[T sample](ctx context.Context, e *Encoder, dst []T, img *Image, p placement, convert func(float32) T) error {
	w := newWriter(e, dst, p, convert)
	rows := p.window.y1 - p.window.y0
	for y := range p.height {
		if y < p.top || y >= p.top+rows {
			w.fill(y, 0, p.width)
		}
	}
	columns := p.window.x1 - p.window.x0
	return resample(ctx, img, p.window, e.recipe.Resize.Filter, e.threads, func(y int, row []byte) {
		left := p.left
		if w.flip {
			mirrored := make([]byte, len(row))
			mirror(mirrored, row)
			row, left = mirrored, p.width-p.left-columns
		}
		w.fill(p.top+y, 0, left)
		w.row(p.top+y, left, row)
		w.fill(p.top+y, left+columns, p.width)
	})
}

func newWriter[T sample](e *Encoder, dst []T, p placement, convert func(float32) T) *writer[T] {
	r := e.recipe
	w := &writer[T]{dst: dst, channels: e.channels, width: p.width, height: p.height, flip: r.Flip}
	w.planar = r.Layout == "NCHW" || r.Layout == "CHW"
	w.source = [3]int{0, 1, 2}
	if r.Channels == "BGR" {
		w.source = [3]int{2, 1, 0}
	}
	for c := range e.channels {
		w.tables[c] = new([256]T)
		for b, v := range e.values[c] {
			w.tables[c][b] = convert(v)
		}
		w.border[c] = w.tables[c][r.Pad.Value]
		if r.Pad.Mode == PadMultiple && r.Crop.Mode == CropNone {
			w.border[c] = convert(e.zero)
		}
	}
	return w
}

// fill writes the border into columns x0 ≤ x < x1 of row y.
func (w *writer[T]) fill(y, x0, x1 int) {
	if x0 >= x1 {
		return
	}
	if w.planar {
		for c := range w.channels {
			d := w.dst[(c*w.height+y)*w.width:][x0:x1]
			d[0] = w.border[c]
			for n := 1; n < len(d); n *= 2 {
				copy(d[n:], d[:n])
			}
		}
		return
	}
	d := w.dst[y*w.width*w.channels:][x0*w.channels : x1*w.channels]
	for i := range d {
		d[i] = w.border[i%w.channels]
	}
}

// row writes pixels of RGB into row y, from column x on.
func (w *writer[T]) row(y, x int, pix []byte) {
	n := len(pix) / 3
	switch {
	case w.channels == 1:
		lumaRow(w.dst[y*w.width+x:][:n], pix, w.tables[0])
	case w.planar:
		done := w.planes(y, x, pix)
		if done == n {
			return
		}
		for c := range w.channels {
			planarRow(w.dst[(c*w.height+y)*w.width+x:][done:n], pix[3*done+w.source[c]:], w.tables[c])
		}
	default:
		packedRow(w.dst[(y*w.width+x)*3:][:n*3], pix, w)
	}
}

// planarRow writes one channel: every third byte of pix.
func planarRow[T sample](dst []T, pix []byte, table *[256]T) {
	for len(dst) >= 4 && len(pix) >= 12 {
		p := pix[:12:12]
		d := dst[:4:4]
		d[0], d[1], d[2], d[3] = table[p[0]], table[p[3]], table[p[6]], table[p[9]]
		dst, pix = dst[4:], pix[12:]
	}
	for i := range dst {
		dst[i] = table[pix[3*i]]
	}
}

func packedRow[T sample](dst []T, pix []byte, w *writer[T]) {
	s0, s1, s2 := w.source[0], w.source[1], w.source[2]
	t0, t1, t2 := w.tables[0], w.tables[1], w.tables[2]
	for i := 0; i+3 <= len(dst); i += 3 {
		p := pix[i : i+3 : i+3]
		dst[i], dst[i+1], dst[i+2] = t0[p[s0]], t1[p[s1]], t2[p[s2]]
	}
}

func lumaRow[T sample](dst []T, pix []byte, table *[256]T) {
	for i := range dst {
		p := pix[3*i : 3*i+3 : 3*i+3]
		dst[i] = table[luma(p[0], p[1], p[2])]
	}
}

// luma is ITU-R BT.601 luma, rounded as by Pillow's convert("L").
func luma(r, g, b byte) byte {
	return byte((uint32(r)*19595 + uint32(g)*38470 + uint32(b)*7471 + 0x8000) >> 16)
}

// mirror writes the pixels of src in reverse order to dst, which may be src.
func mirror(dst, src []byte) {
	for i, j := 0, len(src)-3; i <= j; i, j = i+3, j-3 {
		r, g, b := src[i], src[i+1], src[i+2]
		r2, g2, b2 := src[j], src[j+1], src[j+2]
		dst[i], dst[i+1], dst[i+2] = r2, g2, b2
		dst[j], dst[j+1], dst[j+2] = r, g, b
	}
}
