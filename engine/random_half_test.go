package engine_test

import (
	"slices"

	"github.com/visionzoo/vision/engine/ir"
	"github.com/visionzoo/vision/engine/tensor"
)

// halved is a graph as one of float16 or bfloat16, as converters make them of finished ones: what
// was float32 has the smaller type, and an operator that does not take it stands between casts.
// A graph with regions stays as it is, and so does one that makes integers of what it computes, which a
// last bit decides.
func (g *randomGraph) halved(to tensor.DType) *randomGraph {
	if slices.ContainsFunc(g.graph.Nodes, func(n *ir.Node) bool {
		a := n.Attr("to")
		return len(n.Regions()) > 0 || a != nil && !tensor.FloatTypes.Is(tensor.DType(a.Int))
	}) {
		return g
	}
	h := *g
	h.graph, h.values, h.inputs = &ir.Graph{Name: g.graph.Name}, nil, map[string]*tensor.Tensor{}
	h.steps, h.bits = true, false
	narrow := func(t *tensor.Tensor) *tensor.Tensor {
		if t.DType() == tensor.Float32 {
			t = turned(t, to)
		}
		return t
	}
	as := map[*ir.Value]made{}
	for _, v := range g.graph.Inputs {
		_, fixed := v.Fact.Shape.Ints()
		as[v] = h.input(narrow(g.inputs[v.Name]), !fixed)
	}
	for _, n := range g.graph.Nodes {
		in := make([]made, len(n.Inputs))
		for i, v := range n.Inputs {
			switch {
			case v == nil:
			case v.Const() == nil:
				in[i] = as[v]
			case i > 0 && n.Op == "Resize": // whose scales are float32
				in[i] = h.constant(v.Const())
			default:
				in[i] = h.constant(narrow(v.Const()))
			}
		}
		out := h.again(n, in, to)
		if out == nil {
			return g
		}
		for i, v := range n.Outputs {
			as[v] = out[i]
		}
	}
	return &h
}

// again adds a node like one of another graph, between casts where it needs float32.
func (g *randomGraph) again(n *ir.Node, in []made, to tensor.DType) []made {
	like := func() *ir.Node {
		attrs := slices.Clone(n.Attrs)
		for i, a := range attrs {
			if n.Op == "Cast" && a.Int == int64(tensor.Float32) {
				attrs[i] = ir.AttrInt("to", int(to))
			}
		}
		return &ir.Node{Domain: n.Domain, Op: n.Op, Version: n.Version, Attrs: attrs}
	}
	m := like()
	if out, ok := g.bind(m, len(n.Outputs), in); ok {
		return g.add(m, out)
	}
	cast := func(list []made, from, to tensor.DType) {
		for i, x := range list {
			if x.Value != nil && x.t.DType() == from {
				list[i], _ = g.node("Cast", []made{x}, ir.AttrInt("to", int(to)))
			}
		}
	}
	cast(in, to, tensor.Float32)
	m = like()
	out, ok := g.bind(m, len(n.Outputs), in)
	if !ok {
		return nil
	}
	all := g.add(m, out)
	cast(all, tensor.Float32, to)
	return all
}

// turned is a tensor in another element type.
func turned(t *tensor.Tensor, to tensor.DType) *tensor.Tensor {
	u := tensor.New(to, t.Shape()...)
	tensor.Store(u, 0, 1, tensor.ToFloat64(t))
	return u
}
