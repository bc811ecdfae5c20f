package ops

import (
	"fmt"

	"github.com/visionzoo/vision/engine/ir"
	"github.com/visionzoo/vision/engine/tensor"
)

var splits = []Def{
	{Name: "Split", Since: 18, Types: tensor.AllTypes, In: Arity{1, 2}, Out: Arity{1, Many}, New: newSplit},
	{Name: "Split", Since: 13, Until: 17, Types: tensor.AllTypes, In: Arity{1, 2}, Out: Arity{1, Many}, New: newSplit13},
	{Name: "Split", Since: 2, Until: 12, Types: tensor.AllTypes, In: Exactly(1), Out: Arity{1, Many}, New: newSplit1},
	{Name: "Split", Since: 1, Until: 1, Types: tensor.AllTypes, In: Arity{1, 2}, Out: Arity{1, Many}, New: newSplit1},
}

// split divides a tensor along an axis into as many parts as there are outputs.
type split struct {
	axis    int
	outputs int
	sizes   []int // attribute of versions 1 to 12
	uneven  bool  // without sizes, the last part may be smaller
}

// newSplit divides into num_outputs equal parts, of which the last may be
// smaller, or into given sizes. ONNX Split-18.
func newSplit(n *ir.Node) (Op, error) {
	a := n.ReadAttrs()
	op := split{axis: a.Int("axis", 0), outputs: len(n.Outputs), uneven: true}
	if k := a.Int("num_outputs", op.outputs); k != op.outputs {
		a.Fail("attribute \"num_outputs\" is %d, the node has %d outputs", k, op.outputs)
	}
	if a.Has("num_outputs") && len(n.Inputs) > 1 {
		a.Fail("input split and attribute \"num_outputs\" are both given; give one")
	}
	return op, a.Err()
}

// newSplit13 divides into equal parts, or into given sizes. ONNX Split-13.
func newSplit13(n *ir.Node) (Op, error) {
	a := n.ReadAttrs()
	return split{axis: a.Int("axis", 0), outputs: len(n.Outputs)}, a.Err()
}

// newSplit1 has the sizes as an attribute (version 1: or as an input). ONNX
// Split-1 and -2.
func newSplit1(n *ir.Node) (Op, error) {
	a := n.ReadAttrs()
	return split{axis: a.Int("axis", 0), outputs: len(n.Outputs), sizes: a.Ints("split")}, a.Err()
}

// parts returns the sizes along the axis.
func (op split) parts(dim int, sizes []int) ([]int, error) {
	if sizes == nil {
		each := (dim + op.outputs - 1) / op.outputs
		if !op.uneven && each*op.outputs != dim {
			return nil, fmt.Errorf("a dimension of %d cannot be split into %d equal parts", dim, op.outputs)
		}
		sizes = make([]int, op.outputs)
		for i := range sizes {
			sizes[i] = max(0, min(each, dim-i*each))
		}
		return sizes, nil
	}
	if len(sizes) != op.outputs {
		return nil, fmt.Errorf("there are %d sizes for %d outputs", len(sizes), op.outputs)
	}
	return sizes, checkParts(dim, sizes)
}

// checkParts checks that sizes add up to the dimension.
func checkParts(dim int, sizes []int) error {
	left := dim
	for _, s := range sizes {
		if s < 0 {
			return fmt.Errorf("sizes %v must not be negative", sizes)
		}
		if s > left {
			return fmt.Errorf("sizes %v add up to more than the dimension's %d", sizes, dim)
		}
		left -= s
	}
	if left != 0 {
		return fmt.Errorf("sizes %v add up to %d, the dimension is %d", sizes, dim-left, dim)
	}
	return nil
}

// Infer: input [… d …] → parts of d along the axis.
func (op split) Infer(in []ir.Fact) ([]ir.Fact, error) {
	out := make([]ir.Fact, op.outputs)
	for i := range out {
		out[i].DType = in[0].DType
	}
	if err := wantRank(in, 1, 1); err != nil {
		return nil, err
	}
	sizes, known := op.sizes, true
	if sizes == nil {
		var err error
		if sizes, known, err = knownInts(in, 1); err != nil {
			return nil, err
		}
	}
	s := in[0].Shape
	if !s.Ranked {
		return out, nil
	}
	axis, err := tensor.Axis(op.axis, s.Rank())
	if err != nil {
		return nil, err
	}
	var parts []int
	if known && s.Dims[axis].Known() {
		if parts, err = op.parts(s.Dims[axis].N, sizes); err != nil {
			return nil, err
		}
	} else if len(sizes) == op.outputs {
		parts = sizes
	}
	for i := range out {
		d := ir.Unknown
		if parts != nil {
			d.N = parts[i]
		}
		out[i].Shape = withDim(s, axis, d)
	}
	return out, nil
}

// withDim returns a shape with one dimension replaced.
func withDim(s ir.Shape, axis int, d ir.Dim) ir.Shape {
	dims := append([]ir.Dim{}, s.Dims...)
	dims[axis] = d
	return ir.ShapeOf(dims...)
}

func (op split) Eval(c *Call) error {
	x := c.In[0]
	axis, err := tensor.Axis(op.axis, x.Rank())
	if err != nil {
		return err
	}
	sizes := op.sizes
	if sizes == nil {
		if sizes, err = callInts(c, 1); err != nil {
			return err
		}
	}
	parts, err := op.parts(x.Dim(axis), sizes)
	if err != nil {
		return err
	}
	return cutAlong(c, x, axis, parts, func(i int, y *tensor.Tensor) { c.Out[i] = y })
}

// cutAlong copies each of the parts along an axis to a tensor of its own, which it hands to put.
func cutAlong(c *Call, x *tensor.Tensor, axis int, parts []int, put func(i int, y *tensor.Tensor)) error {
	at := 0
	for i, size := range parts {
		shape := append([]int{}, x.Shape()...)
		shape[axis] = size
		y, err := c.raw(x.DType(), shape...)
		if err != nil {
			return err
		}
		put(i, y)
		if y.Len() > 0 {
			before, along, after := split3(x.Shape(), axis)
			if err := c.joinRuns(y, x, before, size*after, 0, size*after, along*after, at*after); err != nil {
				return err
			}
		}
		at += size
	}
	return nil
}

// splitToSequence divides a tensor along an axis into a sequence. ONNX
// SplitToSequence-11; -24 extends the types.
type splitToSequence struct {
	axis     int
	keepDims bool
}

func newSplitToSequence(n *ir.Node) (Op, error) {
	a := n.ReadAttrs()
	op := splitToSequence{a.Int("axis", 0), a.Bool("keepdims", true)}
	if len(n.Inputs) > 1 {
		op.keepDims = true // keepdims applies only without sizes
	}
	return op, a.Err()
}

// Infer: input [… d …], sizes → a sequence of its parts.
func (op splitToSequence) Infer(in []ir.Fact) ([]ir.Fact, error) {
	err := firstError(wantType(in, 1, integerTypes), wantRank(in, 1, 0, 1))
	if err != nil {
		return nil, err
	}
	elem := ir.Fact{DType: in[0].DType}
	if s := in[0].Shape; s.Ranked {
		axis, err := tensor.Axis(op.axis, s.Rank())
		if err != nil {
			return nil, err
		}
		if op.keepDims {
			elem.Shape = withDim(s, axis, ir.Unknown)
		} else {
			elem.Shape = ir.ShapeOf(append(append([]ir.Dim{}, s.Dims[:axis]...), s.Dims[axis+1:]...)...)
		}
	}
	return []ir.Fact{{DType: tensor.Sequence, Elem: &elem}}, nil
}

func (op splitToSequence) Eval(c *Call) error {
	x := c.In[0]
	axis, err := tensor.Axis(op.axis, x.Rank())
	if err != nil {
		return err
	}
	parts, err := op.parts(c, x.Dim(axis))
	if err != nil {
		return err
	}
	elems := make([]*tensor.Tensor, len(parts))
	if err := cutAlong(c, x, axis, parts, func(i int, y *tensor.Tensor) { elems[i] = y }); err != nil {
		return err
	}
	if !op.keepDims {
		shape := append(append([]int{}, x.Shape()[:axis]...), x.Shape()[axis+1:]...)
		for i, e := range elems {
			if elems[i], err = e.Reshape(shape...); err != nil {
				return err
			}
		}
	}
	c.Out[0] = tensor.NewContainer(tensor.Sequence, elems...)
	return nil
}

// parts returns the sizes: all 1, or as given, or all equal to a given size
// except the last.
func (op splitToSequence) parts(c *Call, dim int) ([]int, error) {
	given := c.input(1)
	if given == nil {
		if err := c.Run.reserveList(dim, 64); err != nil {
			return nil, err
		}
		parts := make([]int, dim)
		for i := range parts {
			parts[i] = 1
		}
		return parts, nil
	}
	sizes, err := callInts(c, 1)
	if err != nil {
		return nil, err
	}
	if given.Rank() == 1 {
		return sizes, checkParts(dim, sizes)
	}
	if len(sizes) != 1 || sizes[0] <= 0 {
		return nil, fmt.Errorf("the part size is %v, it must be 1 or more", sizes)
	}
	if err := c.Run.reserveList(dim/sizes[0], 64); err != nil {
		return nil, err
	}
	var parts []int
	for left := dim; left > 0; left -= sizes[0] {
		parts = append(parts, min(left, sizes[0]))
	}
	return parts, nil
}
