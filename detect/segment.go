package detect

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/visionzoo/vision/assets/label"
	"github.com/visionzoo/vision/engine/tensor"
	"github.com/visionzoo/vision/vision"
	"github.com/visionzoo/vision/zoo"
)

// ClassMap says of each pixel of a picture which class it belongs to: Class holds
// Height rows of Width indices into the model's label set.
type ClassMap struct {
	Width, Height int
	Class         []uint8
	Labels        *label.Set // nil: nobody knows
}

// Share is how much of a picture is of a class.
type Share struct {
	Class  int
	Label  string
	Pixels int
	Share  float64 // of the picture, 0 to 1
}

// maxMapClasses is what a class map of bytes holds.
const maxMapClasses = 256

// Segmenter is a model with its map head settled. It may be used from several
// goroutines at a time.
type Segmenter struct {
	model Model
	head  *mapHead
	run   *Detector
	guess string
}

// NewSegmenter settles how a model's outputs are read; of the options only Head
// counts.
func NewSegmenter(m Model, opts ...Option) (*Segmenter, error) {
	var o options
	for _, opt := range opts {
		if opt != nil {
			opt(&o)
		}
	}
	if m == nil {
		return nil, errors.New("there is no model; zoo.Load gives one")
	}
	if m.Encoder() == nil {
		return nil, errors.New("no input of the model takes a picture")
	}
	s := &Segmenter{model: m, run: &Detector{model: m, input: m.Session().Inputs()[0].Name}}
	name := o.head
	if z, ok := m.(*zoo.Model); ok {
		s.run.input = z.Input()
		if name == "" {
			name = z.Card().Head
		}
	}
	if name != "" {
		h, ok := segmentHead(name)
		if _, err := findHead(name); !ok && err == nil {
			return nil, fmt.Errorf("head %q gives objects, not a map of classes; use vision detect", name)
		}
		if !ok {
			return nil, fmt.Errorf("there is no head %.40q for maps; heads are %s", name, strings.Join(SegmentHeads(), ", "))
		}
		s.head = h
		return s, nil
	}
	all := declared(m.Session(), s.run.input)
	h, ok := guessSegment(all)
	if !ok {
		return nil, fmt.Errorf("the model's outputs are no map of classes (%s); name a head with --head: %s", describe(all.all), strings.Join(SegmentHeads(), ", "))
	}
	s.head, s.guess = h, fmt.Sprintf("the output looks like a map of classes (head %s); to set it, give --head", h.name)
	return s, nil
}

// Guess is one line for people where the head was guessed, "" where it was named.
func (s *Segmenter) Guess() string { return s.guess }

// Segment says of each pixel of a picture what it shows.
func Segment(m Model, img *vision.Image, opts ...Option) (*ClassMap, error) {
	s, err := NewSegmenter(m, opts...)
	if err != nil {
		return nil, err
	}
	return s.Image(context.Background(), img)
}

// Image says of each pixel of a picture what it shows.
func (s *Segmenter) Image(ctx context.Context, img *vision.Image) (*ClassMap, error) {
	x, g, err := s.model.Encoder().Encode(img)
	if err != nil {
		return nil, err
	}
	return s.Tensor(ctx, x, g)
}

// Tensor is Image for a picture that the model's encoder has encoded.
func (s *Segmenter) Tensor(ctx context.Context, x *tensor.Tensor, g vision.Geometry) (*ClassMap, error) {
	out, err := s.run.run(ctx, x, g)
	if err != nil {
		return nil, err
	}
	return decodeMap(ctx, s.head, out, g, s.model.Labels())
}

// DecodeMap reads the outputs of one picture with the head of the given name, as
// Segment does after the network has run. labels may be nil.
func DecodeMap(headName string, out []Output, g vision.Geometry, labels *label.Set) (*ClassMap, error) {
	h, ok := segmentHead(headName)
	if !ok {
		return nil, fmt.Errorf("there is no head %.40q for maps; heads are %s", headName, strings.Join(SegmentHeads(), ", "))
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
		return nil, fmt.Errorf("head %s: a map of %v; needed are 1 to %d classes and a size", h.name, a.shape, maxMapClasses)
	}
	m := &ClassMap{Width: g.Width, Height: g.Height, Class: make([]uint8, g.Width*g.Height), Labels: mapLabels(labels, a.shape[0])}
	grid := newMapGrid(a, g)
	for y := range m.Height {
		if y%64 == 0 && ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		grid.row(m.Class[y*m.Width:(y+1)*m.Width], y)
	}
	return m, nil
}

// mapLabels fits a label set to a map, or takes the one that so many classes most
// often are.
func mapLabels(labels *label.Set, classes int) *label.Set {
	if labels == nil {
		name := map[int]string{19: "cityscapes19", 21: "voc20+background"}[classes]
		if set, err := label.Open(name); err == nil {
			return set
		}
		return nil
	}
	if fitted, ok := labels.Fit(classes); ok {
		return fitted
	}
	return labels
}

// mapGrid looks scores up between the cells of a network's map: bilinearly for
// scores, as torch's interpolate without align_corners does, the nearest for maps
// that are classes already.
type mapGrid struct {
	scores        array
	columns, rows []gridPoint
	line          []float32 // scores of one row of pixels: [w][classes]
	mixed         []float32
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
	m.line, m.mixed = make([]float32, a.shape[2]*a.shape[0]), make([]float32, a.shape[0])
	return m
}

// clampedPoint is a place at a share of a side of n cells.
func clampedPoint(share float64, n int) gridPoint {
	at := min(max(share*float64(n)-0.5, 0), float64(n-1))
	low := min(int(at), max(n-2, 0))
	return gridPoint{low, at - float64(low)}
}

// row writes the classes of one row of pixels.
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

// plainRow is row for one plane: classes as whole numbers, or where it holds
// fractions one probability, of which more than a half is class 1.
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

// Name is the label of a class.
func (m *ClassMap) Name(class int) string {
	if m.Labels != nil {
		l, _ := m.Labels.At(class)
		return l.Name
	}
	return fmt.Sprintf("class %d", class)
}

// Background reports whether a class is the one that is nothing.
func (m *ClassMap) Background(class int) bool { return m.Name(class) == background }

// Mask is the pixels of a class.
func (m *ClassMap) Mask(class int) *Mask {
	return maskOf(m.Width, m.Height, 0, 0, m.Width, m.Height, func(x, y int) bool { return int(m.Class[y*m.Width+x]) == class })
}
