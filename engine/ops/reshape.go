package ops

import (
	"fmt"
	"slices"

	"github.com/visionzoo/vision/engine/ir"
	"github.com/visionzoo/vision/engine/tensor"
)

// reshape changes the shape: -1 stands for the size that remains, 0 copies the dimension of the
// input unless allowzero is set. [2 3 4] with shape 0 -1 becomes [2 12]. ONNX Reshape-14.
type reshape struct {
	shape     []int // attribute of version 1; nil: the second input
	allowZero bool
}

func newReshape(n *ir.Node) (Op, error) {
	a := n.ReadAttrs()
	return reshape{nil, a.Bool("allowzero", false)}, a.Err()
}

// newReshape5 has no allowzero. ONNX Reshape-5.
func newReshape5(n *ir.Node) (Op, error) { return reshape{}, nil }

// newReshape1 has the shape as an attribute. ONNX Reshape-1.
func newReshape1(n *ir.Node) (Op, error) {
	a := n.ReadAttrs()
	shape := a.Ints("shape")
	if shape == nil {
		shape = []int{}
	}
	return reshape{shape, false}, a.Err()
}

// Infer: data [any shape], int64 shape [r] → [shape...].
func (op reshape) Infer(in []ir.Fact) ([]ir.Fact, error) {
	known := op.shape
	if known == nil {
		if err := wantType(in, 1, tensor.Types(tensor.Int64)); err != nil {
			return nil, err
		}
		if err := wantRank(in, 1, 1); err != nil {
			return nil, err
		}
		known, _, _ = knownInts(in, 1)
		if known == nil && in[1].Const == nil {
			return []ir.Fact{ir.Tensor(in[0].DType, op.partial(in))}, nil
		}
	}
	if from, ok := in[0].Shape.Ints(); ok {
		to, err := op.resolve(from, known)
		out := ir.Tensor(in[0].DType, ir.Dims(to...))
		if len(to) <= 1 {
			out.Ints = in[0].Ints
		}
		return []ir.Fact{out}, err
	}
	if err := op.check(known); err != nil {
		return nil, err
	}
	dims := make([]ir.Dim, len(known))
	for i, d := range known {
		dims[i] = ir.Dim{N: max(d, -1)}
		if d == 0 && !op.allowZero {
			dims[i] = ir.Unknown
			if in[0].Shape.Ranked {
				if i >= in[0].Shape.Rank() {
					return nil, fmt.Errorf("shape %v copies dimension %d of an input of shape %s, which it does not have", known, i, in[0].Shape)
				}
				dims[i] = in[0].Shape.Dims[i]
			}
		}
	}
	return []ir.Fact{ir.Tensor(in[0].DType, completed(in[0].Shape, dims, slices.Index(known, -1)))}, nil
}

// partial returns the shape of the output as far as it is known, if only some of the requested
// sizes are, or only their number.
func (op reshape) partial(in []ir.Fact) ir.Shape {
	want := in[1]
	if want.Ints == nil {
		if want.Shape.Ranked && want.Shape.Dims[0].Known() && want.Shape.Dims[0].N <= 64 {
			return ir.AnyOfRank(want.Shape.Dims[0].N)
		}
		return ir.Shape{}
	}
	dims := slices.Clone(want.Ints)
	unknown, at := 0, -1
	for i, d := range dims {
		if d.N == 0 && !op.allowZero {
			dims[i] = ir.Unknown
			if i < in[0].Shape.Rank() {
				dims[i] = in[0].Shape.Dims[i]
			}
		}
		if !dims[i].Known() && dims[i].Symbol == "" {
			unknown++
			at = i
		}
	}
	if unknown != 1 {
		at = -1
	}
	return completed(in[0].Shape, dims, at)
}

// completed computes dimension at (-1: none) of a reshaped tensor from the others: numbers divide,
// symbols cancel. [batch 3 4] as [batch ?] is [batch 12].
func completed(from ir.Shape, dims []ir.Dim, at int) ir.Shape {
	to := ir.ShapeOf(dims...)
	if at < 0 || !from.Ranked {
		return to
	}
	var symbols []string
	above, below := []int{}, []int{}
	for _, d := range from.Dims {
		switch {
		case d.Known():
			above = append(above, d.N)
		case d.Symbol == "":
			return to
		default:
			symbols = append(symbols, d.Symbol)
		}
	}
	for i, d := range dims {
		switch {
		case i == at:
		case d.Known():
			below = append(below, d.N)
		default:
			j := slices.Index(symbols, d.Symbol)
			if j < 0 || d.Symbol == "" {
				return to
			}
			symbols = slices.Delete(symbols, j, j+1)
		}
	}
	n, err := tensor.Count(above)
	k, err2 := tensor.Count(below)
	switch {
	case err != nil || err2 != nil || k == 0 || n%k != 0:
	case len(symbols) == 0:
		dims[at] = ir.Dim{N: n / k}
	case len(symbols) == 1 && n == k:
		dims[at] = ir.Sym(symbols[0])
	}
	return to
}

// check rejects shapes that no input can have.
func (op reshape) check(shape []int) error {
	free := 0
	for _, d := range shape {
		if d < -1 {
			return fmt.Errorf("shape %v has the dimension %d, it must be -1 or more", shape, d)
		}
		if d == -1 {
			free++
		}
	}
	if free > 1 {
		return fmt.Errorf("shape %v has %d dimensions of -1, it may have one", shape, free)
	}
	if free == 1 && op.allowZero && slices.Contains(shape, 0) {
		return fmt.Errorf("shape %v must not have both 0 and -1 if allowzero is set", shape)
	}
	return nil
}

// resolve returns the shape of the output for an input of shape from.
func (op reshape) resolve(from, shape []int) ([]int, error) {
	if err := op.check(shape); err != nil {
		return nil, err
	}
	out := slices.Clone(shape)
	free := -1
	for i, d := range out {
		switch {
		case d == -1:
			free, out[i] = i, 1
		case d == 0 && !op.allowZero:
			if i >= len(from) {
				return nil, fmt.Errorf("shape %v copies dimension %d of an input of shape %v, which it does not have", shape, i, from)
			}
			out[i] = from[i]
		}
	}
	n, err := tensor.Count(out)
	if err != nil {
		return nil, err
	}
	have, err := tensor.Count(from)
	if err != nil {
		return nil, err
	}
	if free >= 0 {
		if n == 0 || have%n != 0 {
			return nil, fmt.Errorf("the %[2]d elements of an input of shape %[3]v cannot be reshaped to %[1]v", shape, have, from)
		}
		out[free] = have / n
		return out, nil
	}
	if n != have {
		return nil, fmt.Errorf("shape %v has %d elements, the input of shape %v has %d", shape, n, from, have)
	}
	return out, nil
}

func (op reshape) Eval(c *Call) error {
	shape := op.shape
	if shape == nil {
		if c.In[1].DType() != tensor.Int64 || c.In[1].Rank() != 1 {
			return fmt.Errorf("input 1 is %s, the shape must be int64 of rank 1", c.In[1])
		}
		shape, _ = integers(c.In[1])
	}
	to, err := op.resolve(c.In[0].Shape(), shape)
	if err != nil {
		return err
	}
	c.Out[0], err = c.In[0].Reshape(to...)
	return err
}

// flatten makes a matrix of the dimensions before axis and those from it on: [2 3 4] with axis 1
// becomes [2 12]. ONNX Flatten-1; -9 extends the types, -11 allows negative axes.
type flatten struct{ axis int }

func newFlatten(n *ir.Node) (Op, error) {
	a := n.ReadAttrs()
	return flatten{a.Int("axis", 1)}, a.Err()
}

// at resolves the axis, which may be equal to the rank.
func (op flatten) at(rank int) (int, error) {
	if op.axis < -rank || op.axis > rank {
		return 0, fmt.Errorf("axis %d is outside [%d, %d]", op.axis, -rank, rank)
	}
	if op.axis < 0 {
		return op.axis + rank, nil
	}
	return op.axis, nil
}

// Infer: input [d0…dn] → [d0·…·d(axis-1), daxis·…·dn].
func (op flatten) Infer(in []ir.Fact) ([]ir.Fact, error) {
	s := in[0].Shape
	if !s.Ranked {
		return []ir.Fact{ir.Tensor(in[0].DType, ir.AnyOfRank(2))}, nil
	}
	axis, err := op.at(s.Rank())
	if err != nil {
		return nil, err
	}
	return []ir.Fact{ir.Tensor(in[0].DType, ir.ShapeOf(product(s.Dims[:axis]), product(s.Dims[axis:])))}, nil
}

// product multiplies dimensions; the result is a symbol if one dimension is and all others are 1.
func product(dims []ir.Dim) ir.Dim {
	var known []int
	open := ir.Dim{N: 1}
	unknown := 0
	for _, d := range dims {
		if d.Known() {
			known = append(known, d.N)
		} else {
			unknown++
			open = d
		}
	}
	n, err := tensor.Count(known)
	switch {
	case err != nil:
		return ir.Unknown
	case unknown == 0 || n == 0:
		return ir.Dim{N: n}
	case unknown == 1 && n == 1:
		return open
	}
	return ir.Unknown
}

func (op flatten) Eval(c *Call) error {
	x := c.In[0]
	axis, err := op.at(x.Rank())
	if err != nil {
		return err
	}
	rows, err := tensor.Count(x.Shape()[:axis])
	if err != nil {
		return err
	}
	cols, err := tensor.Count(x.Shape()[axis:])
	if err != nil {
		return err
	}
	c.Out[0], err = x.Reshape(rows, cols)
	return err
}
