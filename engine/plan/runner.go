package plan

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/visionzoo/vision/engine/ir"
	"github.com/visionzoo/vision/engine/kernel"
	"github.com/visionzoo/vision/engine/onnx"
	"github.com/visionzoo/vision/engine/ops"
	"github.com/visionzoo/vision/engine/team"
	"github.com/visionzoo/vision/engine/tensor"
)

// Options are the options of a runner.
type Options struct {
	Rung    *kernel.Rung
	Threads int   // most threads; 0: the whole team
	Memory  int64 // most bytes that a run may hold at once
	Turns   int64 // most iterations of all loops of a run together
	Plain   bool  // reference kernels, node by node
	BF16    bool  // convolutions and products in bfloat16
	Strict  bool  // fused multiply-add only
	Trace   func(Event)
	FLOPs   func(n *ir.Node, fact func(*ir.Value) ir.Fact) float64 // of a node, for Trace
	Planned func()                                                 // called after constants were packed, since they will not be read again soon
}

// Runner runs one graph. It is safe for concurrent use.
type Runner struct {
	graph    *ir.Graph
	opt      Options
	program  *program
	stock    *stock        // memory of arenas
	planning chan struct{} // a lock whose wait can be cancelled, held while a stage is made
	weights  *weights      // used only while holding planning
	batches  batches
	part     int        // leastPart, but for tests
	mu       sync.Mutex // guards the lists of stages
}

// NewRunner prepares a graph whose nodes are bound to operators.
func NewRunner(g *ir.Graph, o Options) *Runner {
	r := &Runner{graph: g, opt: o, program: newProgram(g, nil), stock: &stock{threads: o.Threads}, planning: make(chan struct{}, 1), weights: newWeights(&o), part: leastPart}
	runtime.AddCleanup(r, func(s *stock) { s.drain() }, r.stock)
	return r
}

// Inputs lists the values that Run takes, in order.
func (r *Runner) Inputs() []*ir.Value { return r.graph.Inputs }

// Outputs lists the values that Run returns, in order.
func (r *Runner) Outputs() []*ir.Value { return r.graph.Outputs }

// PackTime is the time that packing constants has taken so far.
func (r *Runner) PackTime() time.Duration {
	r.planning <- struct{}{}
	defer func() { <-r.planning }()
	return r.weights.took
}

// Graph is the graph that runs, after the passes.
func (r *Runner) Graph() *ir.Graph { return r.graph }

// Run computes the graph's outputs for the inputs; both are in the graph's order.
// The results belong to the caller. into may hold tensors into which results are
// written if dtype and shape fit and no input lies there; otherwise, and for nil, new
// tensors are allocated. The caller must use the returned slice: it may be into itself,
// with new tensors in place of those that did not fit.
func (r *Runner) Run(ctx context.Context, in, into []*tensor.Tensor) ([]*tensor.Tensor, error) {
	for i, t := range into {
		if t != nil && slices.ContainsFunc(in, t.Shares) {
			into[i] = nil
		}
	}
	if d, n := r.divide(in); d.each > 0 {
		return r.runParts(ctx, in, into, d, n)
	}
	return r.runWhole(ctx, in, into)
}

// runWhole runs the graph once.
func (r *Runner) runWhole(ctx context.Context, in, into []*tensor.Tensor) ([]*tensor.Tensor, error) {
	if s := r.static(in); s != nil {
		return s.runStatic(ctx, r, in, into)
	}
	if err := ctx.Err(); err != nil {
		return nil, context.Cause(ctx)
	}
	run := ops.NewRun(ctx, r.opt.Memory, r.opt.Turns)
	if r.opt.Plain {
		out, err := r.program.interpret(run, in, true)
		if err != nil {
			return nil, err
		}
		return r.handOver(run, out)
	}
	run.Kernel, run.Parallel, run.Strict = r.opt.Rung, parallel(r.opt.Threads, run), r.opt.Strict
	f := newFrame(r.program, &env{run: run, runner: r, trace: r.opt.Trace})
	if err := f.enter(in, nil); err != nil {
		return nil, err
	}
	out, err := f.staged()
	if err != nil {
		return nil, err
	}
	return r.handOver(run, out)
}

// handOver makes sure that the results belong to the caller: tensors that were not
// allocated in this run, or that occur twice, are copied.
func (r *Runner) handOver(run *ops.Run, out []*tensor.Tensor) ([]*tensor.Tensor, error) {
	seen := map[*tensor.Owner]bool{}
	for i, t := range out {
		if run.Owns(t) && !seen[t.Owner()] {
			seen[t.Owner()] = true
			continue
		}
		c, err := copied(run, r.graph.Outputs[i], t)
		if err != nil {
			return nil, err
		}
		out[i] = c
		run.Grow(bytesOf(c))
	}
	return out, nil
}

// copied is a copy of an output within the memory limit.
func copied(run *ops.Run, v *ir.Value, t *tensor.Tensor) (*tensor.Tensor, error) {
	if err := run.ReserveBytes(bytesOf(t)); err != nil {
		return nil, fmt.Errorf("output %s: %w", onnx.Quote(v.Name), err)
	}
	return t.Clone(), nil
}

// bytesOf is the size of a tensor with all that it holds.
func bytesOf(t *tensor.Tensor) int64 {
	n := int64(t.Size())
	for _, e := range t.Elems() {
		n += bytesOf(e)
	}
	return n
}

// Prepare plans for inputs of the given facts and packs the weights.
func (r *Runner) Prepare(ctx context.Context, facts []ir.Fact) error {
	r.planning <- struct{}{}
	defer func() { <-r.planning }()
	in := make(map[*ir.Value]ir.Fact, len(facts))
	for i, v := range r.graph.Inputs {
		in[v] = facts[i]
	}
	all := make([]int, len(r.program.work))
	for i := range all {
		all[i] = i
	}
	s, err := r.newStage(ctx, r.program, all, in, r.graph.Inputs)
	if err != nil {
		return err
	}
	r.keep(r.program, &r.program.stages, s)
	return nil
}

// static finds a stage that consists of one plan, for inputs of these shapes; nil if there
// is none, or none yet.
func (r *Runner) static(in []*tensor.Tensor) *stage {
	if r.opt.Plain {
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	s := newest(&r.program.stages, r.program, in)
	if s == nil || !s.whole() {
		return nil
	}
	return s
}

// runStatic runs a graph of one stage, without a frame.
func (s *stage) runStatic(ctx context.Context, r *Runner, in, into []*tensor.Tensor) ([]*tensor.Tensor, error) {
	inst, err := s.plan.start(ctx, in)
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
			continue
		}
		if into[i], err = copied(inst.alone, v, t); err != nil {
			return nil, err
		}
		inst.alone.Grow(bytesOf(t))
	}
	return into, nil
}

// task makes a function a team.Task.
type task func(i int)

func (t task) Chunk(i int) { t(i) }

// longTask is a task of more than team.Longest chunks, over when its run is.
type longTask struct {
	task
	run *ops.Run
}

func (t longTask) Stopped() bool { return t.run.Check() != nil }

// parallel runs loops of a run's operators on the team.
func parallel(threads int, run *ops.Run) func(n int, chunk func(i int)) {
	if threads == 1 {
		return nil
	}
	return func(n int, chunk func(i int)) {
		var t team.Task = task(chunk)
		if n > team.Longest {
			t = longTask{task(chunk), run}
		}
		if err := team.Default().Run(threads, n, t); err != nil {
			panic(err)
		}
	}
}
