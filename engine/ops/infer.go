package ops

import (
	"fmt"

	"github.com/visionzoo/vision/engine/ir"
	"github.com/visionzoo/vision/engine/onnx"
	"github.com/visionzoo/vision/engine/tensor"
)

// Infer works out the facts of every value of a graph and of the regions in it
// from those of the graph's inputs, and notes them in the values. What is
// noted of a region's values holds for each of its turns. Infer is for opening
// a model and for passes: nothing else may use the graph meanwhile.
func Infer(g *ir.Graph) error {
	at := &inference{at: func(v *ir.Value) ir.Fact { return v.Fact }, note: func(v *ir.Value, f ir.Fact) { v.Fact = f }}
	return at.nodes(g)
}

// InferNode gives the facts of a node's outputs from those of its inputs, one
// for each output the node has. It changes nothing, and may be called for
// several signatures at once. Regions of the node see the values around them
// as Infer noted them.
func InferNode(n *ir.Node, in []ir.Fact) ([]ir.Fact, error) {
	i := &inference{at: func(v *ir.Value) ir.Fact { return v.Fact }, note: func(*ir.Value, ir.Fact) {}, trial: 1}
	return i.node(n, in)
}

// inference is one walk over a graph.
type inference struct {
	at    func(v *ir.Value) ir.Fact
	note  func(v *ir.Value, f ir.Fact)
	trial int // how many walks that only try something out are around this one
}

// regional is implemented by operators that have regions.
type regional interface {
	Op

	// inferWith gives the facts of the outputs; it walks regions by way of i.
	inferWith(i *inference, in []ir.Fact) ([]ir.Fact, error)
}

// nodes walks a graph whose inputs are noted.
func (i *inference) nodes(g *ir.Graph) error {
	for _, n := range g.Nodes {
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

// node infers one node and what follows from its inputs' values.
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
		return nil, n.Fail(fmt.Errorf("does not take %s", in[0].DType))
	}
	facts, err := i.operator(n.Operator, in)
	if err != nil {
		return nil, n.Fail(err)
	}
	if len(facts) < len(n.Outputs) {
		panic(fmt.Sprintf("BUG: %s: Infer gave %d facts for %d outputs", n, len(facts), len(n.Outputs)))
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
		out[j] = settled(f)
	}
	return out, nil
}

func (i *inference) operator(op ir.Operator, in []ir.Fact) ([]ir.Fact, error) {
	if r, ok := op.(regional); ok {
		return r.inferWith(i, in)
	}
	return op.Infer(in)
}

// region walks a region on the given facts and returns those of its outputs.
func (i *inference) region(g *ir.Graph, in []ir.Fact) ([]ir.Fact, error) {
	for j, v := range g.Inputs {
		declared := i.at(v)
		switch f := in[j]; {
		case !f.Given():
		case declared.Given() && !sameKind(declared, f):
			return nil, fmt.Errorf("input %s of the body is declared %s and gets %s", onnx.Quote(v.Name), declared.DType, f.DType)
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

// sameKind reports whether two facts are of one type; an optional may stand
// for its element.
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

// try is a walk whose facts are forgotten.
func (i *inference) try() *inference {
	own := map[*ir.Value]ir.Fact{}
	return &inference{
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

// turns infers a region that feeds some of its outputs back to its inputs:
// facts that change from turn to turn are widened until they hold for all.
// call makes the region's inputs of what is carried; back finds the carried
// outputs among all. Tries inside tries start wide, so that the work stays in
// proportion to the graph.
func (i *inference) turns(g *ir.Graph, carried []ir.Fact, call func(carried []ir.Fact) []ir.Fact, back func(out []ir.Fact) []ir.Fact) ([]ir.Fact, error) {
	const tries = 4
	for j, f := range carried {
		carried[j] = withoutValue(f)
	}
	for round := 0; ; round++ {
		if round == tries || round == 0 && i.trial > 2 {
			for j, f := range carried {
				carried[j] = widest(f)
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
				return nil, fmt.Errorf("carried value %d is %s at first and %s after a turn", j, carried[j].DType, f.DType)
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

// widest keeps no more than the type of a fact.
func widest(f ir.Fact) ir.Fact {
	w := ir.Fact{DType: f.DType}
	if f.Elem != nil {
		e := widest(*f.Elem)
		w.Elem = &e
	}
	return w
}

// sameFact reports whether two facts without values say the same.
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

// sameType checks that all given inputs have the element type of the first.
func sameType(in []ir.Fact) error {
	for i, f := range in {
		if f.Given() && f.DType != in[0].DType {
			return fmt.Errorf("input %d is %s, input 0 is %s; they must be of one type", i, f.DType, in[0].DType)
		}
	}
	return nil
}

// wantType checks the element type of one input.
func wantType(in []ir.Fact, i int, types tensor.TypeSet) error {
	if i < len(in) && in[i].Given() && !types.Is(in[i].DType) {
		return fmt.Errorf("input %d is %s, it must be %s", i, in[i].DType, types)
	}
	return nil
}

// fact is the fact of input i, zero where it is left out.
func fact(in []ir.Fact, i int) ir.Fact {
	if i < len(in) {
		return in[i]
	}
	return ir.Fact{}
}
