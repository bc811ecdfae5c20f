package plan

import (
	"slices"
	"testing"

	"github.com/visionzoo/vision/engine/ir"
	"github.com/visionzoo/vision/engine/tensor"
)

func TestProducts(t *testing.T) {
	type values = []*ir.Value
	for _, c := range []struct {
		name  string
		steps int // that the plan may take
		build func(n *network) *ir.Value
	}{
		{"a classifier: weights read where they lie", 1, func(n *network) *ir.Value {
			return n.op("Gemm", values{n.input(1, 70), n.weights(45, 70), n.weights(45)}, integer("transB", 1))
		}},
		{"weights in columns, scaled, bias scaled", 1, func(n *network) *ir.Value {
			return n.op("Gemm", values{n.input(3, 33), n.weights(33, 20), n.weights(20)}, number("alpha", 0.5), number("beta", 3))
		}},
		{"many rows", 2, func(n *network) *ir.Value {
			return n.op("Gemm", values{n.input(40, 64), n.weights(50, 64), n.weights(1, 50)}, integer("transB", 1))
		}},
		{"one number for a bias", 1, func(n *network) *ir.Value {
			return n.op("Gemm", values{n.input(2, 8), n.weights(8, 5), n.weights(1)})
		}},
		{"a bias for each row is left to the operator", 1, func(n *network) *ir.Value {
			return n.op("Gemm", values{n.input(4, 8), n.weights(8, 4), n.weights(4, 1)})
		}},
		{"a sum that comes at run time", 2, func(n *network) *ir.Value {
			return n.op("Gemm", values{n.input(9, 40), n.weights(40, 31), n.input(9, 31)})
		}},
		{"transposed input is left to the operator", 1, func(n *network) *ir.Value {
			return n.op("Gemm", values{n.input(8, 4), n.weights(8, 5)}, integer("transA", 1))
		}},
		{"bias, residual and activation follow", 2, func(n *network) *ir.Value {
			x, z := n.input(2, 9, 40), n.input(2, 9, 31)
			y := n.op("Add", values{n.weights(31), n.op("MatMul", values{x, n.weights(40, 31)})})
			return n.op("Relu", values{n.op("Add", values{y, z})})
		}},
		{"a residual that is made later does not", 4, func(n *network) *ir.Value {
			x := n.input(9, 40)
			y := n.op("MatMul", values{x, n.weights(40, 40)})
			return n.op("Add", values{y, n.op("Neg", values{x})})
		}},
		{"what others read too stays", 2, func(n *network) *ir.Value {
			y := n.op("MatMul", values{n.input(2, 40), n.weights(40, 40)})
			n.Outputs = append(n.Outputs, y)
			return n.op("Relu", values{y})
		}},
		{"two operands at run time, batched", 2, func(n *network) *ir.Value {
			return n.op("MatMul", values{n.input(2, 3, 17, 40), n.input(2, 3, 40, 23)})
		}},
		{"batches that broadcast", 2, func(n *network) *ir.Value {
			return n.op("MatMul", values{n.input(2, 1, 17, 40), n.input(1, 3, 40, 23)})
		}},
		{"a constant for each product is left to the operator", 1, func(n *network) *ir.Value {
			return n.op("MatMul", values{n.input(3, 7, 10), n.weights(3, 10, 4)})
		}},
		{"a bias without constant weights stays a sum", 3, func(n *network) *ir.Value {
			y := n.op("MatMul", values{n.input(9, 40), n.input(40, 24)})
			return n.op("Add", values{y, n.weights(24)})
		}},
		{"scores of an attention, scaled", 3, func(n *network) *ir.Value {
			y := n.op("MatMul", values{n.input(2, 3, 17, 40), n.op("Transpose", values{n.input(2, 3, 23, 40)}, integers("perm", 0, 1, 3, 2))})
			return n.op("Add", values{n.op("Mul", values{n.Constant("", tensor.Scalar(float32(0.125))), y}), n.Constant("", tensor.Of([]float32{0}))})
		}},
		{"a divisor, then a bias", 2, func(n *network) *ir.Value {
			y := n.op("Div", values{n.op("MatMul", values{n.input(9, 40), n.weights(40, 31)}), n.Constant("", tensor.Scalar(float32(8)))})
			return n.op("Add", values{y, n.weights(31)})
		}},
		{"a bias, then a factor", 3, func(n *network) *ir.Value {
			y := n.op("Add", values{n.op("MatMul", values{n.input(9, 40), n.weights(40, 31)}), n.weights(31)})
			return n.op("Mul", values{y, n.Constant("", tensor.Scalar(float32(8)))})
		}},
		{"sums in Einstein's notation", 3, func(n *network) *ir.Value {
			return n.op("Einsum", values{n.input(2, 5, 6, 24), n.input(2, 5, 7, 24)}, ir.AttrString("equation", "bhid,bhjd->bhij"))
		}},
		{"the same, without a batch on one side", 3, func(n *network) *ir.Value {
			return n.op("Einsum", values{n.input(5, 7, 24), n.input(2, 5, 6, 24)}, ir.AttrString("equation", "hkc,bhwc->bhwk"))
		}},
		{"the same, in another order", 4, func(n *network) *ir.Value {
			return n.op("Einsum", values{n.input(3, 9, 16), n.input(16, 12)}, ir.AttrString("equation", "abk,kn->nba"))
		}},
		{"a vector is left to the operator", 1, func(n *network) *ir.Value {
			return n.op("MatMul", values{n.input(9, 40), n.input(40)})
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			n := newNetwork(t)
			n.Outputs = append(n.Outputs, c.build(n))
			if steps := n.check(1e-5); len(steps) > c.steps {
				t.Errorf("steps %q: more than %d", steps, c.steps)
			}
		})
	}
}

// TestSqueezeExcite holds that the blocks of efficient networks run blocked
// from end to end: activations inside the convolutions, the gate beside them.
func TestSqueezeExcite(t *testing.T) {
	type values = []*ir.Value
	n := newNetwork(t)
	conv := func(x *ir.Value, out, in, k int64, attrs ...*ir.Attr) *ir.Value {
		return n.op("Conv", values{x, n.weights(int(out), int(in), int(k), int(k)), n.weights(int(out))},
			append(attrs, integers("kernel_shape", k, k))...)
	}
	silu := func(x *ir.Value) *ir.Value { return n.op("Mul", values{x, n.op("Sigmoid", values{x})}) }
	x := silu(conv(n.input(1, 3, 40, 40), 40, 3, 3, integers("strides", 2, 2), integers("pads", 1, 1, 1, 1)))
	x = silu(conv(x, 40, 1, 3, integer("group", 40), integers("pads", 1, 1, 1, 1)))
	s := n.op("GlobalAveragePool", values{x})
	s = n.op("Sigmoid", values{conv(silu(conv(s, 8, 40, 1)), 40, 8, 1)})
	x = conv(n.op("Mul", values{s, x}), 24, 40, 1)
	n.Outputs = values{x}
	steps := n.check(2e-5)
	for _, s := range steps {
		if s == "Activate" || s == "Sigmoid" {
			t.Errorf("steps %q: an activation runs by itself", steps)
		}
	}
	if len(steps) > 10 {
		t.Errorf("steps %q: more than 10", steps)
	}
	if slices.Contains(steps, "GlobalAveragePool") || slices.Contains(steps, "Mul") {
		t.Errorf("steps %q: a pool or a gate goes over the picture by itself", steps)
	}
}
