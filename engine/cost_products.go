package engine

import (
	"math"
	"strings"

	"github.com/visionzoo/vision/engine/ir"
	"github.com/visionzoo/vision/engine/ops"
)

// side is depth for a value that may be omitted.
func side(v *ir.Value, axis int) float64 {
	if v == nil {
		return 0
	}
	return depth(v, axis)
}

// attentionFLOPs counts both products of an attention, without what a mask leaves
// out: a query has as many products with each key as it has numbers, and a result
// with each value. The standard's has keys [batch heads keys size] or [batch keys
// size]; ONNX Runtime's MultiHeadAttention also takes [batch keys heads parts size],
// in which queries, keys and values may lie side by side.
func attentionFLOPs(n *ir.Node) float64 {
	queries, key, past := count(n.Inputs[0].Fact.Shape), n.Input(1), n.Input(4)
	axis := -2
	if n.Domain == ops.Microsoft {
		if past = n.Input(6); key == nil {
			key, queries = n.Inputs[0], queries/3
		}
		if len(key.Fact.Shape.Dims) == 5 {
			axis = 1
		}
	}
	return 2 * (queries + count(n.Outputs[0].Fact.Shape)) * (side(key, axis) + side(past, -2))
}

// packedAttentionFLOPs is attentionFLOPs for ONNX Runtime's Attention, which makes
// queries, keys and values itself, as a product with weights [size columns].
func packedAttentionFLOPs(n *ir.Node) float64 {
	x, columns := n.Inputs[0], side(n.Input(1), -1)
	width := columns / 3 // of the queries
	if a := n.Attr("qkv_hidden_sizes"); a != nil && len(a.Ints) == 3 {
		width = float64(a.Ints[0])
	}
	rows := count(x.Fact.Shape) / math.Max(1, depth(x, -1))
	return 2*rows*depth(x, -1)*columns + 2*(rows*width+count(n.Outputs[0].Fact.Shape))*(depth(x, 1)+side(n.Input(4), -2))
}

// linearAttentionFLOPs counts what each query and key, [batch steps heads*size], has to do
// with a state of as many columns as a value has numbers: queries read it, keys are added
// to it and, by the delta rule, read it before. Values are [batch steps kv_num_heads*columns].
func linearAttentionFLOPs(n *ir.Node) float64 {
	a := n.Attr("kv_num_heads")
	if a == nil || a.Int < 1 {
		return 0
	}
	rows := count(n.Inputs[0].Fact.Shape) + count(n.Inputs[1].Fact.Shape)
	if n.Input(5) != nil { // beta
		rows += count(n.Inputs[1].Fact.Shape)
	}
	return 2 * rows * side(n.Inputs[2], -1) / float64(a.Int)
}

// recurrentFLOPs counts the products of each step's input and state with the weights
// of all gates, [directions gates*hidden size] and [directions gates*hidden hidden].
func recurrentFLOPs(n *ir.Node) float64 {
	x := n.Inputs[0].Fact.Shape
	if len(x.Dims) != 3 {
		return 0
	}
	weights := 0.0
	for _, i := range []int{1, 2} {
		if w := n.Input(i); w != nil {
			weights += count(w.Fact.Shape)
		}
	}
	return 2 * count(ir.ShapeOf(x.Dims[:2]...)) * weights // sequence and batch, in either order
}

// einsumFLOPs counts a multiply-add of two operands, or one more factor of several,
// for each combination of the letters' indices. One operand is only summed.
func einsumFLOPs(n *ir.Node) float64 {
	a := n.Attr("equation")
	if a == nil || len(n.Inputs) < 2 {
		return 0
	}
	left, _, _ := strings.Cut(strings.ReplaceAll(a.String, " ", ""), "->")
	terms := strings.Split(left, ",")
	sides := map[string]float64{} // by letter, or by place from the end in the ellipsis
	for i, term := range terms[:min(len(terms), len(n.Inputs))] {
		before, after, _ := strings.Cut(term, "...")
		v := n.Inputs[i]
		rank := len(v.Fact.Shape.Dims)
		for k := range rank {
			name := string(rune(rank - len(after) - k)) // of a place: no letter, as it is small
			switch {
			case k < len(before):
				name = before[k : k+1]
			case k >= rank-len(after):
				name = after[k-(rank-len(after)):][:1]
			}
			sides[name] = math.Max(sides[name], depth(v, k))
		}
	}
	product := 2 * float64(len(n.Inputs)-1)
	for _, s := range sides {
		product *= s
	}
	return product
}

// inUse is the largest number of bytes of values that are needed at once, with nodes
// in their order, each value from where it is made to where it is used last.
// Unknown dimensions count as 1.
func inUse(g *ir.Graph) float64 {
	last := map[*ir.Value]int{}
	for i, n := range g.Nodes {
		for _, v := range n.Uses() {
			last[v] = i
		}
	}
	for _, v := range g.Outputs {
		last[v] = len(g.Nodes)
	}
	now, most := 0.0, 0.0
	ends := make([]float64, len(g.Nodes)+1) // bytes whose last use each node is
	begin := func(v *ir.Value, at int) {
		if v == nil || v.Const() != nil || !v.Fact.DType.IsElement() {
			return
		}
		b := count(v.Fact.Shape) * float64(v.Fact.DType.Size())
		now += b
		ends[max(at, last[v])] += b
	}
	for _, v := range g.Inputs {
		begin(v, 0)
	}
	for i, n := range g.Nodes {
		for _, v := range n.Outputs {
			begin(v, i)
		}
		inner := 0.0
		for _, r := range n.Regions() {
			inner = max(inner, inUse(r))
		}
		most = max(most, now+inner)
		now -= ends[i]
	}
	return max(most, now)
}

// transposed reports whether a product's first operand is.
func transposed(n *ir.Node) bool {
	a := n.Attr("transA")
	return a != nil && a.Int != 0
}
