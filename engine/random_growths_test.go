package engine_test

import (
	"github.com/visionzoo/vision/engine/ir"
	"github.com/visionzoo/vision/engine/tensor"
)

// growth is one kind of node, or group of nodes, that a random graph grows by.
type growth struct {
	weight int
	grow   func(g *randomGraph)
}

var growths = []growth{
	{20, growConv}, {4, growPool}, {2, growGlobalPool}, {4, growBatchNorm}, {10, growUnary}, {6, growSum}, {6, growBroadcast},
	{3, growGate}, {3, growInverted}, {2, growFocus}, {2, growSilu}, {5, growConcat}, {4, growReshape}, {3, growTranspose}, {4, growSlice}, {3, growPad},
	{4, growResize}, {4, growReduce}, {2, growSoftmax}, {4, growMatMul}, {2, growGemm}, {2, growNorm}, {3, growQuant},
	{2, growConvTranspose}, {3, growDataSlice}, {2, growIf}, {2, growLoop},
	{3, growLine}, {3, growWide}, {5, growIsland}, {4, growType}, {3, growChoice}, {3, growPick}, {3, growPieces}, {3, growShuffle}, {6, growOther},
	{5, growPattern}, {2, growRecurrent}, {3, growShapes}, {2, growScan},
	{4, growBranches}, {4, growTurns}, {3, growSequence}, {8, growGiven}, {2, growConstant}, {4, growFound}, {3, growMoments}, {5, growContributed},
	{1, growStem}, {3, growIntegers}, {2, growAttention}, {2, growBlocked},
}

var growthWeights = func() []int {
	w := make([]int, len(growths))
	for i, g := range growths {
		w[i] = g.weight
	}
	return w
}()

// convolution draws the operands of a convolution of x.
func (g *randomGraph) convolution(x made, out int) (in []made, attrs []*ir.Attr, ok bool) {
	n, c, h, w := x.t.Dim(0), x.t.Dim(1), x.t.Dim(2), x.t.Dim(3)
	group := 1
	if c > 0 {
		switch g.rng.Intn(5) {
		case 0:
			group = c
			if out%c != 0 {
				out = c
			}
		case 1:
			for _, k := range []int{2, 3, 4, 5, 8} {
				if c%k == 0 && out%k == 0 {
					group = k
				}
			}
		}
	}
	kh, kw := from(g, 1, 1, 2, 3, 3, 3, 4, 5), from(g, 1, 1, 2, 3, 3, 3, 5, 7)
	if g.rng.Intn(4) > 0 {
		kw = kh
	}
	sh, sw := from(g, 1, 1, 1, 2, 2, 3), from(g, 1, 1, 1, 2, 2, 3)
	dh, dw := from(g, 1, 1, 1, 2, 3), from(g, 1, 1, 1, 2, 3)
	if n*out*c/group*h*w*kh*kw > g.work {
		return nil, nil, false
	}
	attrs = []*ir.Attr{ir.AttrInt("group", group), ir.AttrInts("strides", sh, sw), ir.AttrInts("dilations", dh, dw)}
	switch g.rng.Intn(6) {
	case 0:
	case 1:
		attrs = append(attrs, ir.AttrString("auto_pad", from(g, "SAME_UPPER", "SAME_LOWER", "VALID")))
	default:
		p := func(k int) int { return g.rng.Intn(k) }
		pads := []int{kh / 2 * dh, kw / 2 * dw, kh / 2 * dh, kw / 2 * dw}
		if g.coin() {
			pads = []int{p(kh + 1), p(kw + 1), p(kh + 1), p(kw + 1)}
		}
		attrs = append(attrs, ir.AttrInts("pads", pads...))
	}
	in = []made{x, g.weights(c/group*kh*kw, out, c/group, kh, kw)}
	if g.coin() {
		in = append(in, g.weights(4, out))
	}
	return in, attrs, true
}

func growConv(g *randomGraph) {
	x, ok := g.one(picture)
	if !ok {
		return
	}
	out := from(g, 1, 3, 4, 8, 15, 16, 17, 24, 32, 33, 48, 64)
	if g.coin() {
		out = max(x.t.Dim(1), 1)
	}
	if in, attrs, ok := g.convolution(x, out); ok {
		g.node("Conv", in, attrs...)
	}
}

func growConvTranspose(g *randomGraph) {
	x, ok := g.one(picture)
	if !ok {
		return
	}
	c, out, group := x.t.Dim(1), from(g, 1, 3, 8, 17, 32), 1
	kh, kw, d := from(g, 1, 2, 3, 4), from(g, 1, 2, 3, 4, 6), from(g, 1, 1, 1, 2)
	if x.t.Len()*out*kh*kw > g.work {
		return
	}
	if c > 0 && g.rng.Intn(5) == 0 {
		out, group = c, c
	}
	sh, sw := from(g, 1, 2, 2, 3), from(g, 1, 2, 2, 4)
	attrs := []*ir.Attr{ir.AttrInts("strides", sh, sw), ir.AttrInts("pads", g.rng.Intn(kh), g.rng.Intn(kw), g.rng.Intn(kh), g.rng.Intn(kw)),
		ir.AttrInts("output_padding", g.rng.Intn(sh), g.rng.Intn(sw)), ir.AttrInts("dilations", d, from(g, 1, d)), ir.AttrInt("group", group)}
	y, ok := g.node("ConvTranspose", []made{x, g.weights(c/group*max(1, kh*kw/(sh*sw)), c, out/group, kh, kw), g.weights(4, out)}, attrs...)
	if ok && g.coin() {
		g.node(from(g, "Relu", "Sigmoid", "LeakyRelu"), []made{y})
	}
}

// growStem is a first convolution of a picture that is large enough for the max pool behind it to
// run in bands with it.
func growStem(g *randomGraph) {
	c, out, k := from(g, 1, 3, 4), from(g, 16, 24, 32), from(g, 1, 2, 3)
	side := 280 / from(g, 1, 2, 2)
	work := g.work
	defer func() { g.work = work }()
	if g.work = 64 << 20; side > 140 {
		k = 1
	}
	x := g.input(g.normal(from(g, 1, 1, 2), c, side+g.rng.Intn(4), side+g.rng.Intn(4)), g.rng.Intn(4) == 0)
	p := func() int { return g.rng.Intn(k) }
	x, ok := g.node("Conv", []made{x, g.weights(c*k*k, out, c, k, k), g.weights(4, out)}, ir.AttrInts("pads", p(), p(), p(), p()),
		ir.AttrInts("strides", from(g, 1, 1, 2), from(g, 1, 1, 2)))
	if ok && g.coin() {
		x, ok = g.node(from(g, "Relu", "HardSwish", "LeakyRelu"), []made{x})
	}
	if !ok {
		return
	}
	x, ok = g.node("MaxPool", []made{x}, ir.AttrInts("kernel_shape", 3, from(g, 2, 3)), ir.AttrInts("strides", from(g, 2, 3), from(g, 1, 2)),
		ir.AttrInts("pads", from(g, 0, 1), from(g, 0, 1), from(g, 0, 1), from(g, 0, 1)), ir.AttrInt("ceil_mode", g.rng.Intn(2)),
		ir.AttrInts("dilations", from(g, 1, 1, 2), 1))
	if ok {
		g.node("Conv", []made{x, g.weights(out, 8, out, 1, 1)})
	}
}

func growPool(g *randomGraph) {
	x, ok := g.one(picture)
	if !ok {
		return
	}
	kh, kw := 1+g.rng.Intn(4), 1+g.rng.Intn(4)
	attrs := []*ir.Attr{ir.AttrInts("kernel_shape", kh, kw), ir.AttrInts("strides", 1+g.rng.Intn(3), 1+g.rng.Intn(3)),
		ir.AttrInt("ceil_mode", g.rng.Intn(2)), ir.AttrInts("pads", g.rng.Intn(kh), g.rng.Intn(kw), g.rng.Intn(kh), g.rng.Intn(kw))}
	if g.coin() {
		g.node("MaxPool", []made{x}, append(attrs, ir.AttrInts("dilations", 1+g.rng.Intn(2), 1+g.rng.Intn(2)))...)
		return
	}
	g.node("AveragePool", []made{x}, append(attrs, ir.AttrInt("count_include_pad", g.rng.Intn(2)))...)
}

func growGlobalPool(g *randomGraph) {
	if x, ok := g.one(picture); ok {
		g.node(from(g, "GlobalAveragePool", "GlobalAveragePool", "GlobalMaxPool"), []made{x})
	}
}

// positive is a constant of numbers in [0.5, 1.5).
func (g *randomGraph) positive(shape ...int) made {
	t := g.normal(shape...)
	for i := range tensor.Data[float32](t) {
		tensor.Data[float32](t)[i] = 0.5 + g.rng.Float32()
	}
	return g.constant(t)
}

func growBatchNorm(g *randomGraph) {
	if x, ok := g.one(func(t *tensor.Tensor) bool { return t.Rank() > 1 }); ok {
		c := x.t.Dim(1)
		g.node("BatchNormalization", []made{x, g.positive(c), g.weights(1, c), g.weights(1, c), g.positive(c)})
	}
}

func growUnary(g *randomGraph) {
	x, ok := g.one(anything)
	if !ok {
		return
	}
	switch op := from(g, "Relu", "Relu", "LeakyRelu", "Sigmoid", "Tanh", "HardSigmoid", "HardSwish", "Clip", "Elu", "Abs", "Neg", "Erf", "Softplus", "Gelu", "Mish", "PRelu"); op {
	case "LeakyRelu":
		g.node(op, []made{x}, ir.AttrFloat("alpha", 0.1))
	case "Clip":
		g.node(op, []made{x, g.constant(tensor.Scalar(float32(-0.5))), g.constant(tensor.Scalar(float32(6)))})
	case "PRelu":
		slope := []int{1}
		if x.t.Rank() == 4 {
			slope = []int{x.t.Dim(1), 1, 1}
		}
		g.node(op, []made{x, g.weights(4, slope...)})
	default:
		g.node(op, []made{x})
	}
}

// growSum combines two values of one shape.
func growSum(g *randomGraph) {
	x, ok := g.one(anything)
	if !ok {
		return
	}
	y, ok := g.one(func(t *tensor.Tensor) bool { return same(t, x.t) })
	if ok {
		g.node(from(g, "Add", "Add", "Add", "Mul", "Sub", "Max", "Min"), []made{x, y})
	}
}

func same(a, b *tensor.Tensor) bool {
	if a.Rank() != b.Rank() {
		return false
	}
	for i, n := range a.Shape() {
		if b.Dim(i) != n {
			return false
		}
	}
	return true
}

// growBroadcast combines a value with a constant that repeats.
func growBroadcast(g *randomGraph) {
	x, ok := g.one(anything)
	if !ok {
		return
	}
	shape := append([]int{}, x.t.Shape()...)
	for i := range shape {
		if g.coin() {
			shape[i] = 1
		}
	}
	for len(shape) > 0 && g.rng.Intn(3) == 0 {
		shape = shape[1:]
	}
	c := g.positive(shape...)
	in := []made{x, c}
	op := from(g, "Add", "Mul", "Sub", "Div", "Pow")
	if op == "Pow" {
		if x, ok = g.node("Abs", []made{x}); !ok {
			return
		}
		in[0] = x
	} else if op != "Div" && g.coin() {
		in[0], in[1] = in[1], in[0]
	}
	g.node(op, in)
}

// growGate is squeeze and excitation, as often as not behind a depthwise
// convolution and before one that narrows.
func growGate(g *randomGraph) {
	x, ok := g.one(picture)
	if !ok || x.t.Len() == 0 {
		return
	}
	if c := x.t.Dim(1); g.coin() {
		x, ok = g.node("Conv", []made{x, g.weights(9, c, 1, 3, 3)}, ir.AttrInt("group", c),
			ir.AttrInts("pads", 1, 1, 1, 1), ir.AttrInts("strides", from(g, 1, 2), 1))
		if ok && g.coin() {
			x, ok = g.node(from(g, "Relu", "HardSwish"), []made{x})
		}
		if !ok {
			return
		}
	}
	m, ok := g.node("GlobalAveragePool", []made{x})
	if !ok {
		return
	}
	c := x.t.Dim(1)
	if m, ok = g.node("Conv", []made{m, g.weights(c, c, c, 1, 1)}); !ok {
		return
	}
	if m, ok = g.node(from(g, "Sigmoid", "HardSigmoid"), []made{m}); !ok {
		return
	}
	if x, ok = g.node("Mul", []made{x, m}); !ok || g.coin() {
		return
	}
	for range g.rng.Intn(3) { // what also reads the picture or the gate
		from(g, growUnary, growSum, growConv)(g)
	}
	if out := from(g, 1, 8, 19, 33, 64, c); x.t.Len()*out <= g.work {
		g.node("Conv", []made{x, g.weights(c, out, c, 1, 1)}, ir.AttrInts("strides", 1, from(g, 1, 1, 2)))
	}
}

// growInverted is an inverted residual: a 1x1 convolution, as often as not, a
// depthwise one and another 1x1, at times added to what it began with.
func growInverted(g *randomGraph) {
	first, ok := g.one(picture)
	if !ok || first.t.Len() == 0 {
		return
	}
	x, c := first, first.t.Dim(1)
	out, act := from(g, c, c, 1, 8, 24, 33), from(g, "", "Relu", "HardSwish", "Sigmoid")
	conv := func(x made, w made, attrs ...*ir.Attr) made {
		if ok {
			x, ok = g.node("Conv", []made{x, w}, attrs...)
		}
		if ok && act != "" {
			x, ok = g.node(act, []made{x})
		}
		return x
	}
	if mid := from(g, c, 16, 40, 64); g.coin() && x.t.Len()/c*mid*max(9, c, out) <= g.work {
		x, c = conv(x, g.weights(c, mid, c, 1, 1)), mid
	}
	k, stride := from(g, 3, 3, 5), from(g, 1, 1, 2)
	if !ok || x.t.Len()*max(k*k, out) > g.work {
		return
	}
	x = conv(x, g.weights(k*k, c, 1, k, k), ir.AttrInt("group", c),
		ir.AttrInts("pads", from(g, 0, k/2), k/2, k/2, k/2), ir.AttrInts("strides", stride, stride))
	x = conv(x, g.weights(c, out, c, 1, 1))
	if ok && out == first.t.Dim(1) && g.coin() {
		g.node("Add", []made{x, first})
	}
}

// growFocus is a convolution of every second pixel, as channels.
func growFocus(g *randomGraph) {
	x, ok := g.one(picture)
	if !ok || x.t.Dim(2)%2+x.t.Dim(3)%2 > 0 || x.t.Len() == 0 {
		return
	}
	c := 4 * x.t.Dim(1)
	if g.coin() {
		x, ok = g.node("SpaceToDepth", []made{x}, ir.AttrInt("blocksize", 2))
	} else {
		parts := make([]made, 4)
		for i, at := range g.rng.Perm(4) {
			rows, okRows := g.node("Slice", []made{x, g.ints(at / 2), g.ints(1 << 30), g.ints(2), g.ints(2)})
			part, okPart := g.node("Slice", []made{rows, g.ints(at % 2), g.ints(1 << 30), g.ints(-1), g.ints(2)})
			parts[i], ok = part, ok && okRows && okPart
		}
		if ok {
			x, ok = g.node("Concat", parts, ir.AttrInt("axis", 1))
		}
	}
	k, out := from(g, 1, 2, 3), from(g, 1, 16, 32, 40)
	if ok && x.t.Len()*k*k*out <= g.work {
		g.node("Conv", []made{x, g.weights(k*k*c, out, c, k, k)},
			ir.AttrInts("pads", from(g, 0, k/2), k/2, k/2, from(g, 0, k/2)), ir.AttrInts("strides", from(g, 1, 1, 2), 1))
	}
}

func growSilu(g *randomGraph) {
	x, ok := g.one(anything)
	if !ok {
		return
	}
	if s, ok := g.node("Sigmoid", []made{x}); ok {
		g.node("Mul", []made{s, x})
	}
}

// growConcat joins values that agree in all dimensions but one.
func growConcat(g *randomGraph) {
	x, ok := g.one(func(t *tensor.Tensor) bool { return t.Rank() > 0 })
	if !ok {
		return
	}
	axis := min(1, x.t.Rank()-1)
	if g.rng.Intn(4) == 0 {
		axis = g.rng.Intn(x.t.Rank())
	}
	in := []made{x}
	for range 1 + g.rng.Intn(3) {
		y, ok := g.one(func(t *tensor.Tensor) bool {
			if t.Rank() != x.t.Rank() {
				return false
			}
			for i, n := range x.t.Shape() {
				if i != axis && t.Dim(i) != n {
					return false
				}
			}
			return true
		})
		if ok {
			in = append(in, y)
		}
	}
	if g.rng.Intn(4) == 0 {
		axis -= x.t.Rank()
	}
	g.node("Concat", in, ir.AttrInt("axis", axis))
}
