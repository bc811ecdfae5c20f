package vision

import (
	"errors"
	"fmt"
	"image"
	"image/color"

	"github.com/visionzoo/vision/internal/limit"
)

// MaxPixels is the largest width times height that is decoded, about 179 million:
// Pillow's hard limit.
const MaxPixels = 178_956_970

// Image is a picture: upright, RGB, 8 bits per channel. Pix holds Height rows of
// Width pixels of three bytes (red, green, blue), without gaps; the pixel at
// (x, y) starts at Pix[(y*Width+x)*3]. An Image is an image.Image. Where the fields
// do not fit together, functions that return an error say so, and others may panic.
//
// Colours are those of the file, without regard to a colour profile in it: networks
// were trained that way, as Pillow and OpenCV ignore profiles too.
type Image struct {
	Width, Height int
	Pix           []byte

	// Damaged says that the file the picture was decoded from, a JPEG, ended early or was
	// broken inside: what could not be read is grey or coarse.
	Damaged bool
}

// NewImage returns a black picture. It panics if a side is below 1 or the picture
// would have more than 2^31 bytes.
func NewImage(width, height int) *Image {
	if width < 1 || height < 1 || int64(width)*int64(height) > (1<<31-1)/3 {
		panic(fmt.Sprintf("BUG: vision.NewImage: %dx%d", width, height))
	}
	return &Image{Width: width, Height: height, Pix: make([]byte, width*height*3)}
}

// Row returns the bytes of row y, counted from 0 at the top; they are the picture's
// own, not a copy. It panics outside the picture.
func (m *Image) Row(y int) []byte { return m.Pix[y*m.Width*3 : (y+1)*m.Width*3] }

// RGB returns the colour at (x, y), which must lie inside the picture, else it may
// panic; (0, 0) is the pixel at the top left.
func (m *Image) RGB(x, y int) (r, g, b byte) {
	p := m.Pix[(y*m.Width+x)*3:]
	return p[0], p[1], p[2]
}

// ColorModel implements image.Image.
func (m *Image) ColorModel() color.Model { return color.RGBAModel }

// Bounds implements image.Image; it starts at (0, 0).
func (m *Image) Bounds() image.Rectangle { return image.Rect(0, 0, m.Width, m.Height) }

// At implements image.Image; outside the picture it returns a transparent colour.
func (m *Image) At(x, y int) color.Color {
	if x < 0 || y < 0 || x >= m.Width || y >= m.Height {
		return color.RGBA{}
	}
	r, g, b := m.RGB(x, y)
	return color.RGBA{R: r, G: g, B: b, A: 255}
}

// Opaque tells encoders that no alpha channel is needed.
func (m *Image) Opaque() bool { return true }

// NRGBA returns a copy in the standard library's form, for package image/draw and
// for encoders.
func (m *Image) NRGBA() *image.NRGBA {
	out := image.NewNRGBA(m.Bounds())
	for i, j := 0, 0; i < len(m.Pix); i, j = i+3, j+4 {
		out.Pix[j], out.Pix[j+1], out.Pix[j+2], out.Pix[j+3] = m.Pix[i], m.Pix[i+1], m.Pix[i+2], 255
	}
	return out
}

// fill paints the whole picture.
func (m *Image) fill(c [3]byte) {
	for i := 0; i+3 <= len(m.Pix); i += 3 {
		copy(m.Pix[i:i+3], c[:])
	}
}

// Clone returns a copy that shares nothing.
func (m *Image) Clone() *Image {
	return &Image{Width: m.Width, Height: m.Height, Pix: append([]byte(nil), m.Pix...), Damaged: m.Damaged}
}

// check refuses pictures whose fields do not fit together.
func (m *Image) check() error {
	if m == nil {
		return fmt.Errorf("vision: no picture")
	}
	if m.Width < 1 || m.Height < 1 || int64(m.Width)*int64(m.Height)*3 != int64(len(m.Pix)) {
		return fmt.Errorf("vision: a picture of %dx%d with %d bytes; RGB needs width*height*3", m.Width, m.Height, len(m.Pix))
	}
	return nil
}

// FromImage converts any image.Image. Alpha is blended over the background, white if
// that is nil; of 16 bits per channel the high byte is taken. The result shares
// nothing with src. A picture without pixels, or with more than MaxPixels, is an
// error.
func FromImage(src image.Image, background color.Color) (*Image, error) {
	if src == nil {
		return nil, errors.New("vision: no picture")
	}
	if m, ok := src.(*Image); ok {
		if err := m.check(); err != nil {
			return nil, err
		}
		return m.Clone(), nil
	}
	b := src.Bounds()
	if b.Dx() < 1 || b.Dy() < 1 {
		return nil, fmt.Errorf("vision: the picture is empty (%dx%d)", b.Dx(), b.Dy())
	}
	if int64(b.Dx())*int64(b.Dy()) > MaxPixels {
		return nil, limit.Errorf("vision: a picture of %dx%d is over the limit of %d pixels", b.Dx(), b.Dy(), MaxPixels)
	}
	out := NewImage(b.Dx(), b.Dy())
	flatten(out, src, opaque(background))
	return out, nil
}

// opaque converts a background colour: nil is white, alpha is ignored.
func opaque(c color.Color) [3]byte {
	if c == nil {
		return [3]byte{255, 255, 255}
	}
	n := color.NRGBA64Model.Convert(c).(color.NRGBA64)
	return [3]byte{byte(n.R >> 8), byte(n.G >> 8), byte(n.B >> 8)}
}
