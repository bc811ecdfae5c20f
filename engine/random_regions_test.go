package engine_test

import (
	"fmt"
	"slices"

	"github.com/visionzoo/vision/engine/ir"
	"github.com/visionzoo/vision/engine/ops"
	"github.com/visionzoo/vision/engine/tensor"
)

// inner is a node of a region that reads a value, and one of the graph around it at times.
func (g *randomGraph) inner(x made) (*ir.Node, made, bool) {
	op, in, attrs := from(g, "Relu", "Sigmoid", "HardSwish", "Neg", "Flatten", "Identity"), []made{x}, []*ir.Attr(nil)
	switch g.rng.Intn(6) {
	case 0, 1:
		if picture(x.t) && x.t.Len() > 0 {
			w, a, ok := g.convolution(x, from(g, 3, 8, 16, 33, x.t.Dim(1)))
			if !ok {
				return nil, made{}, false
			}
			op, in, attrs = "Conv", w, a
		}
	case 2:
		if y, ok := g.one(func(t *tensor.Tensor) bool { return same(t, x.t) }); ok {
			op, in = from(g, "Add", "Mul", "Max"), []made{x, y}
		}
	case 3:
		if x.t.Rank() > 0 && x.t.Len()*17 <= g.work {
			op, in = "MatMul", []made{x, g.weights(x.t.Dim(-1), x.t.Dim(-1), from(g, 1, 8, 17))}
		}
	case 4:
		if x.t.Rank() > 0 {
			op, attrs = "Transpose", []*ir.Attr{ir.AttrInts("perm", g.rng.Perm(x.t.Rank())...)}
		}
	}
	n, t, ok := g.unbound(op, in, attrs...)
	if !ok {
		return nil, made{}, false
	}
	return n, made{n.Outputs[0], t}, true
}

// growBranches chooses between two regions of several nodes and outputs, which may be
// values from around them, constants, or the same value twice.
func growBranches(g *randomGraph) {
	x, ok := g.one(anything)
	if !ok {
		return
	}
	if n, out := g.branches(g.graph, x, 1+g.rng.Intn(3), 1); n != nil {
		g.graph.Nodes = append(g.graph.Nodes, n)
		for i, t := range out {
			g.values = append(g.values, made{n.Outputs[i], t})
		}
	}
}

// branches is an If in a graph, and what it gives.
func (g *randomGraph) branches(around *ir.Graph, x made, outputs, depth int) (*ir.Node, []*tensor.Tensor) {
	taken := g.coin()
	n := &ir.Node{Op: "If", Version: randomOpset}
	var out []*tensor.Tensor
	for _, yes := range []bool{true, false} {
		r := g.region()
		r.Parent = around
		var results []*tensor.Tensor
		have := []made{x}
		for range g.rng.Intn(4) {
			of := from(g, have...)
			if depth > 0 && g.rng.Intn(6) == 0 {
				if inside, t := g.branches(r, of, 1, depth-1); inside != nil {
					r.Nodes, have = append(r.Nodes, inside), append(have, made{inside.Outputs[0], t[0]})
				}
			} else if node, m, ok := g.inner(of); ok {
				r.Nodes, have = append(r.Nodes, node), append(have, m)
			}
		}
		for range outputs {
			m := from(g, have...)
			if g.rng.Intn(8) == 0 {
				m = g.weights(1, 2, 3)
			}
			r.Outputs, results = append(r.Outputs, m.Value), append(results, m.t)
		}
		name := "else_branch"
		if yes {
			name = "then_branch"
		}
		n.Attrs = append(n.Attrs, ir.AttrGraph(name, r))
		if yes == taken {
			out = results
		}
	}
	n.Inputs = []*ir.Value{g.input(tensor.Scalar(taken), false).Value}
	for range outputs {
		v := g.graph.NewValue(fmt.Sprint("If_", g.graph.Values()), ir.Fact{})
		v.Node, n.Outputs = n, append(n.Outputs, v)
	}
	n.Name = n.Outputs[0].Name
	if err := ops.BindNode(n, ops.Find("", "If", randomOpset)); err != nil {
		return nil, nil
	}
	return n, out
}

// growTurns is a loop whose carried value may change its shape, with results of each turn.
func growTurns(g *randomGraph) {
	x, ok := g.one(func(t *tensor.Tensor) bool { return t.Rank() > 0 && t.Len() > 0 && t.Len() < 1<<12 })
	if !ok {
		return
	}
	value := func(name string, f ir.Fact) *ir.Value {
		return g.graph.NewValue(fmt.Sprint(name, g.graph.Values()), f)
	}
	body, carried := g.region(), value("carried", ir.Fact{DType: tensor.Float32})
	index, goOn := value("i", ir.Tensor(tensor.Int64, ir.Dims())), value("go", ir.Tensor(tensor.Bool, ir.Dims()))
	body.Inputs = []*ir.Value{index, goOn, carried}
	have := []made{{carried, x.t}, x}
	grows := g.rng.Intn(3) == 0
	if grows {
		n, t, ok := g.unbound("Concat", have, ir.AttrInt("axis", g.rng.Intn(x.t.Rank())))
		if !ok {
			return
		}
		body.Nodes, have = append(body.Nodes, n), append(have, made{n.Outputs[0], t})
	}
	for range 1 + g.rng.Intn(3) {
		if n, m, ok := g.inner(from(g, have...)); ok {
			body.Nodes, have = append(body.Nodes, n), append(have, m)
		}
	}
	pass, _, ok := g.unbound("Identity", []made{{goOn, tensor.Scalar(true)}})
	if !ok {
		return
	}
	body.Nodes = append(body.Nodes, pass)
	next, each := from(g, have...), from(g, have...)
	body.Outputs = []*ir.Value{pass.Outputs[0], next.Value, each.Value}
	turns, state := g.rng.Intn(4), x.t
	var all []*tensor.Tensor
	for i := range turns {
		at := map[*ir.Value]*tensor.Tensor{index: tensor.Scalar(int64(i)), goOn: tensor.Scalar(true), carried: state}
		if !g.evaluated(body.Nodes, at) {
			return
		}
		if t := at[each.Value]; t != nil {
			all = append(all, t)
		} else {
			all = append(all, each.t)
		}
		if !same(all[0], all[i]) {
			return
		}
		if state = at[next.Value]; state == nil {
			state = next.t
		}
	}
	out := []*tensor.Tensor{state}
	if turns > 0 {
		stacked := tensor.New(tensor.Float32, slices.Insert(slices.Clone(all[0].Shape()), 0, turns)...)
		for i, t := range all {
			copy(stacked.Bytes()[i*len(t.Bytes()):], t.Bytes())
		}
		out = append(out, stacked)
	}
	g.control("Loop", []made{g.input(tensor.Scalar(int64(turns)), false), {}, x}, out, ir.AttrGraph("body", body))
}

// evaluated runs nodes and adds what they give to the values of a region.
func (g *randomGraph) evaluated(nodes []*ir.Node, at map[*ir.Value]*tensor.Tensor) bool {
	for _, n := range nodes {
		in := make([]*tensor.Tensor, len(n.Inputs))
		for i, v := range n.Inputs {
			if v == nil {
				continue
			}
			if in[i] = at[v]; in[i] == nil {
				in[i] = v.Const()
			}
			if in[i] == nil {
				in[i] = g.want(v.Name)
			}
		}
		out, err := evaluate(n, in)
		if err != nil || out[0] == nil || !tame(out[0]) {
			return false
		}
		at[n.Outputs[0]] = out[0]
	}
	return true
}

// growSequence goes through a sequence of tensors.
func growSequence(g *randomGraph) {
	x, ok := g.one(func(t *tensor.Tensor) bool { return t.Rank() > 0 && t.Len() > 0 })
	if !ok {
		return
	}
	c, axis := &spelling{g, true}, g.rng.Intn(x.t.Rank())
	var s made
	if g.coin() {
		in := []made{x}
		if g.coin() {
			in = append(in, g.constant(tensor.Scalar(int64(1+g.rng.Intn(3)))))
		}
		s = c.node("SplitToSequence", in, ir.AttrInt("axis", axis))
	} else {
		y, _ := g.one(func(t *tensor.Tensor) bool { return same(t, x.t) })
		s = c.node("SequenceConstruct", []made{x, y})
	}
	if !c.ok {
		return
	}
	at := func(n int) made { return g.constant(tensor.Scalar(int64(g.rng.Intn(2*n) - n))) }
	for range g.rng.Intn(3) {
		if !c.ok {
			return
		}
		y, found := g.one(anything)
		switch n := len(s.t.Elems()); {
		case found && g.coin():
			s = c.node("SequenceInsert", []made{s, y, at(n)}[:2+g.rng.Intn(2)])
		case n > 1:
			s = c.node("SequenceErase", []made{s, at(n)}[:1+g.rng.Intn(2)])
		}
	}
	if !c.ok {
		return
	}
	if g.rng.Intn(3) == 0 {
		s = c.node("OptionalGetElement", []made{c.node("Optional", []made{s})})
	}
	if !c.ok {
		return
	}
	switch g.rng.Intn(4) {
	case 0:
		c.node("ConcatFromSequence", []made{s}, ir.AttrInt("axis", axis), ir.AttrInt("new_axis", g.rng.Intn(2)))
	case 1:
		c.node("SequenceLength", []made{s})
	default:
		for range 1 + g.rng.Intn(2) {
			c.node("SequenceAt", []made{s, at(len(s.t.Elems()))})
		}
	}
}
