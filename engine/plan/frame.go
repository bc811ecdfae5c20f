package plan

import (
	"fmt"
	"time"

	"github.com/visionzoo/vision/engine/ir"
	"github.com/visionzoo/vision/engine/ops"
	"github.com/visionzoo/vision/engine/tensor"
	"github.com/visionzoo/vision/internal/clock"
)

// This file interprets a program: node by node, on tensors. That is how small loop bodies
// run, nodes whose shapes depend on data, and everything with Options.Plain. staged.go runs
// a program with plans.

// env holds what the frames of one run share.
type env struct {
	run    *ops.Run
	runner *Runner // nil: everything is interpreted
	plain  bool    // without fast kernels
	trace  func(Event)
}

// frame holds the values of one program while it runs, as a call frame holds the variables
// of a function. The frame of a region is reused for each iteration.
type frame struct {
	*env
	program *program
	values  []*tensor.Tensor // by slot
	calls   []ops.Call       // by node
	inner   map[*ir.Graph]*frame
	results []*tensor.Tensor
	leases  *leases // of plans; nil while there are none
}

func newFrame(p *program, e *env) *frame {
	return &frame{env: e, program: p, values: make([]*tensor.Tensor, len(p.slots)), calls: make([]ops.Call, len(p.work)),
		inner: make(map[*ir.Graph]*frame, len(p.regions)), results: make([]*tensor.Tensor, len(p.outputs))}
}

// interpret runs the program node by node on the given inputs, in the order of
// the graph's inputs. plain leaves out fast kernels.
func (p *program) interpret(run *ops.Run, in []*tensor.Tensor, plain bool) ([]*tensor.Tensor, error) {
	f := newFrame(p, &env{run: run, plain: plain})
	if err := f.enter(in, nil); err != nil {
		return nil, err
	}
	return f.interpret()
}

// Region runs a region of a node of this frame. The results are valid until the
// region runs again.
func (f *frame) Region(g *ir.Graph, in []*tensor.Tensor) ([]*tensor.Tensor, error) {
	inner := f.inner[g]
	if inner == nil {
		inner = newFrame(f.program.regions[g], f.env)
		f.inner[g] = inner
	}
	if err := inner.enter(in, f); err != nil {
		return nil, err
	}
	if inner.program.planned && inner.runner != nil {
		return inner.staged()
	}
	return inner.interpret()
}

// enter puts the inputs, and the values captured from the enclosing frame, into
// their slots.
func (f *frame) enter(in []*tensor.Tensor, around *frame) error {
	own, _ := f.program.inputs()
	if len(in) != own {
		return fmt.Errorf("graph takes %d inputs, %d are given", own, len(in))
	}
	for i, t := range in {
		f.set(i, t)
	}
	for i, from := range f.program.captured {
		f.values[own+i] = around.values[from]
	}
	return nil
}

// interpret runs the nodes in their order.
func (f *frame) interpret() ([]*tensor.Tensor, error) {
	for i := range f.program.work {
		if err := f.run.Check(); err != nil {
			return nil, err
		}
		if err := f.node(i); err != nil {
			return nil, err
		}
		for _, s := range f.program.work[i].last {
			f.drop(s)
		}
	}
	return f.leave(f.program.kept)
}

// leave collects the results and empties the given slots.
func (f *frame) leave(slots []int) ([]*tensor.Tensor, error) {
	for i, o := range f.program.outputs {
		t := f.operand(o)
		if t == nil {
			return nil, fmt.Errorf("BUG: output %q was not computed", f.program.graph.Outputs[i].Name)
		}
		f.results[i] = t
		f.run.Hold(t)
	}
	for _, s := range slots {
		f.drop(s)
	}
	for _, t := range f.results { // the results belong to the caller from here on
		f.run.Return(t)
	}
	return f.results, nil
}

func (f *frame) operand(o operand) *tensor.Tensor {
	if o.slot < 0 {
		return o.value
	}
	return f.values[o.slot]
}

// set puts a value into a slot, which holds it until drop.
func (f *frame) set(slot int, t *tensor.Tensor) {
	f.run.Hold(t)
	f.values[slot] = t
}

// drop empties a slot. The values of captured slots are kept by the enclosing
// frame.
func (f *frame) drop(slot int) {
	t := f.values[slot]
	if t == nil {
		return
	}
	f.values[slot] = nil
	own, captured := f.program.inputs()
	if slot < own || slot >= own+captured {
		f.run.Release(t)
	}
	if f.leases != nil {
		f.leases.drop(slot)
	}
}

// node evaluates one node.
func (f *frame) node(i int) error {
	w, c := &f.program.work[i], &f.calls[i]
	n := w.node
	if c.Node == nil {
		*c = ops.Call{In: make([]*tensor.Tensor, len(w.in)), Out: make([]*tensor.Tensor, len(w.out)), Node: n, Run: f.run, Regions: f}
	}
	for k, o := range w.in {
		c.In[k] = f.operand(o)
	}
	var start time.Time
	if f.runner != nil && f.runner.opt.watched() {
		_, end := watch(f.run, n)
		defer end()
		start = clock.Now()
	}
	if err := evaluate(c, f.plain); err != nil {
		return n.Fail(err)
	}
	if f.trace != nil {
		if err := callTrace(f.trace, f.runner.opt.event(n.Op, n, []*ir.Node{n}, factIn(c), start)); err != nil {
			return n.Fail(err)
		}
	}
	for k, slot := range w.out {
		if c.Out[k] != nil {
			f.set(slot, c.Out[k])
		} else if n.Outputs[k].Name != "" {
			return n.Fail(fmt.Errorf("BUG: output %d was not computed", k))
		}
	}
	clear(c.In) // the call is kept for the next iteration, but must not keep memory alive
	c.Reset()
	f.run.Done()
	return nil
}

// evaluate runs the operator of a call. A panic is a bug of ours that must not end
// the caller's process: it becomes the node's error.
func evaluate(c *ops.Call, plain bool) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = ops.Bug(r)
		}
	}()
	op := c.Node.Operator.(ops.Op)
	if fast, ok := op.(ops.Fast); ok && !plain {
		if done, err := fast.EvalFast(c); done || err != nil {
			return err
		}
	}
	return op.Eval(c)
}
