package ops

import (
	"slices"

	"github.com/visionzoo/vision/engine/ir"
	"github.com/visionzoo/vision/engine/tensor"
)

// Transpose, Slice, Split and a Gather of one index compute nothing: each output consists of elements
// of the first input at regular distances. A plan that knows where they lie needs no copy if they lie
// side by side, or if the next operator reads operands with strides. The second half of the channels
// of [1 8 5 5], for instance, is Move{Start: 100, Shape: [1 4 5 5], Strides: [200 25 5 1]}, which is
// contiguous.

// Move is where an output of a node lies in the node's first input, in elements: its first element,
// and for each axis the size and the distance of elements.
type Move struct {
	Start          int
	Shape, Strides []int
}

// contiguous reports whether the elements lie side by side, in row-major order.
func (m Move) contiguous() bool {
	next := 1
	for i := len(m.Shape) - 1; i >= 0; i-- {
		if m.Shape[i] != 1 && m.Strides[i] != next {
			return false
		}
		next *= m.Shape[i]
	}
	return true
}

// View reports whether every output of a node is a contiguous run of the elements of its first input,
// whose shape is known, and returns the first element of each run. A plan need not compute such a
// node.
func View(n *ir.Node, in []ir.Fact) (starts []int, ok bool) {
	if len(in) == 0 {
		return nil, false
	}
	shape, ok := in[0].Shape.Ints()
	if !ok {
		return nil, false
	}
	moves, ok := Moves(n, in, tensor.Strides(shape))
	for _, m := range moves {
		if !m.contiguous() {
			return nil, false
		}
		starts = append(starts, m.Start)
	}
	return starts, ok
}

// Moves reports whether every output of a node consists of elements of its first input at regular
// distances, and returns where they lie. strides are the distances of elements in that input, which
// may itself be such a view.
func Moves(n *ir.Node, in []ir.Fact, strides []int) (moves []Move, ok bool) {
	if n.Domain != "" || len(in) == 0 || in[0].DType == tensor.String {
		return nil, false
	}
	shape, ok := in[0].Shape.Ints()
	if !ok {
		return nil, false
	}
	from := Move{0, shape, strides}
	switch op := n.Operator.(type) {
	case transpose:
		perm, err := op.permutation(len(shape))
		if err != nil {
			return nil, false
		}
		var m Move
		for _, axis := range perm {
			m.Shape, m.Strides = append(m.Shape, shape[axis]), append(m.Strides, strides[axis])
		}
		return []Move{m}, true
	case slice:
		return op.moves(from, in)
	case split:
		return op.moves(from, in)
	case gather:
		return op.moves(from, in)
	}
	return nil, false
}

// part returns n elements along an axis, from element from on and step apart.
func (m Move) part(axis, from, n, step int) Move {
	m.Start += from * m.Strides[axis]
	m.Shape, m.Strides = slices.Clone(m.Shape), slices.Clone(m.Strides)
	m.Shape[axis] = n
	m.Strides[axis] *= step
	return m
}

func (op slice) moves(m Move, in []ir.Fact) (moves []Move, ok bool) {
	known := true
	lists, err := op.operands(func(i int) ([]int, error) {
		v, ok, err := knownInts(in, i)
		known = known && ok
		return v, err
	})
	if err != nil || !known {
		return nil, false
	}
	by, err := cuts(len(m.Shape), lists[0], lists[1], lists[2], lists[3])
	if err != nil {
		return nil, false
	}
	for axis, c := range by {
		if c == nil {
			continue
		}
		from, n := c.of(m.Shape[axis])
		if n == 0 {
			return nil, false
		}
		m = m.part(axis, from, n, c.step)
	}
	return []Move{m}, true
}

func (op split) moves(m Move, in []ir.Fact) (moves []Move, ok bool) {
	axis, err := tensor.Axis(op.axis, len(m.Shape))
	if err != nil {
		return nil, false
	}
	sizes, known := op.sizes, true
	if sizes == nil {
		if sizes, known, err = knownInts(in, 1); err != nil || !known {
			return nil, false
		}
	}
	parts, err := op.parts(m.Shape[axis], sizes)
	if err != nil {
		return nil, false
	}
	at := 0
	for _, n := range parts {
		moves = append(moves, m.part(axis, at, n, 1))
		at += n
	}
	return moves, true
}

// moves returns where a gather of one index reads.
func (op gather) moves(m Move, in []ir.Fact) (moves []Move, ok bool) {
	axis, err := tensor.Axis(op.axis, len(m.Shape))
	if err != nil {
		return nil, false
	}
	index, known, err := knownInts(in, 1)
	if err != nil || !known || len(index) != 1 || inRange(index, m.Shape[axis]) != nil {
		return nil, false
	}
	m = m.part(axis, fromEnd(index[0], m.Shape[axis]), 1, 1)
	ones := make([]int, in[1].Shape.Rank())
	for i := range ones {
		ones[i] = 1
	}
	m.Shape, m.Strides = slices.Replace(m.Shape, axis, axis+1, ones...), slices.Replace(m.Strides, axis, axis+1, ones...)
	return []Move{m}, true
}

// Reshaped returns the strides with which a view of another shape reads, in row-major order, the
// same elements as a view of the given shape and strides; ok is false if there are none. No size
// may be 0. For instance [4 6] with strides [12 1], the left half of a matrix of rows of 12, is
// also [2 2 6] with [24 12 1] or [4 2 3] with [12 3 1], but not [24]. It splits both shapes into
// the shortest groups of axes with as many elements; within a group the given strides must be those
// of one long row.
func Reshaped(shape, strides, to []int) (out []int, ok bool) {
	var sizes, steps []int
	for i, n := range shape {
		if n != 1 {
			sizes, steps = append(sizes, n), append(steps, strides[i])
		}
	}
	out = make([]int, len(to))
	axis := 0
	for i := 0; i < len(to); {
		first := i
		have := to[i]
		i++
		if have == 1 {
			continue
		}
		if axis == len(sizes) {
			return nil, false
		}
		want := sizes[axis]
		for have != want { // extend the group on the side with fewer elements
			switch {
			case have < want && i < len(to):
				have *= to[i]
				i++
			case have > want && axis+1 < len(sizes):
				axis++
				want *= sizes[axis]
				if steps[axis-1] != sizes[axis]*steps[axis] {
					return nil, false
				}
			default:
				return nil, false
			}
		}
		step := steps[axis]
		axis++
		for j := i - 1; j >= first; j-- {
			out[j] = step
			step *= to[j]
		}
	}
	return out, axis == len(sizes)
}
