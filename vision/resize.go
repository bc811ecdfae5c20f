package vision

import (
	"context"
	"fmt"
	"image"
	"runtime"
	"strings"

	"github.com/visionzoo/vision/internal/limit"
)

// Filter is a resampling filter of Pillow or OpenCV, whose arithmetic it follows
// exactly.
type Filter uint8

// The filters. Pillow's widen as the picture shrinks (antialias) and round to 8
// bits between a horizontal and a vertical pass; OpenCV's INTER_LINEAR reads four
// neighbours however much the picture shrinks.
const (
	Bilinear Filter = iota // Pillow's: triangle of radius 1
	Box                    // Pillow's: mean over the area
	Hamming                // Pillow's: radius 1, sharper than Bilinear
	Bicubic                // Pillow's: Catmull-Rom, a = -0.5, radius 2
	Lanczos                // Pillow's: radius 3
	Nearest                // Pillow's
	Linear                 // OpenCV's INTER_LINEAR on 8 bits: no antialias
	filterCount
)

// filterNames spells the filters as in recipes, which name antialiasing.
var filterNames = [filterCount]string{
	Bilinear: "bilinear antialias", Box: "box antialias", Hamming: "hamming antialias",
	Bicubic: "bicubic antialias", Lanczos: "lanczos antialias", Nearest: "nearest", Linear: "bilinear",
}

// String returns the filter as recipes spell it: "bilinear antialias" is Pillow's,
// "bilinear" OpenCV's.
func (f Filter) String() string {
	if f < filterCount {
		return filterNames[f]
	}
	return fmt.Sprintf("filter(%d)", uint8(f))
}

// ParseFilter reads what String writes.
func ParseFilter(s string) (Filter, error) {
	s = strings.Join(strings.Fields(s), " ")
	for f, name := range filterNames {
		if s == name {
			return Filter(f), nil
		}
	}
	return 0, fmt.Errorf("filter %q is none of: %s", s, strings.Join(filterNames[:], ", "))
}

// Resize returns the picture at the given size in pixels; its aspect ratio is not
// kept. The result equals that of Pillow 9.4 (OpenCV 4.6 for Linear) byte for byte.
// It is an error if a side is not 1 to 65,536, or the result has more than MaxPixels.
func Resize(m *Image, width, height int, f Filter) (*Image, error) {
	if err := m.check(); err != nil {
		return nil, err
	}
	if f >= filterCount {
		return nil, fmt.Errorf("vision: there is no %s", f)
	}
	if !side(width) || !side(height) || int64(width)*int64(height) > MaxPixels {
		return nil, limit.Errorf("vision: cannot resize to %dx%d; sides are 1 to %d and width*height at most %d", width, height, maxSide, MaxPixels)
	}
	w := window{width: width, height: height, x1: width, y1: height}
	if need := w.bytes(m.Width, m.Height, f, 0); need > defaultMemory {
		return nil, limit.Errorf("vision: resizing %dx%d to %dx%d takes %d MiB; the limit is %d", m.Width, m.Height, width, height, need>>20, defaultMemory>>20)
	}
	out := NewImage(width, height)
	err := resample(context.Background(), m, w, f, 0, func(y int, row []byte) { copy(out.Row(y), row) })
	return out, err
}

// window is a part of a resized picture of width × height: the pixels with x0 ≤ x <
// x1 and y0 ≤ y < y1.
type window struct {
	width, height  int
	x0, y0, x1, y1 int
}

// source is the part of the original, of width × height, from which the window's
// pixels are computed; empty if that is not known.
func (w window) source(width, height int, f Filter) image.Rectangle {
	if f == Nearest || f == Linear || w.x0 >= w.x1 || w.y0 >= w.y1 {
		return image.Rectangle{}
	}
	x0, x1 := pillowSource(width, w.width, w.x0, w.x1, f)
	y0, y1 := pillowSource(height, w.height, w.y0, w.y1, f)
	return image.Rect(x0, y0, x1, y1)
}

// bytes is about the memory that resample takes for a picture of width × height.
// What grows with the picture's longer side counts, not what grows with the
// window's, of which there is at most maxSide.
func (w window) bytes(width, height int, f Filter, threads int) int64 {
	if w.width == width && w.height == height {
		return 0
	}
	last := 3 * int64(width) // the picture's last row, see newHorizontalPass and newLinearPass
	if f == Nearest || f == Linear {
		return last
	}
	columns, rows := int64(w.x1-w.x0), int64(w.y1-w.y0)
	const weight = 4 + 16 // bytes of a weight, and of the forms in which vectors take it
	across, down := int64(pillowSize(width, w.width, f)), int64(pillowSize(height, w.height, f))
	need := last + weight*(columns*across+rows*down)
	if threads <= 0 {
		threads = runtime.GOMAXPROCS(0)
	}
	return need + int64(threads)*3*columns*2*down // see newRowBuffer
}

// resample computes the window's rows and passes each to put once, as interleaved
// RGB that is valid during the call; y is 0 at the window's top. Only the source
// rows and columns that the window needs are read. Unless threads is 1, put is
// called from several goroutines at the same time (0: as many as the work is
// worth). Once the context is done, the rest is left out and its error returned.
func resample(ctx context.Context, m *Image, w window, f Filter, threads int, put func(y int, row []byte)) error {
	rows := w.y1 - w.y0
	if rows <= 0 || w.x1 <= w.x0 {
		return ctx.Err()
	}
	s := newSampler(m, w, f)
	work := s.work()
	step := int(min(max(1, int64(rows)*workPerQuestion/max(work, 1)), int64(rows)))
	inBands(rows, threadsFor(threads, work), func(y0, y1 int) {
		for ; y0 < y1 && ctx.Err() == nil; y0 += step {
			s.band(y0, min(y0+step, y1), put)
		}
	})
	return ctx.Err()
}

// sampler computes rows of a window; band may be called from several goroutines.
type sampler interface {
	// work is a rough count of multiplications, by which the number of threads is
	// decided.
	work() int64
	// band computes rows y0 ≤ y < y1, counted from the window's top.
	band(y0, y1 int, put func(y int, row []byte))
}

func newSampler(m *Image, w window, f Filter) sampler {
	switch {
	case w.width == m.Width && w.height == m.Height:
		return &copySampler{m, w}
	case f == Nearest:
		return newNearestSampler(m, w)
	case f == Linear && w.width*2 == m.Width && w.height*2 == m.Height:
		return &halfSampler{m, w}
	case f == Linear:
		return newLinearSampler(m, w)
	}
	return newPillowSampler(m, w, f)
}

// copySampler copies a window of a picture whose size does not change.
type copySampler struct {
	m *Image
	w window
}

func (s *copySampler) work() int64 { return int64(s.w.x1-s.w.x0) * int64(s.w.y1-s.w.y0) }

func (s *copySampler) band(y0, y1 int, put func(int, []byte)) {
	for y := y0; y < y1; y++ {
		put(y, s.m.Row(s.w.y0 + y)[s.w.x0*3:s.w.x1*3])
	}
}

// nearestSampler is Pillow's nearest: source coordinates are accumulated in float64
// and so sometimes differ from int((i+0.5)*scale).
type nearestSampler struct {
	m      *Image
	xs, ys []int // source column of each wanted column, source row of each wanted row
}

func newNearestSampler(m *Image, w window) *nearestSampler {
	return &nearestSampler{m, nearestIndex(m.Width, w.width, w.x0, w.x1), nearestIndex(m.Height, w.height, w.y0, w.y1)}
}

// nearestIndex maps the output positions lo ≤ i < hi (of n) to input positions (of
// m).
func nearestIndex(m, n, lo, hi int) []int {
	scale := float64(m) / float64(n)
	index := make([]int, 0, hi-lo)
	x := scale * 0.5
	for i := range hi {
		if i >= lo {
			index = append(index, min(int(x), m-1))
		}
		x += scale
	}
	return index
}

func (s *nearestSampler) work() int64 { return int64(len(s.xs)) * int64(len(s.ys)) }

func (s *nearestSampler) band(y0, y1 int, put func(int, []byte)) {
	row := make([]byte, len(s.xs)*3)
	for y := y0; y < y1; y++ {
		src := s.m.Row(s.ys[y])
		for i, x := range s.xs {
			copy(row[i*3:i*3+3], src[x*3:x*3+3])
		}
		put(y, row)
	}
}
