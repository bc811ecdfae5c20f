package engine

import (
	"testing"

	"github.com/visionzoo/vision/engine/ir"
	"github.com/visionzoo/vision/engine/ops"
	"github.com/visionzoo/vision/engine/tensor"
)

// Counts that one can do by hand: two for each multiply-add.
func TestFLOPs(t *testing.T) {
	value := func(dims ...int) *ir.Value {
		if dims == nil {
			return nil
		}
		return &ir.Value{Fact: ir.Tensor(tensor.Float32, ir.Dims(dims...))}
	}
	list := func(v ...*ir.Value) []*ir.Value { return v }
	equation := func(s string) []*ir.Attr { return []*ir.Attr{{Name: "equation", String: s}} }
	heads := []*ir.Attr{ir.AttrInt("q_num_heads", 4), ir.AttrInt("kv_num_heads", 2)}
	const ms = ops.Microsoft
	for _, c := range []struct {
		why  string
		node ir.Node
		want float64
	}{
		{"a product", ir.Node{Op: "MatMul", Inputs: list(value(5, 3, 4), value(4, 7)), Outputs: list(value(5, 3, 7))}, 2 * 5 * 3 * 4 * 7},
		{"of a transposed matrix", ir.Node{Op: "FusedMatMul", Domain: ms, Attrs: []*ir.Attr{{Name: "transA", Int: 1}}, Inputs: list(value(5, 4, 3), value(5, 4, 7)), Outputs: list(value(5, 3, 7))}, 2 * 5 * 3 * 4 * 7},
		{"of bytes", ir.Node{Op: "QGemm", Domain: ms, Inputs: list(value(3, 4), value(), value(), value(4, 7)), Outputs: list(value(3, 7))}, 2 * 3 * 4 * 7},
		{"a deformed convolution", ir.Node{Op: "DeformConv", Inputs: list(value(1, 8, 9, 9), value(6, 4, 3, 3), value(1, 36, 7, 7)), Outputs: list(value(1, 6, 7, 7))}, 2 * 6 * 49 * 4 * 9},
		// 2 heads of 5 queries, 7 keys and 2 before them; numbers 3 a key, 4 a value.
		{"attention", ir.Node{Op: "Attention", Inputs: list(value(1, 2, 5, 3), value(1, 2, 7, 3), value(1, 2, 7, 4), value(), value(1, 2, 2, 3), value(1, 2, 2, 4)), Outputs: list(value(1, 2, 5, 4))}, 2*2*5*9*3 + 2*2*5*9*4},
		{"attention of rows", ir.Node{Op: "Attention", Inputs: list(value(1, 5, 6), value(1, 7, 6), value(1, 7, 8)), Outputs: list(value(1, 5, 8))}, 2*2*5*7*3 + 2*2*5*7*4},
		{"of many heads", ir.Node{Op: "MultiHeadAttention", Domain: ms, Inputs: list(value(1, 5, 6), value(1, 7, 6), value(1, 7, 8)), Outputs: list(value(1, 5, 8))}, 2*2*5*7*3 + 2*2*5*7*4},
		{"of many heads, packed", ir.Node{Op: "MultiHeadAttention", Domain: ms, Inputs: list(value(1, 5, 2, 3, 4)), Outputs: list(value(1, 5, 8))}, 2 * 2 * 2 * 5 * 5 * 4},
		{"of many heads, keys packed with values", ir.Node{Op: "MultiHeadAttention", Domain: ms, Inputs: list(value(1, 5, 8), value(1, 7, 2, 2, 4)), Outputs: list(value(1, 5, 8))}, 2 * 2 * 2 * 5 * 7 * 4},
		{"with its own weights", ir.Node{Op: "Attention", Domain: ms, Inputs: list(value(1, 5, 10), value(10, 24)), Outputs: list(value(1, 5, 8))}, 2*5*10*24 + 2*2*5*5*8},
		{"attention with subgraphs", ir.Node{Op: "FlexAttention", Domain: "ai.onnx.preview", Inputs: list(value(1, 4, 5, 3), value(1, 2, 7, 3), value(1, 2, 7, 6)), Outputs: list(value(1, 4, 5, 6))}, 2*4*5*7*3 + 2*4*5*7*6},
		// 4 heads of queries and 2 of keys, of 3 numbers each; 6 numbers a value, 5 steps.
		{"linear attention", ir.Node{Op: "LinearAttention", Attrs: heads, Inputs: list(value(1, 5, 12), value(1, 5, 6), value(1, 5, 12)), Outputs: list(value(1, 5, 24))}, 2*5*4*3*6 + 2*5*2*3*6},
		{"by the delta rule", ir.Node{Op: "LinearAttention", Attrs: heads, Inputs: list(value(1, 5, 12), value(1, 5, 6), value(1, 5, 12), nil, nil, value(1, 5, 2)), Outputs: list(value(1, 5, 24))}, 2*5*4*3*6 + 2*2*5*2*3*6},
		{"a causal convolution", ir.Node{Op: "CausalConvWithState", Inputs: list(value(2, 8, 9), value(8, 1, 4)), Outputs: list(value(2, 8, 9))}, 2 * 2 * 8 * 9 * 4},
		{"LSTM", ir.Node{Op: "LSTM", Inputs: list(value(11, 2, 3), value(1, 16, 3), value(1, 16, 4)), Outputs: list(value(11, 1, 2, 4))}, 2 * 11 * 2 * 16 * (3 + 4)},
		{"RNN of two directions", ir.Node{Op: "RNN", Inputs: list(value(11, 2, 3), value(2, 4, 3), value(2, 4, 4)), Outputs: list(value(11, 2, 2, 4))}, 2 * 11 * 2 * 2 * 4 * (3 + 4)},
		{"Einsum", ir.Node{Op: "Einsum", Attrs: equation("bhqd, bhkd -> bhqk"), Inputs: list(value(2, 3, 5, 4), value(2, 3, 7, 4)), Outputs: list(value(2, 3, 5, 7))}, 2 * 2 * 3 * 5 * 7 * 4},
		{"Einsum that broadcasts", ir.Node{Op: "Einsum", Attrs: equation("...ij,...jk->...ik"), Inputs: list(value(2, 1, 5, 4), value(3, 4, 7)), Outputs: list(value(2, 3, 5, 7))}, 2 * 2 * 3 * 5 * 7 * 4},
		{"Einsum of one", ir.Node{Op: "Einsum", Attrs: equation("ij->i"), Inputs: list(value(5, 4)), Outputs: list(value(5))}, 0},
		{"no product", ir.Node{Op: "Relu", Inputs: list(value(5)), Outputs: list(value(5))}, 0},
	} {
		if got := flops(&c.node); got != c.want {
			t.Errorf("%s: %v, want %v", c.why, got, c.want)
		}
	}
}

// x 4 bytes, then a 8 and b 12 of x, and c 4 of both: a, b and c are alive at once.
func TestValuesInUse(t *testing.T) {
	g := &ir.Graph{}
	value := func(n int) *ir.Value { return g.NewValue("", ir.Tensor(tensor.Float32, ir.Dims(n))) }
	x, a, b, c := value(1), value(2), value(3), value(1)
	g.Inputs, g.Outputs = []*ir.Value{x}, []*ir.Value{c}
	for _, n := range []struct{ in, out []*ir.Value }{{[]*ir.Value{x}, []*ir.Value{a}}, {[]*ir.Value{x}, []*ir.Value{b}}, {[]*ir.Value{a, b}, []*ir.Value{c}}} {
		g.Nodes = append(g.Nodes, &ir.Node{Op: "Relu", Inputs: n.in, Outputs: n.out})
	}
	if got := inUse(g); got != 4*(2+3+1) {
		t.Errorf("%v bytes, want 24", got)
	}
	if got := inUse(&ir.Graph{Inputs: []*ir.Value{x}, Outputs: []*ir.Value{x}}); got != 4 {
		t.Errorf("of no node: %v bytes, want 4", got)
	}
}
