package ops

import (
	"context"
	"fmt"

	"github.com/visionzoo/vision/engine/ir"
	"github.com/visionzoo/vision/engine/onnx"
	"github.com/visionzoo/vision/engine/tensor"
)

// Infer computes the facts (dtype, shape, known elements) of all values of a graph and of its
// subgraphs from those of the graph's inputs, and stores them in the values. Facts in a loop's body
// hold for all iterations. Infer is called when a model is opened and by passes; the graph must not
// be used concurrently. A cancelled context ends it between two nodes.
func Infer(ctx context.Context, g *ir.Graph) error {
	at := &inference{ctx: ctx, at: func(v *ir.Value) ir.Fact { return v.Fact }, note: func(v *ir.Value, f ir.Fact) { v.Fact = f }}
	return at.nodes(g)
}

// InferNode returns the facts of a node's outputs for the given facts of its
// inputs. It changes nothing and may be called concurrently. Subgraphs of the
// node see values of the graphs around it as Infer stored them.
func InferNode(n *ir.Node, in []ir.Fact) ([]ir.Fact, error) {
	return aside().node(n, in)
}

// inference is one traversal of a graph. Where the facts come from and where they go are functions,
// because a loop's body is inferred several times before its facts are final: a trial (try) reads
// facts as usual but keeps what it finds to itself.
type inference struct {
	ctx   context.Context
	at    func(v *ir.Value) ir.Fact    // the fact of a value as far as it is known
	note  func(v *ir.Value, f ir.Fact) // stores the fact of a value
	trial int                          // number of nested trials around this traversal
}

// aside returns an inference for a single node that stores nothing in the graph.
func aside() *inference {
	return &inference{ctx: context.Background(), at: func(v *ir.Value) ir.Fact { return v.Fact }, note: func(*ir.Value, ir.Fact) {}, trial: 1}
}

// regional is implemented by operators that have subgraphs.
type regional interface {
	Op

	// inferWith returns the facts of the outputs; it infers subgraphs with i.
	inferWith(i *inference, in []ir.Fact) ([]ir.Fact, error)
}

// nodes infers all nodes of a graph whose inputs have facts. Constants keep their own fact.
func (i *inference) nodes(g *ir.Graph) error {
	for _, n := range g.Nodes {
		if i.ctx.Err() != nil {
			return context.Cause(i.ctx)
		}
		in := make([]ir.Fact, len(n.Inputs))
		for j, v := range n.Inputs {
			if v != nil {
				in[j] = i.at(v)
			}
		}
		facts, err := i.node(n, in)
		if err != nil {
			return err
		}
		for j, v := range n.Outputs {
			if i.at(v).Const == nil {
				i.note(v, facts[j])
			}
		}
	}
	return nil
}

// node infers one node: its operator's Infer, then whatever elements of its outputs are known. It
// checks what Def promises to Infer: that the required inputs have facts, and the type of the first.
func (i *inference) node(n *ir.Node, in []ir.Fact) ([]ir.Fact, error) {
	d := Find(n.Domain, n.Op, n.Version)
	if d == nil {
		panic("BUG: InferNode before Bind: " + n.String())
	}
	for j := range d.In.Min {
		if !in[j].Given() {
			return nil, n.Fail(fmt.Errorf("the type of input %d is not known", j))
		}
	}
	if len(in) > 0 && d.Types != 0 && in[0].Given() && !d.Types.Is(in[0].DType) {
		return nil, n.Fail(fmt.Errorf("input 0 is %s, it must be %s", in[0].DType, d.Types))
	}
	facts, err := i.operator(n.Operator, in)
	if err != nil {
		return nil, n.Fail(err)
	}
	if len(facts) < len(n.Outputs) {
		panic(fmt.Sprintf("BUG: %s: Infer returned %d facts for %d outputs", n, len(facts), len(n.Outputs)))
	}
	known := fold(n, in, facts)
	out := make([]ir.Fact, len(facts))
	for j, f := range facts {
		if j < len(known) && known[j] != nil {
			f.Const = known[j]
		}
		if f.Const != nil {
			out[j] = ir.FactOf(f.Const)
			continue
		}
		if j == 0 {
			f.Ints = symbolic(n, in, f)
		}
		out[j] = foldInts(f)
	}
	return out, nil
}

func (i *inference) operator(op ir.Operator, in []ir.Fact) ([]ir.Fact, error) {
	if r, ok := op.(regional); ok {
		return r.inferWith(i, in)
	}
	return op.Infer(in)
}

// region infers a subgraph with the given inputs and returns the facts of its
// outputs.
func (i *inference) region(g *ir.Graph, in []ir.Fact) ([]ir.Fact, error) {
	for j, v := range g.Inputs {
		declared := i.at(v)
		switch f := in[j]; {
		case !f.Given():
		case declared.Given() && !sameKind(declared, f):
			return nil, fmt.Errorf("input %s of the body is declared %s but receives %s", onnx.Quote(v.Name), declared.DType, f.DType)
		default:
			i.note(v, f)
		}
	}
	if err := i.nodes(g); err != nil {
		return nil, err
	}
	out := make([]ir.Fact, len(g.Outputs))
	for j, v := range g.Outputs {
		if out[j] = i.at(v); !out[j].Given() {
			return nil, fmt.Errorf("the type of output %s of the body is not known", onnx.Quote(v.Name))
		}
	}
	return out, nil
}

// sameKind reports whether two facts have the same dtype. An optional also matches the type of its
// element, because a body may be declared with one and be given the other.
func sameKind(a, b ir.Fact) bool {
	switch {
	case a.DType == b.DType:
		return true
	case a.DType == tensor.Optional:
		return !elemOf(a).Given() || elemOf(a).DType == b.DType
	case b.DType == tensor.Optional:
		return !elemOf(b).Given() || elemOf(b).DType == a.DType
	}
	return false
}

// try begins a trial: an inference that sees the facts of i but keeps its own to itself.
func (i *inference) try() *inference {
	own := map[*ir.Value]ir.Fact{}
	return &inference{
		ctx: i.ctx,
		at: func(v *ir.Value) ir.Fact {
			if f, ok := own[v]; ok {
				return f
			}
			return i.at(v)
		},
		note:  func(v *ir.Value, f ir.Fact) { own[v] = f },
		trial: i.trial + 1,
	}
}

// loop infers a loop body, some of whose outputs are inputs of the next iteration. Facts that differ
// between iterations are generalised until they hold for all. For instance, a body that appends a row
// to a carried value of shape [0 4] is inferred with
//
//	[0 4]  and gives  [1 4], so next with what both have in common:
//	[? 4]  and gives  [? 4], which is stable
//
// A fact can be generalised only a few times, but many carried values can take turns, so after four
// trials only types are kept. call returns the body's inputs for given carried values; back returns
// the carried values among its outputs. Loops in loops multiply the trials: in deep nests the inner
// ones keep only types from the start, so that the work stays proportional to the size of the graph.
func (i *inference) loop(g *ir.Graph, carried []ir.Fact, call func(carried []ir.Fact) []ir.Fact, back func(out []ir.Fact) []ir.Fact) ([]ir.Fact, error) {
	const tries = 4
	for j, f := range carried {
		carried[j] = withoutValue(f)
	}
	for round := 0; ; round++ {
		if round == tries || round == 0 && i.trial > 2 {
			for j, f := range carried {
				carried[j] = typeOnly(f)
			}
		}
		out, err := i.try().region(g, call(carried))
		if err != nil {
			return nil, err
		}
		next, stable := make([]ir.Fact, len(carried)), true
		for j, f := range back(out) {
			f = withoutValue(f)
			if !sameKind(carried[j], f) {
				return nil, fmt.Errorf("carried value %d is %s before and %s after an iteration", j, carried[j].DType, f.DType)
			}
			if f.DType != carried[j].DType {
				next[j] = carried[j]
				continue
			}
			next[j], _ = joined(carried[j], f)
			stable = stable && sameFact(next[j], carried[j])
		}
		if stable || round > tries {
			if i.trial > 0 {
				return out, nil
			}
			return i.region(g, call(carried))
		}
		carried = next
	}
}

// typeOnly keeps only the dtype of a fact, and for containers that of their elements.
func typeOnly(f ir.Fact) ir.Fact {
	w := ir.Fact{DType: f.DType}
	if f.Elem != nil {
		e := typeOnly(*f.Elem)
		w.Elem = &e
	}
	return w
}

// sameFact reports whether two facts without known elements are equal.
func sameFact(a, b ir.Fact) bool {
	if a.DType != b.DType || a.Shape.Ranked != b.Shape.Ranked || len(a.Shape.Dims) != len(b.Shape.Dims) {
		return false
	}
	for i, d := range a.Shape.Dims {
		if d != b.Shape.Dims[i] {
			return false
		}
	}
	if a.Elem == nil || b.Elem == nil {
		return a.Elem == b.Elem
	}
	return sameFact(*a.Elem, *b.Elem)
}

// The checks that follow are for Infer: they accept inputs that are omitted, and shapes of which
// nothing is known.

// sameType checks that all given inputs have the dtype of the first.
func sameType(in []ir.Fact) error {
	for i, f := range in {
		if f.Given() && f.DType != in[0].DType {
			return fmt.Errorf("input %d is %s, input 0 is %s; they must have the same type", i, f.DType, in[0].DType)
		}
	}
	return nil
}

// wantType checks the dtype of input i, if it is given.
func wantType(in []ir.Fact, i int, types tensor.TypeSet) error {
	if i < len(in) && in[i].Given() && !types.Is(in[i].DType) {
		return fmt.Errorf("input %d is %s, it must be %s", i, in[i].DType, types)
	}
	return nil
}

// givenShapes returns the shapes of all inputs, nil for those that are omitted; known is false if a
// dimension of one is not a number.
func givenShapes(in []ir.Fact) (shapes [][]int, known bool) {
	shapes, known = make([][]int, len(in)), true
	for i, f := range in {
		if f.Given() {
			var ok bool
			shapes[i], ok = f.Shape.Ints()
			known = known && ok
		}
	}
	return shapes, known
}

// fact returns the fact of input i, the zero fact if it is omitted.
func fact(in []ir.Fact, i int) ir.Fact {
	if i < len(in) {
		return in[i]
	}
	return ir.Fact{}
}
