package engine_test

import (
	"slices"

	"github.com/visionzoo/vision/engine/ir"
	"github.com/visionzoo/vision/engine/tensor"
)

// many adds a node of several outputs.
func (g *randomGraph) many(op string, outputs int, in []made, attrs ...*ir.Attr) []made {
	n := &ir.Node{Op: op, Version: randomOpset, Attrs: attrs}
	out, ok := g.bind(n, outputs, in)
	if !ok {
		return nil
	}
	return g.add(n, out)
}

// add adds a node that is bound and what it was evaluated to.
func (g *randomGraph) add(n *ir.Node, out []*tensor.Tensor) []made {
	var all []made
	for i, t := range out {
		all = append(all, made{n.Outputs[i], t})
	}
	g.graph.Nodes = append(g.graph.Nodes, n)
	g.values = append(g.values, all...)
	return all
}

// exact is an input: every way of running a graph has the same numbers there,
// so that what jumps, as a comparison does, jumps alike.
func (g *randomGraph) exact() (made, bool) {
	var all []made
	for _, m := range g.values {
		if m.Node == nil && m.t.DType() == tensor.Float32 {
			all = append(all, m)
		}
	}
	if len(all) == 0 {
		return made{}, false
	}
	return all[g.rng.Intn(len(all))], true
}

// growLine is a convolution or a pool along one dimension, or over three.
func growLine(g *randomGraph) {
	x, ok := g.one(func(t *tensor.Tensor) bool { return (t.Rank() == 3 || t.Rank() == 5) && t.Len() > 0 })
	if !ok {
		if x, ok = g.one(func(t *tensor.Tensor) bool { return t.Rank() == 4 && t.Len() > 0 }); !ok {
			return
		}
		d := x.t.Shape()
		shape := from(g, []int{d[0], d[1], d[2] * d[3]}, []int{d[0], d[1], 1, d[2], d[3]}, []int{1, d[0], d[1], d[2], d[3]})
		if x, ok = g.node("Reshape", []made{x, g.ints(shape...)}); !ok {
			return
		}
	}
	n := x.t.Rank() - 2
	draw := func(list ...int) []int {
		v := make([]int, n)
		for i := range v {
			v[i] = from(g, list...)
		}
		return v
	}
	k, pads := draw(1, 2, 3, 3, 5), append(draw(0, 1, 2), draw(0, 1, 1)...)
	attrs := []*ir.Attr{ir.AttrInts("kernel_shape", k...), ir.AttrInts("strides", draw(1, 1, 2, 3)...), ir.AttrInts("pads", pads...)}
	if g.rng.Intn(3) == 0 {
		g.node(from(g, "MaxPool", "AveragePool", "LpPool"), []made{x}, append(attrs, ir.AttrInt("ceil_mode", g.rng.Intn(2)))...)
		return
	}
	c, out, group := x.t.Dim(1), from(g, 1, 3, 8, 17), 1
	if g.rng.Intn(3) == 0 {
		out, group = c, c
	}
	size := tensor.MustCount(k)
	if x.t.Len()*out/group*size > g.work {
		return
	}
	attrs = append(attrs, ir.AttrInts("dilations", draw(1, 1, 2)...), ir.AttrInt("group", group))
	if g.rng.Intn(4) == 0 {
		g.node("ConvTranspose", []made{x, g.weights(c/group*size, append([]int{c, out / group}, k...)...), g.weights(4, out)}, attrs...)
		return
	}
	g.node("Conv", []made{x, g.weights(c/group*size, append([]int{out, c / group}, k...)...), g.weights(4, out)}, attrs...)
}

// growWide is a convolution whose window is larger than the picture, dilated or
// strided beyond it.
func growWide(g *randomGraph) {
	x, ok := g.one(func(t *tensor.Tensor) bool { return picture(t) && t.Len() > 0 })
	if !ok {
		return
	}
	c, out, group := x.t.Dim(1), from(g, 1, 8, 16, 33, x.t.Dim(1)), 1
	if out == c && g.coin() {
		group = c
	}
	k := []int{from(g, 1, 3, 7, 11), from(g, 1, 3, 7, 13)}
	if x.t.Len()*out/group*k[0]*k[1] > g.work {
		return
	}
	d := []int{from(g, 1, 1, 2, 4, 9), from(g, 1, 1, 2, 5)}
	p := func(i int) int { return g.rng.Intn((k[i]-1)*d[i] + 2) }
	in := []made{x, g.weights(c/group*k[0]*k[1], out, c/group, k[0], k[1])}
	y, ok := g.node("Conv", in, ir.AttrInt("group", group), ir.AttrInts("dilations", d...), ir.AttrInts("pads", p(0), p(1), p(0), p(1)),
		ir.AttrInts("strides", from(g, 1, 1, 2, 5, 17), from(g, 1, 1, 3, 4, 19)))
	if ok && g.coin() {
		g.node(from(g, "Relu", "Sigmoid", "HardSwish"), []made{y})
	}
}

// growIsland is an operator between codes of 8 bits, signed or not on each side.
func growIsland(g *randomGraph) {
	x, ok := g.one(anything)
	if !ok {
		return
	}
	zero := func() *tensor.Tensor {
		if g.coin() {
			return tensor.Scalar(uint8(from(g, 128, 0, 77)))
		}
		return tensor.Scalar(int8(from(g, 0, 3, -128)))
	}
	first := zero()
	g.steps = true
	if x, ok = g.codes(x, first); !ok {
		return
	}
	if x, ok = g.between(x); !ok {
		return
	}
	if g.rng.Intn(4) == 0 {
		x, ok = g.node("Relu", []made{x})
	} else if g.rng.Intn(4) == 0 {
		x, ok = g.node("Clip", []made{x, g.constant(tensor.Scalar(float32(-0.3))), g.constant(tensor.Scalar(float32(1)))})
	}
	if !ok {
		return
	}
	if g.coin() {
		first = zero()
	}
	g.codes(x, first)
}

// between is the operator of an island.
func (g *randomGraph) between(x made) (made, bool) {
	rank := x.t.Rank()
	switch op := from(g, "Conv", "Conv", "Conv", "Gemm", "MatMul", "Add", "Mul", "Concat", "Pool", "Move", "Function"); {
	case op == "Conv" && rank == 4:
		in, attrs, ok := g.convolution(x, from(g, 1, 4, 16, 17, 33, max(1, x.t.Dim(1))))
		if !ok {
			return x, false
		}
		if in[1], ok = g.byteWeights(in[1], 0); !ok {
			return x, false
		}
		return g.node("Conv", in, attrs...)
	case op == "Gemm" && rank == 2, op == "MatMul" && rank > 0:
		k, n := x.t.Dim(-1), from(g, 1, 3, 16, 33, 64)
		if x.t.Len()*n > g.work {
			return x, false
		}
		w, ok := g.byteWeights(g.weights(k, k, n), 1)
		if !ok {
			return x, false
		}
		in := []made{x, w}
		if op == "Gemm" && g.coin() {
			in = append(in, g.weights(4, n))
		}
		return g.node(op, in)
	case op == "Add", op == "Mul", op == "Concat":
		y, ok := g.one(func(t *tensor.Tensor) bool { return same(t, x.t) })
		if !ok {
			return x, false
		}
		if y, ok = g.rounded(y); !ok {
			return x, false
		}
		if op == "Concat" {
			return g.node(op, []made{x, y, x}, ir.AttrInt("axis", min(1, rank-1)))
		}
		return g.node(op, []made{x, y})
	case op == "Pool" && rank == 4:
		if g.rng.Intn(3) == 0 {
			return g.node("GlobalAveragePool", []made{x})
		}
		k, pads := 1+g.rng.Intn(4), make([]int, 4)
		for i := range pads {
			pads[i] = g.rng.Intn(k)
		}
		return g.node(from(g, "MaxPool", "AveragePool"), []made{x}, ir.AttrInts("kernel_shape", k, k), ir.AttrInts("strides", 1+g.rng.Intn(2), 1+g.rng.Intn(3)),
			ir.AttrInts("pads", pads...), ir.AttrInt("ceil_mode", g.rng.Intn(2)), ir.AttrInts("dilations", 1+g.rng.Intn(2), 1+g.rng.Intn(2)))
	case op == "Move":
		switch from(g, 0, 1, 2, 3) {
		case 0:
			return g.node("Transpose", []made{x}, ir.AttrInts("perm", g.rng.Perm(rank)...))
		case 1:
			return g.node("Flatten", []made{x})
		case 2:
			return g.node("DepthToSpace", []made{x}, ir.AttrInt("blocksize", 2))
		}
		if rank != 4 {
			return x, false
		}
		return g.node("Resize", []made{x, {}, g.constant(tensor.Of([]float32{1, 1, 2, 2}))}, ir.AttrString("nearest_mode", "floor"),
			ir.AttrString("coordinate_transformation_mode", from(g, "asymmetric", "half_pixel")))
	case op == "Function":
		return g.node(from(g, "Relu", "Sigmoid", "HardSwish", "Tanh", "LeakyRelu", "Abs", "Gelu"), []made{x})
	}
	return x, false
}

// byteWeights are constant weights as codes, with one scale or one an index of
// the axis.
func (g *randomGraph) byteWeights(w made, axis int) (made, bool) {
	shape := w.t.Shape()
	codes := make([]int8, w.t.Len())
	for i, v := range tensor.Data[float32](w.t) {
		codes[i] = int8(max(-127, min(127, v*40)))
	}
	scales, zeros := []float32{1. / 40}, tensor.Scalar(int8(0))
	if g.coin() {
		scales = slices.Repeat(scales, shape[axis])
		zeros = tensor.Of(make([]int8, shape[axis]), shape[axis])
		in := []made{g.constant(tensor.Of(codes, shape...)), g.constant(tensor.Of(scales, shape[axis])), g.constant(zeros)}
		return g.node("DequantizeLinear", in, ir.AttrInt("axis", axis))
	}
	return g.node("DequantizeLinear", []made{g.constant(tensor.Of(codes, shape...)), g.constant(tensor.Scalar(scales[0])), g.constant(zeros)})
}

// growType goes through another element type, as often as not with an operator
// in it.
func growType(g *randomGraph) {
	x, ok := g.one(anything)
	if !ok {
		return
	}
	to := from(g, tensor.Float16, tensor.Float16, tensor.BFloat16, tensor.Float64, tensor.Int32, tensor.Int64, tensor.Uint8, tensor.Bool)
	float := to == tensor.Float16 || to == tensor.BFloat16 || to == tensor.Float64
	if !float {
		if x, ok = g.exact(); !ok {
			return
		}
		if x, ok = g.node("Mul", []made{x, g.constant(tensor.Scalar(float32(20)))}); !ok {
			return
		}
		if to == tensor.Uint8 {
			x, ok = g.node("Abs", []made{x})
		}
		if !ok {
			return
		}
	}
	cast := func(x made, to tensor.DType) (made, bool) {
		return g.node("Cast", []made{x}, ir.AttrInt("to", int(to)))
	}
	g.steps = g.steps || to == tensor.Float16 || to == tensor.BFloat16
	if x, ok = cast(x, to); !ok {
		return
	}
	y, done := x, false
	switch {
	case to == tensor.Bool:
		y, done = g.node("Not", []made{x})
	case !float:
		c := g.constant(tensor.Scalar(float32(1 + g.rng.Intn(6))))
		if c, ok = cast(c, to); ok {
			y, done = g.node(from(g, "Add", "Mul", "Div", "Sub", "Max", "Min", "Mod", "Greater", "Equal"), []made{x, c})
		}
	case x.t.Rank() == 4 && g.coin():
		if in, attrs, ok := g.convolution(x, from(g, 3, 8, 16, 33)); ok {
			for i := range in[1:] {
				if in[i+1], ok = cast(in[i+1], to); !ok {
					return
				}
			}
			y, done = g.node("Conv", in, attrs...)
		}
	case g.coin():
		y, done = g.node(from(g, "Relu", "Sigmoid", "Tanh", "Softmax", "Neg", "GlobalAveragePool", "Erf", "HardSwish"), []made{x})
	default:
		y, done = g.node(from(g, "Add", "Mul", "Max"), []made{x, x})
	}
	if !done {
		y = x
	}
	cast(y, tensor.Float32)
}

// growChoice compares and chooses.
func growChoice(g *randomGraph) {
	x, ok := g.exact()
	if !ok {
		return
	}
	shape := slices.Clone(x.t.Shape())
	for i := range shape {
		if g.coin() {
			shape[i] = 1
		}
	}
	c, ok := g.node(from(g, "Greater", "Less", "GreaterOrEqual", "LessOrEqual"), []made{x, g.weights(1, shape...)})
	if !ok {
		return
	}
	if g.coin() {
		c, ok = g.node(from(g, "Not", "And", "Or", "Xor"), []made{c, c}[:1+g.rng.Intn(2)])
	}
	y, found := g.one(func(t *tensor.Tensor) bool { return same(t, x.t) })
	if ok && found {
		g.node("Where", []made{c, y, from(g, x, g.weights(1, shape...), g.constant(tensor.Scalar(float32(-1))))})
	}
}

// growPick takes numbers from where constants say.
func growPick(g *randomGraph) {
	x, ok := g.one(func(t *tensor.Tensor) bool { return t.Rank() > 0 && t.Len() > 0 })
	if !ok {
		return
	}
	axis := g.rng.Intn(x.t.Rank())
	n := x.t.Dim(axis)
	at := make([]int, 1+g.rng.Intn(5))
	for i := range at {
		at[i] = g.rng.Intn(2*n) - n
	}
	indices := g.ints(at...)
	switch g.rng.Intn(4) {
	case 0:
		indices = g.constant(tensor.Scalar(int64(at[0])))
	case 1:
		indices = g.constant(tensor.Of(tensor.Data[int64](indices.t), 1, len(at)))
	}
	g.node("Gather", []made{x, indices}, ir.AttrInt("axis", axis))
}

// growPieces splits and joins again, in another order.
func growPieces(g *randomGraph) {
	x, ok := g.one(func(t *tensor.Tensor) bool { return t.Rank() > 0 })
	if !ok {
		return
	}
	axis := g.rng.Intn(x.t.Rank())
	if x.t.Rank() == 4 && g.coin() {
		axis = 1
	}
	n := x.t.Dim(axis)
	first := g.rng.Intn(n + 1)
	second := g.rng.Intn(n - first + 1)
	parts := g.many("Split", 3, []made{x, g.ints(first, second, n-first-second)}, ir.AttrInt("axis", axis))
	if parts == nil {
		return
	}
	if g.coin() {
		if y, ok := g.node(from(g, "Relu", "Sigmoid", "Neg"), parts[:1]); ok {
			parts[0] = y
		}
	}
	g.rng.Shuffle(3, func(i, j int) { parts[i], parts[j] = parts[j], parts[i] })
	g.node("Concat", parts[:1+g.rng.Intn(3)], ir.AttrInt("axis", axis))
}

// growShuffle is ShuffleNet's exchange of channels, in two parts at times, or blocks to pixels.
func growShuffle(g *randomGraph) {
	x, ok := g.one(func(t *tensor.Tensor) bool { return picture(t) && t.Len() > 0 })
	if !ok {
		return
	}
	n, c, h, w := x.t.Dim(0), x.t.Dim(1), x.t.Dim(2), x.t.Dim(3)
	if k := from(g, 2, 3, 4); c%k == 0 && g.coin() {
		if x, ok = g.node("Reshape", []made{x, g.ints(n, k, c/k, h, w)}); !ok {
			return
		}
		if x, ok = g.node("Transpose", []made{x}, ir.AttrInts("perm", 0, 2, 1, 3, 4)); ok {
			x, ok = g.node("Reshape", []made{x, g.ints(from(g, n, -1), c, h, w)})
		}
		if half := g.rng.Intn(c); ok && half > 0 {
			g.many("Split", 2, []made{x, g.ints(half, c-half)}, ir.AttrInt("axis", 1))
		}
		return
	}
	g.node(from(g, "DepthToSpace", "SpaceToDepth"), []made{x}, ir.AttrInt("blocksize", from(g, 2, 3)), ir.AttrString("mode", from(g, "DCR", "CRD")))
}

// growOther is one of many operators, on what they take.
func growOther(g *randomGraph) {
	x, ok := g.one(func(t *tensor.Tensor) bool { return t.Rank() > 0 && t.Len() > 0 })
	if !ok {
		return
	}
	rank, c := x.t.Rank(), 1
	if rank > 1 {
		c = x.t.Dim(1)
	}
	axis := g.rng.Intn(rank)
	switch op := from(g, "Tile", "Expand", "InstanceNormalization", "GroupNormalization", "LRN", "LogSoftmax", "CumSum", "Trilu", "TopK", "ArgMax", "GridSample",
		"LpNormalization", "MeanVarianceNormalization", "ReduceProd", "ReduceLogSumExp", "ReduceSumSquare", "ReduceL1", "Einsum", "ScatterND", "GatherElements",
		"Sum", "Mean", "Exp", "Sqrt", "Reciprocal", "ThresholdedRelu", "Celu", "Selu", "Softsign", "Sin", "Shrink", "EyeLike"); op {
	case "Tile":
		times := make([]int, rank)
		for i := range times {
			times[i] = from(g, 1, 1, 2, 0, 3)
		}
		g.node(op, []made{x, g.ints(times...)})
	case "Expand":
		shape := slices.Clone(x.t.Shape())
		for i, n := range shape {
			if n == 1 {
				shape[i] = from(g, 1, 2, 5)
			} else if g.coin() {
				shape[i] = 1
			}
		}
		g.node(op, []made{x, g.ints(append([]int{2}[:g.rng.Intn(2)], shape...)...)})
	case "InstanceNormalization":
		g.node(op, []made{x, g.positive(c), g.weights(1, c)}, ir.AttrFloat("epsilon", 1e-2))
	case "GroupNormalization":
		g.node(op, []made{x, g.positive(c), g.weights(1, c)}, ir.AttrFloat("epsilon", 1e-2), ir.AttrInt("num_groups", from(g, 1, 2, 4, c)))
	case "LRN":
		g.node(op, []made{x}, ir.AttrInt("size", from(g, 1, 3, 4, 5)), ir.AttrFloat("alpha", 0.1))
	case "CumSum":
		g.node(op, []made{x, g.constant(tensor.Scalar(int64(axis)))}, ir.AttrInt("exclusive", g.rng.Intn(2)), ir.AttrInt("reverse", g.rng.Intn(2)))
	case "Trilu":
		g.node(op, []made{x, g.constant(tensor.Scalar(int64(g.rng.Intn(5) - 2)))}, ir.AttrInt("upper", g.rng.Intn(2)))
	case "TopK":
		if x, ok = g.exact(); ok && x.t.Rank() > 0 {
			axis = g.rng.Intn(x.t.Rank())
			g.many(op, 2, []made{x, g.ints(g.rng.Intn(x.t.Dim(axis) + 1))}, ir.AttrInt("axis", axis), ir.AttrInt("largest", g.rng.Intn(2)))
		}
	case "ArgMax":
		if x, ok = g.exact(); ok && x.t.Rank() > 0 {
			g.node(from(g, "ArgMax", "ArgMin"), []made{x}, ir.AttrInt("axis", g.rng.Intn(x.t.Rank())), ir.AttrInt("keepdims", g.rng.Intn(2)), ir.AttrInt("select_last_index", g.rng.Intn(2)))
		}
	case "GridSample":
		if rank == 4 {
			g.node(op, []made{x, g.weights(2, x.t.Dim(0), 1+g.rng.Intn(6), 1+g.rng.Intn(6), 2)}, ir.AttrString("mode", from(g, "linear", "cubic")),
				ir.AttrString("padding_mode", from(g, "zeros", "border", "reflection")), ir.AttrInt("align_corners", g.rng.Intn(2)))
		}
	case "LpNormalization", "LogSoftmax":
		g.node(op, []made{x}, ir.AttrInt("axis", axis))
	case "MeanVarianceNormalization":
		if x, ok = g.exact(); ok && x.t.Rank() > 0 { // of equal numbers it makes their rounding errors as large as any
			g.node(op, []made{x}, ir.AttrInts("axes", g.rng.Intn(x.t.Rank())))
		}
	case "ReduceProd", "ReduceLogSumExp", "ReduceSumSquare", "ReduceL1":
		g.node(op, []made{x, g.ints(axis)}, ir.AttrInt("keepdims", g.rng.Intn(2)))
	case "Einsum":
		if rank > 9 {
			return
		}
		letters := "abcdefghi"[:rank]
		g.node(op, []made{x, g.weights(x.t.Dim(-1), x.t.Dim(-1), 5)}, ir.AttrString("equation", letters+","+letters[rank-1:]+"z->"+letters[:rank-1]+"z"))
	case "ScatterND":
		g.node(op, []made{x, g.constant(tensor.Of([]int64{int64(g.rng.Intn(x.t.Dim(0)))}, 1, 1)), g.weights(1, append([]int{1}, x.t.Shape()[1:]...)...)},
			ir.AttrString("reduction", from(g, "none", "add", "mul", "max")))
	case "GatherElements":
		at := make([]int64, x.t.Len())
		for i := range at {
			at[i] = int64(g.rng.Intn(x.t.Dim(axis)))
		}
		g.node(op, []made{x, g.constant(tensor.Of(at, x.t.Shape()...))}, ir.AttrInt("axis", axis))
	case "Sum", "Mean":
		g.node(op, []made{x, g.weights(1, x.t.Dim(-1)), x})
	case "Sqrt", "Reciprocal":
		if x, ok = g.node("Abs", []made{x}); ok {
			if x, ok = g.node("Add", []made{x, g.constant(tensor.Scalar(float32(0.5)))}); ok {
				g.node(op, []made{x})
			}
		}
	default:
		g.node(op, []made{x})
	}
}
