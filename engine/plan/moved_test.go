package plan

import (
	"math/rand"
	"slices"
	"testing"

	"github.com/visionzoo/vision/engine/ir"
	"github.com/visionzoo/vision/engine/tensor"
)

func (n *network) shape(s ...int64) *ir.Value { return n.Constant("", tensor.Of(s, len(s))) }

// TestHeads holds that products read and write the heads of an attention where they lie,
// in the ways in which exporters spell them.
func TestHeads(t *testing.T) {
	type values = []*ir.Value
	const tokens, heads, size = 19, 3, 8
	scale := func(n *network) *ir.Value { return n.Constant("", tensor.Scalar(float32(0.35))) }
	attend := func(n *network, q, k, v *ir.Value) *ir.Value {
		p := n.op("Softmax", values{n.op("MatMul", values{q, k})}, integer("axis", -1))
		return n.op("MatMul", values{p, v})
	}
	for _, c := range []struct {
		name  string
		build func(n *network) *ir.Value
	}{
		{"three parts picked from one dimension", func(n *network) *ir.Value {
			x := n.op("MatMul", values{n.input(2, tokens, 40), n.weights(40, 3*heads*size)})
			x = n.op("Transpose", values{n.op("Reshape", values{x, n.shape(2, tokens, 3, heads, size)})}, integers("perm", 2, 0, 3, 1, 4))
			var part [3]*ir.Value
			for i := range part {
				part[i] = n.op("Gather", values{x, n.Constant("", tensor.Scalar(int64(i)))}, integer("axis", 0))
			}
			k := n.op("Transpose", values{part[1]}, integers("perm", 0, 1, 3, 2))
			y := attend(n, n.op("Mul", values{part[0], scale(n)}), k, part[2])
			return n.op("Reshape", values{n.op("Transpose", values{y}, integers("perm", 0, 2, 1, 3)), n.shape(2, tokens, heads*size)})
		}},
		{"slices, tokens first", func(n *network) *ir.Value {
			x := n.op("MatMul", values{n.input(tokens, 1, 40), n.weights(40, 3*heads*size)})
			part := func(i int64, perm ...int64) *ir.Value {
				y := n.op("Slice", values{x, n.shape(i * heads * size), n.shape((i + 1) * heads * size), n.shape(2)})
				return n.op("Transpose", values{n.op("Reshape", values{y, n.shape(tokens, heads, size)})}, integers("perm", perm...))
			}
			y := attend(n, n.op("Div", values{part(0, 1, 0, 2), scale(n)}), part(1, 1, 2, 0), part(2, 1, 0, 2))
			y = n.op("Reshape", values{n.op("Transpose", values{y}, integers("perm", 1, 0, 2)), n.shape(tokens, heads*size)})
			y = n.op("Gemm", values{y, n.weights(heads*size, 24), n.weights(24)})
			return n.op("Add", values{n.op("Reshape", values{y, n.shape(1, tokens, 24)}), n.input(1, tokens, 24)})
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			n := newNetwork(t)
			n.Outputs = append(n.Outputs, c.build(n))
			steps := n.check(5e-5)
			for _, s := range steps {
				if slices.Contains([]string{"Transpose", "Slice", "Gather", "Mul", "Div", "Add"}, s) {
					t.Errorf("%s is a step of its own", s)
				}
			}
			if !slices.Contains(steps, "attention") {
				t.Errorf("steps %q: no attention", steps)
			}
		})
	}
}

// TestMoved compares random moves before and after products with the operators.
func TestMoved(t *testing.T) {
	type values = []*ir.Value
	for seed := range int64(60) {
		n := newNetwork(t)
		n.rng = rand.New(rand.NewSource(seed))
		sizes := func(v *ir.Value) []int { d, _ := v.Fact.Shape.Ints(); return d }
		move := func(x *ir.Value) *ir.Value {
			d := sizes(x)
			axis := n.rng.Intn(len(d))
			switch n.rng.Intn(6) {
			case 0, 1:
				var perm []int64
				for _, p := range n.rng.Perm(len(d)) {
					perm = append(perm, int64(p))
				}
				return n.op("Transpose", values{x}, integers("perm", perm...))
			case 2:
				return n.op("Mul", values{n.Constant("", tensor.Scalar(float32(0.5))), x})
			case 3:
				if d[axis] > 3 {
					from, step := int64(n.rng.Intn(2)), int64(1+n.rng.Intn(2))
					return n.op("Slice", values{x, n.shape(from), n.shape(int64(d[axis] - n.rng.Intn(2))), n.shape(int64(axis)), n.shape(step)})
				}
			case 4:
				if len(d) > 3 {
					return n.op("Gather", values{x, n.Constant("", tensor.Scalar(int64(n.rng.Intn(d[axis]))))}, integer("axis", int64(axis)))
				}
			}
			to := make([]int64, 0, len(d)+1)
			for i, size := range d {
				if i == axis && size%2 == 0 {
					to = append(to, 2)
					size /= 2
				}
				to = append(to, int64(size))
			}
			if last := len(to) - 1; n.rng.Intn(2) == 0 && len(to) > 3 {
				i := n.rng.Intn(last)
				to = slices.Replace(to, i, i+2, to[i]*to[i+1])
			}
			return n.op("Reshape", values{x, n.shape(to...)})
		}
		x := n.input(2+n.rng.Intn(2), 4+n.rng.Intn(3), 6, 8)
		if n.rng.Intn(2) == 0 {
			x = n.op("Relu", values{x})
		}
		x = move(move(x))
		y := x
		for range n.rng.Intn(4) {
			y = move(y)
		}
		d := sizes(y)
		w := n.input(d[len(d)-1], 5)
		switch n.rng.Intn(3) {
		case 0: // all products differ
			x, y = y, n.op("Transpose", values{n.input(append(slices.Clone(d[:len(d)-2]), 7, d[len(d)-1])...)},
				integers("perm", swapLast(len(d))...))
		case 1: // with itself
			x, y = y, n.op("Transpose", values{y}, integers("perm", swapLast(len(d))...))
		default:
			x, y = y, w
		}
		z := move(n.op("MatMul", values{x, y}))
		n.Outputs = values{z}
		if n.rng.Intn(4) == 0 {
			n.Outputs = append(n.Outputs, n.op("Neg", values{x}))
		} else if n.rng.Intn(4) == 0 {
			n.Outputs = append(n.Outputs, x)
		}
		n.check(1e-5)
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}

// TestQuotientOfANumber: a number divided by a value is no multiple of the value.
func TestQuotientOfANumber(t *testing.T) {
	n := newNetwork(t)
	x := n.op("Exp", []*ir.Value{n.input(2, 6, 8)})
	y := n.op("Div", []*ir.Value{n.Constant("", tensor.Scalar(float32(0.5))), x})
	n.Outputs = append(n.Outputs, n.op("MatMul", []*ir.Value{y, n.input(2, 8, 5)}))
	n.check(1e-5)
}

// swapLast is the permutation of rank axes that swaps the last two.
func swapLast(rank int) []int64 {
	perm := make([]int64, rank)
	for i := range perm {
		perm[i] = int64(i)
	}
	perm[rank-2], perm[rank-1] = perm[rank-1], perm[rank-2]
	return perm
}
