package ops

import (
	"fmt"
	"math"

	"github.com/visionzoo/vision/engine/ir"
	"github.com/visionzoo/vision/engine/tensor"
	"github.com/visionzoo/vision/internal/limit"
)

// oneHot inserts a new axis on which the element at the index has the value on, all others the
// value off: with depth 4, index 2 becomes [off off on off]. Indices out of range give only off.
// ONNX OneHot-11.
type oneHot struct {
	axis     int
	negative bool // indices may count from the end
}

func newOneHot(n *ir.Node) (Op, error) {
	a := n.ReadAttrs()
	return oneHot{a.Int("axis", -1), true}, a.Err()
}

// newOneHot9 does not allow negative indices. ONNX OneHot-9.
func newOneHot9(n *ir.Node) (Op, error) {
	a := n.ReadAttrs()
	return oneHot{a.Int("axis", -1), false}, a.Err()
}

// Infer: indices [any shape], depth, values [2] → indices' shape with depth
// inserted at axis.
func (op oneHot) Infer(in []ir.Fact) ([]ir.Fact, error) {
	err := firstError(wantType(in, 1, tensor.NumericTypes), wantType(in, 2, tensor.AllTypes), wantRank(in, 1, 0, 1), wantRank(in, 2, 1))
	if err != nil {
		return nil, err
	}
	out := ir.Fact{DType: in[2].DType}
	s := in[0].Shape
	if !s.Ranked {
		return []ir.Fact{out}, nil
	}
	axis, err := tensor.Axis(op.axis, s.Rank()+1)
	if err != nil {
		return nil, err
	}
	depth := ir.Unknown
	switch {
	case in[1].Const != nil:
		d, err := oneHotDepth(in[1].Const)
		if err != nil {
			return nil, err
		}
		depth.N = d
	case len(in[1].Ints) == 1:
		depth = in[1].Ints[0]
	}
	dims := append(append([]ir.Dim{}, s.Dims[:axis]...), depth)
	out.Shape = ir.ShapeOf(append(dims, s.Dims[axis:]...)...)
	return []ir.Fact{out}, nil
}

// oneHotDepth reads input depth, which may be of any numeric type.
func oneHotDepth(t *tensor.Tensor) (int, error) {
	if t.Len() != 1 {
		return 0, fmt.Errorf("depth has shape %v, it must have one element", t.Shape())
	}
	d := tensor.ToFloat64(t)[0]
	if !(d >= 0) {
		return 0, fmt.Errorf("depth is %v, it must be 0 or more", d)
	}
	if d > math.MaxInt/2 {
		return 0, limit.Errorf("memory: depth %v is too large", d)
	}
	return int(d), nil
}

func (op oneHot) Eval(c *Call) error {
	depth, err := oneHotDepth(c.In[1])
	if err != nil {
		return err
	}
	values := c.In[2]
	if values.Rank() != 1 || values.Len() != 2 {
		return fmt.Errorf("values have shape %v, it must be [2]: off and on", values.Shape())
	}
	shape := c.In[0].Shape()
	axis, err := tensor.Axis(op.axis, len(shape)+1)
	if err != nil {
		return err
	}
	to := append(append(append([]int{}, shape[:axis]...), depth), shape[axis:]...)
	y, err := c.zeroed(values.DType(), to...)
	if err != nil {
		return err
	}
	indices, err := c.convert(c.In[0], tensor.Float64)
	if err != nil {
		return err
	}
	cp := newCopier(y, values)
	cp.fill(0, 0, y.Len())
	after := tensor.MustCount(shape[axis:])
	for i, v := range tensor.Data[float64](indices) {
		if v = math.Trunc(v); op.negative && v < 0 {
			v += float64(depth)
		}
		if v >= 0 && v < float64(depth) { // false for NaN
			cp.copy((i/after*depth+int(v))*after+i%after, 1, 1)
		}
	}
	return nil
}
