package vision

import (
	"bytes"
	"encoding/binary"
	"image"
	"image/color"
	"image/gif"
	"io"
)

// decodeGIF decodes the first frame and places it on the logical screen, as Pillow
// does; the area around it has the transparent colour, or the palette's first.
func decodeGIF(data []byte, o *options) (*Image, int, error) {
	if len(data) < 13 {
		return nil, 0, broken("GIF", "the data ends in the header")
	}
	width, height := int(binary.LittleEndian.Uint16(data[6:])), int(binary.LittleEndian.Uint16(data[8:]))
	if err := o.admit("GIF", int64(width), int64(height), int64(width)*int64(height)); err != nil {
		return nil, 0, err
	}
	src, err := gif.Decode(watched{bytes.NewReader(data), o})
	if err != nil {
		return nil, 0, err
	}
	p, ok := src.(*image.Paletted)
	if !ok || len(p.Palette) == 0 {
		return nil, 0, broken("GIF", "the first frame has no palette")
	}
	r := p.Rect
	if r.Empty() || r.Min.X < 0 || r.Min.Y < 0 || r.Max.X > width || r.Max.Y > height {
		return nil, 0, broken("GIF", "the first frame has no pixels, or lies outside the screen")
	}
	colours := paletteColours(p.Palette, o.background)
	ground := o.background
	if !transparent(p.Palette) {
		ground = colours[0]
	}
	screen := NewImage(width, height)
	if r.Dx() < width || r.Dy() < height {
		screen.fill(ground)
	}
	for y := range r.Dy() {
		if err := o.ended(); err != nil {
			return nil, 0, err
		}
		row := screen.Row(r.Min.Y + y)[r.Min.X*3:]
		for x, index := range p.Pix[y*p.Stride:][:r.Dx()] {
			copy(row[3*x:3*x+3], colours[index][:])
		}
	}
	return screen, 1, nil
}

// watched is a reader that fails once decoding has ended.
type watched struct {
	io.Reader
	o *options
}

func (w watched) Read(p []byte) (int, error) {
	if err := w.o.ended(); err != nil {
		return 0, err
	}
	return w.Reader.Read(p)
}

func transparent(p color.Palette) bool {
	for _, c := range p {
		if _, _, _, a := c.RGBA(); a == 0 {
			return true
		}
	}
	return false
}
