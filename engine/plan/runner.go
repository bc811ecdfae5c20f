package plan

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/visionzoo/vision/engine/ir"
	"github.com/visionzoo/vision/engine/kernel"
	"github.com/visionzoo/vision/engine/ops"
	"github.com/visionzoo/vision/engine/team"
	"github.com/visionzoo/vision/engine/tensor"
)

// Options are what a runner is made with.
type Options struct {
	Rung    *kernel.Rung
	Threads int   // at most; 0: all of the team
	Memory  int64 // bytes a run may hold at once
	Turns   int64 // of all loops of a run together
	Plain   bool  // reference kernels, node by node
	BF16    bool  // convolutions and products in bfloat16
	Strict  bool  // fused multiply-add only
	Trace   func(Event)
}

// Runner runs one graph. It is safe for concurrent use.
type Runner struct {
	graph   *ir.Graph
	opt     Options
	program *Program
	weights *weights
	mu      sync.Mutex
	stages  []*stage // by the facts of the inputs, newest first
}

// NewRunner prepares a bound graph.
func NewRunner(g *ir.Graph, o Options) *Runner {
	return &Runner{graph: g, opt: o, program: NewProgram(g), weights: newWeights(&o)}
}

// Inputs are the values that Run takes, in order.
func (r *Runner) Inputs() []*ir.Value { return r.graph.Inputs }

// Outputs are the values that Run gives, in order.
func (r *Runner) Outputs() []*ir.Value { return r.graph.Outputs }

// PackTime is the time that packing constants has taken so far.
func (r *Runner) PackTime() time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.weights.took
}

// Graph is what the runner runs, after the passes.
func (r *Runner) Graph() *ir.Graph { return r.graph }

// Run computes the graph's outputs, in their order, for inputs in theirs. The
// results are the caller's. into may hold tensors to write results into, where
// dtype and shape fit; nil elements and a nil slice are allocated.
func (r *Runner) Run(ctx context.Context, in, into []*tensor.Tensor) ([]*tensor.Tensor, error) {
	if r.opt.Plain {
		run := ops.NewRun(ctx, r.opt.Memory, r.opt.Turns)
		return r.program.Interpret(run, in, true)
	}
	s, err := r.first(in)
	if err != nil {
		return nil, err
	}
	if s.plan != nil && len(s.dynamic)+len(s.rest) == 0 {
		return s.runStatic(ctx, r, in, into)
	}
	return s.runStaged(ctx, r, in)
}

// Prepare plans for inputs of the given facts and packs the weights.
func (r *Runner) Prepare(facts []ir.Fact) error {
	in := make(map[*ir.Value]ir.Fact, len(facts))
	for i, v := range r.graph.Inputs {
		in[v] = facts[i]
	}
	s, err := newStage(&r.opt, r.weights, r.graph.Nodes, r.graph.Outputs, in)
	if err != nil {
		return err
	}
	s.arrived = r.graph.Inputs
	r.mu.Lock()
	defer r.mu.Unlock()
	r.stages = append([]*stage{s}, r.stages...)
	return nil
}

// first finds or makes the first stage for inputs of these shapes.
func (r *Runner) first(in []*tensor.Tensor) (*stage, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i, s := range r.stages {
		if s.takes(in) {
			if i > 0 {
				copy(r.stages[1:i+1], r.stages[:i])
				r.stages[0] = s
			}
			return s, nil
		}
	}
	facts := make(map[*ir.Value]ir.Fact, len(in))
	for i, v := range r.graph.Inputs {
		facts[v] = ir.TypeOf(in[i])
	}
	s, err := newStage(&r.opt, r.weights, r.graph.Nodes, r.graph.Outputs, facts)
	if err != nil {
		return nil, err
	}
	s.arrived = r.graph.Inputs
	r.stages = append([]*stage{s}, r.stages[:min(len(r.stages), keptStages-1)]...)
	return s, nil
}

// takes reports whether a first stage was made for inputs of these shapes.
func (s *stage) takes(in []*tensor.Tensor) bool {
	for i, v := range s.arrived {
		fact := s.facts[v]
		if in[i].DType() != fact.DType || fact.DType < tensor.Sequence && !fact.Admits(in[i]) {
			return false
		}
	}
	return true
}

// runStatic runs a graph of one stage.
func (s *stage) runStatic(ctx context.Context, r *Runner, in, into []*tensor.Tensor) ([]*tensor.Tensor, error) {
	inst, err := s.plan.take(ctx)
	if err != nil {
		return nil, err
	}
	defer s.plan.give(inst)
	for i, v := range r.graph.Inputs {
		inst.bind(v, in[i])
	}
	if err := inst.run(); err != nil {
		return nil, err
	}
	if into == nil {
		into = make([]*tensor.Tensor, len(r.graph.Outputs))
	}
	for i, v := range r.graph.Outputs {
		t := inst.tensor(v)
		if k := slices.Index(r.graph.Inputs, v); k >= 0 {
			t = in[k]
		}
		if t == nil {
			t = s.fact(v).Const
		}
		if t == nil {
			return nil, fmt.Errorf("BUG: output %q was not computed", v.Name)
		}
		if dst := into[i]; dst != nil && dst.DType() == t.DType() && slices.Equal(dst.Shape(), t.Shape()) {
			copy(dst.Bytes(), t.Bytes())
		} else {
			into[i] = t.Clone()
		}
	}
	return into, nil
}

// runStaged runs plans and dynamic nodes in turn.
func (s *stage) runStaged(ctx context.Context, r *Runner, in []*tensor.Tensor) ([]*tensor.Tensor, error) {
	run := ops.NewRun(ctx, r.opt.Memory, r.opt.Turns)
	run.Kernel, run.Parallel, run.Strict = r.opt.Rung, parallel(r.opt.Threads), r.opt.Strict
	f := &frame{program: r.program, run: run, values: map[*ir.Value]*tensor.Tensor{}}
	for i, v := range r.graph.Inputs {
		f.set(v, in[i])
	}
	var used []*instance
	defer func() {
		for _, inst := range used {
			inst.plan.give(inst)
		}
	}()
	for {
		if s.plan != nil {
			inst, err := s.plan.take(ctx)
			if err != nil {
				return nil, err
			}
			used = append(used, inst)
			for _, v := range s.plan.inputs {
				inst.bind(v, f.values[v])
			}
			if err := inst.run(); err != nil {
				return nil, err
			}
			for _, v := range s.plan.outputs {
				f.values[v] = inst.tensor(v)
			}
		}
		f.facts = s.facts
		if len(s.dynamic) == 0 {
			break
		}
		for _, n := range s.dynamic {
			if err := f.node(n); err != nil {
				return nil, err
			}
		}
		next, err := s.after(r, f)
		if err != nil {
			return nil, err
		}
		s = next
	}
	out := make([]*tensor.Tensor, len(r.graph.Outputs))
	for i, v := range r.graph.Outputs {
		t := f.get(v)
		if t == nil {
			return nil, fmt.Errorf("BUG: output %q was not computed", v.Name)
		}
		out[i] = t.Clone()
	}
	return out, nil
}

// task adapts a function to the team.
type task func(i int)

func (t task) Chunk(i int) { t(i) }

// parallel runs loops of operators on the team.
func parallel(threads int) func(n int, chunk func(i int)) {
	if threads == 1 {
		return nil
	}
	return func(n int, chunk func(i int)) {
		if err := team.Default().Run(threads, n, task(chunk)); err != nil {
			panic(err)
		}
	}
}
