package ops

import (
	"fmt"

	"github.com/visionzoo/vision/engine/ir"
	"github.com/visionzoo/vision/engine/tensor"
)

// centerCropPad crops or pads with zeros, centred, to given sizes. Of an odd number of pixels, one
// fewer is cropped or added before than after. ONNX CenterCropPad-18.
type centerCropPad struct{ axes []int }

func newCenterCropPad(n *ir.Node) (Op, error) {
	a := n.ReadAttrs()
	return centerCropPad{a.Ints("axes")}, a.Err()
}

// target returns the shape of the output.
func (op centerCropPad) target(s ir.Shape, sizes []int) (ir.Shape, error) {
	axes := op.axes
	if axes == nil {
		for i := range s.Dims {
			axes = append(axes, i)
		}
	}
	axes, err := axesOf(axes, s.Rank())
	if err != nil {
		return s, err
	}
	if sizes == nil {
		for _, a := range axes {
			s = withDim(s, a, ir.Unknown)
		}
		return s, nil
	}
	if len(sizes) != len(axes) {
		return s, fmt.Errorf("%d sizes are given for %d axes", len(sizes), len(axes))
	}
	for i, a := range axes {
		if sizes[i] < 0 {
			return s, fmt.Errorf("sizes %v must not be negative", sizes)
		}
		s = withDim(s, a, ir.Dim{N: sizes[i]})
	}
	return s, nil
}

// Infer: input [d…], shape [k] → the sizes of shape at the axes.
func (op centerCropPad) Infer(in []ir.Fact) ([]ir.Fact, error) {
	if err := wantRank(in, 1, 1); err != nil {
		return nil, err
	}
	sizes, _, err := knownInts(in, 1)
	if err != nil || !in[0].Shape.Ranked {
		return []ir.Fact{{DType: in[0].DType}}, err
	}
	s, err := op.target(in[0].Shape, sizes)
	return []ir.Fact{ir.Tensor(in[0].DType, s)}, err
}

func (op centerCropPad) Eval(c *Call) error {
	x := c.In[0]
	sizes, err := callInts(c, 1)
	if err != nil {
		return err
	}
	s, err := op.target(ir.Dims(x.Shape()...), sizes)
	if err != nil {
		return err
	}
	shape, _ := s.Ints()
	y, err := c.zeroed(x.DType(), shape...)
	if err != nil {
		return err
	}
	both, from, into := make([]int, len(shape)), 0, 0
	xs, ys := tensor.Strides(x.Shape()), tensor.Strides(shape)
	for i, d := range x.Shape() {
		both[i] = min(d, shape[i])
		if both[i] == 0 {
			return nil
		}
		from += (d - both[i]) / 2 * xs[i]
		into += (shape[i] - both[i]) / 2 * ys[i]
	}
	w := newWalk(both, ys, xs)
	w.start[0], w.start[1] = into, from
	return w.move(c.Run, y, x)
}
