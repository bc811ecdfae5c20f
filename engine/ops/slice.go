package ops

import (
	"fmt"
	"math"

	"github.com/visionzoo/vision/engine/ir"
	"github.com/visionzoo/vision/engine/tensor"
)

// slice takes every step-th element from start up to end along some axes, as numpy does: negative
// positions count from the end, those out of range are clamped, and a negative step goes backwards.
// ONNX Slice-10; -11 allows negative axes.
type slice struct {
	starts, ends, axes []int // attributes of version 1
	attr               bool  // they are attributes, not inputs
}

// newSlice1 has the ranges as attributes. ONNX Slice-1.
func newSlice1(n *ir.Node) (Op, error) {
	a := n.ReadAttrs().Need("starts", "ends")
	return slice{a.Ints("starts"), a.Ints("ends"), a.Ints("axes"), true}, a.Err()
}

// cut is the range of one axis, as it is given.
type cut struct{ start, end, step int }

// cuts returns the ranges by axis of the input, nil for axes that are not sliced.
func cuts(rank int, starts, ends, axes, steps []int) ([]*cut, error) {
	if axes == nil {
		axes = make([]int, len(starts))
		for i := range axes {
			axes[i] = i
		}
	}
	if len(ends) != len(starts) || len(axes) != len(starts) || steps != nil && len(steps) != len(starts) {
		return nil, fmt.Errorf("starts %v, ends %v, axes %v and steps %v must have the same length", starts, ends, axes, steps)
	}
	resolved, err := axesOf(axes, rank)
	if err != nil {
		return nil, err
	}
	out := make([]*cut, rank)
	for i, axis := range resolved {
		c := &cut{starts[i], ends[i], 1}
		if steps != nil {
			c.step = steps[i]
		}
		if c.step == 0 {
			return nil, fmt.Errorf("the step of axis %d must not be 0", axis)
		}
		out[axis] = c
	}
	return out, nil
}

// of returns the first element and the number of elements taken from a dimension.
func (c cut) of(dim int) (from, count int) {
	at := func(v, lo, hi int) int {
		if v < 0 {
			v += dim
		}
		return max(lo, min(v, hi))
	}
	if dim == 0 {
		return 0, 0
	}
	if c.step > 0 {
		from, end := at(c.start, 0, dim), at(c.end, 0, dim)
		if end <= from {
			return from, 0
		}
		return from, (end-from-1)/c.step + 1
	}
	from, end := at(c.start, 0, dim-1), at(c.end, -1, dim-1)
	if from <= end {
		return 0, 0
	}
	step := c.step
	if step == math.MinInt {
		step++
	}
	return from, (from-end-1)/-step + 1
}

// operands returns the lists starts, ends, axes and steps: the attributes, or what get returns for
// inputs 1 to 4.
func (op slice) operands(get func(i int) ([]int, error)) (lists [4][]int, err error) {
	if op.attr {
		return [4][]int{op.starts, op.ends, op.axes, nil}, nil
	}
	for i := range lists {
		if lists[i], err = get(i + 1); err != nil {
			return lists, err
		}
	}
	return lists, nil
}

// Infer: data [d0…dn] → smaller along the axes.
func (op slice) Infer(in []ir.Fact) ([]ir.Fact, error) {
	known := true
	lists, err := op.operands(func(i int) ([]int, error) {
		if err := wantRank(in, i, 1); err != nil {
			return nil, err
		}
		v, ok, err := knownInts(in, i)
		known = known && ok
		return v, err
	})
	if err != nil {
		return nil, err
	}
	out := ir.Fact{DType: in[0].DType}
	s := in[0].Shape
	if !s.Ranked {
		return []ir.Fact{out}, nil
	}
	out.Shape = ir.AnyOfRank(s.Rank())
	if !known {
		op.untouched(in, out.Shape.Dims)
		return []ir.Fact{out}, nil
	}
	by, err := cuts(s.Rank(), lists[0], lists[1], lists[2], lists[3])
	if err != nil {
		return nil, err
	}
	for i, d := range s.Dims {
		switch {
		case by[i] == nil:
			out.Shape.Dims[i] = d
		case d.Known():
			_, n := by[i].of(d.N)
			out.Shape.Dims[i] = ir.Dim{N: n}
		case *by[i] == (cut{0, math.MaxInt, 1}), by[i].start == 0 && by[i].step == 1 && by[i].end >= math.MaxInt32:
			out.Shape.Dims[i] = d
		}
	}
	if in[0].Ints != nil && s.Rank() == 1 && by[0] != nil {
		from, n := by[0].of(len(in[0].Ints))
		for i := range n {
			out.Ints = append(out.Ints, in[0].Ints[from+i*by[0].step])
		}
	}
	return []ir.Fact{out}, nil
}

// untouched keeps the dimensions that a slice with unknown ranges does not
// change.
func (op slice) untouched(in []ir.Fact, dims []ir.Dim) {
	axes, ok, err := knownInts(in, 3)
	if axes == nil || !ok || err != nil {
		return
	}
	resolved, err := axesOf(axes, len(dims))
	if err != nil {
		return
	}
	copy(dims, in[0].Shape.Dims)
	for _, a := range resolved {
		dims[a] = ir.Unknown
	}
}

func (op slice) Eval(c *Call) error {
	lists, err := op.operands(func(i int) ([]int, error) { return callInts(c, i) })
	if err != nil {
		return err
	}
	x := c.In[0]
	by, err := cuts(x.Rank(), lists[0], lists[1], lists[2], lists[3])
	if err != nil {
		return err
	}
	shape, steps := make([]int, x.Rank()), tensor.Strides(x.Shape())
	base := 0
	for i, d := range x.Shape() {
		shape[i] = d
		if by[i] != nil {
			from, n := by[i].of(d)
			shape[i] = n
			if n > 0 {
				base += from * steps[i]
			}
			if n > 1 { // otherwise the step may be any number
				steps[i] *= by[i].step
			}
		}
	}
	y, err := c.output(x.DType(), shape...)
	if err != nil {
		return err
	}
	w := newWalk(shape, tensor.Strides(shape), steps)
	w.start[1] = base
	return c.move(w, y, x)
}
