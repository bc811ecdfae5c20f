package ops

import (
	"fmt"
	"math"
	"slices"

	"github.com/visionzoo/vision/engine/ir"
	"github.com/visionzoo/vision/engine/tensor"
)

// contributedPictures lists image operators of ONNX Runtime
// (docs/ContribOperators.md).
var contributedPictures = []Def{
	{Domain: Microsoft, Name: "CropAndResize", Since: 1, Types: tensor.FloatTypes, In: Exactly(4), Out: Exactly(1), New: newCropResize},
	{Domain: Microsoft, Name: "ConvTransposeWithDynamicPads", Since: 1, Types: tensor.FloatTypes, In: Arity{2, 4}, Out: Exactly(1), New: newPaddedTranspose},
}

// cropResize resizes boxes of images to one size, like TensorFlow's crop_and_resize. Boxes are y1
// x1 y2 x2, normalised so that 1 is the last row or column. Positions outside the image have a
// constant value. Operator CropAndResize of com.microsoft.
type cropResize struct {
	nearest bool    // otherwise bilinear
	outside float64 // extrapolation_value
}

func newCropResize(n *ir.Node) (Op, error) {
	a := n.ReadAttrs()
	return cropResize{a.OneOf("mode", "bilinear", "nearest") == "nearest", float64(a.Float("extrapolation_value", 0))}, a.Err()
}

// Infer: X [N C H W], boxes [R 4], image indices [R], size [2] → [R C height
// width].
func (cropResize) Infer(in []ir.Fact) ([]ir.Fact, error) {
	if err := sameType(in[:2]); err != nil {
		return nil, err
	}
	for i, rank := range []int{4, 2, 1, 1} {
		if err := wantRank(in, i, rank); err != nil {
			return nil, err
		}
		if err := wantType(in, i, integerTypes); i > 1 && err != nil {
			return nil, err
		}
	}
	y := ir.AnyOfRank(4)
	if in[0].Shape.Ranked {
		y.Dims[1] = in[0].Shape.Dims[1]
	}
	if s := in[1].Shape; s.Ranked {
		if y.Dims[0] = s.Dims[0]; s.Dims[1].Known() && s.Dims[1].N != 4 {
			return nil, fmt.Errorf("boxes must have shape [R 4], the shape is %s", s)
		}
		if !fitsShape(in[2].Shape, ir.ShapeOf(s.Dims[0])) {
			return nil, fmt.Errorf("batch_indices must have shape [%s], the shape is %s", s.Dims[0], in[2].Shape)
		}
	}
	if t := in[3].Const; t != nil {
		v, err := integers(t)
		if err != nil || len(v) != 2 || v[0] < 1 || v[1] < 1 {
			return nil, fmt.Errorf("crop_size must be two numbers of 1 or more, it is %v of shape %v", v, t.Shape())
		}
		y.Dims[2].N, y.Dims[3].N = v[0], v[1]
	}
	return []ir.Fact{ir.Tensor(in[0].DType, y)}, nil
}

func (op cropResize) Eval(c *Call) error {
	facts := factsOf(c.In)
	facts[3].Const = c.In[3]
	f, err := op.Infer(facts)
	if err != nil {
		return err
	}
	shape, _ := f[0].Shape.Ints()
	y, err := c.New(c.In[0].DType(), shape...)
	if err != nil {
		return err
	}
	if c.Out[0] = y; y.Len() == 0 {
		return nil
	}
	pictures, err := callInts(c, 2)
	if err != nil {
		return err
	}
	x, boxes := c.In[0], tensor.ToFloat64(c.In[1])
	channels, h, w := x.Dim(1), x.Dim(2), x.Dim(3)
	row, top, bottom := make([]float64, shape[3]), make([]float64, w), make([]float64, w)
	for r, picture := range pictures {
		if picture < 0 || picture >= x.Dim(0) {
			return fmt.Errorf("box %d has batch index %d, there are %d images", r, picture, x.Dim(0))
		}
		box := boxes[4*r:]
		for ch := range channels {
			plane := (picture*channels + ch) * h * w
			for i := range shape[2] {
				if err := c.Run.Check(); err != nil {
					return err
				}
				for j := range row {
					row[j] = op.outside
				}
				if at := cropAt(box[0], box[2], i, shape[2], h); at >= 0 && at <= float64(h-1) {
					first, second, share := op.neighbours(at)
					tensor.Load(top, x, plane+first*w, 1)
					tensor.Load(bottom, x, plane+second*w, 1)
					op.blend(row, top, bottom, share, box[1], box[3])
				}
				tensor.Store(y, ((r*channels+ch)*shape[2]+i)*shape[3], 1, row)
			}
		}
	}
	return nil
}

// blend interpolates a row of the output, from one normalised coordinate to another, between two
// rows of the image, of which the second has the given share. What lies outside the image stays as
// it is.
func (op cropResize) blend(row, top, bottom []float64, share, from, to float64) {
	w := len(top)
	for j := range row {
		at := cropAt(from, to, j, len(row), w)
		if !(at >= 0 && at <= float64(w-1)) {
			continue
		}
		left, right, across := op.neighbours(at)
		a := top[left] + (top[right]-top[left])*across
		b := bottom[left] + (bottom[right]-bottom[left])*across
		row[j] = a + (b-a)*share
	}
}

// cropAt returns the position of output pixel i of n between two normalised
// coordinates, in float32 as the original: which pixel is nearest depends on the
// rounding.
func cropAt(from, to float64, i, n, side int) float64 {
	first, second, last := float32(from), float32(to), float32(side-1)
	if n == 1 {
		return float64(0.5 * (first + second) * last)
	}
	scale := (second - first) * last / float32(n-1)
	start, step := first*last, float32(i)*scale
	return float64(start + step)
}

// neighbours returns the two pixels around a position and the weight of the second.
func (op cropResize) neighbours(at float64) (first, second int, share float64) {
	if op.nearest {
		k := int(math.Round(at))
		return k, k, 0
	}
	low := math.Floor(at)
	return int(low), int(math.Ceil(at)), at - low
}

// paddedTranspose is convTranspose with the pads as an input: X, W, pads, bias. Operator
// ConvTransposeWithDynamicPads of com.microsoft.
type paddedTranspose struct{ convTranspose }

func newPaddedTranspose(n *ir.Node) (Op, error) {
	op, err := newConvTranspose(n)
	if err != nil {
		return nil, err
	}
	return paddedTranspose{*op.(*convTranspose)}, nil
}

// with returns the ConvTranspose for given pads; while these are not known (nil), for those of its
// attributes.
func (op paddedTranspose) with(pads *tensor.Tensor) (*convTranspose, error) {
	own := op.convTranspose
	if pads != nil {
		v, err := integers(pads)
		if err != nil {
			return nil, fmt.Errorf("input pads %w", err)
		}
		if len(v)%2 != 0 {
			return nil, fmt.Errorf("pads must have two elements for each spatial dimension, they are %v", v)
		}
		for _, p := range v {
			if p < 0 || p > maxSpan {
				return nil, fmt.Errorf("pads must be between 0 and %d, they are %v", maxSpan, v)
			}
		}
		if own.pads = nil; len(v) > 0 {
			own.pads = slices.Clone(v)
		}
	}
	return &own, nil
}

// Infer: X, W, pads [2·spatial], bias → as ConvTranspose.
func (op paddedTranspose) Infer(in []ir.Fact) ([]ir.Fact, error) {
	pads, rest := fact(in, 2), []ir.Fact{in[0], in[1], fact(in, 3)}
	if err := firstError(wantType(in, 2, integerTypes), wantRank(in, 2, 1)); err != nil {
		return nil, err
	}
	own, err := op.with(pads.Const)
	if err != nil {
		return nil, err
	}
	out, err := own.Infer(rest)
	if err == nil && pads.Given() && pads.Const == nil && out[0].Shape.Ranked {
		for i := range out[0].Shape.Dims[2:] {
			out[0].Shape.Dims[2+i] = ir.Unknown
		}
	}
	return out, err
}

func (op paddedTranspose) Eval(c *Call) error {
	own, err := op.with(c.input(2))
	if err != nil {
		return err
	}
	inner := *c
	inner.In = []*tensor.Tensor{c.In[0], c.In[1], c.input(3)}
	err = own.Eval(&inner)
	c.Out[0] = inner.Out[0]
	return err
}
