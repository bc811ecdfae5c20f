package ops

import (
	"fmt"
	"math"
	"slices"

	"github.com/visionzoo/vision/engine/ir"
	"github.com/visionzoo/vision/engine/tensor"
)

// maxUnpool undoes a MaxPool as far as possible: it writes the elements of that one's output at the
// positions in its Indices, and zeros elsewhere. The indices refer to the smallest input for which
// the window gives this output; a larger output_shape adds zeros at the ends. ONNX MaxUnpool-9; -11
// and -22 extend defaults and types.
type maxUnpool struct{ window }

func newMaxUnpool(n *ir.Node) (Op, error) {
	a := n.ReadAttrs()
	return &maxUnpool{readPool(a)}, a.Err()
}

// Infer: X [N C spatial…], I like X, output_shape [rank] → [N C spatial…].
func (op *maxUnpool) Infer(in []ir.Fact) ([]ir.Fact, error) {
	for i := 1; i < 3; i++ {
		if err := wantType(in, i, tensor.Types(tensor.Int64)); err != nil {
			return nil, err
		}
	}
	x := in[0]
	dims, err := spatial(x)
	if err != nil {
		return nil, err
	}
	if dims == nil {
		return []ir.Fact{ir.Tensor(x.DType, ir.Shape{})}, nil
	}
	if !fitsShape(x.Shape, in[1].Shape) {
		return nil, fmt.Errorf("the indices must have the shape of the input, %s, they have %s", x.Shape, in[1].Shape)
	}
	if s := fact(in, 2); s.Given() {
		if len(s.Ints) == x.Shape.Rank() {
			return []ir.Fact{ir.Tensor(x.DType, ir.ShapeOf(s.Ints...))}, nil
		}
		return []ir.Fact{ir.Tensor(x.DType, ir.AnyOfRank(x.Shape.Rank()))}, nil
	}
	out := append([]ir.Dim(nil), x.Shape.Dims...)
	spans, err := op.spans(len(dims), nil)
	if err != nil {
		return nil, err
	}
	for i, d := range dims {
		out[2+i] = ir.Unknown
		if d.Known() {
			n, err := op.grow(spans[i], d.N)
			if err != nil {
				return nil, err
			}
			out[2+i] = ir.Dim{N: n}
		}
	}
	return []ir.Fact{ir.Tensor(x.DType, ir.ShapeOf(out...))}, nil
}

// grow returns the smallest input size for which the window gives an output of
// size in.
func (op *maxUnpool) grow(s span, in int) (int, error) {
	n := int64(in-1)*int64(s.stride) + int64(s.kernel) - int64(s.before) - int64(s.after)
	if in < 1 || n < 1 || n > maxSpan {
		return 0, fmt.Errorf("an input of size %d gives an output of size %d, it must be 1 or more and not too large", in, n)
	}
	return int(n), nil
}

func (op *maxUnpool) Eval(c *Call) error {
	if _, err := op.Infer(factsOf(c.In)); err != nil {
		return err
	}
	return evalReal(c, func(c *Call) error { return evalMaxUnpool[float32](op, c) }, func(c *Call) error { return evalMaxUnpool[float64](op, c) })
}

func evalMaxUnpool[T real](op *maxUnpool, c *Call) error {
	x := c.In[0]
	spans, err := op.spans(x.Rank()-2, nil)
	if err != nil {
		return err
	}
	inner := append([]int(nil), x.Shape()...)
	for i, s := range spans {
		if inner[2+i], err = op.grow(s, inner[2+i]); err != nil {
			return err
		}
	}
	outer := inner
	if t := c.input(2); t != nil {
		if outer, err = integers(t); err != nil {
			return err
		}
		if len(outer) != len(inner) {
			return fmt.Errorf("output_shape must have %d elements, it has %d", len(inner), len(outer))
		}
		for i := range outer {
			if outer[i] < inner[i] {
				return fmt.Errorf("output_shape %v must be at least %v", outer, inner)
			}
		}
	}
	count, err := tensor.Count(inner)
	if err != nil {
		return err
	}
	y, err := c.zeroed(x.DType(), outer...)
	if err != nil {
		return err
	}
	dst, strides := tensor.Data[T](y), tensor.Strides(outer)
	places, same := tensor.Data[int64](c.In[1]), slices.Equal(inner, outer)
	for i, v := range tensor.Data[T](x) {
		at := places[i]
		if at < 0 || at >= int64(count) {
			return fmt.Errorf("index %d is outside the %d elements of the output", at, count)
		}
		if i&0xffff == 0 {
			if err := c.Run.Check(); err != nil {
				return err
			}
		}
		to := int(at)
		if !same {
			rest := to
			to = 0
			for d := len(inner) - 1; d >= 0; d-- {
				to += rest % inner[d] * strides[d]
				rest /= inner[d]
			}
		}
		dst[to] = v
	}
	return nil
}

// maxRoiPool divides a box of the image into a grid of cells, in whole pixels, and returns the
// maximum of each. ONNX MaxRoiPool-1; -22 extends the types. Girshick 2015, "Fast R-CNN", §2.1.
type maxRoiPool struct {
	pooled [2]int  // rows and columns of cells
	scale  float64 // from the coordinates of boxes to pixels
}

func newMaxRoiPool(n *ir.Node) (Op, error) {
	a := n.ReadAttrs().Need("pooled_shape")
	op := &maxRoiPool{scale: float64(a.Float("spatial_scale", 1))}
	shape := a.Ints("pooled_shape")
	if len(shape) != 2 || shape[0] < 1 || shape[1] < 1 {
		a.Fail("attribute %q is %v, it must be two positive numbers", "pooled_shape", shape)
		return nil, a.Err()
	}
	op.pooled = [2]int{shape[0], shape[1]}
	return op, a.Err()
}

// Infer: X [N C H W], rois [R 5] (batch index, x1, y1, x2, y2) → [R C pooled…].
func (op *maxRoiPool) Infer(in []ir.Fact) ([]ir.Fact, error) {
	if err := sameType(in); err != nil {
		return nil, err
	}
	if err := wantRank(in, 0, 4); err != nil {
		return nil, err
	}
	if err := wantRank(in, 1, 2); err != nil {
		return nil, err
	}
	r, c := ir.Unknown, ir.Unknown
	if in[0].Shape.Ranked {
		c = in[0].Shape.Dims[1]
	}
	if in[1].Shape.Ranked {
		r = in[1].Shape.Dims[0]
		if five := in[1].Shape.Dims[1]; five.Known() && five.N != 5 {
			return nil, fmt.Errorf("rois must have shape [R 5], the shape is %s", in[1].Shape)
		}
	}
	return []ir.Fact{ir.Tensor(in[0].DType, ir.ShapeOf(r, c, ir.Dim{N: op.pooled[0]}, ir.Dim{N: op.pooled[1]}))}, nil
}

func (op *maxRoiPool) Eval(c *Call) error {
	if _, err := op.Infer(factsOf(c.In)); err != nil {
		return err
	}
	return evalReal(c, func(c *Call) error { return evalMaxRoiPool[float32](op, c) }, func(c *Call) error { return evalMaxRoiPool[float64](op, c) })
}

func evalMaxRoiPool[T real](op *maxRoiPool, c *Call) error {
	x, rois := c.In[0], c.In[1]
	channels, h, w := x.Dim(1), x.Dim(2), x.Dim(3)
	y, err := c.New(x.DType(), rois.Dim(0), channels, op.pooled[0], op.pooled[1])
	if err != nil {
		return err
	}
	if c.Out[0] = y; y.Len() == 0 {
		return nil // whatever the number of cells
	}
	if err := firstError(c.Run.reserveList(op.pooled[0], 16), c.Run.reserveList(op.pooled[1], 16)); err != nil {
		return err
	}
	src, dst, boxes := tensor.Data[T](x), tensor.Data[T](y), tensor.Data[T](rois)
	o := 0
	for r := range rois.Dim(0) {
		box := boxes[r*5:][:5]
		if !(box[0] >= 0 && float64(box[0]) < float64(x.Dim(0))) {
			return fmt.Errorf("box %d has batch index %v, there are %d images", r, box[0], x.Dim(0))
		}
		ys := roiCells(float64(box[2])*op.scale, float64(box[4])*op.scale, op.pooled[0], h)
		xs := roiCells(float64(box[1])*op.scale, float64(box[3])*op.scale, op.pooled[1], w)
		for ch := range channels {
			plane := src[(int(box[0])*channels+ch)*h*w:]
			for _, cy := range ys {
				if err := c.Run.Check(); err != nil {
					return err
				}
				for _, cx := range xs {
					dst[o] = cellMax(plane, w, cy, cx)
					o++
				}
			}
		}
	}
	return nil
}

// cellMax returns the maximum of a cell, 0 if it is empty.
func cellMax[T real](plane []T, w int, cy, cx [2]int) T {
	if cy[0] >= cy[1] || cx[0] >= cx[1] {
		return 0
	}
	best := T(math.Inf(-1))
	for y := cy[0]; y < cy[1]; y++ {
		for _, v := range plane[y*w+cx[0] : y*w+cx[1]] {
			best = max(best, v)
		}
	}
	return best
}

// roiCells divides the pixels first to last into n cells, each [from, to) and
// clipped to [0, limit).
func roiCells(first, last float64, n, limit int) [][2]int {
	first, last = math.Round(first), math.Round(last)
	size := math.Max(last-first+1, 1) / float64(n)
	cells := make([][2]int, n)
	for i := range cells {
		cells[i] = [2]int{pixel(first+math.Floor(float64(i)*size), limit), pixel(first+math.Ceil(float64(i+1)*size), limit)}
	}
	return cells
}

// pixel converts a coordinate to an integer in [0, limit]; NaN is 0.
func pixel(v float64, limit int) int {
	switch {
	case !(v > 0):
		return 0
	case v >= float64(limit):
		return limit
	}
	return int(v)
}
