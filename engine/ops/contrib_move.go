package ops

import (
	"fmt"
	"slices"

	"github.com/visionzoo/vision/engine/ir"
	"github.com/visionzoo/vision/engine/tensor"
)

// contributedMoves lists operators of ONNX Runtime that move and select elements
// (docs/ContribOperators.md). Most of them were later adopted by ONNX.
var contributedMoves = []Def{
	{Domain: Microsoft, Name: "ExpandDims", Since: 1, Types: tensor.AllTypes, In: Exactly(2), Out: Exactly(1), New: noAttributes(expandDims{})},
	{Domain: Microsoft, Name: "GatherND", Since: 1, Types: tensor.AllTypes, In: Exactly(2), Out: Exactly(1), New: noAttributes(gatherND{})},
	{Domain: Microsoft, Name: "Pad", Since: 1, Types: tensor.FloatTypes, In: Arity{2, 3}, Out: Exactly(1), New: newPad11},
	{Domain: Microsoft, Name: "Range", Since: 1, Types: rangeTypes, In: Arity{2, 3}, Out: Exactly(1), New: newRangeByOne},
	{Domain: Microsoft, Name: "Trilu", Since: 1, Types: tensor.AllTypes, In: Arity{1, 2}, Out: Exactly(1), New: newTrilu},
	{Domain: Microsoft, Name: "UnfoldTensor", Since: 1, Types: tensor.AllTypes, In: Exactly(1), Out: Exactly(1), New: newUnfold},
	{Domain: Microsoft, Name: "Unique", Since: 1, Types: tensor.NumericTypes, In: Exactly(1), Out: Arity{1, 3}, New: noAttributes(firstUnique{})},
}

// expandDims inserts a dimension of 1 at the axis given by input 1. A predecessor
// of Unsqueeze.
type expandDims struct{}

// Infer: X [dims], axis of the output → [dims with a 1].
func (expandDims) Infer(in []ir.Fact) ([]ir.Fact, error) {
	if err := firstError(wantType(in, 1, integerTypes), wantRank(in, 1, 0, 1)); err != nil {
		return nil, err
	}
	s, axis := in[0].Shape, in[1].Const
	switch {
	case !s.Ranked:
	case axis == nil:
		s = ir.AnyOfRank(s.Rank() + 1)
	default:
		v, err := integers(axis)
		if err != nil || len(v) != 1 {
			return nil, fmt.Errorf("axis must have one element, its shape is %v", axis.Shape())
		}
		at, err := tensor.Axis(v[0], s.Rank()+1)
		if err != nil {
			return nil, err
		}
		s = ir.ShapeOf(slices.Insert(slices.Clone(s.Dims), at, ir.Dim{N: 1})...)
	}
	return []ir.Fact{ir.Tensor(in[0].DType, s)}, nil
}

func (op expandDims) Eval(c *Call) error {
	facts := factsOf(c.In)
	facts[1].Const = c.In[1]
	f, err := op.Infer(facts)
	if err != nil {
		return err
	}
	shape, _ := f[0].Shape.Ints()
	c.Out[0], err = c.In[0].Reshape(shape...)
	return err
}

// rangeByOne is a range whose third input, the step, is optional and 1 by
// default.
type rangeByOne struct{ Op }

func newRangeByOne(n *ir.Node) (Op, error) {
	op, err := newRange(n)
	if len(n.Inputs) == 3 && n.Inputs[2] != nil {
		return op, err
	}
	return rangeByOne{op}, err
}

// Infer: start, limit → as Range.
func (op rangeByOne) Infer(in []ir.Fact) ([]ir.Fact, error) {
	one := tensor.New(in[0].DType)
	tensor.Store(one, 0, 1, []float64{1})
	return op.Op.Infer([]ir.Fact{in[0], in[1], ir.FactOf(one)})
}

func (op rangeByOne) Eval(c *Call) error {
	one := tensor.New(c.In[0].DType())
	tensor.Store(one, 0, 1, []float64{1})
	inner := *c
	inner.In = []*tensor.Tensor{c.In[0], c.In[1], one}
	return op.Op.Eval(&inner)
}

// unfold takes windows along one dimension, step apart; their elements become a new last dimension.
// With size 3 and step 2, [0 1 2 3 4] becomes [[0 1 2] [2 3 4]]. Operator UnfoldTensor of
// com.microsoft.
type unfold struct{ axis, size, step int }

func newUnfold(n *ir.Node) (Op, error) {
	a := n.ReadAttrs().Need("size")
	op := unfold{a.Int("dim", -1), a.Int("size", 0), a.Int("step", 1)}
	if op.size < 1 || op.step < 1 || op.size > maxSpan || op.step > maxSpan {
		a.Fail("size %d and step %d must lie between 1 and %d", op.size, op.step, maxSpan)
	}
	return op, a.Err()
}

// Infer: X [… d …] → [… windows … size].
func (op unfold) Infer(in []ir.Fact) ([]ir.Fact, error) {
	s := in[0].Shape
	if !s.Ranked {
		return []ir.Fact{ir.Tensor(in[0].DType, s)}, nil
	}
	axis, err := tensor.Axis(op.axis, s.Rank())
	if err != nil {
		return nil, err
	}
	windows := ir.Unknown
	if d := s.Dims[axis]; d.Known() {
		if d.N < op.size {
			return nil, fmt.Errorf("windows of size %d do not fit dimension %d of %s", op.size, axis, s)
		}
		windows = ir.Dim{N: (d.N-op.size)/op.step + 1}
	}
	s = withDim(s, axis, windows)
	return []ir.Fact{ir.Tensor(in[0].DType, ir.ShapeOf(append(s.Dims, ir.Dim{N: op.size})...))}, nil
}

func (op unfold) Eval(c *Call) error {
	y, err := c.inferred(op)
	if err != nil {
		return err
	}
	x := c.In[0]
	axis, _ := tensor.Axis(op.axis, x.Rank())
	from := append([]int{}, tensor.Strides(x.Shape())...)
	from = append(from, from[axis])
	from[axis] *= op.step
	return newWalk(y.Shape(), tensor.Strides(y.Shape()), from).move(c.Run, y, x)
}

// firstUnique is Unique without its indices output: the distinct elements in
// order of first occurrence, the index among them of each element of X, and the
// counts.
type firstUnique struct{}

// unsorted is the standard's Unique that firstUnique computes with.
var unsorted = unique{flat: true}

// Infer: X [n] → Y [u], inverse [n], counts [u].
func (firstUnique) Infer(in []ir.Fact) ([]ir.Fact, error) {
	if err := wantRank(in, 0, 1); err != nil {
		return nil, err
	}
	out, err := unsorted.Infer(in)
	if err != nil {
		return nil, err
	}
	return []ir.Fact{out[0], out[2], out[3]}, nil
}

func (op firstUnique) Eval(c *Call) error {
	if _, err := op.Infer(factsOf(c.In)); err != nil {
		return err
	}
	inner := *c
	node := *c.Node
	node.Outputs = make([]*ir.Value, 4) // all outputs of Unique are computed
	for i := range node.Outputs {
		node.Outputs[i] = &ir.Value{Name: "y"}
	}
	inner.Node, inner.Out, inner.Planned = &node, make([]*tensor.Tensor, 4), nil
	if err := unsorted.Eval(&inner); err != nil {
		return err
	}
	copy(c.Out, []*tensor.Tensor{inner.Out[0], inner.Out[2], inner.Out[3]})
	return nil
}
