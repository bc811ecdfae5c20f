package detect

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/visionzoo/vision/assets/label"
	"github.com/visionzoo/vision/engine/tensor"
	"github.com/visionzoo/vision/vision"
)

// ClassMap holds the class of each pixel of a picture, in the size of the upright
// original: Class has Height rows of Width indices into the model's label set.
type ClassMap struct {
	Width, Height int
	Class         []uint8
	Labels        *label.Set // nil: not known
}

// Share is how much of a picture belongs to a class. Its JSON is that of vision segment
// --json, which rounds the share to six digits.
type Share struct {
	Class  int     `json:"class"`
	Label  string  `json:"label"`
	Share  float64 `json:"share"` // of the picture, 0 to 1
	Pixels int     `json:"pixels"`
}

// maxMapClasses is the number of classes that a map of bytes can hold.
const maxMapClasses = 256

// Segmenter is a model with the head that reads its class map. It is safe for
// concurrent use.
type Segmenter struct {
	network
	head  *mapHead
	guess string
}

// NewSegmenter chooses the head for a model; of the options only Head is used.
func NewSegmenter(m Model, opts ...Option) (*Segmenter, error) {
	var o options
	for _, opt := range opts {
		if opt != nil {
			opt(&o)
		}
	}
	n, cardHead, err := newNetwork(m)
	if err != nil {
		return nil, err
	}
	s := &Segmenter{network: n}
	if name := cmp.Or(o.head, cardHead); name != "" {
		s.head, err = findMapHead(name)
	} else if s.head, err = guessMapHead(n.outputs()); err == nil {
		s.guess = fmt.Sprintf("the output looks like a map of classes (head %s); to set it, give --head", s.head.name)
	}
	if err != nil {
		return nil, err
	}
	return s, nil
}

var errNoSegmenter = errors.New("the segmenter was not made; detect.NewSegmenter makes one")

// Guess is one line for people that says which head was guessed; "" if it was
// named.
func (s *Segmenter) Guess() string { return s.guess }

// Segment returns the class of each pixel of a picture. For many pictures, call
// NewSegmenter once.
func Segment(m Model, img *vision.Image, opts ...Option) (*ClassMap, error) {
	return SegmentContext(context.Background(), m, img, opts...)
}

// SegmentContext is Segment with a context.
func SegmentContext(ctx context.Context, m Model, img *vision.Image, opts ...Option) (*ClassMap, error) {
	s, err := NewSegmenter(m, opts...)
	if err != nil {
		return nil, err
	}
	return s.Image(ctx, img)
}

// Image returns the class of each pixel of a picture.
func (s *Segmenter) Image(ctx context.Context, img *vision.Image) (*ClassMap, error) {
	if s == nil || s.model == nil {
		return nil, errNoSegmenter
	}
	x, g, err := s.model.Encoder().EncodeContext(ctx, img)
	if err != nil {
		return nil, err
	}
	return s.Tensor(ctx, x, g)
}

// Tensor is Image for a picture that the model's encoder has already encoded; g is
// the geometry that the encoder returned.
func (s *Segmenter) Tensor(ctx context.Context, x *tensor.Tensor, g vision.Geometry) (*ClassMap, error) {
	if s == nil || s.model == nil {
		return nil, errNoSegmenter
	}
	out, err := s.run(ctx, x, g)
	if err != nil {
		return nil, err
	}
	return decodeMap(ctx, s.head, out, g, s.model.Labels())
}

// DecodeMap reads the outputs for one picture with the head of the given name, one of
// SegmentHeads, as Segment does after the network has run; g says where the picture
// lay in the network's input. labels may be nil.
func DecodeMap(headName string, out []Output, g vision.Geometry, labels *label.Set) (*ClassMap, error) {
	h, err := findMapHead(headName)
	if err != nil {
		return nil, err
	}
	return decodeMap(context.Background(), h, out, g, labels)
}

func decodeMap(ctx context.Context, h *mapHead, out []Output, g vision.Geometry, labels *label.Set) (*ClassMap, error) {
	all, err := arrays(out)
	if err != nil {
		return nil, err
	}
	a, err := h.decode(&frame{out: all, g: g})
	if err != nil {
		return nil, fmt.Errorf("head %s: %w", h.name, err)
	}
	if a.shape[0] < 1 || a.shape[0] > maxMapClasses || a.shape[1] < 1 || a.shape[2] < 1 {
		return nil, fmt.Errorf("head %s: a map of %v; the head needs 1 to %d classes and a size", h.name, a.shape, maxMapClasses)
	}
	if g.Width < 1 || g.Height < 1 || int64(g.Width) > vision.MaxPixels/int64(g.Height) {
		return nil, fmt.Errorf("head %s: a picture of %dx%d; the geometry is the one that the encoder returned", h.name, g.Width, g.Height)
	}
	if labels, err = mapLabels(labels, a.shape[0]); err != nil {
		return nil, err
	}
	m := &ClassMap{Width: g.Width, Height: g.Height, Class: make([]uint8, g.Width*g.Height), Labels: labels}
	grid := newMapGrid(a, g)
	for y := range m.Height {
		if y%64 == 0 && ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		grid.row(m.Class[y*m.Width:(y+1)*m.Width], y)
	}
	return m, nil
}

// mapLabels fits a label set to a map's number of classes, and refuses one that does
// not fit; without one it takes the set that usually has so many. A map of one plane
// does not tell how many classes there are.
func mapLabels(labels *label.Set, classes int) (*label.Set, error) {
	if labels == nil {
		name := map[int]string{19: "cityscapes19", 21: "voc20+background"}[classes]
		if set, err := label.Open(name); err == nil {
			return set, nil
		}
		return nil, nil
	}
	fitted, ok := labels.Fit(classes)
	if !ok && classes > 1 {
		return nil, fmt.Errorf("the model's map has %d classes, its label set %s has %d", classes, labels.Name(), labels.Len())
	}
	return fitted, nil
}

// mapGrid resizes a network's map to the picture: scores bilinearly, as torch's
// interpolate does without align_corners, and maps that hold classes already by the
// nearest cell.
type mapGrid struct {
	scores        array
	columns, rows []gridPoint
	line          []float32 // scores of one row of pixels: [w][classes]
}

func newMapGrid(a array, g vision.Geometry) *mapGrid {
	m := &mapGrid{scores: a, columns: make([]gridPoint, g.Width), rows: make([]gridPoint, g.Height)}
	for x := range m.columns {
		at, _ := g.Input(float64(x)+0.5, 0)
		m.columns[x] = clampedPoint(at/float64(g.InputWidth), a.shape[2])
	}
	for y := range m.rows {
		_, at := g.Input(0, float64(y)+0.5)
		m.rows[y] = clampedPoint(at/float64(g.InputHeight), a.shape[1])
	}
	m.line = make([]float32, a.shape[2]*a.shape[0])
	return m
}

// clampedPoint is the point at a given fraction of a side of n cells.
func clampedPoint(share float64, n int) gridPoint {
	at := min(max(share*float64(n)-0.5, 0), float64(n-1))
	low := min(int(at), max(n-2, 0))
	return gridPoint{low, at - float64(low)}
}

// row writes the classes of row y of the picture.
func (m *mapGrid) row(out []uint8, y int) {
	c, h, w := m.scores.shape[0], m.scores.shape[1], m.scores.shape[2]
	p := m.rows[y]
	if c == 1 {
		m.plainRow(out, p, w)
		return
	}
	below := min(p.low+1, h-1)
	part := float32(p.part)
	for k := range c {
		top, bottom := m.scores.data[(k*h+p.low)*w:][:w], m.scores.data[(k*h+below)*w:][:w]
		for x := range w {
			m.line[x*c+k] = top[x] + (bottom[x]-top[x])*part
		}
	}
	for x, q := range m.columns {
		left, right, part := m.line[q.low*c:][:c], m.line[min(q.low+1, w-1)*c:][:c], float32(q.part)
		best, class := float32(math.Inf(-1)), 0
		for k, v := range left {
			if v += (right[k] - v) * part; v > best {
				best, class = v, k
			}
		}
		out[x] = uint8(class)
	}
}

// plainRow is row for a map of one plane: it holds either classes as whole numbers
// or the probability of class 1, which wins above one half.
func (m *mapGrid) plainRow(out []uint8, p gridPoint, w int) {
	y := p.low
	if p.part >= 0.5 {
		y++
	}
	line := m.scores.data[y*w:][:w]
	for x, q := range m.columns {
		at := q.low
		if q.part >= 0.5 {
			at++
		}
		v := line[at]
		switch {
		case m.scores.integer():
			out[x] = uint8(min(max(v, 0), maxMapClasses-1))
		case v > 0.5:
			out[x] = 1
		}
	}
}

// Shares lists the classes that occur, the largest first.
func (m *ClassMap) Shares() []Share {
	var count [maxMapClasses]int
	for _, c := range m.Class {
		count[c]++
	}
	var all []Share
	for c, n := range count {
		if n > 0 {
			all = append(all, Share{Class: c, Label: m.Name(c), Pixels: n, Share: float64(n) / float64(len(m.Class))})
		}
	}
	slices.SortStableFunc(all, func(a, b Share) int { return cmp.Compare(b.Pixels, a.Pixels) })
	return all
}

// Name returns the label of a class, "class 12" if that is not known.
func (m *ClassMap) Name(class int) string {
	if m.Labels != nil {
		l, _ := m.Labels.At(class)
		return l.Name
	}
	return fmt.Sprintf("class %d", class)
}

// Background reports whether a class is called "background".
func (m *ClassMap) Background(class int) bool { return m.Name(class) == background }

// Mask is the mask of a class's pixels.
func (m *ClassMap) Mask(class int) *Mask {
	return maskOf(m.Width, m.Height, 0, 0, m.Width, m.Height, func(x, y int) bool {
		at := y*m.Width + x
		return at < len(m.Class) && int(m.Class[at]) == class
	})
}
