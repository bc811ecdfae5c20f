package engine_test

import (
	"slices"

	"github.com/visionzoo/vision/engine/ir"
	"github.com/visionzoo/vision/engine/tensor"
)

const ms = "com.microsoft."

// codings grows a graph of operators on codes of 8 bits, as files quantised for ONNX Runtime
// have them (its format QOperator).
type codings struct {
	*randomGraph
	signed bool
	all    []codesOf
}

// codesOf are codes, with their scale and zero point.
type codesOf struct {
	made
	scale, zero made
}

var codingGrowths = []struct {
	weight int
	grow   func(g *codings, x codesOf)
}{
	{10, (*codings).conv}, {4, (*codings).sum}, {3, (*codings).concat}, {3, (*codings).function}, {3, (*codings).pool}, {2, (*codings).mean},
	{2, (*codings).move}, {3, (*codings).last}, {3, (*codings).product}, {2, (*codings).integers}, {1, (*codings).choice}, {1, (*codings).outside},
}

// growCodes grows a graph of such operators, whose results are the same to the bit in every way.
func growCodes(r *randomGraph) {
	g := &codings{randomGraph: r, signed: r.rng.Intn(3) == 0}
	g.bits = true
	shape := []int{from(r, 1, 1, 2), from(r, 3, 4, 8, 16, 33, 64, 70), from(r, 1, 4, 7, 12), from(r, 1, 5, 8, 17)}
	switch g.rng.Intn(20) {
	case 0: // so many products that only the weights tell whether a sum can overflow
		shape = []int{1, from(r, 33030, 70000) + g.rng.Intn(40), 1, 1}
	case 1, 2: // enough for Winograd's form
		shape = []int{1, from(r, 16, 33, 64, 70), 18 + g.rng.Intn(8), 18 + g.rng.Intn(8)}
		g.large, g.work = true, 30<<20
	}
	y := g.scales()
	if x := g.input(g.normal(shape...), g.rng.Intn(4) == 0); g.coin() {
		g.emit("QuantizeLinear", y, []made{x, y.scale, y.zero})
	} else {
		y.made = g.input(g.random(shape...), false)
		g.all = append(g.all, y)
	}
	if g.large && len(g.all) > 0 {
		g.square(g.all[0])
	}
	weights := make([]int, len(codingGrowths))
	for i, s := range codingGrowths {
		weights[i] = s.weight
	}
	for range 2 + g.rng.Intn(12) {
		if len(g.all) > 0 {
			codingGrowths[g.pick(weights)].grow(g, from(r, g.all...))
		}
	}
}

func (g *codings) number(v byte) *tensor.Tensor {
	if g.signed {
		return tensor.Scalar(int8(v))
	}
	return tensor.Scalar(v)
}

// random are codes of any value.
func (g *codings) random(shape ...int) *tensor.Tensor {
	t := tensor.New(g.number(0).DType(), shape...)
	g.rng.Read(t.Bytes())
	return t
}

// scales are those of a new value.
func (g *codings) scales() codesOf {
	zero := g.constant(g.number(from(g.randomGraph, byte(g.rng.Intn(256)), 0, 128)))
	return codesOf{scale: g.constant(tensor.Scalar(0.01 + 0.05*g.rng.Float32())), zero: zero}
}

// emit adds a node whose result has these scales.
func (g *codings) emit(op string, y codesOf, in []made, attrs ...*ir.Attr) (codesOf, bool) {
	var ok bool
	if y.made, ok = g.node(op, in, attrs...); ok && y.t.Len() > 0 {
		g.all = append(g.all, y)
	}
	return y, ok
}

// like is a value of the shape of x.
func (g *codings) like(x codesOf) codesOf {
	var all []codesOf
	for _, m := range g.all {
		if same(m.t, x.t) {
			all = append(all, m)
		}
	}
	return from(g.randomGraph, all...)
}

// weights are codes of weights, of one scale and zero point or one of each for every output.
func (g *codings) weights(fan, outputs int, shape ...int) codesOf {
	signed := g.signed || g.coin()
	w, count := tensor.New(tensor.Uint8, shape...), from(g.randomGraph, 1, outputs)
	zeros := tensor.New(tensor.Uint8, count)
	if signed {
		w, zeros = tensor.New(tensor.Int8, shape...), tensor.New(tensor.Int8, count)
	}
	g.rng.Read(w.Bytes())
	if !signed || g.coin() {
		g.rng.Read(zeros.Bytes())
	}
	scales := make([]float32, count)
	for i := range scales {
		scales[i] = (0.2 + g.rng.Float32()) / float32(20*max(fan, 1))
	}
	if count == 1 && g.coin() {
		zeros = tensor.View(zeros.DType(), zeros.Bytes(), nil)
		return codesOf{g.constant(w), g.constant(tensor.Scalar(scales[0])), g.constant(zeros)}
	}
	return codesOf{g.constant(w), g.constant(tensor.Of(scales, count)), g.constant(zeros)}
}

// convolution are the operands and attributes of a convolution of x.
func (g *codings) convolution(x codesOf, shape []int) (in []made, y codesOf, attrs []*ir.Attr, ok bool) {
	outputs := from(g.randomGraph, 1, 3, 16, 17, 33, 64, shape[1])
	like := made{x.Value, tensor.New(tensor.Uint8, shape...)}
	plain, attrs, ok := g.randomGraph.convolution(like, outputs)
	if !ok || shape[1] == 0 {
		return nil, y, nil, false
	}
	dims := plain[1].t.Shape()
	w := g.weights(dims[1]*dims[2], dims[0], dims...)
	y = g.scales()
	in = []made{x.made, x.scale, x.zero, w.made, w.scale, w.zero, y.scale, y.zero}
	if g.coin() {
		bias := make([]int32, dims[0])
		for i := range bias {
			bias[i] = int32(g.rng.Intn(2000) - 1000)
		}
		in = append(in, g.constant(tensor.Of(bias, len(bias))))
	}
	return in, y, attrs, true
}

func (g *codings) conv(x codesOf) {
	if !picture(x.t) {
		return
	}
	if in, y, attrs, ok := g.convolution(x, x.t.Shape()); ok {
		g.emit(from(g.randomGraph, "QLinearConv", "QLinearConv", ms+"QLinearConv"), y, in, attrs...)
	}
}

// square is a convolution of 3x3 with weights of few bits, whose sums Winograd's form computes exactly.
func (g *codings) square(x codesOf) {
	c, outputs, d := x.t.Dim(1), from(g.randomGraph, 16, 33, 64), from(g.randomGraph, 1, 1, 2)
	codes := make([]int8, outputs*c*9)
	for i := range codes {
		codes[i] = int8(g.rng.Intn(101) - 50)
	}
	w, y := g.constant(tensor.Of(codes, outputs, c, 3, 3)), g.scales()
	in := []made{x.made, x.scale, x.zero, w, g.constant(tensor.Scalar(1 / float32(20*c))), g.constant(tensor.Scalar(int8(0))), y.scale, y.zero}
	g.emit("QLinearConv", y, in, ir.AttrInts("pads", d, d, d, d), ir.AttrInts("dilations", d, d))
}

func (g *codings) sum(x codesOf) {
	z, y := g.like(x), g.scales()
	if g.rng.Intn(4) == 0 {
		shape := slices.Clone(x.t.Shape())
		for i := range shape {
			if g.coin() {
				shape[i] = 1
			}
		}
		z = g.scales()
		z.made = g.constant(g.random(shape...))
	}
	g.emit(from(g.randomGraph, ms+"QLinearAdd", ms+"QLinearAdd", ms+"QLinearMul"), y, []made{x.made, x.scale, x.zero, z.made, z.scale, z.zero, y.scale, y.zero})
}

func (g *codings) concat(x codesOf) {
	z := g.like(x)
	y := from(g.randomGraph, x, z, g.scales())
	in := []made{y.scale, y.zero, x.made, x.scale, x.zero, z.made, z.scale, z.zero}
	if g.coin() {
		in = append(in, x.made, x.scale, x.zero)
	}
	g.emit(ms+"QLinearConcat", y, in, ir.AttrInt("axis", min(1, x.t.Rank()-1)))
}

func (g *codings) function(x codesOf) {
	y := g.scales()
	in := []made{x.made, x.scale, x.zero, y.scale, y.zero}
	switch op := from(g.randomGraph, "QLinearSigmoid", "QLinearLeakyRelu", "QLinearSoftmax"); op {
	case "QLinearLeakyRelu":
		g.emit(ms+op, y, in, ir.AttrFloat("alpha", from[float32](g.randomGraph, 0.1, 0)))
	case "QLinearSoftmax":
		g.emit(ms+op, y, in, ir.AttrInt("opset", from(g.randomGraph, 11, 13)), ir.AttrInt("axis", from(g.randomGraph, -1, 1)))
	default:
		g.emit(ms+op, y, in)
	}
}

// pool is a maximum or a mean of windows.
func (g *codings) pool(x codesOf) {
	if !picture(x.t) {
		return
	}
	k := 1 + g.rng.Intn(3)
	attrs := []*ir.Attr{ir.AttrInts("kernel_shape", k, k), ir.AttrInts("strides", 1+g.rng.Intn(2), 1+g.rng.Intn(2)),
		ir.AttrInts("pads", g.rng.Intn(k), g.rng.Intn(k), g.rng.Intn(k), g.rng.Intn(k)), ir.AttrInt("ceil_mode", g.rng.Intn(2))}
	if g.coin() {
		g.emit("MaxPool", x, []made{x.made}, attrs...)
		return
	}
	y := g.scales()
	g.emit(ms+"QLinearAveragePool", y, []made{x.made, x.scale, x.zero, y.scale, y.zero}, append(attrs, ir.AttrInt("count_include_pad", g.rng.Intn(2)))...)
}

func (g *codings) mean(x codesOf) {
	y := g.scales()
	g.emit(ms+"QLinearGlobalAveragePool", y, []made{x.made, x.scale, x.zero, y.scale, y.zero})
}

// move changes the shape, or which codes there are.
func (g *codings) move(x codesOf) {
	switch g.rng.Intn(6) {
	case 0:
		g.emit("Transpose", x, []made{x.made}, ir.AttrInts("perm", g.rng.Perm(x.t.Rank())...))
	case 1:
		g.emit("Flatten", x, []made{x.made})
	case 2:
		g.emit("Reshape", x, []made{x.made, g.ints(0, -1)})
	case 3:
		n := x.t.Dim(-1)
		g.emit("Slice", x, []made{x.made, g.ints(g.rng.Intn(n)), g.ints(n), g.ints(-1)})
	case 4:
		if picture(x.t) {
			g.emit("DepthToSpace", x, []made{x.made}, ir.AttrInt("blocksize", 2))
		}
	case 5:
		if picture(x.t) {
			g.emit("Resize", x, []made{x.made, {}, g.constant(tensor.Of([]float32{1, 1, 2, 2}))}, ir.AttrString("mode", "nearest"),
				ir.AttrString("coordinate_transformation_mode", "asymmetric"), ir.AttrString("nearest_mode", "floor"))
		}
	}
}

// last is a row of operators with channels last, between transpositions.
func (g *codings) last(x codesOf) {
	if !picture(x.t) {
		return
	}
	last := ir.AttrInt("channels_last", 1)
	y, ok := x, true
	y.made, ok = g.node("Transpose", []made{x.made}, ir.AttrInts("perm", 0, 2, 3, 1))
	for range 1 + g.rng.Intn(4) {
		if !ok {
			return
		}
		s := y.t.Shape()
		switch before, next := y, g.scales(); g.rng.Intn(6) {
		case 0, 1:
			in, next, attrs, fits := g.convolution(y, []int{s[0], s[3], s[1], s[2]})
			if !fits {
				continue
			}
			y = next
			y.made, ok = g.node(ms+"QLinearConv", in, append(attrs, last)...)
		case 2:
			y = next
			y.made, ok = g.node(ms+"QLinearAdd", []made{before.made, before.scale, before.zero, before.made, before.scale, before.zero, next.scale, next.zero})
		case 3:
			y = next
			y.made, ok = g.node(ms+"QLinearAveragePool", []made{before.made, before.scale, before.zero, next.scale, next.zero}, last,
				ir.AttrInts("kernel_shape", 2, 2), ir.AttrInts("pads", 0, 1, 1, 0), ir.AttrInt("count_include_pad", g.rng.Intn(2)))
		case 4:
			y.made, ok = g.node(ms+"NhwcMaxPool", []made{before.made}, ir.AttrInts("kernel_shape", 2, 2), ir.AttrInts("strides", 1+g.rng.Intn(2), 2))
		case 5:
			y = next
			y.made, ok = g.node(ms+"QLinearConcat", []made{next.scale, next.zero, before.made, before.scale, before.zero, before.made, before.scale, before.zero}, ir.AttrInt("axis", 3))
		}
	}
	if ok && g.rng.Intn(4) == 0 {
		next := g.scales()
		in := []made{y.made, y.scale, y.zero, next.scale, next.zero}
		y = next
		y.made, ok = g.node(ms+"QLinearGlobalAveragePool", in, last)
	}
	if ok {
		g.emit("Transpose", y, []made{y.made}, ir.AttrInts("perm", 0, 3, 1, 2))
	}
}

// product is one by a matrix.
func (g *codings) product(x codesOf) {
	k, n := x.t.Dim(-1), from(g.randomGraph, 1, 3, 16, 33, 64)
	if x.t.Len()*n > g.work {
		return
	}
	y := g.scales()
	if x.t.Rank() != 2 || g.coin() {
		w := g.weights(k, n, k, n)
		g.emit("QLinearMatMul", y, []made{x.made, x.scale, x.zero, w.made, w.scale, w.zero, y.scale, y.zero})
		return
	}
	turned, shape := g.rng.Intn(2), []int{k, n}
	if turned == 1 {
		shape = []int{n, k}
	}
	w := g.weights(k, n, shape...)
	bias := make([]int32, n)
	for i := range bias {
		bias[i] = int32(g.rng.Intn(2000) - 1000)
	}
	in := []made{x.made, x.scale, x.zero, w.made, w.scale, w.zero, from(g.randomGraph, made{}, g.constant(tensor.Of(bias, n))), y.scale, y.zero}
	if g.rng.Intn(4) == 0 { // as numbers
		g.node(ms+"QGemm", in[:7], ir.AttrInt("transB", turned))
		return
	}
	g.emit(ms+"QGemm", y, in, ir.AttrInt("transB", turned), ir.AttrFloat("alpha", from[float32](g.randomGraph, 1, 0.5)))
}

// integers leaves the sums of a product as they are.
func (g *codings) integers(x codesOf) {
	if picture(x.t) && g.coin() {
		if in, _, attrs, ok := g.convolution(x, x.t.Shape()); ok {
			g.node("ConvInteger", []made{x.made, in[3], x.zero, from(g.randomGraph, in[5], made{})}, attrs...)
		}
		return
	}
	k, n := x.t.Dim(-1), from(g.randomGraph, 1, 3, 16, 33)
	if x.t.Len()*n <= g.work {
		w := g.weights(k, n, k, n)
		g.node("MatMulInteger", []made{x.made, w.made, from(g.randomGraph, x.zero, made{}), from(g.randomGraph, w.zero, made{})})
	}
}

func (g *codings) choice(x codesOf) {
	z, y := g.like(x), g.scales()
	chosen := tensor.New(tensor.Bool, x.t.Dim(-1))
	for i := range tensor.Data[bool](chosen) {
		tensor.Data[bool](chosen)[i] = g.coin()
	}
	g.emit(ms+"QLinearWhere", y, []made{g.constant(chosen), x.made, x.scale, x.zero, z.made, z.scale, z.zero, y.scale, y.zero})
}

// outside are the numbers that codes stand for.
func (g *codings) outside(x codesOf) {
	g.node("DequantizeLinear", []made{x.made, x.scale, x.zero})
}
