package ops

import (
	"slices"

	"github.com/visionzoo/vision/engine/ir"
	"github.com/visionzoo/vision/engine/tensor"
)

// View reports whether every output of a node with known shapes is a contiguous
// run of the elements of its first input, and returns the first element of each.
// A plan need not compute such a node.
func View(n *ir.Node, in []ir.Fact) (starts []int, ok bool) {
	if n.Domain != "" || len(in) == 0 {
		return nil, false
	}
	shape, ok := in[0].Shape.Ints()
	if !ok || in[0].DType == tensor.String {
		return nil, false
	}
	switch op := n.Operator.(type) {
	case transpose:
		perm, err := op.permutation(len(shape))
		if err != nil {
			return nil, false
		}
		moved := slices.DeleteFunc(slices.Clone(perm), func(axis int) bool { return shape[axis] == 1 })
		return []int{0}, slices.IsSorted(moved)
	case slice:
		start, ok := op.run(shape, in)
		return []int{start}, ok
	case split:
		return op.runs(shape, in)
	case gather:
		return op.run(shape, in)
	}
	return nil, false
}

// leads reports whether a range along an axis is contiguous: all dimensions
// before it are 1.
func leads(shape []int, axis int) bool {
	return !slices.ContainsFunc(shape[:axis], func(n int) bool { return n != 1 })
}

// run returns the first element of a slice that is contiguous: a range of the
// first dimension that is not 1.
func (op slice) run(shape []int, in []ir.Fact) (start int, ok bool) {
	known := true
	lists, err := op.operands(func(i int) ([]int, error) {
		v, ok, err := knownInts(in, i)
		known = known && ok
		return v, err
	})
	if err != nil || !known {
		return 0, false
	}
	by, err := cuts(len(shape), lists[0], lists[1], lists[2], lists[3])
	if err != nil {
		return 0, false
	}
	strides := tensor.Strides(shape)
	for axis, c := range by {
		if c == nil {
			continue
		}
		from, n := c.of(shape[axis])
		switch {
		case n == shape[axis] && (c.step == 1 || n == 1):
		case n > 0 && (c.step == 1 || n == 1) && leads(shape, axis):
			start += from * strides[axis]
			shape = slices.Clone(shape)
			shape[axis] = n // the axes after this one are whole
		default:
			return 0, false
		}
	}
	return start, true
}

// runs returns the first element of each part if the parts are contiguous.
func (op split) runs(shape []int, in []ir.Fact) (starts []int, ok bool) {
	axis, err := tensor.Axis(op.axis, len(shape))
	if err != nil || !leads(shape, axis) {
		return nil, false
	}
	sizes, known := op.sizes, true
	if sizes == nil {
		if sizes, known, err = knownInts(in, 1); err != nil || !known {
			return nil, false
		}
	}
	parts, err := op.parts(shape[axis], sizes)
	if err != nil {
		return nil, false
	}
	at, each := 0, tensor.Strides(shape)[axis]
	for _, n := range parts {
		starts = append(starts, at*each)
		at += n
	}
	return starts, true
}

// run returns the first element of a gather of one index.
func (op gather) run(shape []int, in []ir.Fact) (starts []int, ok bool) {
	axis, err := tensor.Axis(op.axis, len(shape))
	if err != nil || !leads(shape, axis) {
		return nil, false
	}
	index, known, err := knownInts(in, 1)
	if err != nil || !known || len(index) != 1 || inRange(index, shape[axis]) != nil {
		return nil, false
	}
	return []int{fromEnd(index[0], shape[axis]) * tensor.Strides(shape)[axis]}, true
}
