package vision

import (
	"context"
	"fmt"
	"image"
	"image/color"
	"math"

	"github.com/disintegration/imaging"

	"github.com/visionzoo/vision/internal/limit"
)

// What follows is for people's eyes: geometry by the imaging library, without the
// exact arithmetic that networks need. The library indexes palettes unchecked, in
// goroutines of its own, so that a bad picture could crash the program; an Image
// has no palette.

// adoptNRGBA converts an opaque picture to an Image in place.
func adoptNRGBA(n *image.NRGBA) *Image {
	m, err := adopt(n, [3]byte{255, 255, 255})
	if err != nil {
		panic("BUG: imaging made an empty picture")
	}
	return m
}

func checkSides(what string, width, height int) error {
	if !side(width) || !side(height) || int64(width)*int64(height) > MaxPixels {
		return limit.Errorf("vision: %s of %dx%d; sides are 1 to %d and width*height at most %d", what, width, height, maxSide, MaxPixels)
	}
	return nil
}

// Fit returns the picture shrunk to fit into width × height with its aspect ratio
// kept; one that fits already is copied. It is for people, and so are Thumbnail,
// Rotate, Flip and ContactSheet: networks need the exact arithmetic of Resize.
func Fit(m *Image, width, height int) (*Image, error) {
	if err := checkSides("fit", width, height); err != nil {
		return nil, err
	}
	if err := m.check(); err != nil {
		return nil, err
	}
	if m.Width <= width && m.Height <= height {
		return m.Clone(), nil
	}
	return adoptNRGBA(imaging.Fit(m.NRGBA(), width, height, imaging.Lanczos)), nil
}

// Thumbnail returns a picture of exactly width × height: the largest part of that
// aspect ratio from the middle, resized.
func Thumbnail(m *Image, width, height int) (*Image, error) {
	if err := checkSides("thumbnail", width, height); err != nil {
		return nil, err
	}
	if err := m.check(); err != nil {
		return nil, err
	}
	across, down := m.Width, m.Height
	if wide := int64(across)*int64(height) > int64(down)*int64(width); wide {
		across = max(1, int(math.Round(float64(down)*float64(width)/float64(height))))
	} else {
		down = max(1, int(math.Round(float64(across)*float64(height)/float64(width))))
	}
	// imaging.Thumbnail would first enlarge the whole of a low or narrow picture.
	part := imaging.CropCenter(m.NRGBA(), across, down)
	return adoptNRGBA(imaging.Resize(part, width, height, imaging.Lanczos)), nil
}

// Rotate returns the picture turned counter-clockwise by degrees. The new corners
// get the background colour (nil: white).
func Rotate(m *Image, degrees float64, background color.Color) (*Image, error) {
	if err := m.check(); err != nil {
		return nil, err
	}
	if math.IsNaN(degrees) || math.IsInf(degrees, 0) {
		return nil, fmt.Errorf("vision: cannot rotate by %v degrees", degrees)
	}
	if d := int64(math.Hypot(float64(m.Width), float64(m.Height))) + 2; d*d > MaxPixels && math.Mod(degrees, 90) != 0 {
		return nil, limit.Errorf("vision: a picture of %dx%d would grow over the limit of %d pixels", m.Width, m.Height, MaxPixels)
	}
	bg := opaque(background)
	return adoptNRGBA(imaging.Rotate(m.NRGBA(), degrees, color.NRGBA{R: bg[0], G: bg[1], B: bg[2], A: 255})), nil
}

// Axis says which sides Flip exchanges.
type Axis uint8

// The axes.
const (
	LeftRight Axis = iota
	TopBottom
)

// Flip returns the mirrored picture.
func Flip(m *Image, a Axis) (*Image, error) {
	if err := m.check(); err != nil {
		return nil, err
	}
	if a == TopBottom {
		return adoptNRGBA(imaging.FlipV(m.NRGBA())), nil
	}
	return adoptNRGBA(imaging.FlipH(m.NRGBA())), nil
}

// Crop returns a rectangle of the picture, in pixels and clipped to the picture. It
// is an error if nothing is left.
func Crop(m *Image, left, top, width, height int) (*Image, error) {
	if err := m.check(); err != nil {
		return nil, err
	}
	// Sides are cut first: left+width may be beyond int.
	r := image.Rectangle{Min: image.Pt(max(left, 0), max(top, 0)), Max: image.Pt(end(left, width, m.Width), end(top, height, m.Height))}
	if r.Empty() {
		return nil, fmt.Errorf("vision: the part of %dx%d at (%d, %d) lies outside the picture of %dx%d", width, height, left, top, m.Width, m.Height)
	}
	out := NewImage(r.Dx(), r.Dy())
	for y := range out.Height {
		copy(out.Row(y), m.Row(r.Min.Y + y)[r.Min.X*3:r.Max.X*3])
	}
	return out, nil
}

// end is from+length, at most side.
func end(from, length, side int) int {
	if from > 0 {
		length = min(length, side-min(from, side))
	}
	return min(from+max(length, 0), side)
}

// Captioned is a picture of a contact sheet with its caption.
type Captioned struct {
	Image   *Image
	Caption string
}

// ContactSheet lays pictures, at least one, out in a grid with the given number of
// columns, each fitted into a square of size x size pixels with its caption below.
// The size is at least 16.
func ContactSheet(pictures []Captioned, columns, size int) (*Image, error) {
	if len(pictures) == 0 || columns < 1 || size < 16 || size > maxSide {
		return nil, fmt.Errorf("vision: a contact sheet of %d pictures in %d columns of %d pixels", len(pictures), columns, size)
	}
	columns = min(columns, len(pictures))
	gap := max(4, size/24)
	face := newTypeface(max(11, float64(size)/14))
	line := face.ascent + face.descent + gap/2
	rows := (len(pictures) + columns - 1) / columns
	width, height := columns*(size+gap)+gap, rows*(size+line+gap)+gap
	if err := checkSides("contact sheet", width, height); err != nil {
		return nil, err
	}
	sheet := NewImage(width, height)
	sheet.fill([3]byte{250, 250, 250})
	c := &canvas{m: sheet, ctx: context.Background(), unit: 1, face: face}
	for i, p := range pictures {
		small, err := Fit(p.Image, size, size)
		if err != nil {
			return nil, fmt.Errorf("picture %d: %w", i, err)
		}
		x, y := gap+i%columns*(size+gap), gap+i/columns*(size+line+gap)
		left, top := x+(size-small.Width)/2, y+(size-small.Height)/2
		for r := range small.Height {
			copy(sheet.Row(top + r)[left*3:], small.Row(r))
		}
		k := Mark{Label: p.Caption}
		caption := face.cut(k.text(), size)
		c.text(caption, x+(size-face.width(caption))/2, y+size+gap/4+face.ascent, color.RGBA{R: 40, G: 40, B: 40, A: 255})
	}
	return sheet, nil
}
