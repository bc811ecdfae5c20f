package plan

import (
	"errors"
	"fmt"
	"slices"

	"github.com/visionzoo/vision/engine/ir"
	"github.com/visionzoo/vision/engine/ops"
	"github.com/visionzoo/vision/engine/pass"
	"github.com/visionzoo/vision/engine/tensor"
)

// A graph runs in stages. All nodes whose shapes follow from the facts at hand
// make one plan; nodes whose shapes depend on data are interpreted after it;
// with what they made the next stage begins. Most networks have one stage.
type stage struct {
	facts   map[*ir.Value]ir.Fact // of all values known before and in this stage
	plan    *Plan                 // nil where no node could be planned
	dynamic []*ir.Node            // ready after the plan; their shapes depend on data
	rest    []*ir.Node            // everything later
	next    []*stage              // by the facts of what the dynamic nodes made, newest first
	arrived []*ir.Value           // values made by dynamic nodes of the stage before
}

// keptStages bounds the stages kept for different shapes at one place.
const keptStages = 8

// foldAtPlan bounds values computed while planning, in bytes.
const foldAtPlan = 16 << 20

// newStage plans the nodes that facts decide.
func newStage(o *Options, w *weights, nodes []*ir.Node, outputs []*ir.Value, facts map[*ir.Value]ir.Fact) (*stage, error) {
	s := &stage{facts: facts}
	var static []*ir.Node
	for _, n := range nodes {
		switch kind, err := s.classify(n); {
		case err != nil:
			return nil, err
		case kind == planned:
			static = append(static, n)
		case kind == ready:
			s.dynamic = append(s.dynamic, n)
		case kind == later:
			s.rest = append(s.rest, n)
		}
	}
	needed := map[*ir.Value]bool{}
	for _, v := range outputs {
		needed[v] = true
	}
	for _, n := range slices.Concat(s.dynamic, s.rest) {
		for _, v := range n.Uses() {
			needed[v] = true
		}
	}
	if len(static) > 0 {
		p, err := newPlan(o, w, static, needed, facts, len(s.dynamic)+len(s.rest) > 0)
		if err != nil {
			return nil, err
		}
		s.plan = p
	}
	return s, nil
}

type nodeKind int

const (
	folded  nodeKind = iota // its value is known
	planned                 // its shapes are known
	ready                   // its inputs are known, its shapes depend on data
	later                   // it needs what a ready node makes
)

// classify says when a node can run, and notes what is known of its outputs.
func (s *stage) classify(n *ir.Node) (nodeKind, error) {
	for _, v := range n.Uses() {
		if _, ok := s.facts[v]; !ok && v.Const() == nil {
			return later, nil
		}
	}
	if len(n.Regions()) > 0 {
		return ready, nil
	}
	in := make([]ir.Fact, len(n.Inputs))
	constant := true
	for i, v := range n.Inputs {
		if v == nil {
			continue
		}
		in[i] = s.fact(v)
		if in[i].Const == nil && (!in[i].DType.IsElement() || in[i].DType == tensor.String) {
			return ready, nil // plans hold no strings and no containers
		}
		constant = constant && in[i].Const != nil
	}
	out, err := ops.InferNode(n, in)
	if err != nil {
		return 0, err
	}
	known, size := true, 0
	for i, v := range n.Outputs {
		known = known && (out[i].Const != nil || v.Name == "")
		sizes, ok := out[i].Shape.Ints()
		if !ok || !out[i].DType.IsElement() || out[i].DType == tensor.String {
			return ready, nil
		}
		count, err := tensor.Count(sizes)
		if err != nil {
			return 0, n.Fail(fmt.Errorf("memory: %w", err))
		}
		size += count * out[i].DType.Size()
	}
	if !known && constant && size <= foldAtPlan && !ops.Find(n.Domain, n.Op, n.Version).Random {
		if values := pass.FoldWith(n, in); values != nil {
			for i := range n.Outputs {
				if values[i] != nil {
					out[i] = ir.FactOf(values[i])
				}
			}
			known = true
		}
	}
	for i, v := range n.Outputs {
		s.facts[v] = out[i]
	}
	if known {
		return folded, nil
	}
	return planned, nil
}

func (s *stage) fact(v *ir.Value) ir.Fact {
	if v.Const() != nil {
		return v.Fact
	}
	return s.facts[v]
}

// after finds or makes the stage that follows once the dynamic nodes have made
// their values.
func (s *stage) after(r *Runner, f *frame) (*stage, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i, n := range s.next {
		if n.fits(f) {
			s.next = append(slices.Delete(s.next, i, i+1), nil)
			copy(s.next[1:], s.next)
			s.next[0] = n
			return n, nil
		}
	}
	facts := make(map[*ir.Value]ir.Fact, len(s.facts))
	for v, fact := range s.facts {
		facts[v] = fact
	}
	var arrived []*ir.Value
	for _, n := range s.dynamic {
		for _, v := range n.Outputs {
			t := f.values[v]
			if t == nil {
				if v.Name != "" {
					return nil, errors.New("BUG: dynamic node made no value")
				}
				continue
			}
			facts[v] = ir.TypeOf(t)
			arrived = append(arrived, v)
		}
	}
	n, err := newStage(&r.opt, r.weights, s.rest, r.graph.Outputs, facts)
	if err != nil {
		return nil, err
	}
	n.arrived = arrived
	s.next = append([]*stage{n}, s.next[:min(len(s.next), keptStages-1)]...)
	return n, nil
}

// fits reports whether the values at hand have the facts this stage was made
// for.
func (s *stage) fits(f *frame) bool {
	for _, v := range s.arrived {
		t := f.values[v]
		fact := s.facts[v]
		if t == nil || t.DType() != fact.DType {
			return false
		}
		if fact.DType < tensor.Sequence && !fact.Admits(t) {
			return false
		}
	}
	return true
}
