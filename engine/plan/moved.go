package plan

import (
	"slices"

	"github.com/visionzoo/vision/engine/ir"
	"github.com/visionzoo/vision/engine/ops"
	"github.com/visionzoo/vision/engine/tensor"
)

// A matrix product reads its operands by strides and multiplies the result by a number. So
// nodes before it that only move numbers need not run. The queries of an attention with 12
// heads come as
//
//	[1 197 768] ─ Reshape ─▶ [1 197 12 64] ─ Transpose ─▶ [1 12 197 64] ─ Mul 1/8 ─▶ MatMul
//	strides 151296 768 1      151296 768 64 1              151296 64 768 1
//
// and the product reads, for each of 12 heads, 197 rows that are 768 numbers apart, and
// scales by 1/8. None of the three nodes is scheduled.

// moved is a value that was not written: its numbers are a factor times numbers of another
// value at fixed distances. For readers other than products its node is scheduled after
// all (builder.write).
type moved struct {
	node    *ir.Node // that would write it
	from    place    // of its first number
	strides []int    // by axis, in numbers
	factor  float32
}

// moveNode leaves out a node that only moves float32 numbers or multiplies all by the
// same one, if only matrix products read them. It reports false if the node has to be
// scheduled.
func (b *builder) moveNode(n *ir.Node) bool {
	x, factor, ok := b.mover(n)
	if !ok || b.constant(x) != nil || b.roles[n] != outside || !b.onlyMultiplied(n, mostMoves) {
		return false
	}
	if _, ok = b.matrix(x, 0); !ok {
		return false
	}
	m, ok := b.moved[x]
	shape := sizesOf(b.fact(x))
	if !ok {
		p, made := b.places[x]
		if !made {
			return false
		}
		m = moved{from: p, strides: tensor.Strides(shape), factor: 1}
	}
	m.node = n
	m.factor *= factor
	if m.factor-m.factor != 0 || m.factor == 0 {
		return false
	}
	var to []ops.Move
	switch {
	case n.Op == "Mul" || n.Op == "Div":
		to = []ops.Move{{Strides: m.strides}}
	case reshapes[n.Op]:
		strides, ok := ops.Reshaped(shape, m.strides, sizesOf(b.fact(n.Outputs[0])))
		if !ok {
			return false
		}
		to = []ops.Move{{Strides: strides}}
	default:
		if to, ok = ops.Moves(n, b.inputFacts(n), m.strides); !ok {
			return false
		}
	}
	for i, v := range n.Outputs {
		if slices.ContainsFunc(to[i].Strides, func(s int) bool { return s < 0 }) {
			return false
		}
		at := m
		at.from.offset += 4 * to[i].Start
		at.strides = to[i].Strides
		b.moved[v] = at
	}
	return true
}

// moveAgain is moveNode for readers of moved values. It comes before alias, which would
// have the value written.
func (b *builder) moveAgain(n *ir.Node) bool {
	x, _, ok := b.mover(n)
	if !ok {
		return false
	}
	_, ok = b.moved[x]
	return ok && b.moveNode(n)
}

// mover returns what a node moves and by what it multiplies.
func (b *builder) mover(n *ir.Node) (x *ir.Value, factor float32, ok bool) {
	if n.Domain != "" || n.Input(0) == nil {
		return nil, 0, false
	}
	switch n.Op {
	case "Transpose", "Slice", "Split", "Gather":
		return n.Inputs[0], 1, true
	case "Mul", "Div":
		return b.factorOf(n)
	}
	return n.Inputs[0], 1, reshapes[n.Op]
}

// factorOf reads a product with one number, or a quotient by one, that keeps the shape.
func (b *builder) factorOf(n *ir.Node) (x *ir.Value, factor float32, ok bool) {
	if n.Domain != "" || n.Op != "Mul" && n.Op != "Div" {
		return nil, 0, false
	}
	x, by := n.Inputs[0], n.Inputs[1]
	if n.Op == "Mul" && b.constant(x) != nil {
		x, by = by, x
	}
	if factor, ok = single(b.constant(by)); n.Op == "Div" {
		factor = 1 / factor
	}
	return x, factor, ok && b.fact(x).Shape.Equal(b.fact(n.Outputs[0]).Shape)
}

// mostMoves is how many nodes between a value and a product are looked at.
const mostMoves = 16

// onlyMultiplied reports whether all readers of a node are products of two values that
// are not constant, or nodes that only move numbers for such products, of which there
// may be so many in a row.
func (b *builder) onlyMultiplied(n *ir.Node, moves int) bool {
	for _, v := range n.Outputs {
		if b.needed[v] {
			return false
		}
		for _, r := range b.readers[v] {
			if b.roles[r] != outside {
				return false
			}
			if r.Domain == "" && r.Op == "MatMul" {
				if b.constant(r.Inputs[0]) != nil || b.constant(r.Inputs[1]) != nil {
					return false
				}
				continue
			}
			if x, _, ok := b.mover(r); !ok || x != v || moves == 0 || !b.onlyMultiplied(r, moves-1) {
				return false
			}
		}
	}
	return true
}

// write schedules the node of a moved value.
func (b *builder) write(m moved) error {
	for _, v := range m.node.Outputs {
		delete(b.moved, v)
	}
	if b.alias(m.node) {
		return nil
	}
	return b.operator(m.node)
}

// inputFacts returns what is known of the inputs of a node.
func (b *builder) inputFacts(n *ir.Node) []ir.Fact {
	in := make([]ir.Fact, len(n.Inputs))
	for i, v := range n.Inputs {
		if v != nil {
			in[i] = b.fact(v)
		}
	}
	return in
}
