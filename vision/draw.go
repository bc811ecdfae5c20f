package vision

import (
	"context"
	"encoding/json"
	"fmt"
	"image/color"
	"math"
	"strings"
	"unicode"

	"github.com/visionzoo/vision/internal/await"
)

// Mark is an object to draw on a picture: its box, mask and points, whichever it
// has. Coordinates are pixels of the picture.
type Mark struct {
	Class int     // determines the colour, see ClassColor
	Label string  // "" for none
	Score float64 // 0 to 1, written after the label; 0 for none
	// Box is left, top, right, bottom; the last two exclusive. Empty for none.
	Box [4]float64
	// Corners are those of a box at an angle, x and y of each, which is drawn in place of
	// Box; the label stays with Box. nil for none.
	Corners [][2]float64
	// Mask is the part of the picture that belongs to the object; nil for none.
	Mask *Mask
	// Points are joined by Bones, pairs of indices into Points.
	Points []Keypoint
	Bones  [][2]int
}

// Mask is a part of a picture: Pix holds Height rows of Width values from 0
// (outside) to 255 (inside); the first is the picture's pixel (Left, Top).
type Mask struct {
	Left, Top, Width, Height int
	Pix                      []byte
}

// at is the mask's value at a pixel of the picture, 0 outside the mask.
func (m *Mask) at(x, y int) byte {
	x, y = x-m.Left, y-m.Top
	if x < 0 || y < 0 || x >= m.Width || y >= m.Height {
		return 0
	}
	return m.Pix[y*m.Width+x]
}

// Keypoint is a point, in pixels of the picture, with a confidence. Points with a
// Score of 0 or less are not drawn.
type Keypoint struct{ X, Y, Score float64 }

// visible reports whether the point is found, and near enough to be drawn.
func (k Keypoint) visible() bool {
	return k.Score > 0 && math.Abs(k.X) < 1e6 && math.Abs(k.Y) < 1e6
}

// MarshalJSON writes the point as [x, y, score].
func (k Keypoint) MarshalJSON() ([]byte, error) {
	return json.Marshal([]float64{k.X, k.Y, k.Score})
}

// UnmarshalJSON reads what MarshalJSON writes.
func (k *Keypoint) UnmarshalJSON(data []byte) error {
	var v []float64
	if err := json.Unmarshal(data, &v); err != nil {
		return err
	}
	if len(v) != 3 {
		return fmt.Errorf("a keypoint of %d numbers; it has three: x, y, score", len(v))
	}
	*k = Keypoint{v[0], v[1], v[2]}
	return nil
}

// ClassColor returns the colour of a class, which is always the same. Classes with
// neighbouring numbers have clearly different colours.
func ClassColor(class int) color.RGBA {
	// Steps by the golden ratio spread hues evenly, however many there are; two
	// levels of brightness distinguish classes whose hues are close.
	hue := math.Mod(0.02+float64(class)*0.6180339887498949, 1)
	if hue < 0 {
		hue++
	}
	ring := ((class/7)%3 + 3) % 3
	saturation, value := []float64{0.85, 0.65, 1}[ring], []float64{1, 0.9, 0.75}[ring]
	channel := func(n float64) uint8 {
		k := math.Mod(n+hue*6, 6)
		return uint8(math.Round(255 * value * (1 - saturation*max(0, min(k, 4-k, 1)))))
	}
	return color.RGBA{R: channel(5), G: channel(3), B: channel(1), A: 255}
}

// Draw returns a copy of the picture with the marks drawn on it: translucent masks
// with outlines, boxes, bones and points, and on top the labels with scores, placed
// inside the picture so that they overlap as little as possible. Lines and letters
// grow with the picture.
func Draw(m *Image, marks []Mark) (*Image, error) { return DrawContext(context.Background(), m, marks) }

// DrawContext is Draw with a context.
func DrawContext(ctx context.Context, m *Image, marks []Mark) (*Image, error) {
	if err := m.check(); err != nil {
		return nil, err
	}
	if err := await.Check(ctx); err != nil {
		return nil, err
	}
	for i, k := range marks {
		if k.Mask != nil && (k.Mask.Width < 0 || k.Mask.Height < 0 || int64(k.Mask.Width)*int64(k.Mask.Height) != int64(len(k.Mask.Pix))) {
			return nil, fmt.Errorf("vision: mark %d: a mask of %dx%d with %d values", i, k.Mask.Width, k.Mask.Height, len(k.Mask.Pix))
		}
	}
	c := newCanvas(ctx, m.Clone())
	for i := range marks {
		if marks[i].Mask != nil {
			c.mask(marks[i].Mask, ClassColor(marks[i].Class))
		}
	}
	for i := range marks {
		if len(marks[i].Corners) > 0 {
			c.polygon(marks[i].Corners, ClassColor(marks[i].Class))
		} else {
			c.box(marks[i].Box, ClassColor(marks[i].Class))
		}
	}
	for i := range marks {
		c.bones(&marks[i], ClassColor(marks[i].Class))
	}
	for i := range marks {
		if text := c.shorten(&marks[i]); text != "" {
			c.label(marks[i].anchor(), text, ClassColor(marks[i].Class))
		}
	}
	return c.m, ctx.Err()
}

// text is the label and the score in hundredths, without control characters.
func (k *Mark) text() string {
	s := strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return -1
		}
		return r
	}, k.Label)
	if s != "" && k.Score > 0 && k.Score <= 1 {
		s += fmt.Sprintf(" %.2f", k.Score)
	}
	return s
}

// shorten is a mark's text. On a thumbnail the score is left out if the plate would
// be wider than the object and hide its neighbours.
func (c *canvas) shorten(k *Mark) string {
	text := k.text()
	b := k.anchor()
	if c.small && float64(c.face.width(text)) > 1.1*(b[2]-b[0]) {
		bare := *k
		bare.Score = 0
		return bare.text()
	}
	return text
}

// anchor is the box to which the label is attached: the mark's own, or the bounds
// of its mask or points.
func (k *Mark) anchor() [4]float64 {
	switch {
	case k.Box[2] > k.Box[0] && k.Box[3] > k.Box[1]:
		return k.Box
	case k.Mask != nil:
		return [4]float64{float64(k.Mask.Left), float64(k.Mask.Top), float64(k.Mask.Left + k.Mask.Width), float64(k.Mask.Top + k.Mask.Height)}
	case len(k.Points) > 0:
		b := [4]float64{math.Inf(1), math.Inf(1), math.Inf(-1), math.Inf(-1)}
		for _, p := range k.Points {
			b = [4]float64{min(b[0], p.X), min(b[1], p.Y), max(b[2], p.X), max(b[3], p.Y)}
		}
		return b
	}
	return [4]float64{}
}

// canvas draws on the picture m, until the context is done; unit is the thickness of its
// lines in pixels.
type canvas struct {
	m       *Image
	ctx     context.Context
	unit    int
	face    *typeface
	small   bool   // a thumbnail
	labels  []rect // areas taken by labels
	room    int    // pixels that labels may cover
	covered int    // pixels of all labels, also of those left out
}

func newCanvas(ctx context.Context, m *Image) *canvas {
	short := float64(min(m.Width, m.Height))
	// On a screen the whole picture is shrunk to about a thousand pixels, so sizes
	// are relative to the shorter side: letters are 1/34 of it high, and not so large
	// that a label fills the width. A picture of less than that is shown as it is, and
	// needs 12 pixels to be read at ease; on a thumbnail, 8 are still read.
	letters := max(8, min(12, float64(m.Width)/20), min(short/34, float64(m.Width)/16))
	c := &canvas{m: m, ctx: ctx, unit: max(1, int(math.Round(short/260))), face: newTypeface(letters), room: m.Width * m.Height / 2}
	if c.small = short < 400; c.small {
		c.room /= 2
	}
	return c
}

// blend mixes a colour into one pixel; outside the picture it does nothing.
func (c *canvas) blend(x, y int, col color.RGBA, alpha float64) {
	if x < 0 || y < 0 || x >= c.m.Width || y >= c.m.Height || alpha <= 0 {
		return
	}
	p := c.m.Pix[(y*c.m.Width+x)*3:]
	a := int(min(alpha, 1)*256 + 0.5)
	p[0] = byte((int(p[0])*(256-a) + int(col.R)*a) >> 8)
	p[1] = byte((int(p[1])*(256-a) + int(col.G)*a) >> 8)
	p[2] = byte((int(p[2])*(256-a) + int(col.B)*a) >> 8)
}

// rect is a rectangle of whole pixels; the right and lower edges are exclusive.
type rect struct{ x0, y0, x1, y1 int }

func (r rect) meets(o rect) bool { return r.x0 < o.x1 && o.x0 < r.x1 && r.y0 < o.y1 && o.y0 < r.y1 }

// pixels rounds a box to whole pixels of the picture; it reports false if nothing
// is left.
func (c *canvas) pixels(b [4]float64) (rect, bool) {
	for _, v := range b {
		if math.IsNaN(v) {
			return rect{}, false
		}
	}
	x := func(v float64) int { return int(math.Round(min(max(v, 0), float64(c.m.Width)))) }
	y := func(v float64) int { return int(math.Round(min(max(v, 0), float64(c.m.Height)))) }
	r := rect{x(b[0]), y(b[1]), x(b[2]), y(b[3])}
	return r, r.x1 > r.x0 && r.y1 > r.y0
}

func (c *canvas) fill(r rect, col color.RGBA, alpha float64) {
	for y := max(r.y0, 0); y < min(r.y1, c.m.Height) && c.ctx.Err() == nil; y++ {
		for x := max(r.x0, 0); x < min(r.x1, c.m.Width); x++ {
			c.blend(x, y, col, alpha)
		}
	}
}

// frame fills a band of the given width along a rectangle's inside.
func (c *canvas) frame(r rect, width int, col color.RGBA, alpha float64) {
	width = min(width, (r.x1-r.x0+1)/2, (r.y1-r.y0+1)/2)
	c.fill(rect{r.x0, r.y0, r.x1, r.y0 + width}, col, alpha)
	c.fill(rect{r.x0, r.y1 - width, r.x1, r.y1}, col, alpha)
	c.fill(rect{r.x0, r.y0 + width, r.x0 + width, r.y1 - width}, col, alpha)
	c.fill(rect{r.x1 - width, r.y0 + width, r.x1, r.y1 - width}, col, alpha)
}

var (
	black = color.RGBA{A: 255}
	white = color.RGBA{R: 255, G: 255, B: 255, A: 255}
)

// box draws a box as a coloured band with a thin dark edge on both sides, so that
// it is visible on any background.
func (c *canvas) box(b [4]float64, col color.RGBA) {
	r, ok := c.pixels(b)
	if !ok {
		return
	}
	edge := max(1, c.unit/3)
	band := c.unit + 1
	if min(c.m.Width, c.m.Height) < 200 {
		band = 1
	}
	c.frame(r, band+2*edge, black, 0.35)
	inner := rect{r.x0 + edge, r.y0 + edge, r.x1 - edge, r.y1 - edge}
	if inner.x1-inner.x0 < 2 || inner.y1-inner.y0 < 2 {
		inner = r
	}
	c.frame(inner, band, col, 1)
}

// polygon draws the outline of a box at an angle, as visible as that of box.
func (c *canvas) polygon(corners [][2]float64, col color.RGBA) {
	band := float64(c.unit + 1)
	if min(c.m.Width, c.m.Height) < 200 {
		band = 1
	}
	edge := 2 * float64(max(1, c.unit/3))
	for _, pen := range []struct {
		width, alpha float64
		color        color.RGBA
	}{{band + edge, 0.35, black}, {band, 1, col}} {
		for i, p := range corners {
			next := corners[(i+1)%len(corners)]
			a, b := Keypoint{X: p[0], Y: p[1], Score: 1}, Keypoint{X: next[0], Y: next[1], Score: 1}
			if a.visible() && b.visible() {
				c.stroke(a, b, pen.width, pen.color, pen.alpha)
			}
		}
	}
}

// mask tints the inside of a mask and draws its outline.
func (c *canvas) mask(k *Mask, col color.RGBA) {
	edge := max(1, c.unit*2/3)
	for y := max(k.Top, 0); y < min(k.Top+k.Height, c.m.Height) && c.ctx.Err() == nil; y++ {
		for x := max(k.Left, 0); x < min(k.Left+k.Width, c.m.Width); x++ {
			v := k.at(x, y)
			if v == 0 {
				continue
			}
			alpha := 0.45
			if v >= 128 && (k.at(x-edge, y) < 128 || k.at(x+edge, y) < 128 || k.at(x, y-edge) < 128 || k.at(x, y+edge) < 128) {
				alpha = 0.95
			}
			c.blend(x, y, col, alpha*float64(v)/255)
		}
	}
}

// bones draws the lines between points that were found, then the points.
func (c *canvas) bones(k *Mark, col color.RGBA) {
	found := func(i int) bool {
		if i < 0 || i >= len(k.Points) {
			return false
		}
		return k.Points[i].visible()
	}
	width := max(1.6, float64(c.unit)*1.4)
	for _, b := range k.Bones {
		if found(b[0]) && found(b[1]) {
			c.stroke(k.Points[b[0]], k.Points[b[1]], width+1.5, black, 0.5)
			c.stroke(k.Points[b[0]], k.Points[b[1]], width, col, 1)
		}
	}
	for i, p := range k.Points {
		if found(i) {
			c.stroke(p, p, width*2+1.5, black, 0.6)
			c.stroke(p, p, width*2, white, 1)
			c.stroke(p, p, width*1.2, col, 1)
		}
	}
}

// stroke draws an antialiased line with round ends, or a disc if both ends are the
// same point.
func (c *canvas) stroke(a, b Keypoint, width float64, col color.RGBA, alpha float64) {
	r := width / 2
	x0, x1 := min(a.X, b.X)-r-1, max(a.X, b.X)+r+1
	y0, y1 := min(a.Y, b.Y)-r-1, max(a.Y, b.Y)+r+1
	dx, dy := b.X-a.X, b.Y-a.Y
	length := dx*dx + dy*dy
	half := (r + 1) * math.Sqrt(length) / math.Abs(dy) // of the line's stretch of a row; +Inf or NaN for a horizontal line
	for y := max(0, int(y0)); y < min(c.m.Height, int(y1)+1) && c.ctx.Err() == nil; y++ {
		from, to := x0, x1
		if half < x1-x0 {
			middle := a.X + (float64(y)+0.5-a.Y)*dx/dy
			from, to = max(from, middle-half-1), min(to, middle+half+1)
		}
		for x := max(0, int(from)); x < min(c.m.Width, int(to)+1); x++ {
			px, py := float64(x)+0.5-a.X, float64(y)+0.5-a.Y
			t := 0.0
			if length > 0 {
				t = min(max((px*dx+py*dy)/length, 0), 1)
			}
			distance := math.Hypot(px-t*dx, py-t*dy)
			c.blend(x, y, col, alpha*min(max(r+0.5-distance, 0), 1))
		}
	}
}
