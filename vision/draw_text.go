package vision

import (
	"image"
	"image/color"
	"math"
	"strings"
	"sync"

	"golang.org/x/image/font"
	"golang.org/x/image/font/gofont/gomedium"
	"golang.org/x/image/font/opentype"
	"golang.org/x/image/font/sfnt"
	"golang.org/x/image/math/fixed"
)

// parsedFont is the font Go Medium, parsed once.
var parsedFont = sync.OnceValue(func() *opentype.Font {
	f, err := opentype.Parse(gomedium.TTF)
	if err != nil {
		panic("BUG: the embedded font does not parse: " + err.Error())
	}
	return f
})

// typeface is the font at one size in pixels. It is not safe for concurrent
// use.
type typeface struct {
	face            font.Face
	ascent, descent int
}

func newTypeface(pixels float64) *typeface {
	face, err := opentype.NewFace(parsedFont(), &opentype.FaceOptions{Size: pixels, DPI: 72, Hinting: font.HintingFull})
	if err != nil {
		panic("BUG: no face of the embedded font: " + err.Error())
	}
	m := face.Metrics()
	return &typeface{face, m.Ascent.Ceil(), m.Descent.Ceil()}
}

func (t *typeface) width(s string) int { return font.MeasureString(t.face, s).Ceil() }

// legible replaces characters that the font does not have, which would leave gaps,
// by question marks.
func legible(s string) string {
	var buf sfnt.Buffer
	return strings.Map(func(r rune) rune {
		if i, err := parsedFont().GlyphIndex(&buf, r); err != nil || i == 0 {
			return '?'
		}
		return r
	}, s)
}

// cut makes a text legible and shortens it to the given width, with an ellipsis.
func (t *typeface) cut(s string, width int) string {
	s = legible(s)
	if t.width(s) <= width {
		return s
	}
	cut := ""
	for i := range s { // from the front: what does not fit may be long
		if i > 0 {
			short := s[:i] + "…"
			if t.width(short) > width {
				break
			}
			cut = short
		}
	}
	return cut
}

// text draws one line with its baseline at y.
func (c *canvas) text(s string, x, y int, col color.RGBA) {
	dot := fixed.P(x, y)
	for _, r := range s {
		box, mask, at, advance, ok := c.face.face.Glyph(dot, r)
		if ok {
			c.glyph(box, mask, at, col)
		}
		dot.X += advance
	}
}

func (c *canvas) glyph(box image.Rectangle, mask image.Image, at image.Point, col color.RGBA) {
	for y := box.Min.Y; y < box.Max.Y; y++ {
		for x := box.Min.X; x < box.Max.X; x++ {
			_, _, _, a := mask.At(at.X+x-box.Min.X, at.Y+y-box.Min.Y).RGBA()
			c.blend(x, y, col, float64(a)/0xffff)
		}
	}
}

// label writes a text on a coloured plate above the box, or inside or below it if
// there is no room, and avoids existing labels. Plates cover no more than half of
// the picture, of a thumbnail a quarter: what comes later, of lower scores, has a box alone.
func (c *canvas) label(box [4]float64, text string, col color.RGBA) {
	r, ok := c.pixels(box)
	if !ok {
		r = rect{0, 0, 1, 1}
	}
	pad := max(2, c.face.ascent/5)
	text = c.face.cut(text, c.m.Width-2*pad)
	if text == "" {
		return
	}
	width, height := c.face.width(text)+2*pad, c.face.ascent+c.face.descent+pad/2
	if c.covered += width * height; c.covered > c.room {
		return
	}
	plate := c.place(r, width, height)
	c.labels = append(c.labels, plate)
	c.fill(plate, col, 1)
	ink := black
	if luminance(col) < 0.36 {
		ink = white
	}
	c.text(text, plate.x0+pad, plate.y0+pad/4+c.face.ascent, ink)
}

// place finds room for the plate of a box's label: the first position inside the
// picture that overlaps no other label, else the one that overlaps the fewest.
func (c *canvas) place(box rect, width, height int) rect {
	x := min(max(box.x0, 0), max(0, c.m.Width-width))
	right := min(max(box.x1-width, 0), max(0, c.m.Width-width))
	spots := [][2]int{{x, box.y0 - height}, {x, box.y0}, {right, box.y0 - height}, {right, box.y0}, {x, box.y1}, {x, box.y1 - height}, {right, box.y1 - height}}
	for step := 1; step <= 6; step++ {
		spots = append(spots, [2]int{x, box.y0 + step*height}, [2]int{x, box.y0 - (step+1)*height})
	}
	best, fewest := rect{}, math.MaxInt
	for i, s := range spots {
		if i > 1 && (s[1] < 0 || s[1]+height > c.m.Height) || i == 0 && s[1] < 0 {
			continue
		}
		plate := rect{s[0], s[1], s[0] + width, s[1] + height}
		met := 0
		for _, l := range c.labels {
			if plate.meets(l) {
				met++
			}
		}
		if met == 0 {
			return plate
		}
		if met < fewest {
			best, fewest = plate, met
		}
	}
	return best
}

// luminance is relative luminance after WCAG 2, 0 to 1.
func luminance(c color.RGBA) float64 {
	linear := func(v uint8) float64 {
		x := float64(v) / 255
		if x <= 0.04045 {
			return x / 12.92
		}
		return math.Pow((x+0.055)/1.055, 2.4)
	}
	return 0.2126*linear(c.R) + 0.7152*linear(c.G) + 0.0722*linear(c.B)
}
