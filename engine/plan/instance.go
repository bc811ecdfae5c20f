package plan

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"time"
	"unsafe"

	"github.com/visionzoo/vision/engine/ir"
	"github.com/visionzoo/vision/engine/kernel"
	"github.com/visionzoo/vision/engine/ops"
	"github.com/visionzoo/vision/engine/team"
	"github.com/visionzoo/vision/engine/tensor"
	"github.com/visionzoo/vision/internal/clock"
)

// instance is one run of a plan: its memory, and the addresses of all operands of all
// steps. They are computed in advance, and again only if the memory moved, so that a run
// only computes.
//
// A run goes: Plan.start or Plan.take, bind for each input, run, tensor for each output,
// Plan.give.
type instance struct {
	plan    *Plan
	ops     *ops.Run                     // the run that it works for
	alone   *ops.Run                     // a run of its own, for plans of a whole graph
	block   *memoryBlock                 // its memory, kept from run to run unless another instance took it
	memory  []byte                       // the arena, in that block
	tensors map[*ir.Value]*tensor.Tensor // planar values; inputs are bound at each run
	headers []header                     // of those in the arena
	calls   []*ops.Call                  // by step; nil for kernels
	mem     []kernel.Memory              // by step
	inputs  map[*ir.Value]*binding
	team    *team.Team
	series  []*team.Series // of the plan's
	current int            // step at work, for Chunk
	fed     uintptr        // where the first input of the last run lay
}

// header is a tensor whose numbers lie in the arena, size bytes from byte at on.
type header struct {
	tensor   *tensor.Tensor
	at, size int
}

// binding lists where the address of an input has to be filled in.
type binding struct {
	kernels []*unsafe.Pointer // operands of kernels
	offsets []int             // of each from the beginning of the input, in bytes
	alias   []*tensor.Tensor  // the input, under one shape or several
}

// start returns an instance for a run of this plan alone, with memory; give takes it
// back. It prefers the idle one that read the same input last: a caller that passes the
// same tensor again usually runs on the same processor, whose cache holds that instance's
// memory.
func (p *Plan) start(ctx context.Context, in []*tensor.Tensor) (*instance, error) {
	var fed uintptr
	if len(in) > 0 {
		fed = uintptr(unsafe.Pointer(unsafe.SliceData(in[0].Bytes())))
	}
	inst := p.idleInstance(fed)
	inst.fed = fed
	if inst.alone == nil {
		inst.alone = ops.NewRun(ctx, p.opt.Memory, p.opt.Turns)
		inst.alone.Kernel, inst.alone.Parallel, inst.alone.Strict = p.opt.Rung, parallel(p.opt.Threads, inst.alone), p.opt.Strict
	}
	inst.alone.Reset(ctx)
	if err := inst.alone.ReserveBytes(int64(p.arena)); err != nil {
		return nil, p.tooLarge(err)
	}
	inst.alone.Grow(int64(p.arena))
	inst.settle(inst.alone, p.stock.take(p.arena, inst.block, inst.alone))
	return inst, nil
}

// take returns an instance for a run of which this plan is only a part.
func (p *Plan) take(run *ops.Run) *instance {
	inst := p.idleInstance(0)
	inst.settle(run, p.stock.take(p.arena, inst.block, run))
	return inst
}

// idleInstance returns the idle instance that read the given address last, else another, else
// a new one.
func (p *Plan) idleInstance(fed uintptr) *instance {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.idle) == 0 {
		return newInstance(p)
	}
	at := len(p.idle) - 1
	for i, inst := range p.idle {
		if inst.fed == fed {
			at = i
		}
	}
	inst := p.idle[at]
	p.idle = slices.Delete(p.idle, at, at+1)
	return inst
}

// give takes an instance back, and returns its memory to the stock. It keeps as
// many idle instances as can run at the same time.
func (p *Plan) give(inst *instance) {
	inst.release()
	p.stock.give(inst.block)
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.idle) < max(2, runtime.GOMAXPROCS(0)) {
		p.idle = append(p.idle, inst)
	}
}

// newInstance returns an instance without memory: settle gives it some.
func newInstance(p *Plan) *instance {
	i := &instance{plan: p, tensors: map[*ir.Value]*tensor.Tensor{},
		calls: make([]*ops.Call, len(p.steps)), mem: make([]kernel.Memory, len(p.steps)),
		inputs: map[*ir.Value]*binding{}, team: team.Default()}
	for _, v := range p.inputs {
		i.inputs[v] = &binding{}
	}
	for v, pl := range p.places {
		i.tensors[v] = i.header(v, pl)
	}
	for at := range p.steps {
		s := &p.steps[at]
		if s.kernel == nil {
			i.calls[at] = i.call(s.node)
			i.calls[at].Packed = s.packed
		} else if len(s.in) > 1 {
			i.mem[at].More = make([]unsafe.Pointer, len(s.in)-1)
		}
	}
	i.recordInputs()
	for _, loops := range p.series {
		i.series = append(i.series, team.NewSeries(loops, p.threads()))
	}
	return i
}

// header makes the tensor of a planar value.
func (i *instance) header(v *ir.Value, p place) *tensor.Tensor {
	f := i.plan.facts[v]
	sizes, _ := f.Shape.Ints()
	t := tensor.View(f.DType, nil, sizes)
	if p.buffer < 0 {
		b := i.inputs[p.from]
		b.alias = append(b.alias, t)
		return t
	}
	i.headers = append(i.headers, header{t, i.plan.buffers[p.buffer].offset + p.offset, tensor.MustCount(sizes) * f.DType.Size()})
	return t
}

// settle prepares the instance for a run, in the memory of block b.
func (i *instance) settle(run *ops.Run, b *memoryBlock) {
	if i.ops != run {
		i.ops = run
		for _, c := range i.calls {
			if c != nil {
				c.Run = run
			}
		}
	}
	if i.block == b {
		return
	}
	i.block, i.memory = b, b.memory[:i.plan.arena:i.plan.arena]
	for _, h := range i.headers {
		h.tensor.Rebind(i.memory[h.at : h.at+h.size : h.at+h.size])
	}
	i.pointToArena()
}

// release forgets the run and its inputs, which an idle instance must not keep alive.
func (i *instance) release() {
	for _, b := range i.inputs {
		for _, a := range b.alias {
			a.Rebind(nil)
		}
		for _, dst := range b.kernels {
			*dst = nil
		}
	}
	if i.ops == i.alone {
		i.alone.Reset(context.Background())
		return
	}
	i.ops = nil
	for _, c := range i.calls {
		if c != nil {
			c.Run = nil
		}
	}
}

// recordInputs records, once, where the addresses of the plan's inputs have to be filled in.
func (i *instance) recordInputs() {
	i.eachOperand(func(dst *unsafe.Pointer, p place) {
		if p.buffer < 0 {
			b := i.inputs[p.from]
			b.kernels, b.offsets = append(b.kernels, dst), append(b.offsets, p.offset)
		}
	})
}

// pointToArena fills in the addresses of operands that lie in the arena.
func (i *instance) pointToArena() {
	i.eachOperand(func(dst *unsafe.Pointer, p place) {
		if p.buffer >= 0 {
			*dst = unsafe.Pointer(&i.memory[i.plan.buffers[p.buffer].offset+p.offset])
		}
	})
}

// eachOperand visits the operands of all kernels: where a run reads the address of each, and
// its place.
func (i *instance) eachOperand(visit func(dst *unsafe.Pointer, p place)) {
	for at := range i.plan.steps {
		s := &i.plan.steps[at]
		if s.kernel == nil {
			continue
		}
		m := &i.mem[at]
		visit(&m.Out, s.out)
		if s.scratch.buffer >= 0 {
			visit(&m.Scratch, s.scratch)
		}
		if s.res != nil {
			visit(&m.Residual, *s.res)
		}
		if s.mean != nil {
			visit(&m.Mean, *s.mean)
		}
		for k := range s.in {
			dst := &m.In
			if k > 0 {
				dst = &m.More[k-1]
			}
			visit(dst, s.in[k])
		}
	}
}

// call prepares the evaluation of an operator.
func (i *instance) call(n *ir.Node) *ops.Call {
	c := &ops.Call{In: make([]*tensor.Tensor, len(n.Inputs)), Out: make([]*tensor.Tensor, len(n.Outputs)),
		Planned: make([]*tensor.Tensor, len(n.Outputs)), Node: n, Run: i.ops}
	for k, v := range n.Inputs {
		if v == nil {
			continue
		}
		if c.In[k] = v.Const(); c.In[k] == nil {
			c.In[k] = i.plan.facts[v].Const
		}
		if c.In[k] == nil {
			c.In[k] = i.tensors[v]
		}
	}
	for k, v := range n.Outputs {
		c.Planned[k] = i.tensors[v]
	}
	return c
}

// bind makes the plan read an input from t.
func (i *instance) bind(v *ir.Value, t *tensor.Tensor) {
	b := i.inputs[v]
	if b == nil {
		return // nothing reads it
	}
	for _, a := range b.alias {
		a.Rebind(t.Bytes())
	}
	for k, dst := range b.kernels {
		*dst = unsafe.Add(unsafe.Pointer(unsafe.SliceData(t.Bytes())), b.offsets[k])
	}
}

// tensor returns a planar value of the plan, nil if it has none.
func (i *instance) tensor(v *ir.Value) *tensor.Tensor { return i.tensors[v] }

// Chunk runs a chunk of the current kernel unless the run was cancelled. It
// implements team.Task.
func (i *instance) Chunk(chunk int) { i.LoopChunk(0, chunk) }

// Stopped reports whether the run was cancelled. It implements team.Stopper.
func (i *instance) Stopped() bool { return i.ops.Check() != nil }

// LoopChunk is Chunk for a kernel of the current series. It implements
// team.LoopTask.
func (i *instance) LoopChunk(loop, chunk int) {
	if i.ops.Check() == nil {
		at := i.current + loop
		i.plan.steps[at].kernel.Run(chunk, &i.mem[at])
	}
}

// yieldAfter is how long a run on one thread goes on before it yields. The Go runtime preempts a
// goroutine after ten milliseconds, and then it often continues on another thread,
// on another processor with cold caches, which makes networks of some ten milliseconds a
// third slower. A goroutine that yields earlier stays where it is. With helpers the other
// processors are busy anyway, and yielding while another program wants a processor
// would move the run.
const yieldAfter = 2 * time.Millisecond

// run runs the steps: kernels in a row as a series, the others one by one.
func (i *instance) run() error {
	began, series, watched := clock.Now(), 0, i.plan.opt.watched()
	for i.current = 0; i.current < len(i.plan.steps); {
		if i.plan.opt.Threads == 1 && clock.Since(began) > yieldAfter {
			runtime.Gosched()
			began = clock.Now()
		}
		if err := i.ops.Check(); err != nil {
			return err
		}
		s := &i.plan.steps[i.current]
		if s.kernel != nil && len(i.series) > 0 && !watched && s.kernel.Chunks() <= team.Longest {
			if at, err := i.team.RunSeries(i.series[series], i); err != nil {
				return i.plan.steps[i.current+at].node.Fail(err)
			}
			i.current += i.series[series].Loops()
			series++
			continue
		}
		if err := i.step(s); err != nil {
			return s.node.Fail(err)
		}
		i.current++
	}
	return i.ops.Check()
}

// step runs a step by itself.
func (i *instance) step(s *step) (err error) {
	task := team.Task(i)
	if o := i.plan.opt; o.watched() {
		labelled, end := watch(i.ops, s.node)
		defer end()
		task = watchedTask{i, labelled}
		if o.Trace != nil {
			start := clock.Now()
			defer func() {
				if err == nil {
					err = callTrace(o.Trace, o.event(s.name, s.node, s.of, i.plan.fact, start))
				}
			}()
		}
	}
	if s.kernel != nil {
		return i.team.Run(i.plan.opt.Threads, s.kernel.Chunks(), task)
	}
	return i.evaluate(i.calls[i.current])
}

// evaluate runs an operator. It may use the memory in c.Planned for its results; those that
// are elsewhere are copied there.
func (i *instance) evaluate(c *ops.Call) error {
	defer c.Reset()
	if err := evaluate(c, false); err != nil {
		return err
	}
	for k, want := range c.Planned {
		got := c.Out[k]
		if got == nil || got == want {
			continue
		}
		if got.DType() != want.DType() || !slices.Equal(got.Shape(), want.Shape()) {
			return fmt.Errorf("BUG: output %d came out as %s, inferred was %s", k, got, want)
		}
		for j := k + 1; j < len(c.Out); j++ { // another output may lie where this one has to go
			if c.Out[j] == want {
				c.Out[j] = want.Clone()
			}
		}
		copy(want.Bytes(), got.Bytes())
	}
	i.ops.Done()
	return nil
}
