package plan

import (
	"slices"

	"github.com/visionzoo/vision/engine/ir"
	"github.com/visionzoo/vision/engine/ops"
	"github.com/visionzoo/vision/engine/tensor"
)

// program is a graph or a region prepared for running: each value has a numbered
// slot, and each node knows the slots of its operands. The slots of the inputs come
// first, then those of the captured values of enclosing graphs, then those of the nodes'
// outputs: with 2 inputs and 1 captured value, the first node's output has slot 3.
type program struct {
	graph    *ir.Graph
	slots    map[*ir.Value]int
	captured []int // by captured value: its slot in the enclosing program
	work     []work
	outputs  []operand
	kept     []int // slots that no node empties when nodes run in order
	every    []int // all slots
	regions  map[*ir.Graph]*program
	planned  bool     // it contains work that plans do faster
	stages   []*stage // first stages, each for other facts of inputs and captured values; newest first
	clock    int      // counts uses of stages, so that those not used for longest are known
}

// operand says where to find a value.
type operand struct {
	slot  int            // -1: a constant, or omitted
	value *tensor.Tensor // the constant
}

// work is a node with its operands.
type work struct {
	node *ir.Node
	in   []operand
	out  []int       // slots of its outputs
	uses []*ir.Value // all values it reads, once each: inputs and captures of its regions
	last []int       // slots that are read here for the last time when nodes run in order
}

// newProgram prepares a graph and its regions; around is the enclosing program of a
// region, nil for none.
func newProgram(g *ir.Graph, around *program) *program {
	p := &program{graph: g, slots: map[*ir.Value]int{}, work: make([]work, len(g.Nodes)), regions: map[*ir.Graph]*program{}}
	for i, v := range g.Inputs {
		p.slots[v] = i
	}
	next := len(g.Inputs)
	number := func(v *ir.Value) {
		if _, ok := p.slots[v]; !ok {
			p.slots[v] = next
			next++
		}
	}
	if around != nil {
		for _, v := range g.Captures() {
			number(v)
			p.captured = append(p.captured, around.slots[v])
		}
	}
	for _, n := range g.Nodes {
		for _, v := range n.Outputs {
			number(v)
		}
	}
	for i, n := range g.Nodes {
		p.work[i] = p.newWork(n)
		p.planned = p.planned || around == nil || plansHelp(n)
		for _, r := range n.Regions() {
			p.regions[r] = newProgram(r, p)
		}
	}
	for _, v := range g.Outputs {
		p.outputs = append(p.outputs, p.operand(v))
	}
	p.lastUses(next)
	return p
}

// plansHelp reports whether a node is of a kind that makes planning a region
// worthwhile; small loop bodies run faster node by node.
func plansHelp(n *ir.Node) bool {
	if _, ok := n.Operator.(*ops.FusedConv); ok {
		return true
	}
	return n.Domain == "" && (n.Op == "Gemm" || n.Op == "MatMul" || n.Op == "Conv" || n.Op == "ConvTranspose")
}

// operand says where a value is found, nil for an omitted one.
func (p *program) operand(v *ir.Value) operand {
	if v == nil {
		return operand{slot: -1}
	}
	if c := v.Const(); c != nil {
		return operand{-1, c}
	}
	if at, ok := p.slots[v]; ok {
		return operand{slot: at}
	}
	return operand{slot: -1}
}

func (p *program) newWork(n *ir.Node) work {
	w := work{node: n}
	for _, v := range n.Inputs {
		w.in = append(w.in, p.operand(v))
	}
	for _, v := range n.Outputs {
		w.out = append(w.out, p.slots[v])
	}
	seen := map[*ir.Value]bool{}
	for _, v := range n.Uses() {
		if v.Const() == nil && !seen[v] {
			seen[v] = true
			w.uses = append(w.uses, v)
		}
	}
	return w
}

// lastUses finds the node at which each slot is read for the last time.
func (p *program) lastUses(slots int) {
	seen := make([]bool, slots)
	for _, o := range p.outputs {
		if o.slot >= 0 {
			seen[o.slot] = true
		}
	}
	emptied := make([]bool, slots)
	for i, w := range slices.Backward(p.work) {
		note := func(s int) {
			if !seen[s] {
				seen[s], emptied[s] = true, true
				p.work[i].last = append(p.work[i].last, s)
			}
		}
		for _, v := range w.uses {
			note(p.slots[v])
		}
		for _, s := range w.out {
			note(s)
		}
	}
	for s := range slots {
		p.every = append(p.every, s)
		if !emptied[s] {
			p.kept = append(p.kept, s)
		}
	}
}

// inputs returns how many slots belong to inputs, and how many to captured values.
func (p *program) inputs() (own, captured int) { return len(p.graph.Inputs), len(p.captured) }
