package ops

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"github.com/visionzoo/vision/engine/ir"
	fast "github.com/visionzoo/vision/engine/suppress"
	"github.com/visionzoo/vision/engine/tensor"
)

var regions = []Def{
	{Name: "RoiAlign", Since: 16, Types: tensor.FloatTypes, In: Exactly(3), Out: Exactly(1), New: newRoiAlign},
	{Name: "RoiAlign", Since: 10, Until: 15, Types: tensor.FloatTypes, In: Exactly(3), Out: Exactly(1), New: newRoiAlign10},
	{Name: "NonMaxSuppression", Since: 10, Types: tensor.Types(tensor.Float32), In: Arity{2, 5}, Out: Exactly(1), New: newNMS},
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
					out[i] = T(largestSample(&s, i, in))
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

func meanSample[T real](s *roiSamples, cell int, plane []T) float64 {
	sum := 0.0
	for i := s.begin(cell); i < s.end[cell]; i++ {
		at, w := &s.at[i], &s.weight[i]
		sum += float64(w[0])*float64(plane[at[0]]) + float64(w[1])*float64(plane[at[1]]) +
			float64(w[2])*float64(plane[at[2]]) + float64(w[3])*float64(plane[at[3]])
	}
	return sum / float64(s.count)
}

// largestSample is the maximum over neighbours times their weights, as in the
// specification's reference implementation.
func largestSample[T real](s *roiSamples, cell int, plane []T) float64 {
	best, any := 0.0, false
	for i := s.begin(cell); i < s.end[cell]; i++ {
		for k, at := range s.at[i] {
			if v := float64(s.weight[i][k]) * float64(plane[at]); !any || v > best {
				best, any = v, true
			}
		}
	}
	if s.end[cell]-s.begin(cell) < s.count {
		best = max(best, 0) // samples outside the image are 0
	}
	return best
}

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
	if total := float64(op.height) * float64(op.width) * float64(r.ny) * float64(r.nx); total > maxSamples {
		return r, fmt.Errorf("a box of %v by %v needs %.0f samples, the limit is %d", width, height, total, maxSamples)
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
		return 0, fmt.Errorf("a cell of %v pixels needs too many samples, the limit is %d", size, maxSamples)
	default:
		return int(n), nil
	}
}

func (s *roiSamples) add(y, x float64, h, w int) {
	if !(y >= -1 && y <= float64(h) && x >= -1 && x <= float64(w)) || h == 0 || w == 0 {
		return
	}
	yl, yh, ly := between(y, h)
	xl, xh, lx := between(x, w)
	s.at = append(s.at, [4]int32{int32(yl*w + xl), int32(yl*w + xh), int32(yh*w + xl), int32(yh*w + xh)})
	s.weight = append(s.weight, [4]float32{float32((1 - ly) * (1 - lx)), float32((1 - ly) * lx), float32(ly * (1 - lx)), float32(ly * lx)})
}

// between returns the two pixels around a coordinate and the weight of the
// second. Coordinates beyond the outermost pixels are clamped to them.
func between(v float64, n int) (low, high int, fraction float64) {
	v = math.Max(v, 0)
	if low = int(v); low >= n-1 {
		return n - 1, n - 1, 0
	}
	return low, low + 1, v - float64(low)
}

// nms keeps, for each class of each image, the boxes that no box with a higher
// score overlaps by more than a threshold. ONNX NonMaxSuppression-10; -11 only
// extends the defaults.
type nms struct{ center bool }

func newNMS(n *ir.Node) (Op, error) {
	a := n.ReadAttrs()
	center := a.Int("center_point_box", 0)
	if center != 0 && center != 1 {
		a.Fail("attribute %q is %d, it must be 0 or 1", "center_point_box", center)
	}
	return &nms{center == 1}, a.Err()
}

// Infer: boxes [N B 4], scores [N C B], max_output_boxes_per_class, iou_threshold
// and score_threshold as scalars → [S 3] of batch index, class, box.
func (op *nms) Infer(in []ir.Fact) ([]ir.Fact, error) {
	f32, i64 := tensor.Types(tensor.Float32), tensor.Types(tensor.Int64)
	for i, types := range []tensor.TypeSet{f32, f32, i64, f32, f32} {
		if err := wantType(in, i, types); err != nil {
			return nil, err
		}
	}
	boxes, scores := in[0].Shape, in[1].Shape
	if boxes.Ranked && (boxes.Rank() != 3 || boxes.Dims[2].Known() && boxes.Dims[2].N != 4) {
		return nil, fmt.Errorf("boxes must have shape [N B 4], the shape is %s", boxes)
	}
	if scores.Ranked && scores.Rank() != 3 {
		return nil, fmt.Errorf("scores must have shape [N C B], the shape is %s", scores)
	}
	if boxes.Ranked && scores.Ranked && !fitsShape(ir.ShapeOf(scores.Dims[0], scores.Dims[2]), ir.ShapeOf(boxes.Dims[:2]...)) {
		return nil, fmt.Errorf("scores %s and boxes %s must agree in N and B", scores, boxes)
	}
	return []ir.Fact{ir.Tensor(tensor.Int64, ir.ShapeOf(ir.Unknown, ir.Dim{N: 3}))}, nil
}

func (op *nms) Eval(c *Call) error { return op.eval(c, suppress) }

// EvalFast is the same with a grid of cells and vector kernels.
func (op *nms) EvalFast(c *Call) (bool, error) {
	if c.Run.Kernel == nil {
		return false, nil
	}
	return true, op.eval(c, suppressFast)
}

func (op *nms) eval(c *Call, suppress suppressor) error {
	if _, err := op.Infer(factsOf(c.In)); err != nil {
		return err
	}
	most, iou, least, err := nmsLimits(c)
	if err != nil {
		return err
	}
	boxes, scores := c.In[0], c.In[1]
	if scores.Len() == 0 { // nothing to compute, whatever the number of classes
		c.Out[0], err = c.New(tensor.Int64, 0, 3)
		return err
	}
	count, classes := boxes.Dim(1), scores.Dim(1)
	if err := c.Run.reserveList(count, 400); err != nil {
		return err
	}
	corners, order, kept := make([][4]float32, count), make([]int, 0, count), []int64{}
	data := tensor.Data[float32](scores)
	for n := range scores.Dim(0) {
		for i := range corners {
			corners[i] = op.corners([4]float32(tensor.Data[float32](boxes)[(n*count+i)*4:]))
		}
		for class := range classes {
			score := data[(n*classes+class)*count:][:count]
			order = order[:0]
			for i, s := range score {
				if s > least || least == noLeast && s == s {
					order = append(order, i)
				}
			}
			if order, err = suppress(c.Run, corners, score, order, most, iou); err != nil {
				return err
			}
			if err := c.Run.reserveList(len(kept)+3*len(order), 48); err != nil {
				return err
			}
			for _, i := range order {
				kept = append(kept, int64(n), int64(class), int64(i))
			}
		}
	}
	y, err := c.New(tensor.Int64, len(kept)/3, 3)
	if err != nil {
		return err
	}
	copy(tensor.Data[int64](y), kept)
	c.Out[0] = y
	return nil
}

// suppressor selects the candidates in order to keep, most of them at the most.
type suppressor func(r *Run, corners [][4]float32, score []float32, order []int, most int, iou float32) ([]int, error)

// noLeast is the score threshold if none is given.
var noLeast = float32(math.Inf(-1))

// nmsLimits reads the optional scalars.
func nmsLimits(c *Call) (most int, iou, least float32, err error) {
	least = noLeast
	for i := 2; i < len(c.In); i++ {
		t := c.In[i]
		switch {
		case t == nil:
		case t.Len() != 1:
			return 0, 0, 0, fmt.Errorf("input %d must have one element, it has shape %v", i, t.Shape())
		case i == 2:
			most = int(max(0, min(tensor.Data[int64](t)[0], math.MaxInt32)))
		case i == 3:
			iou = tensor.Data[float32](t)[0]
		default:
			least = tensor.Data[float32](t)[0]
		}
	}
	return most, iou, least, nil
}

// corners returns a box as y1, x1, y2, x2, the smaller coordinates first.
func (op *nms) corners(b [4]float32) [4]float32 {
	if op.center { // x and y of the centre, width, height
		return [4]float32{b[1] - b[3]/2, b[0] - b[2]/2, b[1] + b[3]/2, b[0] + b[2]/2}
	}
	return [4]float32{min(b[0], b[2]), min(b[1], b[3]), max(b[0], b[2]), max(b[1], b[3])}
}

// suppress sorts the candidates by descending score, equal ones by index, and
// keeps at most most of them that do not overlap. It overwrites order.
func suppress(r *Run, corners [][4]float32, score []float32, order []int, most int, iou float32) ([]int, error) {
	slices.SortFunc(order, func(a, b int) int {
		return cmp.Or(cmp.Compare(score[b], score[a]), cmp.Compare(a, b))
	})
	kept := order[:0]
	for k, i := range order {
		if len(kept) >= most {
			break
		}
		if err := r.Check(); k&15 == 0 && err != nil {
			return nil, err
		}
		if !slices.ContainsFunc(kept, func(j int) bool { return overlap(corners[i], corners[j]) > iou }) {
			kept = append(kept, i)
		}
	}
	return kept, nil
}

// suppressFast is suppress for boxes that are large enough for their areas in
// float32.
func suppressFast(r *Run, corners [][4]float32, score []float32, order []int, most int, iou float32) ([]int, error) {
	const lost = 1e-30
	boxes := make([]fast.Box, len(order))
	scores := make([]float64, len(order))
	for k, i := range order {
		b := &corners[i]
		if area := (b[2] - b[0]) * (b[3] - b[1]); area > 0 && area < lost {
			return suppress(r, corners, score, order, most, iou)
		}
		boxes[k] = fast.Box{X1: float64(b[1]), Y1: float64(b[0]), X2: float64(b[3]), Y2: float64(b[2])}
		scores[k] = float64(score[i])
	}
	places, err := fast.Greedy(nil, boxes, fast.Task{
		Order: fast.ByScore(scores),
		IoU:   float64(iou),
		Most:  most,
		Over:  func(a, b int32) bool { return overlap(corners[order[a]], corners[order[b]]) > iou },
		Check: r.Check,
	})
	if err != nil {
		return nil, err
	}
	kept := make([]int, len(places))
	for k, p := range places {
		kept[k] = order[p]
	}
	return kept, nil
}

// overlap is the intersection over union of two boxes, 0 if one is empty.
func overlap(a, b [4]float32) float32 {
	h := min(a[2], b[2]) - max(a[0], b[0])
	w := min(a[3], b[3]) - max(a[1], b[1])
	areaA, areaB := (a[2]-a[0])*(a[3]-a[1]), (b[2]-b[0])*(b[3]-b[1])
	if !(h > 0 && w > 0 && areaA > 0 && areaB > 0) {
		return 0
	}
	return h * w / (areaA + areaB - h*w)
}
