package ops

import (
	"fmt"

	"github.com/visionzoo/vision/engine/ir"
	"github.com/visionzoo/vision/engine/tensor"
)

// Infer works out the facts of every value of a graph from those of its
// inputs, and notes them in the values.
func Infer(g *ir.Graph) error {
	for _, n := range g.Nodes {
		facts, err := InferNode(n, n.Facts())
		if err != nil {
			return err
		}
		for i, v := range n.Outputs {
			if v.Const() == nil {
				v.Fact = facts[i]
			}
		}
	}
	return nil
}

// InferNode gives the facts of a node's outputs from those of its inputs, one
// for each output the node has.
func InferNode(n *ir.Node, in []ir.Fact) ([]ir.Fact, error) {
	d := Find(n.Domain, n.Op, n.Version)
	if d == nil {
		panic("BUG: InferNode before Bind: " + n.String())
	}
	for i := range d.In.Min {
		if !in[i].Given() {
			return nil, n.Fail(fmt.Errorf("the type of input %d is not known", i))
		}
	}
	if len(in) > 0 && d.Types != 0 && in[0].Given() && !d.Types.Is(in[0].DType) {
		return nil, n.Fail(fmt.Errorf("does not take %s", in[0].DType))
	}
	facts, err := n.Operator.Infer(in)
	if err != nil {
		return nil, n.Fail(err)
	}
	if len(facts) < len(n.Outputs) {
		panic(fmt.Sprintf("BUG: %s: Infer gave %d facts for %d outputs", n, len(facts), len(n.Outputs)))
	}
	known := fold(n, in, facts)
	for i := range facts {
		if i < len(known) && known[i] != nil {
			facts[i].Const = known[i]
		}
		if c := facts[i].Const; c != nil {
			facts[i] = ir.FactOf(c)
			continue
		}
		if i == 0 {
			facts[i].Ints = symbolic(n, in, facts[i])
		}
		facts[i] = settled(facts[i])
	}
	return facts, nil
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
