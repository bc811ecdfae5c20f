package vision

import (
	"image"
	"image/color"
)

// over is round(c*a/255 + bg*(1-a/255)): a straight colour over a background.
func over(c, a, bg byte) byte {
	return byte((uint32(c)*uint32(a) + uint32(bg)*uint32(255-a) + 127) / 255)
}

// overPremultiplied is over for a premultiplied colour.
func overPremultiplied(c, a, bg byte) byte {
	return byte(min(255, uint32(c)+(uint32(bg)*uint32(255-a)+127)/255))
}

// adopt converts what a decoder returned to an Image, in the decoder's own memory
// if that is large enough: src must not be used afterwards.
func adopt(src image.Image, background [3]byte) (*Image, error) {
	b := src.Bounds()
	w, h := b.Dx(), b.Dy()
	if w < 1 || h < 1 {
		return nil, broken("picture", "%dx%d pixels", w, h)
	}
	pix, stride := []byte(nil), 0
	switch s := src.(type) {
	case *image.RGBA:
		pix, stride = s.Pix, s.Stride
	case *image.NRGBA:
		pix, stride = s.Pix, s.Stride
	case *image.RGBA64:
		pix, stride = s.Pix, s.Stride
	case *image.NRGBA64:
		pix, stride = s.Pix, s.Stride
	}
	out := &Image{Width: w, Height: h}
	// Pixels shrink from 4 or 8 bytes to 3, so writing never overtakes reading.
	if stride >= 4*w && len(pix) >= w*h*4 {
		out.Pix = pix[:w*h*3]
	} else {
		out.Pix = make([]byte, w*h*3)
	}
	flatten(out, src, background)
	return out, nil
}

// flatten writes src, blended over the background, into out, which has the same
// size. They may share memory if src has 4 or more bytes per pixel.
func flatten(out *Image, src image.Image, bg [3]byte) {
	b := src.Bounds()
	switch s := src.(type) {
	case *Image:
		copy(out.Pix, s.Pix)
	case *image.RGBA:
		flattenBytes(out, s.Pix[s.PixOffset(b.Min.X, b.Min.Y):], s.Stride, 1, bg, overPremultiplied)
	case *image.NRGBA:
		flattenBytes(out, s.Pix[s.PixOffset(b.Min.X, b.Min.Y):], s.Stride, 1, bg, over)
	case *image.RGBA64:
		flattenBytes(out, s.Pix[s.PixOffset(b.Min.X, b.Min.Y):], s.Stride, 2, bg, overPremultiplied)
	case *image.NRGBA64:
		flattenBytes(out, s.Pix[s.PixOffset(b.Min.X, b.Min.Y):], s.Stride, 2, bg, over)
	case *image.Gray:
		flattenGrey(out, s.Pix[s.PixOffset(b.Min.X, b.Min.Y):], s.Stride, 1)
	case *image.Gray16:
		flattenGrey(out, s.Pix[s.PixOffset(b.Min.X, b.Min.Y):], s.Stride, 2)
	case *image.Paletted:
		flattenPalette(out, s.Pix[s.PixOffset(b.Min.X, b.Min.Y):], s.Stride, s.Palette, bg)
	case *image.YCbCr:
		for y := range out.Height {
			row := out.Row(y)
			for x := range out.Width {
				i, j := s.YOffset(b.Min.X+x, b.Min.Y+y), s.COffset(b.Min.X+x, b.Min.Y+y)
				row[3*x], row[3*x+1], row[3*x+2] = color.YCbCrToRGB(s.Y[i], s.Cb[j], s.Cr[j])
			}
		}
	default:
		for y := range out.Height {
			row := out.Row(y)
			for x := range out.Width {
				c := color.NRGBA64Model.Convert(src.At(b.Min.X+x, b.Min.Y+y)).(color.NRGBA64)
				flattenPixel(row[3*x:], byte(c.R>>8), byte(c.G>>8), byte(c.B>>8), byte(c.A>>8), bg, over)
			}
		}
	}
}

func flattenPixel(dst []byte, r, g, b, a byte, bg [3]byte, blend func(c, a, bg byte) byte) {
	if a != 255 {
		r, g, b = blend(r, a, bg[0]), blend(g, a, bg[1]), blend(b, a, bg[2])
	}
	dst[0], dst[1], dst[2] = r, g, b
}

// flattenBytes reads red, green, blue and alpha of size bytes each, in big-endian
// order.
func flattenBytes(out *Image, pix []byte, stride, size int, bg [3]byte, blend func(c, a, bg byte) byte) {
	for y := range out.Height {
		row, p := out.Row(y), pix[y*stride:]
		for x := range out.Width {
			q := p[x*4*size : x*4*size+4*size]
			flattenPixel(row[3*x:3*x+3], q[0], q[size], q[2*size], q[3*size], bg, blend)
		}
	}
}

func flattenGrey(out *Image, pix []byte, stride, size int) {
	for y := range out.Height {
		row, p := out.Row(y), pix[y*stride:]
		for x := range out.Width {
			v := p[x*size]
			row[3*x], row[3*x+1], row[3*x+2] = v, v, v
		}
	}
}

// paletteColours returns a palette's colours blended over the background; indices
// past its end are black.
func paletteColours(palette color.Palette, bg [3]byte) *[256][3]byte {
	var colours [256][3]byte
	for i, c := range palette[:min(len(palette), 256)] {
		n := color.NRGBA64Model.Convert(c).(color.NRGBA64)
		flattenPixel(colours[i][:], byte(n.R>>8), byte(n.G>>8), byte(n.B>>8), byte(n.A>>8), bg, over)
	}
	return &colours
}

func flattenPalette(out *Image, pix []byte, stride int, palette color.Palette, bg [3]byte) {
	colours := paletteColours(palette, bg)
	for y := range out.Height {
		row, p := out.Row(y), pix[y*stride:]
		for x := range out.Width {
			copy(row[3*x:3*x+3], colours[p[x]][:])
		}
	}
}
