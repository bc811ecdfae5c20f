package engine_test

import (
	"fmt"
	"slices"

	"github.com/visionzoo/vision/engine/ir"
	"github.com/visionzoo/vision/engine/tensor"
)

// spelling adds nodes, one behind the other until one is refused.
type spelling struct {
	*randomGraph
	ok bool
}

func (c *spelling) node(op string, in []made, attrs ...*ir.Attr) made {
	if !c.ok {
		return made{}
	}
	var m made
	m, c.ok = c.randomGraph.node(op, in, attrs...)
	return m
}

// number is a constant of one element: the one wanted, at times one beside it,
// and of any rank.
func (c *spelling) number(v float32) made {
	if c.rng.Intn(10) == 0 {
		v += from[float32](c.randomGraph, 1, 0.01, -1)
	}
	shape := from(c.randomGraph, nil, nil, []int{1}, []int{1, 1, 1}, []int{1, 1, 1, 1, 1})
	return c.constant(tensor.Of([]float32{v}, shape...))
}

// pair are operands of a commutative operator, in either order.
func (c *spelling) pair(a, b made) []made {
	if c.coin() {
		return []made{b, a}
	}
	return []made{a, b}
}

// growPattern spells a function the way exporters do, or nearly so: the passes
// that know the pattern must see the difference.
func growPattern(g *randomGraph) {
	x, ok := g.one(func(t *tensor.Tensor) bool { return t.Rank() > 0 && t.Len() > 0 })
	if !ok {
		return
	}
	c, y := &spelling{g, true}, x
	if g.rng.Intn(8) == 0 { // another value where the pattern has x again
		y = c.node("Neg", []made{x})
	}
	switch from(g, "silu", "hardswish", "gelu", "norm", "norm", "scale", "affine", "bounds", "line", "attention", "integers") {
	case "silu":
		switch g.rng.Intn(4) {
		case 0:
			c.node("Mul", c.pair(c.node("Sigmoid", []made{x}), y))
			return
		case 1:
			scaled := c.node("Mul", c.pair(x, c.number(1.702)))
			c.node("Mul", c.pair(c.node("Sigmoid", []made{scaled}), y))
			return
		case 2: // mish
			c.node("Mul", c.pair(c.node("Tanh", []made{c.node("Softplus", []made{x})}), y))
			return
		}
		gate := c.node("HardSigmoid", []made{x}, ir.AttrFloat("alpha", from[float32](g, 1./6, 0.2)), ir.AttrFloat("beta", 0.5))
		c.node("Mul", c.pair(gate, y))
	case "hardswish":
		gate := c.node("Add", c.pair(x, c.number(3)))
		gate = c.node("Clip", []made{gate, g.constant(tensor.Scalar(float32(0))), g.constant(tensor.Scalar(from[float32](g, 6, 6, 6, 5)))})
		if g.coin() {
			c.node("Div", []made{c.node("Mul", c.pair(gate, y)), c.number(6)})
			return
		}
		c.node("Mul", c.pair(c.node("Div", []made{gate, c.number(6)}), y))
	case "gelu":
		var bound made
		switch g.rng.Intn(3) {
		case 0:
			bound = c.node("Erf", []made{c.node("Div", []made{x, c.number(1.4142135)})})
		case 1:
			bound = c.node("Erf", []made{c.node("Mul", c.pair(x, c.number(0.70710677)))})
		default:
			cube := c.node("Mul", c.pair(c.node("Pow", []made{y, c.number(3)}), c.number(0.044715)))
			bound = c.node("Tanh", []made{c.node("Mul", c.pair(c.node("Add", c.pair(x, cube)), c.number(0.7978846)))})
		}
		gate := c.node("Add", c.pair(bound, c.number(1)))
		switch g.rng.Intn(3) {
		case 0:
			c.node("Mul", c.pair(c.node("Mul", c.pair(gate, y)), c.number(0.5)))
		case 1:
			c.node("Mul", c.pair(c.node("Mul", c.pair(gate, c.number(0.5))), y))
		default:
			c.node("Mul", c.pair(gate, c.node("Mul", c.pair(y, c.number(0.5)))))
		}
	case "norm":
		axis := from(g, -1, x.t.Rank()-1, -1, 0)
		mean := c.node("ReduceMean", []made{x, g.ints(axis)})
		d := c.node("Sub", []made{x, mean})
		var square made
		if g.coin() {
			square = c.node("Pow", []made{d, c.number(2)})
		} else {
			square = c.node("Mul", []made{d, d})
		}
		variance := c.node("ReduceMean", []made{square, g.ints(axis)})
		if !c.ok || slices.ContainsFunc(tensor.Data[float32](variance.t), func(v float32) bool { return v < 1e-3 }) { // of equal numbers, what is left is rounding
			return
		}
		root := c.node("Sqrt", []made{c.node("Add", c.pair(variance, c.number(1e-2)))})
		z, n := c.node("Div", []made{d, root}), x.t.Dim(-1)
		z = c.node("Mul", c.pair(z, g.positive(from(g, []int{n}, []int{n}, []int{1}, []int{1, n})...)))
		c.node("Add", c.pair(z, g.weights(1, from(g, []int{n}, []int{n}, []int{1}, []int{1, n})...)))
	case "scale": // a batch norm in parts, behind a convolution
		if !picture(x.t) {
			return
		}
		in, attrs, ok := g.convolution(x, from(g, 3, 8, 16, 33))
		if !ok {
			return
		}
		z := c.node("Conv", in, attrs...)
		if !c.ok {
			return
		}
		each := []int{z.t.Dim(1), 1, 1}
		z = c.node("Mul", c.pair(z, g.positive(from(g, each, each, []int{1}, []int{1, 1, z.t.Dim(3)})...)))
		z = c.node("Add", c.pair(z, g.weights(1, from(g, each, each, []int{1}, []int{z.t.Dim(2), 1})...)))
		c.node(from(g, "Relu", "Sigmoid", "HardSwish"), []made{z})
	case "affine":
		affine(c, x)
	case "bounds":
		for range 1 + g.rng.Intn(2) {
			x = c.node(from(g, "Max", "Min"), c.pair(x, c.number(from[float32](g, -0.4, 0, 0.5, 6))))
		}
	case "line":
		line(c, x)
	case "attention":
		attention(c, x)
	case "integers":
		integers(c, x)
	}
}

// affine is a convolution of learned scales and shifts, before its activation and
// behind it, and one more convolution that reads that.
func affine(c *spelling, x made) {
	conv := func() {
		if !c.ok || !picture(x.t) {
			c.ok = false
			return
		}
		in, attrs, ok := c.convolution(x, from(c.randomGraph, 3, 8, 16, 33))
		if c.ok = ok; ok {
			x = c.node("Conv", in, attrs...)
		}
	}
	steps := func() {
		for range c.rng.Intn(4) {
			if !c.ok {
				return
			}
			op := from(c.randomGraph, "Mul", "Add", "Mul", "Add", "Sub", "Div")
			by := c.number(from[float32](c.randomGraph, 0.25, -0.5, 3))
			if c.rng.Intn(3) == 0 {
				by = c.positive(x.t.Dim(1), 1, 1)
			}
			in := []made{x, by}
			if op != "Div" {
				in = c.pair(x, by)
			}
			if x = c.node(op, in); c.ok && x.t.Rank() != 4 {
				c.ok = false
			}
		}
	}
	conv()
	steps()
	x = c.node(from(c.randomGraph, "Relu", "HardSwish", "LeakyRelu", "Sigmoid"), []made{x})
	steps()
	conv()
}

func growIntegers(g *randomGraph) {
	if x, ok := g.one(func(t *tensor.Tensor) bool { return t.Rank() > 1 && t.Len() > 0 }); ok {
		integers(&spelling{g, true}, x)
	}
}

// integers quantises an input, or a value, as it comes, as ONNX Runtime's quantize_dynamic
// writes it.
func integers(c *spelling, x made) {
	ok := true
	if c.coin() {
		x, ok = c.exact()
	} else {
		c.steps = true
	}
	if !ok || x.t.Rank() < 2 || x.t.Len() == 0 {
		return
	}
	in, op, n := []made{x, c.weights(x.t.Dim(-1), x.t.Dim(-1), from(c.randomGraph, 1, 8, 33))}, "MatMulInteger", 0
	var attrs []*ir.Attr
	if n = in[1].t.Dim(1); x.t.Rank() == 4 {
		in, attrs, ok = c.convolution(x, from(c.randomGraph, 3, 8, 16, 33))
		if !ok {
			return
		}
		op, n = "ConvInteger", in[1].t.Dim(0)
	} else if x.t.Len()*n > c.work {
		return
	}
	each := []int{n}
	if op == "ConvInteger" {
		each = []int{n, 1, 1}
	}
	w, zero := codedWeights(c, in[1].t.Shape(), n)
	scales := from(c.randomGraph, each, []int{1}, []int{})
	factors := c.constant(tensor.Of(slices.Repeat([]float32{0.01}, tensor.MustCount(scales)), scales...))
	act := func(y made) { c.node(from(c.randomGraph, "Relu", "Sigmoid"), []made{y}) }
	joined := op == "MatMulInteger" && c.coin() // by ONNX Runtime's optimiser
	bias := from(c.randomGraph, made{}, c.weights(1, n))
	if joined && c.coin() {
		act(c.node(ms+"DynamicQuantizeMatMul", []made{x, w, factors, zero, bias}))
		return
	}
	q := c.many("DynamicQuantizeLinear", 3, []made{x})
	if len(q) == 0 {
		return
	}
	if joined {
		act(c.node(ms+"MatMulIntegerToFloat", []made{q[0], w, q[1], factors, q[2], zero, bias}))
		return
	}
	y := c.node(op, []made{q[0], w, q[2], zero}, attrs...)
	y = c.node("Cast", []made{y}, ir.AttrInt("to", int(tensor.Float32)))
	y = c.node("Mul", c.pair(y, c.node("Mul", c.pair(q[1], factors))))
	act(c.node("Add", c.pair(y, c.weights(1, from(c.randomGraph, each, each, []int{1}, []int{n}, []int{1, 1, n})...))))
}

// codedWeights are codes of either sign, and one zero point or one for each of n outputs.
func codedWeights(c *spelling, shape []int, n int) (w, zero made) {
	to, zeros := from(c.randomGraph, tensor.Uint8, tensor.Int8), from(c.randomGraph, []int{}, []int{1}, []int{n})
	codes, points := tensor.New(to, shape...), tensor.New(to, zeros...)
	c.rng.Read(codes.Bytes())
	if to == tensor.Uint8 || c.coin() {
		c.rng.Read(points.Bytes())
	}
	return c.constant(codes), c.constant(points)
}

// line is convolutions of one dimension with what stands between them.
func line(c *spelling, x made) {
	if x.t.Rank() != 3 || x.t.Dim(1) == 0 {
		return
	}
	g, first := c.randomGraph, x
	for range 1 + g.rng.Intn(3) {
		if !c.ok || x.t.Rank() != 3 {
			return
		}
		channels, out, group, k := x.t.Dim(1), from(g, 3, 8, 16, 33), 1, from(g, 1, 2, 3, 5)
		if g.rng.Intn(4) == 0 {
			out, group = channels, channels
		}
		if x.t.Len()*out*k > g.work {
			return
		}
		attrs := []*ir.Attr{ir.AttrInt("group", group), ir.AttrInts("strides", from(g, 1, 1, 2)), ir.AttrInts("dilations", from(g, 1, 1, 2))}
		if g.coin() {
			attrs = append(attrs, ir.AttrInts("pads", g.rng.Intn(k+1), g.rng.Intn(k+1)))
		} else {
			attrs = append(attrs, ir.AttrString("auto_pad", from(g, "SAME_UPPER", "VALID")))
		}
		x = c.node("Conv", []made{x, g.weights(channels/group*k, out, channels/group, k), g.weights(1, out)}, attrs...)
		if !c.ok {
			return
		}
		switch g.rng.Intn(6) {
		case 0:
			x = c.node("Relu", []made{x})
		case 1:
			x = c.node("Add", c.pair(x, g.weights(1, from(g, []int{out, 1}, []int{1, out, 1}, []int{x.t.Dim(2)})...)))
		case 2:
			x = c.node("Mul", c.pair(c.node("Sigmoid", []made{x}), x))
		case 3:
			x = c.node("Concat", []made{x, c.node("Tanh", []made{x})}, ir.AttrInt("axis", from(g, 1, -2)))
		case 4:
			x = c.node("AveragePool", []made{x}, ir.AttrInts("kernel_shape", 1+g.rng.Intn(2)))
		case 5:
			c.node("Add", []made{x, first})
		}
	}
}

// attention is softmax(q·kᵀ)·v of projections of x, of which k and v may have each token twice.
func attention(c *spelling, x made) {
	if x.t.Rank() < 2 || x.t.Len()*x.t.Dim(-2) > c.work {
		return
	}
	k, n := x.t.Dim(-1), from(c.randomGraph, 4, 8, 16, 32)
	project := func(x made) made { return c.node("MatMul", []made{x, c.weights(k, k, n)}) }
	keys := x
	if c.coin() {
		keys = c.node("Concat", []made{x, x}, ir.AttrInt("axis", -2))
	}
	q, key, v := project(x), project(keys), project(keys)
	perm := make([]int, x.t.Rank())
	for i := range perm {
		perm[i] = i
	}
	slices.Reverse(perm[len(perm)-2:])
	scores := c.node("MatMul", []made{q, c.node("Transpose", []made{key}, ir.AttrInts("perm", perm...))})
	scores = c.node("Mul", c.pair(scores, c.number(0.25)))
	scores = biased(c, scores, q)
	c.node("MatMul", []made{c.node("Softmax", []made{scores}, ir.AttrInt("axis", -1)), v})
}

// biased multiplies the scores of an attention by a number for each matrix, and adds biases for each
// key, or for the rows and columns of keys that are pixels. These are made of the queries.
func biased(c *spelling, scores, q made) made {
	if !c.ok {
		return scores
	}
	shape, size := scores.t.Shape(), q.t.Dim(-1)
	keys, lead := shape[len(shape)-1], shape[:len(shape)-1]
	if len(lead) > 1 && c.coin() {
		scores = c.node("Mul", c.pair(scores, c.positive(lead[len(lead)-2], 1, 1)))
	}
	if q.t.Len()*keys > c.work {
		return scores
	}
	bias := func(to ...int) made {
		z := c.node("MatMul", []made{q, c.weights(size, size, tensor.MustCount(to))})
		return c.node("Reshape", []made{z, c.ints(append(slices.Clone(lead), to...)...)})
	}
	if c.coin() {
		return c.node("Add", c.pair(scores, bias(keys)))
	}
	width := keys
	if keys%2 == 0 && c.rng.Intn(4) > 0 {
		width = keys / 2
	}
	kinds := [][]int{{keys / width, 1}, {1, width}, {keys / width, width}}
	scores = c.node("Reshape", []made{scores, c.ints(append(slices.Clone(lead), keys/width, width)...)})
	first := c.rng.Intn(3)
	for i := range from(c.randomGraph, 2, 2, 2, 1, 3) {
		scores = c.node("Add", c.pair(scores, bias(kinds[(first+i)%3]...)))
	}
	return c.node("Reshape", []made{scores, c.ints(shape...)})
}

// growRecurrent is an LSTM, a GRU or a plain recurrent layer along the first of
// three dimensions.
func growRecurrent(g *randomGraph) {
	x, ok := g.one(func(t *tensor.Tensor) bool { return t.Rank() == 3 && t.Len() > 0 })
	if !ok {
		return
	}
	kind := from(g, "LSTM", "GRU", "RNN")
	gates := map[string]int{"LSTM": 4, "GRU": 3, "RNN": 1}[kind]
	direction := from(g, "forward", "reverse", "bidirectional")
	d, hidden, k := 1, from(g, 1, 3, 8, 17), x.t.Dim(2)
	if direction == "bidirectional" {
		d = 2
	}
	if x.t.Len()*gates*hidden*d > g.work {
		return
	}
	in := []made{x, g.weights(k, d, gates*hidden, k), g.weights(hidden, d, gates*hidden, hidden)}
	if g.coin() {
		in = append(in, g.weights(4, d, 2*gates*hidden))
	}
	if g.coin() { // lengths of the sequences, and what they begin with
		for len(in) < 4 {
			in = append(in, made{})
		}
		lengths := make([]int32, x.t.Dim(1))
		for i := range lengths {
			lengths[i] = int32(g.rng.Intn(x.t.Dim(0) + 1))
		}
		in = append(in, from(g, made{}, g.constant(tensor.Of(lengths, len(lengths)))), g.weights(1, d, x.t.Dim(1), hidden))
		if kind == "LSTM" && g.coin() {
			in = append(in, g.weights(1, d, x.t.Dim(1), hidden))
		}
	}
	attrs := []*ir.Attr{ir.AttrInt("hidden_size", hidden), ir.AttrString("direction", direction)}
	if kind == "GRU" {
		attrs = append(attrs, ir.AttrInt("linear_before_reset", g.rng.Intn(2)))
	}
	g.many(kind, 1+g.rng.Intn(2), in, attrs...)
}

// growShapes computes a shape in the graph, as exporters of networks of open
// sizes do, and goes to it.
func growShapes(g *randomGraph) {
	x, ok := g.one(func(t *tensor.Tensor) bool { return t.Rank() > 1 && t.Len() > 0 })
	if !ok {
		return
	}
	c := &spelling{g, true}
	shape := c.node("Shape", []made{x})
	part := func(i int) made {
		if g.coin() {
			return c.node("Slice", []made{shape, g.ints(i), g.ints(i + 1), g.ints(0)})
		}
		one := c.node("Gather", []made{shape, g.constant(tensor.Scalar(int64(i)))}, ir.AttrInt("axis", 0))
		return c.node("Unsqueeze", []made{one, g.ints(0)})
	}
	rank := x.t.Rank()
	switch g.rng.Intn(4) {
	case 0: // flattened behind the first
		c.node("Reshape", []made{x, c.node("Concat", []made{part(0), g.ints(-1)}, ir.AttrInt("axis", 0))})
	case 1: // the last two exchanged in name only
		to := []made{part(0)}
		for i := 1; i < rank-2; i++ {
			to = append(to, part(i))
		}
		if rank > 2 {
			to = append(to, part(rank-1), part(rank-2))
		} else {
			to = append(to, part(1))
		}
		c.node("Reshape", []made{x, c.node("Concat", to, ir.AttrInt("axis", 0))})
	case 2: // as large as it is
		fill := c.node("ConstantOfShape", []made{shape}, ir.AttrTensor("value", tensor.Of([]float32{0.5})))
		c.node("Add", c.pair(fill, x))
	default: // twice the size
		if rank != 4 {
			return
		}
		twice := c.node("Mul", []made{c.node("Concat", []made{part(2), part(3)}, ir.AttrInt("axis", 0)), g.ints(2)})
		to := c.node("Concat", []made{part(0), part(1), twice}, ir.AttrInt("axis", 0))
		c.node("Resize", []made{x, {}, {}, to}, ir.AttrString("mode", from(g, "nearest", "linear")),
			ir.AttrString("coordinate_transformation_mode", from(g, "asymmetric", "half_pixel")))
	}
}

// growScan runs along a dimension with a sum that is carried, and gives both the
// sum and every step.
func growScan(g *randomGraph) {
	x, ok := g.one(func(t *tensor.Tensor) bool { return t.Rank() > 1 && t.Len() > 0 && t.Len() < 1<<14 })
	if !ok {
		return
	}
	dims := x.t.Shape()[1:]
	value := func(name string) *ir.Value {
		return g.graph.NewValue(fmt.Sprint(name, g.graph.Values()), ir.Tensor(tensor.Float32, ir.Dims(dims...)))
	}
	body, sum, item := g.region(), value("sum"), value("item")
	body.Inputs = []*ir.Value{sum, item}
	sample := g.normal(dims...)
	add, _, ok := g.unbound("Add", []made{{sum, sample}, {item, sample}})
	if !ok {
		return
	}
	act, _, ok := g.unbound(from(g, "Relu", "Sigmoid", "Tanh", "HardSwish"), []made{{add.Outputs[0], sample}})
	if !ok {
		return
	}
	body.Nodes, body.Outputs = []*ir.Node{add, act}, []*ir.Value{add.Outputs[0], act.Outputs[0]}
	first, backwards := g.weights(1, dims...), g.rng.Intn(2)
	steps, state := tensor.New(tensor.Float32, x.t.Shape()...), first.t
	size := state.Len()
	for i := range x.t.Dim(0) {
		if backwards == 1 {
			i = x.t.Dim(0) - 1 - i
		}
		line := tensor.Of(tensor.Data[float32](x.t)[i*size:][:size], dims...)
		sums, err := evaluate(add, []*tensor.Tensor{state, line})
		if err != nil || !tame(sums[0]) {
			return
		}
		step, err := evaluate(act, sums)
		if err != nil {
			return
		}
		state = sums[0]
		copy(tensor.Data[float32](steps)[i*size:], tensor.Data[float32](step[0]))
	}
	g.control("Scan", []made{first, x}, []*tensor.Tensor{state, steps}, ir.AttrInt("num_scan_inputs", 1), ir.AttrGraph("body", body),
		ir.AttrInts("scan_input_directions", backwards), ir.AttrInts("scan_output_directions", backwards))
}
