package engine_test

import (
	"slices"

	"github.com/visionzoo/vision/engine/ir"
	"github.com/visionzoo/vision/engine/tensor"
)

// growGiven takes from the caller what others have as constants: weights, biases, scales,
// bounds, sizes.
func growGiven(g *randomGraph) {
	x, ok := g.one(func(t *tensor.Tensor) bool { return t.Rank() > 0 && t.Len() > 0 })
	if !ok {
		return
	}
	rank, c := x.t.Rank(), x.t.Dim(min(1, x.t.Rank()-1))
	given := func(m made) made { return g.input(m.t, g.rng.Intn(4) == 0) }
	either := func(m made) made {
		if g.coin() {
			return given(m)
		}
		return m
	}
	switch op := from(g, "Conv", "Conv", "ConvTranspose", "MatMul", "MatMul", "Gemm", "BatchNormalization", "LayerNormalization", "PRelu", "Clip", "Max", "Pad", "Resize", "Add", "Mul"); {
	case (op == "Conv" || op == "ConvTranspose") && rank == 4:
		in, attrs, ok := g.convolution(x, from(g, 3, 8, 16, 33, c))
		if !ok {
			return
		}
		if op == "ConvTranspose" {
			in, attrs = []made{x, g.weights(c*9, c, 8, 3, 3), g.weights(4, 8)}, attrs[1:2]
			if x.t.Len()*8*9 > g.work {
				return
			}
		}
		if in[1] = either(in[1]); len(in) > 2 {
			in[2] = either(in[2])
		}
		g.node(op, in, attrs...)
	case op == "MatMul":
		switch n := from(g, 1, 3, 16, 33); g.rng.Intn(5) {
		case 0:
			if rank > 1 && x.t.Len()*n <= g.work {
				g.node(op, []made{either(g.weights(x.t.Dim(-2), n, x.t.Dim(-2))), x})
			}
		case 1:
			g.node(op, []made{x, either(g.weights(x.t.Dim(-1), x.t.Dim(-1)))})
		case 2: // of stacks that broadcast
			shape := slices.Clone(x.t.Shape())
			for i := range shape[:max(0, rank-2)] {
				if g.coin() {
					shape[i] = 1
				}
			}
			if rank > 1 {
				shape[rank-2], shape[rank-1] = x.t.Dim(-1), n
			}
			for len(shape) > 2 && g.rng.Intn(3) == 0 {
				shape = shape[1:]
			}
			if x.t.Len()*n <= g.work {
				g.node(op, []made{x, either(g.weights(x.t.Dim(-1), shape...))})
			}
		default:
			if x.t.Len()*n <= g.work {
				g.node(op, []made{x, given(g.weights(x.t.Dim(-1), x.t.Dim(-1), n))})
			}
		}
	case op == "Gemm" && rank == 2:
		m, k, n, turned := x.t.Dim(0), x.t.Dim(1), from(g, 1, 3, 16, 33), g.rng.Intn(2)
		w := []int{k, n}
		if turned == 1 {
			w = []int{n, k}
		}
		in := []made{x, either(g.weights(k, w...)), either(g.weights(4, from(g, []int{n}, []int{1, n}, []int{m, 1}, []int{m, n}, []int{1}, []int{})...))}
		g.node(op, in, ir.AttrInt("transB", turned), ir.AttrFloat("beta", from[float32](g, 1, 2, 0)), ir.AttrFloat("alpha", from[float32](g, 1, 0.5)))
	case op == "BatchNormalization" && rank > 1:
		g.node(op, []made{x, either(g.positive(c)), g.weights(1, c), either(g.weights(1, c)), g.positive(c)})
	case op == "LayerNormalization" && x.t.Dim(-1) > 3:
		n := x.t.Dim(-1)
		g.node(op, []made{x, either(g.positive(n)), either(g.weights(1, n))}, ir.AttrFloat("epsilon", 1e-2))
	case op == "PRelu":
		g.node(op, []made{x, given(g.weights(4, from(g, []int{1}, x.t.Shape(), x.t.Shape()[rank-1:])...))})
	case op == "Clip":
		low, high := g.constant(tensor.Scalar(float32(-0.4))), g.constant(tensor.Scalar(float32(0.7)))
		g.node(op, from(g, []made{x, given(low), high}, []made{x, low, given(high)}, []made{x, {}, given(high)}))
	case op == "Max":
		y, _ := g.one(func(t *tensor.Tensor) bool { return same(t, x.t) })
		g.node(from(g, "Max", "Min", "Sum", "Mean"), []made{x, y, either(g.weights(1, x.t.Dim(-1)))})
	case op == "Pad":
		pads := make([]int, 2*rank)
		pads[g.rng.Intn(2*rank)] = g.rng.Intn(3)
		g.node(op, []made{x, given(g.ints(pads...))})
	case op == "Resize" && rank == 4:
		g.node(op, []made{x, {}, {}, given(g.ints(x.t.Dim(0), c, 1+g.rng.Intn(20), 1+g.rng.Intn(20)))}, ir.AttrString("mode", from(g, "nearest", "linear")))
	case op == "Add" || op == "Mul":
		shape := slices.Clone(x.t.Shape())
		for i := range shape {
			if g.coin() {
				shape[i] = 1
			}
		}
		g.node(op, (&spelling{g, true}).pair(x, given(g.positive(shape...))))
	}
}

// growConstant adds a constant that is a value like others.
func growConstant(g *randomGraph) {
	if x, ok := g.one(func(t *tensor.Tensor) bool { return t.Len() < 1<<12 }); ok {
		g.values = append(g.values, g.weights(1, x.t.Shape()...))
	}
}

// growFound has results whose sizes depend on numbers.
func growFound(g *randomGraph) {
	x, ok := g.exact()
	if !ok || x.t.Rank() == 0 || x.t.Len() == 0 || x.t.Len() > 1<<12 {
		return
	}
	c := &spelling{g, true}
	given := func(v ...int) made { return g.input(g.ints(v...).t, false) }
	switch g.rng.Intn(9) {
	case 0:
		found := c.node("NonZero", []made{c.node("Greater", []made{x, g.constant(tensor.Scalar(from[float32](g, 0, 1, 9)))})})
		y, _ := g.one(func(t *tensor.Tensor) bool { return same(t, x.t) })
		c.node("GatherND", []made{y, c.node("Transpose", []made{found}, ir.AttrInts("perm", 1, 0))})
	case 1:
		line := c.node("Reshape", []made{x, g.ints(-1)})
		keep := c.node("Less", []made{line, g.constant(tensor.Scalar(from[float32](g, 0, -1, 9)))})
		y, _ := g.one(func(t *tensor.Tensor) bool { return same(t, x.t) })
		c.node("Compress", []made{y, keep})
	case 2:
		n := g.input(tensor.Scalar(int64(g.rng.Intn(6))), false)
		r := c.node("Range", []made{g.constant(tensor.Scalar(int64(0))), n, g.constant(tensor.Scalar(int64(1)))})
		c.node("Cast", []made{r}, ir.AttrInt("to", int(tensor.Float32)))
	case 3:
		shape := slices.Clone(x.t.Shape())
		for i, n := range shape {
			if n == 1 {
				shape[i] = 1 + g.rng.Intn(4)
			}
		}
		c.node("Expand", []made{x, given(shape...)})
	case 4:
		times := make([]int, x.t.Rank())
		for i := range times {
			times[i] = from(g, 1, 1, 2)
		}
		c.node("Tile", []made{x, given(times...)})
	case 5:
		c.node("Reshape", []made{x, given(from(g, []int{-1, x.t.Dim(-1)}, []int{1, -1}, x.t.Shape())...)})
	case 6:
		g.many("TopK", 2, []made{x, given(g.rng.Intn(x.t.Dim(-1) + 1))})
	case 7:
		c.node("Unique", []made{c.node("Round", []made{x})})
	case 8:
		y, _ := g.one(func(t *tensor.Tensor) bool { return t.Rank() > 0 && t.Dim(0) > 0 })
		if y.Value != nil {
			c.node("Gather", []made{y, given(g.rng.Intn(y.t.Dim(0)), g.rng.Intn(y.t.Dim(0)))}, ir.AttrInt("axis", 0))
		}
	}
}

// growMoments has more than one result.
func growMoments(g *randomGraph) {
	x, ok := g.one(func(t *tensor.Tensor) bool { return t.Rank() > 1 && t.Len() > 0 })
	if !ok {
		return
	}
	switch g.rng.Intn(4) {
	case 0:
		axis := g.rng.Intn(x.t.Rank())
		shape := x.t.Shape()[axis:]
		if tensor.MustCount(shape) > 3 {
			g.many("LayerNormalization", 1+g.rng.Intn(3), []made{x, g.positive(shape...), g.weights(1, shape...)}, ir.AttrInt("axis", axis), ir.AttrFloat("epsilon", 1e-2))
		}
	case 1:
		if y, ok := g.exact(); ok && picture(y.t) && y.t.Len() > 0 { // of which the places are the same in every way
			g.many("MaxPool", 2, []made{y}, ir.AttrInts("kernel_shape", 2, 2), ir.AttrInts("strides", 1+g.rng.Intn(2), 2), ir.AttrInts("pads", 0, 1, 1, 0))
		}
	case 2:
		g.many("Dropout", 2, []made{x})
	case 3:
		n := x.t.Dim(-1)
		g.node("RMSNormalization", []made{x, g.positive(n)}, ir.AttrFloat("epsilon", 1e-2))
	}
}

// growContributed is an operator of ONNX Runtime's own.
func growContributed(g *randomGraph) {
	x, ok := g.one(func(t *tensor.Tensor) bool { return t.Rank() > 0 && t.Len() > 0 })
	if !ok {
		return
	}
	rank, last := x.t.Rank(), x.t.Dim(-1)
	switch op := from(g, "FusedConv", "FusedConv", "FusedGemm", "FusedMatMul", "BiasGelu", "FastGelu", "QuickGelu", "SkipLayerNormalization", "SkipSimplifiedLayerNormalization",
		"Attention", "MultiHeadAttention", "NhwcFusedConv", "MatMulNBits"); {
	case op == "FusedConv" && rank == 4:
		in, attrs, ok := g.convolution(x, from(g, 3, 8, 16, 33))
		if !ok {
			return
		}
		attrs = append(attrs, ir.AttrString("activation", from(g, "Relu", "Sigmoid", "Tanh", "HardSigmoid")))
		if n, t, ok := g.unbound("Conv", in, attrs[:len(attrs)-1]...); ok && n != nil && g.coin() {
			if z, ok := g.one(func(o *tensor.Tensor) bool { return same(o, t) }); ok {
				if len(in) < 3 {
					in = append(in, made{})
				}
				in = append(in, z)
			}
		}
		g.node(ms+op, in, attrs...)
	case op == "NhwcFusedConv" && rank == 4:
		in, attrs, ok := g.convolution(x, from(g, 3, 8, 16, 33))
		if !ok {
			return
		}
		if in[0], ok = g.node("Transpose", []made{x}, ir.AttrInts("perm", 0, 2, 3, 1)); !ok {
			return
		}
		y, ok := g.node(ms+op, in, append(attrs, ir.AttrString("activation", from(g, "Relu", "Sigmoid")))...)
		if ok && g.coin() {
			y, ok = g.node(from(g, "Relu", "Sigmoid"), []made{y})
		}
		if ok {
			g.node("Transpose", []made{y}, ir.AttrInts("perm", 0, 3, 1, 2))
		}
	case op == "MatMulNBits":
		n, block, bits := from(g, 1, 3, 16, 33), from(g, 16, 32), from(g, 2, 4, 8)
		blocks := (last + block - 1) / block
		codes, zeros := tensor.New(tensor.Uint8, n, blocks, block*bits/8), tensor.New(tensor.Uint8, n*((blocks*bits+7)/8))
		g.rng.Read(codes.Bytes())
		g.rng.Read(zeros.Bytes())
		in := []made{x, g.constant(codes), g.weights(last<<(2*bits), n*blocks), from(g, made{}, g.constant(zeros)), {}, from(g, made{}, g.weights(1, n))}
		if x.t.Len()*n <= g.work {
			g.node(ms+op, in, ir.AttrInt("K", last), ir.AttrInt("N", n), ir.AttrInt("bits", bits), ir.AttrInt("block_size", block))
		}
	case op == "FusedGemm" && rank == 2:
		n := from(g, 1, 3, 16, 33)
		g.node(ms+op, []made{x, g.weights(last, last, n), g.weights(4, n)}, ir.AttrString("activation", from(g, "Relu", "Sigmoid", "LeakyRelu")), ir.AttrFloat("alpha", 0.5))
	case op == "FusedMatMul" && rank > 1 && x.t.Len()*x.t.Dim(-2) <= g.work && x.t.Len()*last <= g.work:
		a := g.rng.Intn(2)
		y, _ := g.one(func(t *tensor.Tensor) bool { return same(t, x.t) })
		g.node(ms+op, []made{x, y}, ir.AttrInt("transA", a), ir.AttrInt("transB", 1-a), ir.AttrFloat("alpha", from[float32](g, 1, 0.125)))
	case op == "BiasGelu" || op == "FastGelu":
		g.node(ms+op, []made{x, g.weights(1, last)})
	case op == "QuickGelu":
		g.node(ms+op, []made{x}, ir.AttrFloat("alpha", from[float32](g, 1, 1.702)))
	case (op == "SkipLayerNormalization" || op == "SkipSimplifiedLayerNormalization") && rank == 3 && last > 3:
		y, _ := g.one(func(t *tensor.Tensor) bool { return same(t, x.t) })
		in := []made{x, y, g.positive(last)}
		if op == "SkipLayerNormalization" {
			in = append(in, g.weights(1, last))
		}
		if g.coin() {
			in = append(in, g.weights(1, last))
		}
		g.node(ms+op, in, ir.AttrFloat("epsilon", 1e-2))
	case op == "Attention" && rank == 3 && x.t.Len()*last*3 <= g.work:
		heads := from(g, 1, 2, 4)
		d := heads * from(g, 1, 4, 8)
		g.node(ms+op, []made{x, g.weights(last, last, 3*d), g.weights(1, 3*d)}, ir.AttrInt("num_heads", heads), ir.AttrInt("unidirectional", g.rng.Intn(2)))
	case op == "MultiHeadAttention" && rank == 3:
		y, _ := g.one(func(t *tensor.Tensor) bool { return same(t, x.t) })
		heads := 1
		for _, k := range []int{2, 4} {
			if last%k == 0 && g.coin() {
				heads = k
			}
		}
		in := []made{x, y, x}
		if g.coin() {
			in = append(in, g.weights(1, 3*last))
		}
		g.node(ms+op, in, ir.AttrInt("num_heads", heads))
	}
}

// growAttention is ONNX's operator, of rows that have their heads side by side or apart.
func growAttention(g *randomGraph) {
	q, ok := g.one(func(t *tensor.Tensor) bool { return (t.Rank() == 3 || t.Rank() == 4) && t.Len() > 0 && gentle(t) })
	if !ok || q.t.Len()*q.t.Dim(-2) > g.work {
		return
	}
	x, ok := g.one(func(t *tensor.Tensor) bool { return same(t, q.t) })
	if !ok {
		x = q
	}
	keys, ok := g.node("Concat", []made{x, q}, ir.AttrInt("axis", -2)) // twice as many as queries
	if !ok || g.coin() {
		keys = x
	}
	attrs := []*ir.Attr{ir.AttrInt("is_causal", g.rng.Intn(2)), ir.AttrFloat("scale", from[float32](g, 0.02, 0.1))}
	if q.t.Rank() == 3 {
		heads := 1
		for _, k := range []int{2, 4} {
			if q.t.Dim(2)%k == 0 && g.coin() {
				heads = k
			}
		}
		attrs = append(attrs, ir.AttrInt("q_num_heads", heads), ir.AttrInt("kv_num_heads", heads))
	}
	in := []made{q, keys, from(g, keys, keys, q)}
	if g.rng.Intn(4) == 0 {
		in = append(in, g.weights(1, q.t.Dim(-2), keys.t.Dim(-2))) // added to the scores
	}
	g.node("Attention", in, attrs...)
}

// growBlocked is a part of a network in blocks of channels, as ONNX Runtime's optimiser writes it at
// its highest level.
func growBlocked(g *randomGraph) {
	x, ok := g.one(func(t *tensor.Tensor) bool { return picture(t) && t.Len() > 0 })
	if !ok {
		return
	}
	const domain = ms + "nchwc."
	b, c := from(g, 8, 16), &spelling{g, true}
	block, last := ir.AttrInt("block", b), g.rng.Intn(2)
	if direct := x.t.Dim(1) < b && g.coin(); !direct { // the first convolution has few channels
		if last == 1 {
			x = c.node("Transpose", []made{x}, ir.AttrInts("perm", 0, 2, 3, 1))
		}
		x = c.node(domain+"ReorderInput", []made{x}, block, ir.AttrInt("channels_last", last))
	}
	for range 1 + g.rng.Intn(5) {
		if !c.ok {
			return
		}
		switch k := 1 + g.rng.Intn(3); g.rng.Intn(7) {
		case 0, 1, 2:
			in, attrs, ok := g.convolution(x, b*(1+g.rng.Intn(3)))
			if !ok {
				continue
			}
			if len(in) == 3 && g.coin() { // what is added has the shape of the convolution's input, if it fits
				in = append(in, x)
			}
			if g.coin() {
				attrs = append(attrs, ir.AttrString("activation", from(g, "Relu", "Sigmoid", "Tanh", "HardSigmoid")))
			}
			if y, ok := g.node(domain+"Conv", in, append(attrs, block)...); ok {
				x = y
			}
		case 3:
			x = c.node(domain+from(g, "MaxPool", "AveragePool"), []made{x}, ir.AttrInts("kernel_shape", k, k),
				ir.AttrInts("strides", 1+g.rng.Intn(2), 1), ir.AttrInts("pads", k/2, k/2, k/2, k/2))
		case 4:
			x = c.node(domain+from(g, "GlobalMaxPool", "GlobalAveragePool"), []made{x})
		case 5:
			x = c.node(domain+"Upsample", []made{x}, ir.AttrInts("scales", 1, 1, k, 1+g.rng.Intn(2)), ir.AttrString("mode", from(g, "nearest", "linear")))
		case 6:
			x = c.node("Add", []made{x, c.node("Relu", []made{x})})
		}
	}
	if c.ok {
		n := x.t.Dim(1)
		c.node(domain+"ReorderOutput", []made{x}, ir.AttrInt("channels", n-g.rng.Intn(min(b, n))), ir.AttrInt("channels_last", g.rng.Intn(2)))
	}
}
