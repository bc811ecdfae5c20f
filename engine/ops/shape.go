package ops

import (
	"fmt"
	"slices"

	"github.com/visionzoo/vision/engine/ir"
	"github.com/visionzoo/vision/engine/tensor"
)

var shapes = []Def{
	{Name: "Shape", Since: 15, Types: tensor.AllTypes, In: Exactly(1), Out: Exactly(1), New: newShape},
	{Name: "Shape", Since: 1, Until: 14, Types: tensor.AllTypes, In: Exactly(1), Out: Exactly(1), New: newShape1},
	{Name: "Size", Since: 1, Types: tensor.AllTypes, In: Exactly(1), Out: Exactly(1), New: noAttributes(sizeOf{})},
	{Name: "Reshape", Since: 14, Types: tensor.AllTypes, In: Exactly(2), Out: Exactly(1), New: newReshape},
	{Name: "Reshape", Since: 5, Until: 13, Types: tensor.AllTypes, In: Exactly(2), Out: Exactly(1), New: newReshape5},
	{Name: "Reshape", Since: 1, Until: 4, Types: tensor.AllTypes, In: Exactly(1), Out: Exactly(1), New: newReshape1},
	{Name: "Flatten", Since: 1, Types: tensor.AllTypes, In: Exactly(1), Out: Exactly(1), New: newFlatten},
	{Name: "Squeeze", Since: 13, Types: tensor.AllTypes, In: Arity{1, 2}, Out: Exactly(1), New: noAttributes(squeeze{})},
	{Name: "Squeeze", Since: 1, Until: 12, Types: tensor.AllTypes, In: Exactly(1), Out: Exactly(1), New: newSqueeze1},
	{Name: "Unsqueeze", Since: 13, Types: tensor.AllTypes, In: Exactly(2), Out: Exactly(1), New: noAttributes(unsqueeze{})},
	{Name: "Unsqueeze", Since: 1, Until: 12, Types: tensor.AllTypes, In: Exactly(1), Out: Exactly(1), New: newUnsqueeze1},
	{Name: "Expand", Since: 8, Types: tensor.AllTypes, In: Exactly(2), Out: Exactly(1), New: noAttributes(expand{})},
	{Name: "Identity", Since: 1, In: Exactly(1), Out: Exactly(1), New: noAttributes(identity{})},
}

// shapeOf returns the sizes of dimensions start to end as int64. ONNX Shape-15.
type shapeOf struct{ start, end int }

func newShape(n *ir.Node) (Op, error) {
	a := n.ReadAttrs()
	return shapeOf{a.Int("start", 0), a.Int("end", wholeRank)}, a.Err()
}

// newShape1 returns all dimensions. ONNX Shape-1.
func newShape1(n *ir.Node) (Op, error) { return shapeOf{0, wholeRank}, nil }

// wholeRank is the end of a range of axes if none is given.
const wholeRank = 1 << 30

// bounds returns the range of axes, clamped as the specification says.
func (op shapeOf) bounds(rank int) (start, end int) {
	at := func(v int) int {
		if v < 0 {
			v += rank
		}
		return max(0, min(v, rank))
	}
	start = at(op.start)
	return start, max(start, at(op.end))
}

// Infer: data [any shape] → int64 [end-start].
func (op shapeOf) Infer(in []ir.Fact) ([]ir.Fact, error) {
	s := in[0].Shape
	if !s.Ranked {
		return []ir.Fact{ir.Tensor(tensor.Int64, ir.AnyOfRank(1))}, nil
	}
	start, end := op.bounds(s.Rank())
	f := ir.Tensor(tensor.Int64, ir.Dims(end-start))
	f.Ints = s.Dims[start:end]
	return []ir.Fact{f}, nil
}

func (op shapeOf) Eval(c *Call) error {
	shape := c.In[0].Shape()
	start, end := op.bounds(len(shape))
	y, err := c.zeroed(tensor.Int64, end-start)
	if err != nil {
		return err
	}
	for i, d := range shape[start:end] {
		tensor.Data[int64](y)[i] = int64(d)
	}
	return nil
}

// sizeOf is the number of elements. ONNX Size-1; newer versions extend the types.
type sizeOf struct{}

// Infer: data [any shape] → int64 scalar.
func (sizeOf) Infer(in []ir.Fact) ([]ir.Fact, error) {
	f := ir.Tensor(tensor.Int64, ir.Dims())
	if n, ok := in[0].Shape.Count(); ok {
		f.Ints = []ir.Dim{{N: n}}
	}
	return []ir.Fact{f}, nil
}

func (sizeOf) Eval(c *Call) error {
	c.Out[0] = tensor.Scalar(int64(c.In[0].Len()))
	return nil
}

// expand broadcasts the input with a shape, as numpy does: dimensions of the input may also be
// larger than those of the shape. ONNX Expand-8; -13 extends the types.
type expand struct{}

// Infer: input [any shape], int64 shape [r] → both broadcast.
func (expand) Infer(in []ir.Fact) ([]ir.Fact, error) {
	if err := firstError(wantType(in, 1, tensor.Types(tensor.Int64)), wantRank(in, 1, 1)); err != nil {
		return nil, err
	}
	out := ir.Fact{DType: in[0].DType}
	want, s := in[1], in[0].Shape
	if !s.Ranked {
		return []ir.Fact{out}, nil
	}
	if sizes, ok, _ := knownInts(in, 1); ok {
		if have, ok := s.Ints(); ok {
			to, err := expanded(have, sizes)
			out.Shape = ir.Dims(to...)
			return []ir.Fact{out}, err
		}
	}
	rank := -1
	switch {
	case want.Ints != nil:
		rank = len(want.Ints)
	case want.Shape.Ranked && want.Shape.Dims[0].Known() && want.Shape.Dims[0].N <= 64:
		rank = want.Shape.Dims[0].N
	}
	if rank < 0 {
		return []ir.Fact{out}, nil
	}
	out.Shape = ir.AnyOfRank(max(rank, s.Rank()))
	n := len(out.Shape.Dims)
	for i := range out.Shape.Dims {
		a, b := ir.Dim{N: 1}, ir.Dim{N: 1}
		if j := i - n + s.Rank(); j >= 0 {
			a = s.Dims[j]
		}
		if j := i - n + rank; j >= 0 {
			b = ir.Unknown
			if want.Ints != nil {
				b = want.Ints[j]
			}
		}
		switch {
		case b.N == 1 || a.Same(b):
			out.Shape.Dims[i] = a
		case a.N == 1:
			out.Shape.Dims[i] = b
		case a.Known():
			out.Shape.Dims[i] = a
		case b.Known():
			out.Shape.Dims[i] = b
		}
	}
	return []ir.Fact{out}, nil
}

// expanded broadcasts two shapes; with comes from the model and is not trusted.
func expanded(from, with []int) ([]int, error) {
	for _, d := range with {
		if d < 0 {
			return nil, fmt.Errorf("shape %v must not have negative dimensions", with)
		}
	}
	to, err := tensor.Broadcast(from, with)
	if err != nil {
		return nil, err
	}
	if _, err := tensor.Count(to); err != nil {
		return nil, fmt.Errorf("memory: %w", err)
	}
	return to, nil
}

func (expand) Eval(c *Call) error {
	x := c.In[0]
	with, err := callInts(c, 1)
	if err != nil {
		return err
	}
	to, err := expanded(x.Shape(), with)
	if err != nil {
		return err
	}
	if slices.Equal(to, x.Shape()) {
		c.Out[0] = x
		return nil
	}
	y, err := c.output(x.DType(), to...)
	if err != nil {
		return err
	}
	return c.move(broadcastWalk(to, x.Shape()), y, x)
}

// identity returns its input, whatever that is. ONNX Identity-1; newer versions extend the types.
type identity struct{}

func (identity) Infer(in []ir.Fact) ([]ir.Fact, error) { return in[:1], nil }

func (identity) Eval(c *Call) error {
	c.Out[0] = c.In[0]
	return nil
}
