package ops

import (
	"fmt"
	"slices"

	"github.com/visionzoo/vision/engine/ir"
	"github.com/visionzoo/vision/internal/limit"
)

// squeeze removes dimensions of size 1: those given, or all. ONNX Squeeze-13.
type squeeze struct {
	axes []int // attribute of version 1
	attr bool
}

// newSqueeze1 has the axes as an attribute. ONNX Squeeze-1.
func newSqueeze1(n *ir.Node) (Op, error) {
	a := n.ReadAttrs()
	return squeeze{someInts(a, "axes"), true}, a.Err()
}

// Infer: data [any shape] → without the axes.
func (op squeeze) Infer(in []ir.Fact) ([]ir.Fact, error) {
	out := ir.Fact{DType: in[0].DType}
	axes, known := op.axes, true
	if !op.attr {
		var err error
		if axes, known, err = knownInts(in, 1); err != nil {
			return nil, err
		}
	}
	s := in[0].Shape
	if !known || !s.Ranked {
		if n := fact(in, 1).Shape; s.Ranked && n.Rank() == 1 && n.Dims[0].Known() && n.Dims[0].N <= s.Rank() {
			out.Shape = ir.AnyOfRank(s.Rank() - n.Dims[0].N)
		}
		return []ir.Fact{out}, nil
	}
	if axes == nil && !s.Full() {
		return []ir.Fact{out}, nil // it is not known which dimensions are removed
	}
	keep, err := op.kept(s, axes)
	if err != nil {
		return nil, err
	}
	out.Shape = ir.ShapeOf(keep...)
	if len(in[0].Ints) == 1 {
		out.Ints = in[0].Ints
	}
	return []ir.Fact{out}, nil
}

// kept returns the dimensions that remain. An axis may occur twice, which the standard
// leaves open and ONNX Runtime allows.
func (op squeeze) kept(s ir.Shape, axes []int) ([]ir.Dim, error) {
	gone, err := namedAxes(axes, s.Rank())
	if err != nil {
		return nil, err
	}
	keep := []ir.Dim{}
	for i, d := range s.Dims {
		named := gone[i]
		if named && d.Known() && d.N != 1 {
			return nil, fmt.Errorf("dimension %d of %s is not 1 and cannot be squeezed", i, s)
		}
		if !named && (axes != nil || d.N != 1) {
			keep = append(keep, d)
		}
	}
	return keep, nil
}

func (op squeeze) Eval(c *Call) error { return evalAxes(c, op.axes, op.attr, op.kept) }

// unsqueeze inserts dimensions of size 1 at the given axes of the output. ONNX
// Unsqueeze-13.
type unsqueeze struct {
	axes []int // attribute of version 1
	attr bool
}

// newUnsqueeze1 has the axes as an attribute. ONNX Unsqueeze-1.
func newUnsqueeze1(n *ir.Node) (Op, error) {
	a := n.ReadAttrs().Need("axes")
	return unsqueeze{a.Ints("axes"), true}, a.Err()
}

// maxRank bounds the rank of tensors that operators make.
const maxRank = 1024

// Infer: data [any shape] → with the axes.
func (op unsqueeze) Infer(in []ir.Fact) ([]ir.Fact, error) {
	out := ir.Fact{DType: in[0].DType}
	axes, known := op.axes, true
	if !op.attr {
		var err error
		if err = firstError(wantRank(in, 1, 0, 1)); err != nil {
			return nil, err
		}
		if axes, known, err = knownInts(in, 1); err != nil {
			return nil, err
		}
	}
	s := in[0].Shape
	if !s.Ranked {
		return []ir.Fact{out}, nil
	}
	if !known {
		switch n := in[1].Shape; {
		case n.Rank() == 0:
			out.Shape = ir.AnyOfRank(s.Rank() + 1)
		case n.Rank() == 1 && n.Dims[0].Known() && n.Dims[0].N <= maxRank-s.Rank():
			out.Shape = ir.AnyOfRank(s.Rank() + n.Dims[0].N)
		}
		return []ir.Fact{out}, nil
	}
	dims, err := op.widened(s, axes)
	if err != nil {
		return nil, err
	}
	out.Shape = ir.ShapeOf(dims...)
	if s.Rank() == 0 {
		out.Ints = in[0].Ints
	}
	return []ir.Fact{out}, nil
}

// widened returns the dimensions with those of size 1 inserted.
func (op unsqueeze) widened(s ir.Shape, axes []int) ([]ir.Dim, error) {
	rank := s.Rank() + len(axes)
	if rank > maxRank {
		return nil, limit.Errorf("the output has rank %d, the limit is %d", rank, maxRank)
	}
	added, err := axesOf(axes, rank)
	if err != nil {
		return nil, err
	}
	dims := make([]ir.Dim, rank)
	for _, a := range added {
		dims[a] = ir.Dim{N: 1}
	}
	rest := s.Dims
	for i := range dims {
		if !slices.Contains(added, i) {
			dims[i], rest = rest[0], rest[1:]
		}
	}
	return dims, nil
}

func (op unsqueeze) Eval(c *Call) error { return evalAxes(c, op.axes, op.attr, op.widened) }

// evalAxes reshapes input 0 to the dimensions that dims returns. The axes are an
// attribute or input 1.
func evalAxes(c *Call, axes []int, attr bool, dims func(s ir.Shape, axes []int) ([]ir.Dim, error)) error {
	if !attr {
		var err error
		if axes, err = callInts(c, 1); err != nil {
			return err
		}
	}
	d, err := dims(ir.Dims(c.In[0].Shape()...), axes)
	if err != nil {
		return err
	}
	shape, _ := ir.ShapeOf(d...).Ints()
	c.Out[0], err = c.In[0].Reshape(shape...)
	return err
}
