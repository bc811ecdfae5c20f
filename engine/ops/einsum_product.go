package ops

import (
	"slices"
	"strings"

	"github.com/visionzoo/vision/engine/ir"
)

// EinsumProduct is an Einsum of two operands as a matrix product: operand First with
// its dimensions in the order Left, times the other with Right; the dimensions of
// the result, in the order Out, are the output's.
type EinsumProduct struct {
	First            int
	Left, Right, Out []int
}

// EinsumProductOf returns the product that a node computes. It reports false for
// other nodes, for sums over none or several letters, and where a letter that is
// summed over may stand for dimensions of different sizes.
func EinsumProductOf(n *ir.Node) (p EinsumProduct, ok bool) {
	op, ok := n.Operator.(*einsum)
	if !ok || len(op.terms) != 2 || strings.Contains(op.terms[0]+op.terms[1], ".") {
		return p, false
	}
	for i, term := range op.terms {
		if n.Inputs[i] == nil || n.Inputs[i].Fact.Shape.Rank() != len(term) || repeats(term) {
			return p, false
		}
	}
	ok = false
	for first := range op.terms {
		q, fits := op.product(first)
		k := len(q.Left) - 1
		if !fits || !n.Inputs[first].Fact.Shape.Dims[q.Left[k]].Same(n.Inputs[1-first].Fact.Shape.Dims[q.Right[len(q.Right)-2]]) {
			continue
		}
		if !ok || slices.IsSorted(q.Out) {
			p, ok = q, true
		}
	}
	return p, ok
}

func repeats(term string) bool {
	for i, r := range term {
		if strings.ContainsRune(term[:i], r) {
			return true
		}
	}
	return false
}

// product takes the letters of the operand first that only the output has besides
// for rows, all but the last as a batch to which the other operand broadcasts.
func (op *einsum) product(first int) (p EinsumProduct, ok bool) {
	a, b := op.terms[first], op.terms[1-first]
	var both, rows, columns, sum string
	for _, r := range op.out {
		switch inA, inB := strings.ContainsRune(a, r), strings.ContainsRune(b, r); {
		case inA && inB:
			both += string(r)
		case inA:
			rows += string(r)
		default:
			columns += string(r)
		}
	}
	for _, r := range a {
		if !strings.ContainsRune(op.out, r) {
			sum += string(r)
		}
	}
	last := len(rows) - 1
	if last < 0 || len(columns) != 1 || len(sum) != 1 || !strings.Contains(b, sum) || len(both)+2 != len(b) {
		return p, false
	}
	p.First = first
	p.Left = orderOf(rows[:last]+both+rows[last:]+sum, a)
	p.Right = orderOf(both+sum+columns, b)
	p.Out = orderOf(op.out, rows[:last]+both+rows[last:]+columns)
	return p, true
}

// orderOf returns where the letters of to stand in from.
func orderOf(to, from string) []int {
	order := make([]int, len(to))
	for i := range to {
		order[i] = strings.IndexByte(from, to[i])
	}
	return order
}
