package engine_test

import (
	"context"
	"fmt"
	"math"
	"math/rand"
	"slices"
	"strings"

	"github.com/visionzoo/vision/engine"
	"github.com/visionzoo/vision/engine/ir"
	"github.com/visionzoo/vision/engine/ops"
	"github.com/visionzoo/vision/engine/tensor"
)

// randomGraph grows a graph node by node. Each node is evaluated by its
// reference kernel as it is made: a node that cannot be is not taken, and the
// values it leaves are what every way of running the graph must come to.
type randomGraph struct {
	rng    *rand.Rand
	graph  *ir.Graph
	values []made
	inputs engine.Values
	steps  bool // it rounds to a grid, where a small error can become a whole step
	work   int  // bounds the products of one node, so that the reference kernels keep up
	old    bool // nodes are of older opsets now and then
	bits   bool // of codes only: every way computes the same, to the bit
	large  bool // pictures are larger, and there are more channels
	shared bool // values are read by many nodes, which stand in any order that can be run
}

// made is a value of the graph and what it is for the inputs at hand.
type made struct {
	*ir.Value
	t *tensor.Tensor
}

const randomOpset = 21

// newRandomGraph is the graph of a seed.
func newRandomGraph(seed int64) *randomGraph {
	g := emptyRandomGraph(seed)
	g.growAny()
	if g.rng.Intn(8) == 0 {
		g = g.halved(from(g, tensor.Float16, tensor.Float16, tensor.BFloat16))
	}
	g.finish()
	return g
}

// growAny grows a graph of any kind.
func (g *randomGraph) growAny() {
	g.old = true
	if g.large = g.rng.Intn(12) == 0; g.large {
		g.work *= 8
	}
	g.shared = g.coin()
	if g.shared && g.coin() {
		from(g, growShared, growShared, growShared, growSentences, growCoded, growCodes, growVolumes)(g)
		return
	}
	for range 1 + g.rng.Intn(2) {
		g.input(g.normal(g.startShape()...), g.rng.Intn(4) == 0)
	}
	wanted, tries := 2+g.rng.Intn(10), 0
	for len(g.graph.Nodes) < wanted && tries < 60 {
		tries++
		growths[g.pick(growthWeights)].grow(g)
	}
}

func emptyRandomGraph(seed int64) *randomGraph {
	return &randomGraph{rng: rand.New(rand.NewSource(seed)), graph: &ir.Graph{Name: fmt.Sprint("seed ", seed)}, inputs: engine.Values{}, work: 3 << 20}
}

// finish makes what nobody reads an output, and now and then an inner value, or an input.
func (g *randomGraph) finish() {
	often := 8
	if g.shared {
		g.shuffle()
		often = 4
	}
	read := map[*ir.Value]bool{}
	for _, n := range g.graph.Nodes {
		for _, v := range n.Uses() {
			read[v] = true
		}
	}
	for _, m := range g.values {
		if m.t.DType() < tensor.Sequence && (m.Node != nil && !read[m.Value] || m.Const() == nil && g.rng.Intn(often) == 0) {
			g.graph.Outputs = append(g.graph.Outputs, m.Value)
		}
	}
}

// shuffle puts the nodes in another order in which each stands behind those that it
// reads.
func (g *randomGraph) shuffle() {
	left, placed := slices.Clone(g.graph.Nodes), map[*ir.Node]bool{nil: true}
	for i := range g.graph.Nodes {
		var ready []int
		for k, n := range left {
			if !slices.ContainsFunc(n.Uses(), func(v *ir.Value) bool { return v.Const() == nil && !placed[v.Node] }) {
				ready = append(ready, k)
			}
		}
		k := from(g, ready...)
		g.graph.Nodes[i], placed[left[k]] = left[k], true
		left = slices.Delete(left, k, k+1)
	}
}

// model is a model of the graph that may be changed.
func (g *randomGraph) model() *ir.Model {
	return &ir.Model{Graph: g.graph.Clone(), Opsets: map[string]int{"": randomOpset, "com.microsoft": 1}, IRVersion: 10}
}

// want is what an output must be.
func (g *randomGraph) want(name string) *tensor.Tensor {
	for _, m := range g.values {
		if m.Name == name {
			return m.t
		}
	}
	return nil
}

// startShape favours pictures, of sizes that fill no vector.
func (g *randomGraph) startShape() []int {
	channels := []int{1, 2, 3, 3, 4, 5, 7, 8, 16, 17, 24, 31, 32, 33, 40, 48, 64, 65, 96}
	batch := []int{1, 1, 1, 1, 2, 3}
	if g.rng.Intn(30) == 0 {
		batch = []int{0}
	}
	if g.large {
		return []int{batch[g.rng.Intn(len(batch))], from(g, 3, 16, 32, 64, 96, 112, 128, 160, 256), 1 + g.rng.Intn(60), 1 + g.rng.Intn(60)}
	}
	if g.rng.Intn(5) > 0 {
		return []int{batch[g.rng.Intn(len(batch))], channels[g.rng.Intn(len(channels))], 1 + g.rng.Intn(19), 1 + g.rng.Intn(19)}
	}
	shape := make([]int, g.rng.Intn(6))
	for i := range shape {
		shape[i] = 1 + g.rng.Intn(9)
	}
	return shape
}

// normal is a tensor of numbers around zero.
func (g *randomGraph) normal(shape ...int) *tensor.Tensor {
	t := tensor.New(tensor.Float32, shape...)
	for i := range tensor.Data[float32](t) {
		tensor.Data[float32](t)[i] = float32(g.rng.NormFloat64())
	}
	return t
}

// input adds an input; open ones do not declare their sizes.
func (g *randomGraph) input(t *tensor.Tensor, open bool) made {
	fact := ir.TypeOf(t)
	if open {
		fact.Shape = ir.AnyOfRank(t.Rank())
	}
	v := g.graph.NewValue(fmt.Sprint("in", len(g.graph.Inputs)), fact)
	g.graph.Inputs = append(g.graph.Inputs, v)
	g.inputs[v.Name] = t
	m := made{v, t}
	if t.DType() == tensor.Float32 {
		g.values = append(g.values, m)
	}
	return m
}

func (g *randomGraph) constant(t *tensor.Tensor) made {
	return made{g.graph.Constant(fmt.Sprint("c", g.graph.Values()), t), t}
}

// weights are constants that keep what goes through them at its size.
func (g *randomGraph) weights(fan int, shape ...int) made {
	t := g.normal(shape...)
	for i := range tensor.Data[float32](t) {
		tensor.Data[float32](t)[i] /= float32(math.Sqrt(float64(max(fan, 1))))
	}
	return g.constant(t)
}

func (g *randomGraph) ints(v ...int) made {
	d := make([]int64, len(v))
	for i, n := range v {
		d[i] = int64(n)
	}
	return g.constant(tensor.Of(d, len(d)))
}

// unbound makes a node with its operator and evaluates it; ok is false where
// the operator refuses these operands, or the result is nothing to go on with.
func (g *randomGraph) unbound(op string, in []made, attrs ...*ir.Attr) (n *ir.Node, t *tensor.Tensor, ok bool) {
	domain, version := "", randomOpset
	if dot := strings.LastIndexByte(op, '.'); dot >= 0 {
		domain, op, version = op[:dot], op[dot+1:], 1
	} else if ops.Find("", op, version) == nil { // newer
		version = 24
	} else if g.old && g.rng.Intn(4) == 0 {
		version = from(g, 7, 9, 10, 11, 12, 13, 18)
		in, attrs = written(version, op, in, attrs)
	}
	n = &ir.Node{Domain: domain, Op: op, Version: version, Attrs: attrs}
	out, ok := g.bind(n, 1, in)
	if !ok {
		return nil, nil, false
	}
	return n, out[0], true
}

// bind gives a node its operands, outputs and operator, and evaluates it; ok is as for unbound.
func (g *randomGraph) bind(n *ir.Node, outputs int, in []made) (out []*tensor.Tensor, ok bool) {
	def := ops.Find(n.Domain, n.Op, n.Version)
	if def == nil {
		return nil, false
	}
	args := make([]*tensor.Tensor, len(in))
	facts := make([]ir.Fact, len(in))
	for i, m := range in {
		n.Inputs, args[i] = append(n.Inputs, m.Value), m.t
		if m.Value != nil {
			facts[i] = ir.TypeOf(m.t)
			if m.Value.Const() != nil {
				facts[i] = m.Value.Fact
			}
		}
	}
	for range outputs {
		v := g.graph.NewValue(fmt.Sprint(n.Op, "_", g.graph.Values()), ir.Fact{})
		v.Node, n.Outputs = n, append(n.Outputs, v)
	}
	n.Name = n.Outputs[0].Name
	if err := ops.BindNode(n, def); err != nil {
		return nil, false
	}
	inferred, err := ops.InferNode(n, facts)
	if err != nil {
		return nil, false
	}
	for _, f := range inferred {
		if size, known := f.Shape.Ints(); known {
			if count, err := tensor.Count(size); err != nil || count > g.work>>5 {
				return nil, false
			}
		}
	}
	out, err = evaluate(n, args)
	if err != nil || slices.ContainsFunc(out, func(t *tensor.Tensor) bool { return t == nil || !tame(t) }) {
		return nil, false
	}
	return out, true
}

// evaluate is what the reference kernel of a node makes; its panics stay panics.
func evaluate(n *ir.Node, in []*tensor.Tensor) ([]*tensor.Tensor, error) {
	c := &ops.Call{In: in, Out: make([]*tensor.Tensor, len(n.Outputs)), Node: n, Run: ops.NewRun(context.Background(), 1<<28, 1_000_000)}
	err := n.Operator.(ops.Op).Eval(c)
	return c.Out, err
}

// written is how an older opset writes a node: what are inputs today were
// attributes then.
func written(version int, op string, in []made, attrs []*ir.Attr) ([]made, []*ir.Attr) {
	type old struct {
		before int
		names  []string // of the inputs after the first
	}
	o, ok := map[string]old{"Slice": {10, []string{"starts", "ends", "axes"}}, "Pad": {11, []string{"pads", "value"}}, "Clip": {11, []string{"min", "max"}},
		"Squeeze": {13, []string{"axes"}}, "Unsqueeze": {13, []string{"axes"}}, "Split": {13, []string{"split"}}, "ReduceSum": {13, []string{"axes"}},
		"ReduceMean": {18, []string{"axes"}}, "ReduceMax": {18, []string{"axes"}}, "ReduceMin": {18, []string{"axes"}}, "ReduceL2": {18, []string{"axes"}}}[op]
	if !ok || version >= o.before || len(in) == 0 {
		return in, attrs
	}
	attrs = slices.Clone(attrs)
	for i, m := range in[1:] {
		switch {
		case i >= len(o.names) || m.Value == nil || m.Value.Const() == nil:
			continue
		case m.t.DType() == tensor.Int64:
			v := make([]int, m.t.Len())
			for i, n := range tensor.Data[int64](m.t) {
				v[i] = int(n)
			}
			attrs = append(attrs, ir.AttrInts(o.names[i], v...))
		case m.t.DType() == tensor.Float32:
			attrs = append(attrs, ir.AttrFloat(o.names[i], tensor.Data[float32](m.t)[0]))
		}
	}
	return in[:1], attrs
}

// tame reports whether numbers are finite and of a size at which float32 still
// tells them apart; integers may be as large as it holds them.
func tame(t *tensor.Tensor) bool {
	if t.DType() >= tensor.Sequence {
		return !slices.ContainsFunc(t.Elems(), func(e *tensor.Tensor) bool { return !tame(e) })
	}
	bound := 1e4
	if t.DType() == tensor.Int32 || t.DType() == tensor.Int64 {
		bound = 1 << 24
	}
	for _, v := range tensor.ToFloat64(t) {
		if !(math.Abs(v) < bound) {
			return false
		}
	}
	return true
}

// gentle reports whether numbers are small enough for a softmax, which makes rounding errors of
// large ones as large as they are.
func gentle(t *tensor.Tensor) bool {
	return !slices.ContainsFunc(tensor.Data[float32](t), func(v float32) bool { return v < -50 || v > 50 })
}

// node adds a node.
func (g *randomGraph) node(op string, in []made, attrs ...*ir.Attr) (made, bool) {
	n, t, ok := g.unbound(op, in, attrs...)
	if !ok {
		return made{}, false
	}
	return g.add(n, []*tensor.Tensor{t})[0], true
}

// one is a float value of a rank that ok accepts, the newer the likelier, or any of
// those that there are.
func (g *randomGraph) one(ok func(t *tensor.Tensor) bool) (made, bool) {
	if g.shared && g.coin() {
		var all []made
		for _, m := range g.values {
			if m.t.DType() == tensor.Float32 && ok(m.t) {
				all = append(all, m)
			}
		}
		if len(all) > 0 {
			return from(g, all...), true
		}
	}
	for i := len(g.values) - 1; i >= 0; i-- {
		m := g.values[i]
		if m.t.DType() == tensor.Float32 && ok(m.t) && (g.rng.Intn(3) > 0 || i == 0) {
			return m, true
		}
	}
	return made{}, false
}

func anything(*tensor.Tensor) bool { return true }

func picture(t *tensor.Tensor) bool { return t.Rank() == 4 }

// pick draws an index by weight.
func (g *randomGraph) pick(weights []int) int {
	sum := 0
	for _, w := range weights {
		sum += w
	}
	at := g.rng.Intn(sum)
	for i, w := range weights {
		if at -= w; at < 0 {
			return i
		}
	}
	return 0
}

func (g *randomGraph) coin() bool { return g.rng.Intn(2) == 0 }

// from draws one of a list.
func from[T any](g *randomGraph, list ...T) T { return list[g.rng.Intn(len(list))] }

// String is the graph for a failure report: a line a node.
func (g *randomGraph) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n", g.graph.Name)
	for _, v := range g.graph.Inputs {
		fmt.Fprintf(&b, "  %s = input %s, declared %s\n", v.Name, g.inputs[v.Name], v.Fact)
	}
	writeNodes(&b, "  ", g.graph, g)
	return b.String()
}

func writeNodes(b *strings.Builder, indent string, graph *ir.Graph, g *randomGraph) {
	for _, n := range graph.Nodes {
		fmt.Fprintf(b, "%s%s = %s(", indent, n.Outputs[0].Name, n.Op)
		for i, v := range n.Inputs {
			if i > 0 {
				b.WriteString(", ")
			}
			switch {
			case v == nil:
				b.WriteString("-")
			case v.Const() != nil && v.Const().Len() <= 8 && v.Const().DType() == tensor.Int64:
				fmt.Fprint(b, tensor.Data[int64](v.Const()))
			case v.Const() != nil:
				fmt.Fprintf(b, "const %s", v.Const())
			default:
				b.WriteString(v.Name)
			}
		}
		b.WriteString(")")
		for _, a := range n.Attrs {
			if a.Graph == nil {
				fmt.Fprintf(b, " %s=%v", a.Name, attrText(a))
			}
		}
		fmt.Fprintf(b, " → %s\n", g.want(n.Outputs[0].Name))
		for _, r := range n.Regions() {
			fmt.Fprintf(b, "%s  region %v → %s\n", indent, r.Inputs, r.Outputs[len(r.Outputs)-1].Name)
			writeNodes(b, indent+"    ", r, g)
		}
	}
}

func attrText(a *ir.Attr) any {
	switch {
	case a.Ints != nil:
		return a.Ints
	case a.String != "":
		return a.String
	case a.Float != 0:
		return a.Float
	}
	return a.Int
}
