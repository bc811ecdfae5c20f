package plan

import (
	"slices"
	"testing"

	"github.com/visionzoo/vision/engine/ir"
	"github.com/visionzoo/vision/engine/tensor"
)

// TestAttention holds which products around a softmax become one kernel. They are so small that
// the tile unit computes none of them.
func TestAttention(t *testing.T) {
	type values = []*ir.Value
	const heads, queries, keys, size = 3, 17, 19, 8
	soft := func(n *network, x *ir.Value) *ir.Value { return n.op("Softmax", values{x}, integer("axis", -1)) }
	dot := func(n *network, x, y *ir.Value) *ir.Value { return n.op("MatMul", values{x, y}) }
	for _, c := range []struct {
		name  string
		fused bool
		build func(n *network) *ir.Value
	}{
		{"heads", true, func(n *network) *ir.Value {
			q, k, v := n.input(2, heads, queries, size), n.input(2, heads, size, keys), n.input(2, heads, keys, size)
			return dot(n, soft(n, dot(n, q, k)), v)
		}},
		{"values made after the softmax, results transposed", true, func(n *network) *ir.Value {
			x := n.input(1, heads, keys, size)
			p := soft(n, dot(n, n.input(1, heads, queries, size), n.op("Transpose", values{x}, integers("perm", 0, 1, 3, 2))))
			y := dot(n, p, n.op("Tanh", values{x}))
			y = n.op("Transpose", values{y}, integers("perm", 0, 2, 1, 3))
			return n.op("Reshape", values{y, n.shape(queries, heads*size)})
		}},
		{"a bias and a factor, then an activation", true, func(n *network) *ir.Value {
			s := dot(n, n.input(heads, queries, size), n.input(heads, size, keys))
			s = n.op("Mul", values{s, n.Constant("", tensor.Scalar(float32(0.3)))})
			s = n.op("Add", values{s, n.input(heads, queries, keys)})
			return n.op("Relu", values{dot(n, soft(n, s), n.input(heads, keys, size))})
		}},
		{"a sum behind it", true, func(n *network) *ir.Value {
			y := dot(n, soft(n, dot(n, n.input(queries, size), n.input(size, keys))), n.input(keys, size))
			return n.op("Add", values{y, n.input(queries, size)})
		}},
		{"a constant bias for each head, then a mask for each window", true, func(n *network) *ir.Value {
			s := dot(n, n.input(4, heads, queries, size), n.input(4, heads, size, keys))
			s = n.op("Add", values{s, n.weights(1, heads, queries, keys)})
			s = n.op("Add", values{n.op("Reshape", values{s, n.shape(2, 2, heads, queries, keys)}), n.weights(1, 2, 1, queries, keys)})
			s = n.op("Reshape", values{s, n.shape(4, heads, queries, keys)})
			return dot(n, soft(n, s), n.input(4, heads, keys, size))
		}},
		{"a mask of keys that comes at run time", true, func(n *network) *ir.Value {
			s := dot(n, n.input(2, heads, queries, size), n.input(2, heads, size, keys))
			s = n.op("Add", values{n.input(2, 1, 1, keys), s})
			return dot(n, soft(n, s), n.input(2, heads, keys, size))
		}},
		{"two biases at run time, one with all sizes", true, func(n *network) *ir.Value {
			s := dot(n, n.input(2, heads, queries, size), n.input(2, heads, size, keys))
			s = n.op("Add", values{n.op("Add", values{s, n.input(2, heads, queries, keys)}), n.input(keys)})
			return dot(n, soft(n, s), n.input(2, heads, keys, size))
		}},
		{"three biases", false, func(n *network) *ir.Value {
			s := dot(n, n.input(queries, size), n.input(size, keys))
			for range 3 {
				s = n.op("Add", values{s, n.weights(queries, keys)})
			}
			return dot(n, soft(n, s), n.input(keys, size))
		}},
		{"a bias for each query", false, func(n *network) *ir.Value {
			s := n.op("Add", values{dot(n, n.input(queries, size), n.input(size, keys)), n.weights(queries, 1)})
			return dot(n, soft(n, s), n.input(keys, size))
		}},
		{"a bias that is made later", true, func(n *network) *ir.Value {
			x := n.input(queries, keys)
			s := dot(n, n.input(queries, size), n.input(size, keys))
			return dot(n, soft(n, n.op("Add", values{s, n.op("Sin", values{x})})), n.input(keys, size))
		}},
		{"a bias in blocks of channels, which a convolution adds to in its place", true, func(n *network) *ir.Value {
			x := n.input(1, 8, queries, keys)
			s := dot(n, n.input(1, 8, queries, size), n.input(1, 8, size, keys))
			z := n.conv(x, 8, 8)
			p := soft(n, n.op("Add", values{s, z}))
			n.Outputs = append(n.Outputs, n.op("Add", values{n.conv(n.op("Relu", values{x}), 8, 8), z}))
			return dot(n, p, n.input(1, 8, keys, size))
		}},
		{"a factor for each head, then a bias and a mask", true, func(n *network) *ir.Value {
			s := dot(n, n.input(2, heads, queries, size), n.input(2, heads, size, keys))
			s = n.op("Mul", values{n.weights(heads, 1, 1), s})
			s = n.op("Add", values{n.op("Add", values{s, n.weights(heads, queries, keys)}), n.weights(2, 1, queries, keys)})
			return dot(n, soft(n, s), n.input(2, heads, keys, size))
		}},
		{"a factor behind the bias", false, func(n *network) *ir.Value {
			s := dot(n, n.input(heads, queries, size), n.input(heads, size, keys))
			s = n.op("Mul", values{n.op("Add", values{s, n.weights(queries, keys)}), n.weights(heads, 1, 1)})
			return dot(n, soft(n, s), n.input(heads, keys, size))
		}},
		{"a factor for each key", false, func(n *network) *ir.Value {
			s := n.op("Mul", values{dot(n, n.input(queries, size), n.input(size, keys)), n.weights(keys)})
			return dot(n, soft(n, s), n.input(keys, size))
		}},
		{"a factor for each query", false, func(n *network) *ir.Value {
			s := n.op("Mul", values{dot(n, n.input(queries, size), n.input(size, keys)), n.weights(queries, 1)})
			return dot(n, soft(n, s), n.input(keys, size))
		}},
		{"a factor that comes at run time", false, func(n *network) *ir.Value {
			s := n.op("Mul", values{dot(n, n.input(heads, queries, size), n.input(heads, size, keys)), n.input(heads, 1, 1)})
			return dot(n, soft(n, s), n.input(heads, keys, size))
		}},
		{"biases of rows and columns of keys", true, pixels("rows", "columns")},
		{"biases of columns and rows of keys", true, pixels("columns", "rows")},
		{"a bias of rows alone", false, pixels("rows")},
		{"two biases of rows", false, pixels("rows", "rows")},
		{"rows, columns and a mask", false, pixels("rows", "columns", "all")},
		{"a bias and one of rows", false, pixels("all", "rows")},
		{"two biases of all pixels", true, pixels("all", "all")},
		{"values shared by the heads", true, func(n *network) *ir.Value {
			p := soft(n, dot(n, n.input(2, heads, queries, size), n.input(2, heads, size, keys)))
			return dot(n, p, n.input(2, 1, keys, size))
		}},
		{"one matrix of values", false, func(n *network) *ir.Value {
			p := soft(n, dot(n, n.input(heads, queries, size), n.input(heads, size, keys)))
			return dot(n, p, n.input(keys, size))
		}},
		{"more values than scores", false, func(n *network) *ir.Value {
			p := soft(n, dot(n, n.input(1, queries, size), n.input(1, size, keys)))
			return dot(n, p, n.input(heads, keys, size))
		}},
		{"scores that are read elsewhere", false, func(n *network) *ir.Value {
			s := dot(n, n.input(queries, size), n.input(size, keys))
			n.Outputs = append(n.Outputs, s)
			return dot(n, soft(n, s), n.input(keys, size))
		}},
		{"weights that are read elsewhere", false, func(n *network) *ir.Value {
			p := soft(n, dot(n, n.input(queries, size), n.input(size, keys)))
			n.Outputs = append(n.Outputs, n.op("Neg", values{p}))
			return dot(n, p, n.input(keys, size))
		}},
		{"softmax of columns", false, func(n *network) *ir.Value {
			s := dot(n, n.input(queries, size), n.input(size, keys))
			return dot(n, n.op("Softmax", values{s}, integer("axis", 0)), n.input(keys, size))
		}},
		{"weights on the right", false, func(n *network) *ir.Value {
			p := soft(n, dot(n, n.input(queries, size), n.input(size, keys)))
			return dot(n, n.input(keys, queries), p)
		}},
		{"weights on both sides", false, func(n *network) *ir.Value {
			p := soft(n, dot(n, n.input(queries, size), n.input(size, queries)))
			return dot(n, p, p)
		}},
		{"one query", false, func(n *network) *ir.Value {
			p := soft(n, dot(n, n.input(heads, 1, size), n.input(heads, size, keys)))
			return dot(n, p, n.input(heads, keys, size))
		}},
		{"the second product is dead", false, func(n *network) *ir.Value {
			p := soft(n, dot(n, n.input(queries, size), n.input(size, keys)))
			dot(n, p, n.input(keys, size))
			return n.op("Exp", values{p})
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			n := newNetwork(t)
			n.Outputs = append(n.Outputs, c.build(n))
			if steps := n.check(1e-5); slices.Contains(steps, "attention") != c.fused {
				t.Errorf("steps %q, want attention: %v", steps, c.fused)
			}
		})
	}
}

// pixels returns an attention between the pixels of pictures of 3x5, with biases for each query that
// are made after the scores: a number for each row of keys, for each column, or for all.
func pixels(biases ...string) func(n *network) *ir.Value {
	const heads, height, width, size = 3, 3, 5, 8
	sizes := map[string][2]int64{"rows": {height, 1}, "columns": {1, width}, "all": {height, width}}
	return func(n *network) *ir.Value {
		q, k, v := n.input(heads, height*width, size), n.input(heads, size, height*width), n.input(heads, height*width, size)
		s := n.op("MatMul", []*ir.Value{q, k})
		s = n.op("Reshape", []*ir.Value{s, n.shape(heads, height, width, height, width)})
		for _, b := range biases {
			of := sizes[b]
			z := n.op("MatMul", []*ir.Value{q, n.weights(heads, size, int(of[0]*of[1]))})
			z = n.op("Reshape", []*ir.Value{z, n.shape(heads, height, width, of[0], of[1])})
			s = n.op("Add", []*ir.Value{s, z})
		}
		s = n.op("Reshape", []*ir.Value{s, n.shape(heads, height*width, height*width)})
		return n.op("MatMul", []*ir.Value{n.op("Softmax", []*ir.Value{s}, integer("axis", -1)), v})
	}
}
