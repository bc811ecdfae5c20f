package ops

import (
	"fmt"
	"math"

	"github.com/visionzoo/vision/engine/ir"
	"github.com/visionzoo/vision/engine/tensor"
	"github.com/visionzoo/vision/internal/limit"
)

var rois = []Def{
	{Name: "RoiAlign", Since: 16, Types: tensor.FloatTypes, In: Exactly(3), Out: Exactly(1), New: newRoiAlign},
	{Name: "RoiAlign", Since: 10, Until: 15, Types: tensor.FloatTypes, In: Exactly(3), Out: Exactly(1), New: newRoiAlign10},
}

// roiAlign divides a box of the image into cells, samples each on a grid
// bilinearly, and returns the mean of a cell's samples, or the maximum of their
// weighted neighbours. ONNX RoiAlign-16; -22 extends the types. He et al. 2017,
// "Mask R-CNN".
type roiAlign struct {
	largest       bool
	height, width int
	sampling      int // samples per cell in each direction; 0: one per pixel
	scale, offset float64
}

func newRoiAlign(n *ir.Node) (Op, error) {
	a := n.ReadAttrs()
	op := readRoiAlign(a)
	if a.OneOf("coordinate_transformation_mode", "half_pixel", "output_half_pixel") == "half_pixel" {
		op.offset = 0.5
	}
	return op, a.Err()
}

// newRoiAlign10 reads RoiAlign-10, whose coordinates have no half-pixel offset.
func newRoiAlign10(n *ir.Node) (Op, error) {
	a := n.ReadAttrs()
	return readRoiAlign(a), a.Err()
}

func readRoiAlign(a *ir.Attrs) *roiAlign {
	op := &roiAlign{largest: a.OneOf("mode", "avg", "max") == "max", height: a.Int("output_height", 1), width: a.Int("output_width", 1),
		sampling: a.Int("sampling_ratio", 0), scale: float64(a.Float("spatial_scale", 1))}
	if op.height < 0 || op.width < 0 {
		a.Fail("attributes %q and %q are %d and %d, they must not be negative", "output_height", "output_width", op.height, op.width)
	}
	if op.sampling < 0 || op.sampling > maxSamples {
		a.Fail("attribute %q is %d, it must be between 0 and %d", "sampling_ratio", op.sampling, maxSamples)
	}
	return op
}

// maxSamples bounds the samples of one box, and those of a cell in one direction.
const maxSamples = 1 << 22

// Infer: X [N C H W], rois [R 4] (x1 y1 x2 y2), batch indices [R] → [R C height
// width].
func (op *roiAlign) Infer(in []ir.Fact) ([]ir.Fact, error) {
	if err := sameType(in[:2]); err != nil {
		return nil, err
	}
	if err := wantType(in, 2, tensor.Types(tensor.Int64)); err != nil {
		return nil, err
	}
	for i, rank := range []int{4, 2, 1} {
		if err := wantRank(in, i, rank); err != nil {
			return nil, err
		}
	}
	r, c := ir.Unknown, ir.Unknown
	if in[0].Shape.Ranked {
		c = in[0].Shape.Dims[1]
	}
	if s := in[1].Shape; s.Ranked {
		if r = s.Dims[0]; s.Dims[1].Known() && s.Dims[1].N != 4 {
			return nil, fmt.Errorf("rois must have shape [R 4], the shape is %s", s)
		}
		if !fitsShape(in[2].Shape, ir.ShapeOf(r)) {
			return nil, fmt.Errorf("batch_indices must have shape [%s], the shape is %s", r, in[2].Shape)
		}
	}
	return []ir.Fact{ir.Tensor(in[0].DType, ir.ShapeOf(r, c, ir.Dim{N: op.height}, ir.Dim{N: op.width}))}, nil
}

func (op *roiAlign) Eval(c *Call) error {
	if _, err := op.Infer(factsOf(c.In)); err != nil {
		return err
	}
	return evalReal(c, func(c *Call) error { return evalRoiAlign[float32](op, c) }, func(c *Call) error { return evalRoiAlign[float64](op, c) })
}

func evalRoiAlign[T real](op *roiAlign, c *Call) error {
	x, rois, pictures := c.In[0], tensor.Data[T](c.In[1]), tensor.Data[int64](c.In[2])
	channels, h, w := x.Dim(1), x.Dim(2), x.Dim(3)
	y, err := c.New(x.DType(), len(pictures), channels, op.height, op.width)
	if err != nil {
		return err
	}
	if c.Out[0] = y; y.Len() == 0 {
		return nil // nothing to compute, whatever the number of cells
	}
	src, dst := tensor.Data[T](x), tensor.Data[T](y)
	cells, plane := op.height*op.width, h*w
	var s roiSamples
	for r, picture := range pictures {
		if picture < 0 || picture >= int64(x.Dim(0)) {
			return fmt.Errorf("box %d has batch index %d, there are %d images", r, picture, x.Dim(0))
		}
		box, err := op.box(float64(rois[4*r]), float64(rois[4*r+1]), float64(rois[4*r+2]), float64(rois[4*r+3]))
		if err == nil {
			err = op.sample(c.Run, &s, box, h, w)
		}
		if err != nil {
			return err
		}
		for ch := range channels {
			if err := c.Run.Check(); err != nil {
				return err
			}
			in := src[(int(picture)*channels+ch)*plane:][:plane]
			out := dst[(r*channels+ch)*cells:][:cells]
			for i := range out {
				if op.largest {
					out[i] = largestSample(&s, i, in)
				} else {
					out[i] = T(meanSample(&s, i, in))
				}
			}
		}
	}
	return nil
}

// roiSamples holds the samples of one box, cell after cell.
type roiSamples struct {
	at     [][4]int32 // the four neighbours of a sample in the plane
	weight [][4]float32
	end    []int // for each cell, the end of its samples
	count  int   // samples of a cell, including those outside the image
}

// meanSample is the mean of a cell's samples; those outside the image count as 0.
func meanSample[T real](s *roiSamples, cell int, plane []T) float64 {
	sum := 0.0
	for i := s.begin(cell); i < s.end[cell]; i++ {
		at, w := &s.at[i], &s.weight[i]
		sum += float64(w[0])*float64(plane[at[0]]) + float64(w[1])*float64(plane[at[1]]) +
			float64(w[2])*float64(plane[at[2]]) + float64(w[3])*float64(plane[at[3]])
	}
	return sum / float64(s.count)
}

// largestSample is the maximum over neighbours times their weights, as in the specification's
// reference implementation; NaN wins over all numbers.
func largestSample[T real](s *roiSamples, cell int, plane []T) T {
	from, to := s.begin(cell), s.end[cell]
	best := T(math.Inf(-1))
	if to-from < s.count {
		best = 0 // samples outside the image are 0
	}
	weights := s.weight[from:to]
	for i := range weights {
		at, w := &s.at[from+i], &weights[i]
		best = max(best, T(w[0])*plane[at[0]], T(w[1])*plane[at[1]], T(w[2])*plane[at[2]], T(w[3])*plane[at[3]])
	}
	return best
}

// begin returns the first sample of a cell.
func (s *roiSamples) begin(cell int) int {
	if cell == 0 {
		return 0
	}
	return s.end[cell-1]
}

// roiBox is a box in pixels: its origin, the size of its cells, and the samples
// of a cell in each direction.
type roiBox struct {
	y, x, cellH, cellW float64
	ny, nx             int
}

// box returns the box between two corners of the input, or an error if it has too
// many samples.
func (op *roiAlign) box(x0, y0, x1, y1 float64) (roiBox, error) {
	r := roiBox{y: y0*op.scale - op.offset, x: x0*op.scale - op.offset}
	width, height := x1*op.scale-op.offset-r.x, y1*op.scale-op.offset-r.y
	if op.offset == 0 {
		width, height = math.Max(width, 1), math.Max(height, 1)
	}
	r.cellH, r.cellW = height/float64(op.height), width/float64(op.width)
	var err error
	if r.ny, err = op.samplesOf(r.cellH); err != nil {
		return r, err
	}
	if r.nx, err = op.samplesOf(r.cellW); err != nil {
		return r, err
	}
	// The taps of one axis take time and memory even if there are no samples along the other.
	if total := float64(op.height) * float64(op.width) * float64(max(r.ny, 1)) * float64(max(r.nx, 1)); total > maxSamples {
		return r, limit.Errorf("a box of %v by %v needs %.0f samples, the limit is %d", width, height, total, maxSamples)
	}
	return r, nil
}

// sample computes the samples of a box. Those more than a pixel outside the
// image, or at NaN, are omitted.
func (op *roiAlign) sample(r *Run, s *roiSamples, b roiBox, h, w int) error {
	s.at, s.weight, s.end, s.count = s.at[:0], s.weight[:0], s.end[:0], max(b.ny*b.nx, 1)
	for py := range op.height {
		if err := r.Check(); err != nil {
			return err
		}
		for px := range op.width {
			for iy := range b.ny {
				y := b.y + float64(py)*b.cellH + (float64(iy)+0.5)*b.cellH/float64(b.ny)
				for ix := range b.nx {
					s.add(y, b.x+float64(px)*b.cellW+(float64(ix)+0.5)*b.cellW/float64(b.nx), h, w)
				}
			}
			s.end = append(s.end, len(s.at))
		}
	}
	return nil
}

// samplesOf returns the number of samples of a cell in one direction.
func (op *roiAlign) samplesOf(size float64) (int, error) {
	if op.sampling > 0 {
		return op.sampling, nil
	}
	switch n := math.Ceil(size); {
	case !(n > 0):
		return 0, nil
	case n > maxSamples:
		return 0, limit.Errorf("a cell of %v pixels needs too many samples, the limit is %d", size, maxSamples)
	default:
		return int(n), nil
	}
}

// add appends the sample at (y, x) of an image of h × w pixels, unless it is outside.
func (s *roiSamples) add(y, x float64, h, w int) {
	if !(y >= -1 && y <= float64(h) && x >= -1 && x <= float64(w)) || h == 0 || w == 0 {
		return
	}
	yl, yh, ly := neighbours(y, h)
	xl, xh, lx := neighbours(x, w)
	s.at = append(s.at, [4]int32{int32(yl*w + xl), int32(yl*w + xh), int32(yh*w + xl), int32(yh*w + xh)})
	s.weight = append(s.weight, [4]float32{float32((1 - ly) * (1 - lx)), float32((1 - ly) * lx), float32(ly * (1 - lx)), float32(ly * lx)})
}

// neighbours returns the two pixels around a coordinate and the weight of the
// second. Coordinates beyond the outermost of n pixels are clamped to them.
func neighbours(v float64, n int) (low, high int, fraction float64) {
	v = math.Max(v, 0)
	if low = int(v); low >= n-1 {
		return n - 1, n - 1, 0
	}
	return low, low + 1, v - float64(low)
}
