package plan

import (
	"context"
	"fmt"
	"slices"

	"github.com/visionzoo/vision/engine/ir"
	"github.com/visionzoo/vision/engine/tensor"
)

// staged runs a program stage by stage: a plan, then dynamic nodes, and so on.
func (f *frame) staged() ([]*tensor.Tensor, error) {
	if f.leases == nil {
		f.leases = newLeases(f)
	}
	defer f.leases.close()
	s, err := f.first()
	if err != nil {
		return nil, err
	}
	for {
		for _, c := range s.folded {
			f.values[c.slot] = c.value
		}
		if s.plan != nil {
			if err := f.runPlan(s); err != nil {
				return nil, err
			}
		}
		f.dropAll(s.drops[0])
		if len(s.dynamic) == 0 {
			break
		}
		for k, i := range s.dynamic {
			if err := f.dynamic(i); err != nil {
				return nil, err
			}
			f.dropAll(s.drops[1+k])
		}
		if s, err = f.after(s); err != nil {
			return nil, err
		}
	}
	if err := f.run.Check(); err != nil {
		return nil, err
	}
	if err := f.takeOut(); err != nil {
		return nil, err
	}
	return f.leave(f.program.every)
}

func (f *frame) dropAll(slots []int) {
	for _, s := range slots {
		f.drop(s)
	}
}

// runPlan runs a stage's plan on the values of the frame.
func (f *frame) runPlan(s *stage) error {
	at, err := f.leases.open(s.plan)
	if err != nil {
		return err
	}
	for i, v := range s.plan.inputs {
		at.inst.bind(v, f.values[s.inputs[i]])
	}
	if err := at.inst.run(); err != nil {
		return err
	}
	for _, o := range s.outputs {
		t := at.inst.tensor(o.value)
		if o.from >= 0 { // a view of an input with another shape
			if t, err = f.values[o.from].Reshape(t.Shape()...); err != nil {
				return err
			}
			f.set(o.slot, t)
			f.leases.track(o.slot, t)
			continue
		}
		if t.Size() == 0 { // lies in no memory, so leases would not follow it further: the instance's own tensor is the next run's
			t = t.Clone()
		}
		f.values[o.slot] = t
		f.leases.own(o.slot, at)
	}
	f.leases.release(at)
	return nil
}

// dynamic evaluates a node and records in whose memory its results lie.
func (f *frame) dynamic(i int) error {
	if err := f.run.Check(); err != nil {
		return err
	}
	if err := f.node(i); err != nil {
		return err
	}
	for _, slot := range f.program.work[i].out {
		f.leases.track(slot, f.values[slot])
	}
	return nil
}

// takeOut copies results that lie in the memory of plans, so that they outlive it.
func (f *frame) takeOut() error {
	for i, o := range f.program.outputs {
		if o.slot < 0 {
			continue
		}
		t := f.values[o.slot]
		if t == nil {
			return fmt.Errorf("BUG: output %q was not computed", f.program.graph.Outputs[i].Name)
		}
		if !f.leases.inside(t) {
			continue
		}
		c, err := copied(f.run, f.program.graph.Outputs[i], t)
		if err != nil {
			return err
		}
		f.run.Adopt(c)
		f.run.Hold(c)
		f.run.Release(t)
		f.values[o.slot] = c
	}
	return nil
}

// first finds or makes the first stage for the frame's inputs.
func (f *frame) first() (*stage, error) {
	p := f.program
	return f.runner.plan(f.run.Context(), p, &p.stages, f.values, func(ctx context.Context) (*stage, error) {
		facts := map[*ir.Value]ir.Fact{}
		var arrived []*ir.Value
		own, captured := p.inputs()
		for v, slot := range p.slots {
			if slot < own+captured && f.values[slot] != nil {
				facts[v] = ir.TypeOf(f.values[slot])
				arrived = append(arrived, v)
			}
		}
		all := make([]int, len(p.work))
		for i := range all {
			all[i] = i
		}
		return f.runner.newStage(ctx, p, all, facts, arrived)
	})
}

// after finds or makes the stage after s, for the results of its dynamic nodes.
func (f *frame) after(s *stage) (*stage, error) {
	p := f.program
	return f.runner.plan(f.run.Context(), p, &s.next, f.values, func(ctx context.Context) (*stage, error) {
		facts := map[*ir.Value]ir.Fact{}
		keep := func(v *ir.Value) {
			if fact, ok := s.facts[v]; ok {
				facts[v] = fact
			}
		}
		for _, v := range p.graph.Outputs {
			keep(v)
		}
		for _, i := range s.rest {
			for _, v := range p.work[i].uses {
				keep(v)
			}
		}
		var arrived []*ir.Value
		for _, i := range s.dynamic {
			for _, v := range p.work[i].node.Outputs {
				if t := f.values[p.slots[v]]; t != nil {
					facts[v] = ir.TypeOf(t)
					arrived = append(arrived, v)
				}
			}
		}
		return f.runner.newStage(ctx, p, s.rest, facts, arrived)
	})
}

// newest finds the stage that fits the values and moves it to the front of the
// list; nil if there is none.
func newest(stages *[]*stage, p *program, values []*tensor.Tensor) *stage {
	for i, s := range *stages {
		if s.fits(p, values) {
			copy((*stages)[1:i+1], (*stages)[:i])
			(*stages)[0] = s
			p.touch(s)
			return s
		}
	}
	return nil
}

// plan returns the stage of a list that fits the values, else makes one with build and
// puts it at the front of the list. Only one stage is planned at a time; waiting for
// that can be cancelled.
func (r *Runner) plan(ctx context.Context, p *program, list *[]*stage, values []*tensor.Tensor, build func(context.Context) (*stage, error)) (*stage, error) {
	locked := func() *stage {
		r.mu.Lock()
		defer r.mu.Unlock()
		return newest(list, p, values)
	}
	if s := locked(); s != nil {
		return s, nil
	}
	select {
	case r.planning <- struct{}{}:
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	defer func() { <-r.planning }()
	if s := locked(); s != nil { // it was made while we waited
		return s, nil
	}
	s, err := build(ctx)
	if err != nil {
		return nil, err
	}
	r.keep(p, list, s)
	return s, nil
}

// keep puts a stage at the front of a list of its program's, and drops, as long as the tree
// has too many leaves, the leaf that was not used for longest.
func (r *Runner) keep(p *program, list *[]*stage, s *stage) {
	r.mu.Lock()
	defer r.mu.Unlock()
	p.touch(s)
	*list = slices.Insert(*list, 0, s)
	for {
		leaves := 0
		oldest, at := oldestLeaf(&p.stages, &leaves)
		if leaves <= keptStages {
			return
		}
		*oldest = slices.Delete(*oldest, at, at+1)
	}
}

// oldestLeaf adds to leaves the number of leaves in a list of stages and behind them, and
// returns the one that was not used for longest: its list and its place there.
func oldestLeaf(list *[]*stage, leaves *int) (oldest *[]*stage, at int) {
	for i, s := range *list {
		in, k := list, i
		if len(s.next) > 0 {
			in, k = oldestLeaf(&s.next, leaves)
		} else {
			*leaves++
		}
		if oldest == nil || (*in)[k].used < (*oldest)[at].used {
			oldest, at = in, k
		}
	}
	return oldest, at
}

// touch records that a stage is used.
func (p *program) touch(s *stage) {
	p.clock++
	s.used = p.clock
}
