package vision

import (
	"bytes"
	"encoding/binary"
	"image"
	"image/color"
	"image/gif"
)

// decodeGIF decodes the first frame and lays it on the screen, as Pillow does:
// around it is the transparent colour, or the palette's first.
func decodeGIF(data []byte, o *options) (*Image, int, error) {
	if len(data) < 13 {
		return nil, 0, broken("GIF", "the data ends in the header")
	}
	width, height := int(binary.LittleEndian.Uint16(data[6:])), int(binary.LittleEndian.Uint16(data[8:]))
	if err := o.admit("GIF", int64(width), int64(height), 4); err != nil {
		return nil, 0, err
	}
	src, err := gif.Decode(bytes.NewReader(data))
	if err != nil {
		return nil, 0, err
	}
	p, ok := src.(*image.Paletted)
	if !ok || len(p.Palette) == 0 {
		return nil, 0, broken("GIF", "the first frame has no palette")
	}
	frame := &Image{Width: p.Rect.Dx(), Height: p.Rect.Dy()}
	if frame.Width < 1 || frame.Height < 1 {
		return nil, 0, broken("GIF", "the first frame has no pixels")
	}
	frame.Pix = make([]byte, frame.Width*frame.Height*3)
	flatten(frame, p, o.background)
	if frame.Width == width && frame.Height == height {
		return frame, 1, nil
	}
	screen := NewImage(width, height)
	ground := o.background
	if !transparent(p.Palette) {
		var first Image
		first.Width, first.Height, first.Pix = 1, 1, ground[:]
		flattenPalette(&first, []byte{0}, 1, p.Palette, ground)
	}
	for i := 0; i < len(screen.Pix); i += 3 {
		copy(screen.Pix[i:i+3], ground[:])
	}
	for y := range frame.Height {
		copy(screen.Row(p.Rect.Min.Y + y)[p.Rect.Min.X*3:], frame.Row(y))
	}
	return screen, 1, nil
}

func transparent(p color.Palette) bool {
	for _, c := range p {
		if _, _, _, a := c.RGBA(); a == 0 {
			return true
		}
	}
	return false
}
