package plan

import (
	"context"
	"fmt"
	"slices"

	"github.com/visionzoo/vision/engine/ir"
	"github.com/visionzoo/vision/engine/ops"
	"github.com/visionzoo/vision/engine/pass"
	"github.com/visionzoo/vision/engine/tensor"
)

// A program runs in stages. All nodes whose shapes follow from the known facts form
// one plan. Nodes whose shapes depend on data are interpreted after it, and with
// their results the next stage begins. Most networks have one stage. A detector may have
// two:
//
//	stage 1   plan      backbone, boxes and scores
//	          dynamic   NonMaxSuppression: how many boxes, only the data tell
//	stage 2   plan      gathering 7 boxes, their masks [7 28 28]
//
// Stages are kept. Behind stage 1 hang the second stages for 7 boxes, for 9, and so on: the
// stages of a program are a tree, and a run is a way from its root to a leaf.

// stage is one stage of a program for given facts.
type stage struct {
	facts    map[*ir.Value]ir.Fact // of all values known before and during this stage
	plan     *Plan                 // nil if no node could be planned
	inputs   []int                 // by input of the plan: its slot
	outputs  []output              // the plan's outputs
	folded   []folding             // constants found while planning that are read later
	dynamic  []int                 // nodes to run after the plan; their shapes depend on data
	rest     []int                 // all later nodes
	drops    [][]int               // slots that are no longer read after the plan, and after each dynamic node
	arrived  []*ir.Value           // the values for whose facts the stage was made: inputs, or results of the stage before
	next     []*stage              // each for other facts of the dynamic nodes' results, newest first
	used     int                   // the program's clock when it was used last
	foldRoom int                   // bytes of constants that may still be computed while planning
}

// output is a value of a plan that is read later.
type output struct {
	value *ir.Value
	slot  int
	from  int // slot of the plan's input in whose memory it lies, -1: in the plan's own
}

// folding is a value that planning found to be constant.
type folding struct {
	slot  int
	value *tensor.Tensor
}

// keptStages bounds the ways through a program's stages that are kept, each for other
// shapes: the leaves of the tree.
const keptStages = 8

// foldAtPlan bounds the size of the values that a stage computes while it is planned, in
// bytes. They are kept with it, besides the memory of runs: those of all stages that are
// kept take at most half of what a run may.
const foldAtPlan = 64 << 20

// stageFor returns a stage without nodes.
func (r *Runner) stageFor(facts map[*ir.Value]ir.Fact) *stage {
	return &stage{facts: facts, foldRoom: int(min(foldAtPlan, r.opt.Memory/(2*keptStages)))}
}

// newStage plans those of p's remaining nodes whose shapes follow from the facts.
func (r *Runner) newStage(ctx context.Context, p *program, left []int, facts map[*ir.Value]ir.Fact, arrived []*ir.Value) (*stage, error) {
	s := r.stageFor(facts)
	s.arrived = arrived
	known := make([]*ir.Value, 0, len(facts))
	for v := range facts {
		known = append(known, v)
	}
	var static []*ir.Node
	for _, i := range left {
		w := &p.work[i]
		switch kind, err := s.classify(w); {
		case err != nil:
			return nil, err
		case kind == planned:
			static = append(static, w.node)
		case kind == ready:
			s.dynamic = append(s.dynamic, i)
		case kind == later:
			s.rest = append(s.rest, i)
		}
	}
	needed := s.neededLater(p)
	s.fold(p, needed)
	if len(static) > 0 {
		decides := p != r.program || len(s.dynamic)+len(s.rest) > 0
		plan, err := newPlan(ctx, r, static, needed, facts, decides)
		if err != nil {
			return nil, err
		}
		s.plan = plan
		s.connect(p)
	}
	s.findDrops(p, known)
	return s, nil
}

// neededLater lists the values that are read after the plan.
func (s *stage) neededLater(p *program) map[*ir.Value]bool {
	needed := map[*ir.Value]bool{}
	for _, v := range p.graph.Outputs {
		needed[v] = true
	}
	for _, i := range slices.Concat(s.dynamic, s.rest) {
		for _, v := range p.work[i].uses {
			needed[v] = true
		}
	}
	return needed
}

// fold lists the constants found while planning that are read later.
func (s *stage) fold(p *program, needed map[*ir.Value]bool) {
	for v := range needed {
		if c := s.facts[v].Const; c != nil && v.Const() == nil {
			s.folded = append(s.folded, folding{p.slots[v], c})
		}
	}
}

// connect finds the slots of the plan's inputs and outputs.
func (s *stage) connect(p *program) {
	for _, v := range s.plan.inputs {
		s.inputs = append(s.inputs, p.slots[v])
	}
	for _, v := range s.plan.outputs {
		if s.facts[v].Const != nil {
			continue
		}
		o := output{value: v, slot: p.slots[v], from: -1}
		if at := s.plan.places[v]; at.buffer < 0 {
			o.from = p.slots[at.from]
		}
		s.outputs = append(s.outputs, o)
	}
}

// findDrops finds, from the end backwards, the known values that are no longer read
// and can be dropped.
func (s *stage) findDrops(p *program, known []*ir.Value) {
	s.drops = make([][]int, 1+len(s.dynamic))
	read := map[*ir.Value]bool{}
	for _, v := range p.graph.Outputs {
		read[v] = true
	}
	for _, i := range s.rest {
		for _, v := range p.work[i].uses {
			read[v] = true
		}
	}
	for k, i := range slices.Backward(s.dynamic) {
		w := &p.work[i]
		for _, v := range slices.Concat(w.uses, w.node.Outputs) {
			if !read[v] && v.Const() == nil {
				read[v] = true
				s.drops[1+k] = append(s.drops[1+k], p.slots[v])
			}
		}
	}
	for _, v := range known {
		if at, ok := p.slots[v]; ok && !read[v] {
			s.drops[0] = append(s.drops[0], at)
		}
	}
}

// nodeKind says when a node of a stage can run.
type nodeKind int

const (
	folded  nodeKind = iota // never: its value is known
	planned                 // in the plan: its shapes are known
	ready                   // after the plan: its inputs are known, its shapes depend on data
	later                   // in a later stage: it needs the result of a ready node
)

// classify decides when a node can run, and records the facts of its outputs.
func (s *stage) classify(w *work) (nodeKind, error) {
	n := w.node
	for _, v := range w.uses {
		if _, ok := s.facts[v]; !ok {
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
	if !known && constant && size <= s.foldRoom && !ops.Find(n.Domain, n.Op, n.Version).Random {
		if values := pass.FoldWith(n, in); values != nil {
			for i := range n.Outputs {
				if values[i] != nil {
					out[i] = ir.FactOf(values[i])
				}
			}
			known = true
			s.foldRoom -= size
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

// whole reports whether the stage consists of its plan alone.
func (s *stage) whole() bool { return s.plan != nil && len(s.dynamic)+len(s.rest) == 0 }

// fits reports whether the values have the facts for which this stage was made.
func (s *stage) fits(p *program, values []*tensor.Tensor) bool {
	for _, v := range s.arrived {
		t, fact := values[p.slots[v]], s.facts[v]
		if t == nil || t.DType() != fact.DType {
			return false
		}
		if fact.DType < tensor.Sequence && !fact.Admits(t) {
			return false
		}
	}
	return true
}
