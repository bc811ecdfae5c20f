package engine_test

import (
	"fmt"

	"github.com/visionzoo/vision/engine/ir"
	"github.com/visionzoo/vision/engine/ops"
	"github.com/visionzoo/vision/engine/tensor"
)

func growReshape(g *randomGraph) {
	x, ok := g.one(anything)
	if !ok {
		return
	}
	rank := x.t.Rank()
	switch g.rng.Intn(4) {
	case 0:
		g.node("Flatten", []made{x}, ir.AttrInt("axis", g.rng.Intn(rank+1)))
	case 1:
		g.node("Unsqueeze", []made{x, g.ints(g.rng.Intn(rank + 1))})
	case 2:
		g.node("Squeeze", []made{x})
	case 3: // split one dimension, join two others
		var dims []int
		for _, n := range x.t.Shape() {
			for _, f := range []int{2, 3} {
				if n > f && n%f == 0 && g.rng.Intn(3) == 0 {
					dims, n = append(dims, f), n/f
				}
			}
			if len(dims) > 0 && g.rng.Intn(4) == 0 {
				dims[len(dims)-1] *= n
			} else {
				dims = append(dims, n)
			}
		}
		if len(dims) > 0 && x.t.Len() > 0 && g.coin() {
			dims[g.rng.Intn(len(dims))] = -1
		}
		g.node("Reshape", []made{x, g.ints(dims...)})
	}
}

func growTranspose(g *randomGraph) {
	if x, ok := g.one(anything); ok {
		g.node("Transpose", []made{x}, ir.AttrInts("perm", g.rng.Perm(x.t.Rank())...))
	}
}

func growSlice(g *randomGraph) {
	x, ok := g.one(func(t *tensor.Tensor) bool { return t.Rank() > 0 })
	if !ok {
		return
	}
	axis := g.rng.Intn(x.t.Rank())
	n := x.t.Dim(axis)
	start, end, step := g.rng.Intn(n+1), g.rng.Intn(n+2), 1+g.rng.Intn(2)
	if g.rng.Intn(4) == 0 {
		start, end, step = n, -n-1, -step
	} else if start > end && g.rng.Intn(8) > 0 {
		start, end = end, start
	}
	if g.coin() {
		axis -= x.t.Rank()
	}
	g.node("Slice", []made{x, g.ints(start), g.ints(end), g.ints(axis), g.ints(step)})
}

func growPad(g *randomGraph) {
	x, ok := g.one(picture)
	if !ok {
		return
	}
	pads := make([]int, 8)
	for _, i := range []int{2, 3, 6, 7} {
		pads[i] = g.rng.Intn(3)
	}
	if g.rng.Intn(4) == 0 {
		pads[g.rng.Intn(8)] = 1
	}
	mode := from(g, "constant", "constant", "reflect", "edge")
	y, ok := g.node("Pad", []made{x, g.ints(pads...)}, ir.AttrString("mode", mode))
	if !ok {
		return
	}
	switch g.rng.Intn(3) {
	case 0:
		if in, attrs, ok := g.convolution(y, max(1, y.t.Dim(1))); ok {
			g.node("Conv", in, attrs...)
		}
	case 1:
		p := from(g, 0, 0, 1)
		g.node("AveragePool", []made{y}, ir.AttrInts("kernel_shape", 2+g.rng.Intn(2), 2+g.rng.Intn(2)), ir.AttrInts("strides", 1+g.rng.Intn(2), 1),
			ir.AttrInts("pads", p, 0, p, p), ir.AttrInt("count_include_pad", g.rng.Intn(2)))
	}
}

func growResize(g *randomGraph) {
	x, ok := g.one(picture)
	if !ok {
		return
	}
	none := made{}
	mode := from(g, "nearest", "linear", "linear", "cubic")
	attrs := []*ir.Attr{ir.AttrString("mode", mode),
		ir.AttrString("coordinate_transformation_mode", from(g, "half_pixel", "pytorch_half_pixel", "align_corners", "asymmetric"))}
	if mode == "nearest" {
		attrs = append(attrs, ir.AttrString("nearest_mode", from(g, "floor", "ceil", "round_prefer_floor", "round_prefer_ceil")))
	} else {
		attrs = append(attrs, ir.AttrInt("antialias", g.rng.Intn(2)), ir.AttrInt("exclude_outside", g.rng.Intn(2)))
	}
	if g.coin() {
		s := from[float32](g, 2, 2, 3, 0.5, 1.5)
		g.node("Resize", []made{x, none, g.constant(tensor.Of([]float32{1, 1, s, s}))}, attrs...)
		return
	}
	if g.rng.Intn(4) == 0 { // of some axes only
		attrs = append(attrs, ir.AttrInts("axes", from(g, 2, -1)), ir.AttrString("keep_aspect_ratio_policy", from(g, "stretch", "not_larger", "not_smaller")))
		g.node("Resize", []made{x, none, none, g.ints(1 + g.rng.Intn(24))}, attrs...)
		return
	}
	g.node("Resize", []made{x, none, none, g.ints(x.t.Dim(0), x.t.Dim(1), 1+g.rng.Intn(24), 1+g.rng.Intn(24))}, attrs...)
}

func growReduce(g *randomGraph) {
	x, ok := g.one(anything)
	if !ok {
		return
	}
	in := []made{x}
	if rank := x.t.Rank(); rank > 0 && g.rng.Intn(5) > 0 {
		in = append(in, g.ints(g.rng.Perm(rank)[:1+g.rng.Intn(rank)]...))
	}
	g.node(from(g, "ReduceMean", "ReduceMean", "ReduceMax", "ReduceMin", "ReduceSum", "ReduceL2"), in, ir.AttrInt("keepdims", g.rng.Intn(2)))
}

func growSoftmax(g *randomGraph) {
	if x, ok := g.one(func(t *tensor.Tensor) bool { return t.Rank() > 0 }); ok {
		g.node("Softmax", []made{x}, ir.AttrInt("axis", g.rng.Intn(x.t.Rank())))
	}
}

func growMatMul(g *randomGraph) {
	x, ok := g.one(func(t *tensor.Tensor) bool { return t.Rank() > 0 })
	if !ok {
		return
	}
	k, n := x.t.Dim(-1), from(g, 1, 2, 5, 16, 17, 33, 64)
	if x.t.Len()*n > g.work {
		return
	}
	switch g.rng.Intn(4) {
	case 0: // by its own transpose
		rank := x.t.Rank()
		if rank < 2 || x.t.Len()*x.t.Dim(-2) > g.work {
			return
		}
		perm := make([]int, rank)
		for i := range perm {
			perm[i] = i
		}
		perm[rank-1], perm[rank-2] = rank-2, rank-1
		y, ok := g.node("Transpose", []made{x}, ir.AttrInts("perm", perm...))
		if !ok {
			return
		}
		if z, ok := g.node("MatMul", []made{x, y}); ok {
			g.node("Mul", []made{z, g.constant(tensor.Scalar(1 / float32(max(k, 1))))})
		}
	default:
		y, ok := g.node("MatMul", []made{x, g.weights(k, k, n)})
		if ok && g.coin() {
			g.node("Add", []made{y, g.weights(4, n)})
		}
	}
}

func growGemm(g *randomGraph) {
	x, ok := g.one(func(t *tensor.Tensor) bool { return t.Rank() == 2 })
	if !ok {
		return
	}
	transA, transB, n := g.rng.Intn(2), g.rng.Intn(2), from(g, 1, 3, 16, 33)
	k := x.t.Dim(1 - transA)
	w := []int{k, n}
	if transB == 1 {
		w = []int{n, k}
	}
	in := []made{x, g.weights(k, w...)}
	if g.coin() {
		in = append(in, g.weights(4, from(g, []int{n}, []int{1, n}, []int{1}, []int{})...))
	}
	g.node("Gemm", in, ir.AttrInt("transA", transA), ir.AttrInt("transB", transB), ir.AttrFloat("alpha", from[float32](g, 1, 0.5)), ir.AttrFloat("beta", from[float32](g, 1, 2)))
}

func growNorm(g *randomGraph) {
	x, ok := g.one(func(t *tensor.Tensor) bool { return t.Rank() > 1 && t.Dim(-1) > 3 })
	if !ok {
		return
	}
	c := x.t.Dim(-1)
	g.node("LayerNormalization", []made{x, g.positive(c), g.weights(4, c)}, ir.AttrInt("axis", -1), ir.AttrFloat("epsilon", 1e-2))
}

// growQuant rounds to eight bits and back, around a convolution now and then.
func growQuant(g *randomGraph) {
	x, ok := g.one(anything)
	if !ok {
		return
	}
	g.steps = true
	x, ok = g.rounded(x)
	if !ok || x.t.Rank() != 4 || g.coin() {
		return
	}
	if in, attrs, ok := g.convolution(x, max(1, x.t.Dim(1))); ok {
		if y, ok := g.node("Conv", in, attrs...); ok {
			g.rounded(y)
		}
	}
}

func (g *randomGraph) rounded(x made) (made, bool) {
	zero := tensor.Scalar(uint8(128))
	if g.coin() {
		zero = tensor.Scalar(int8(3))
	}
	return g.codes(x, zero)
}

// codes are x in steps of 0.04 from a zero point, and the numbers they stand for.
func (g *randomGraph) codes(x made, zero *tensor.Tensor) (made, bool) {
	scale, point := g.constant(tensor.Scalar(float32(0.04))), g.constant(zero)
	q, ok := g.node("QuantizeLinear", []made{x, scale, point})
	if !ok {
		return q, false
	}
	return g.node("DequantizeLinear", []made{q, scale, point})
}

// growDataSlice cuts at a place that is known when the graph runs: what follows
// is planned in between.
func growDataSlice(g *randomGraph) {
	x, ok := g.one(func(t *tensor.Tensor) bool { return t.Rank() > 0 && t.Dim(-1) > 1 })
	if !ok {
		return
	}
	end := g.input(tensor.Of([]int64{int64(1 + g.rng.Intn(x.t.Dim(-1)))}), false)
	g.node("Slice", []made{x, g.ints(0), end, g.ints(-1)})
}

// region is a graph inside g that reads values of g.
func (g *randomGraph) region(nodes ...*ir.Node) *ir.Graph {
	r := &ir.Graph{Name: fmt.Sprint("region", g.graph.Values()), Parent: g.graph, Nodes: nodes}
	if n := len(nodes); n > 0 {
		r.Outputs = []*ir.Value{nodes[n-1].Outputs[0]}
	}
	return r
}

// growIf chooses between two convolutions by an input.
func growIf(g *randomGraph) {
	x, ok := g.one(picture)
	if !ok {
		return
	}
	in, attrs, ok := g.convolution(x, from(g, 3, 16, 20))
	if !ok {
		return
	}
	yes, a, ok := g.unbound("Conv", in, attrs...)
	if !ok {
		return
	}
	in = append([]made{x, g.weights(in[1].t.Len()/in[1].t.Dim(0), in[1].t.Shape()...)}, in[2:]...)
	no, b, ok := g.unbound("Conv", in, attrs...)
	if !ok {
		return
	}
	taken := g.coin()
	t := b
	if taken {
		t = a
	}
	cond := g.input(tensor.Scalar(taken), false)
	g.control("If", []made{cond}, []*tensor.Tensor{t}, ir.AttrGraph("then_branch", g.region(yes)), ir.AttrGraph("else_branch", g.region(no)))
}

// growLoop repeats a convolution or an activation of a carried value.
func growLoop(g *randomGraph) {
	x, ok := g.one(picture)
	if !ok || x.t.Len() == 0 {
		return
	}
	turns := g.rng.Intn(4)
	c := x.t.Dim(1)
	body := g.region()
	index := g.graph.NewValue(fmt.Sprint("i", g.graph.Values()), ir.Tensor(tensor.Int64, ir.Dims()))
	goOn := g.graph.NewValue(fmt.Sprint("go", g.graph.Values()), ir.Tensor(tensor.Bool, ir.Dims()))
	carried := g.graph.NewValue(fmt.Sprint("carried", g.graph.Values()), ir.Tensor(tensor.Float32, ir.AnyOfRank(4)))
	body.Inputs = []*ir.Value{index, goOn, carried}
	if x.t.Len()*c*9 > g.work {
		return
	}
	weights := g.weights(c*9, c, c, 3, 3)
	state := x.t
	step := func() (*ir.Node, bool) {
		n, t, ok := g.unbound("Conv", []made{{carried, state}, weights}, ir.AttrInts("pads", 1, 1, 1, 1))
		if ok {
			state = t
		}
		return n, ok
	}
	first := state
	conv, ok := step() // a turn for the node, whose value counts where there are turns
	if !ok {
		return
	}
	if turns == 0 {
		state = first
	}
	for range turns - 1 {
		if _, ok := step(); !ok {
			return
		}
	}
	pass, _, ok := g.unbound("Identity", []made{{goOn, tensor.Scalar(true)}})
	if !ok {
		return
	}
	body.Nodes = []*ir.Node{pass, conv}
	body.Outputs = []*ir.Value{pass.Outputs[0], conv.Outputs[0]}
	m := g.input(tensor.Scalar(int64(turns)), false)
	g.control("Loop", []made{m, {}, x}, []*tensor.Tensor{state}, ir.AttrGraph("body", body))
}

// control adds a node with regions, whose results were worked out already.
func (g *randomGraph) control(op string, in []made, out []*tensor.Tensor, attrs ...*ir.Attr) {
	n := &ir.Node{Op: op, Version: randomOpset, Attrs: attrs}
	for _, m := range in {
		n.Inputs = append(n.Inputs, m.Value)
	}
	var all []made
	for _, t := range out {
		v := g.graph.NewValue(fmt.Sprint(op, "_", g.graph.Values()), ir.Fact{})
		v.Node, n.Outputs = n, append(n.Outputs, v)
		all = append(all, made{v, t})
	}
	n.Name = n.Outputs[0].Name
	if err := ops.BindNode(n, ops.Find("", op, randomOpset)); err != nil {
		return
	}
	g.graph.Nodes = append(g.graph.Nodes, n)
	g.values = append(g.values, all...)
}
