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

var suppressions = []Def{
	{Name: "NonMaxSuppression", Since: 10, Types: tensor.Types(tensor.Float32), In: Arity{2, 5}, Out: Exactly(1), New: newNMS},
}

// nms keeps, for each class of each image, the boxes that no box with a higher score overlaps by
// more than a threshold, in intersection over union; boxes that were suppressed themselves suppress
// none. ONNX NonMaxSuppression-10; -11 is the same.
type nms struct {
	center bool // boxes are centre, width and height, not corners
}

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
				if s > least || least == noThreshold && s == s {
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
	y, err := c.zeroed(tensor.Int64, len(kept)/3, 3)
	if err != nil {
		return err
	}
	copy(tensor.Data[int64](y), kept)
	return nil
}

// suppressor selects from order, the indices of the candidates, those to keep, at most most of
// them, in descending order of score. It may overwrite order.
type suppressor func(r *Run, corners [][4]float32, score []float32, order []int, most int, iou float32) ([]int, error)

// noThreshold is the score threshold if none is given.
var noThreshold = float32(math.Inf(-1))

// nmsLimits reads the optional scalars.
func nmsLimits(c *Call) (most int, iou, least float32, err error) {
	least = noThreshold
	for i := 2; i < len(c.In); i++ {
		t := c.In[i]
		switch {
		case t == nil:
		case t.Len() != 1:
			return 0, 0, 0, fmt.Errorf("input %d must have one element, it has shape %v", i, t.Shape())
		case i == 2:
			most = int(max(0, min(tensor.Data[int64](t)[0], math.MaxInt32)))
		case i == 3:
			if iou = tensor.Data[float32](t)[0]; !(iou >= 0 && iou <= 1) {
				return 0, 0, 0, fmt.Errorf("input 3, the threshold of intersection over union, must be 0 to 1, it is %g", iou)
			}
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

// suppressFast is suppress by package suppress, which compares many boxes at a time and asks
// overlap where rounding might decide. Boxes with areas near the smallest float32 are left to
// suppress.
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
