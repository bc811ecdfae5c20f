package ops

import (
	"slices"
	"strings"

	"github.com/visionzoo/vision/engine/ir"
)

// EinsumProduct is an Einsum of two operands as a MatMul: operand First with its dimensions in the
// order Left, times the other operand in the order Right; the dimensions of the product in the
// order Out are the output. "bqhd,bkhd->bhqk", the scores of an attention, is First 0 with Left [b
// h q d] = 0 2 1 3 and Right [b h d k] = 0 2 3 1, and Out 0 1 2 3.
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

// repeats reports whether a letter occurs twice.
func repeats(term string) bool {
	for i, r := range term {
		if strings.ContainsRune(term[:i], r) {
			return true
		}
	}
	return false
}

// product assigns the letters to the dimensions of a MatMul of operand first by the other one:
// those that all three have are the batch; the one that only the output lacks is summed over; the
// one that only the other operand and the output have is the columns. Those that only operand first
// and the output have are the rows: the last of them as rows of the matrix, the others as further
// batch dimensions, to which the other operand broadcasts.
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

// orderOf returns the position in from of each letter of to.
func orderOf(to, from string) []int {
	order := make([]int, len(to))
	for i := range to {
		order[i] = strings.IndexByte(from, to[i])
	}
	return order
}
