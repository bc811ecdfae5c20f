package ops

import (
	"fmt"
	"slices"

	"github.com/visionzoo/vision/engine/ir"
	"github.com/visionzoo/vision/engine/tensor"
	"github.com/visionzoo/vision/internal/limit"
)

var moves = []Def{
	{Name: "Transpose", Since: 1, Types: tensor.AllTypes, In: Exactly(1), Out: Exactly(1), New: newTranspose},
	{Name: "Concat", Since: 4, Types: tensor.AllTypes, In: Arity{1, Many}, Out: Exactly(1), New: newConcat},
	{Name: "Concat", Since: 1, Until: 3, Types: tensor.AllTypes, In: Arity{1, Many}, Out: Exactly(1), New: newConcat1},
	{Name: "Slice", Since: 10, Types: tensor.AllTypes, In: Arity{3, 5}, Out: Exactly(1), New: noAttributes(slice{})},
	{Name: "Slice", Since: 1, Until: 9, Types: tensor.AllTypes, In: Exactly(1), Out: Exactly(1), New: newSlice1},
	{Name: "Pad", Since: 18, Types: tensor.AllTypes, In: Arity{2, 4}, Out: Exactly(1), New: newPad18},
	{Name: "Pad", Since: 11, Until: 17, Types: tensor.AllTypes, In: Arity{2, 3}, Out: Exactly(1), New: newPad11},
	{Name: "Pad", Since: 2, Until: 10, Types: tensor.FloatTypes, In: Exactly(1), Out: Exactly(1), New: newPad2},
	{Name: "Pad", Since: 1, Until: 1, Types: tensor.FloatTypes, In: Exactly(1), Out: Exactly(1), New: newPad1},
}

// transpose permutes the dimensions: dimension i of the output is dimension perm[i]
// of the input. ONNX Transpose-1; newer versions extend the types.
type transpose struct{ perm []int } // nil: reversed

func newTranspose(n *ir.Node) (Op, error) {
	a := n.ReadAttrs()
	perm := a.Ints("perm")
	sorted := slices.Clone(perm)
	slices.Sort(sorted)
	for i, p := range sorted {
		if p != i {
			a.Fail("attribute \"perm\" is %v, it must be a permutation of 0 to %d", perm, len(perm)-1)
		}
	}
	return transpose{perm}, a.Err()
}

// permutation returns the axes of the input in the order of the output.
func (op transpose) permutation(rank int) ([]int, error) {
	if op.perm == nil {
		perm := make([]int, rank)
		for i := range perm {
			perm[i] = rank - 1 - i
		}
		return perm, nil
	}
	if len(op.perm) != rank {
		return nil, fmt.Errorf("attribute \"perm\" %v does not fit a tensor of rank %d", op.perm, rank)
	}
	return op.perm, nil
}

// Infer: data [d0…dn] → [d(perm0)…d(permn)].
func (op transpose) Infer(in []ir.Fact) ([]ir.Fact, error) {
	s := in[0].Shape
	if !s.Ranked {
		if op.perm != nil {
			s = ir.AnyOfRank(len(op.perm))
		}
		return []ir.Fact{ir.Tensor(in[0].DType, s)}, nil
	}
	perm, err := op.permutation(s.Rank())
	if err != nil {
		return nil, err
	}
	dims := make([]ir.Dim, len(perm))
	for i, p := range perm {
		dims[i] = s.Dims[p]
	}
	return []ir.Fact{ir.Tensor(in[0].DType, ir.ShapeOf(dims...))}, nil
}

func (op transpose) Eval(c *Call) error {
	x := c.In[0]
	perm, err := op.permutation(x.Rank())
	if err != nil {
		return err
	}
	shape, steps := reordered(x.Shape(), perm), reordered(tensor.Strides(x.Shape()), perm)
	y, err := c.output(x.DType(), shape...)
	if err != nil {
		return err
	}
	return c.move(newWalk(shape, tensor.Strides(shape), steps), y, x)
}

// concat concatenates its inputs along an axis. ONNX Concat-4; negative axes are
// allowed from version 11 on.
type concat struct{ axis int }

func newConcat(n *ir.Node) (Op, error) {
	a := n.ReadAttrs().Need("axis")
	return concat{a.Int("axis", 0)}, a.Err()
}

// newConcat1 has a default axis. ONNX Concat-1.
func newConcat1(n *ir.Node) (Op, error) {
	a := n.ReadAttrs()
	return concat{a.Int("axis", 1)}, a.Err()
}

// Infer: tensors of the same rank, equal except along axis → their sum along
// axis.
func (op concat) Infer(in []ir.Fact) ([]ir.Fact, error) {
	if err := sameType(in); err != nil {
		return nil, err
	}
	dims, axis, err := op.join(in)
	if err != nil {
		return nil, err
	}
	out := ir.Fact{DType: in[0].DType}
	if dims == nil {
		return []ir.Fact{out}, nil
	}
	total := ir.Dim{N: 0}
	for i, f := range in {
		var d ir.Dim
		switch {
		case !f.Shape.Ranked:
			d = ir.Unknown
		default:
			d = f.Shape.Dims[axis]
		}
		switch {
		case i == 0:
			total = d
		case total.Known() && d.Known():
			n, err := added(total.N, d.N)
			if err != nil {
				return nil, err
			}
			total.N = n
		case d.N == 0:
		case total.N == 0:
			total = d
		default:
			total = ir.Unknown
		}
	}
	dims[axis] = total
	out.Shape = ir.ShapeOf(dims...)
	out.Ints = op.ints(in)
	return []ir.Fact{out}, nil
}

// added returns the sum of two sizes.
func added(a, b int) (int, error) {
	if a > wholeSize-b {
		return 0, limit.Errorf("memory: sizes %d and %d add up to too many elements", a, b)
	}
	return a + b, nil
}

// wholeSize is larger than any dimension of an existing tensor, and twice that is no overflow.
const wholeSize = int(^uint(0) >> 5)

// join returns the output's shape as far as it is known, with the size of one of the inputs along the
// axis; nil if no rank is known. It checks that the inputs agree elsewhere.
func (op concat) join(in []ir.Fact) (dims []ir.Dim, axis int, err error) {
	for i, f := range in {
		s := f.Shape
		if !s.Ranked {
			continue
		}
		if dims == nil {
			if axis, err = tensor.Axis(op.axis, s.Rank()); err != nil {
				return nil, 0, err
			}
			dims = slices.Clone(s.Dims)
			continue
		}
		if s.Rank() != len(dims) {
			return nil, 0, fmt.Errorf("input %d has shape %s, another one %s; their ranks must be equal", i, s, ir.ShapeOf(dims...))
		}
		for j, d := range s.Dims {
			switch {
			case j == axis:
			case d.Known() && dims[j].Known() && d.N != dims[j].N:
				return nil, 0, fmt.Errorf("input %d has shape %s, another one %s; they may differ only along axis %d", i, s, ir.ShapeOf(dims...), axis)
			case d.Known():
				dims[j] = d
			}
		}
	}
	return dims, axis, nil
}

// ints concatenates the known elements of integer vectors; nil if no element is known.
func (op concat) ints(in []ir.Fact) []ir.Dim {
	var out []ir.Dim
	some := false
	for _, f := range in {
		if f.Shape.Rank() != 1 || !f.Shape.Dims[0].Known() || !integerTypes.Is(f.DType) {
			return nil
		}
		n := f.Shape.Dims[0].N
		if len(out)+n > 64 {
			return nil
		}
		for i := range n {
			d := ir.Unknown
			if len(f.Ints) == n {
				d, some = f.Ints[i], true
			}
			out = append(out, d)
		}
	}
	if !some {
		return nil
	}
	return out
}

func (op concat) Eval(c *Call) error {
	facts := make([]ir.Fact, len(c.In))
	for i, t := range c.In {
		if t == nil {
			return fmt.Errorf("input %d is missing", i)
		}
		facts[i] = ir.TypeOf(t)
	}
	out, err := op.Infer(facts)
	if err != nil {
		return err
	}
	shape, _ := out[0].Shape.Ints()
	axis, _ := tensor.Axis(op.axis, len(shape))
	if y := c.appended(shape, axis); y != nil {
		c.Out[0] = y
		return nil
	}
	y, err := c.output(c.In[0].DType(), shape...)
	if err != nil {
		return err
	}
	return c.joinAlong(y, c.In, axis)
}

// joinAlong concatenates tensors along an axis of y.
func (c *Call) joinAlong(y *tensor.Tensor, in []*tensor.Tensor, axis int) error {
	if y.Len() == 0 {
		return nil
	}
	before, along, after := split3(y.Shape(), axis)
	at := 0
	for _, x := range in {
		n := x.Dim(axis) * after
		if err := c.joinRuns(y, x, before, n, at, along*after, n, 0); err != nil {
			return err
		}
		at += n
	}
	return nil
}
