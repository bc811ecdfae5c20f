// Package plan turns graphs into work: which kernel runs each node, where its
// operands lie, and in what order.
//
// No promise: plans are reached through engine.
package plan

import (
	"fmt"

	"github.com/visionzoo/vision/engine/ir"
	"github.com/visionzoo/vision/engine/ops"
	"github.com/visionzoo/vision/engine/tensor"
)

// Program is a graph made ready to be interpreted node by node: for each node
// the values that are used for the last time there.
type Program struct {
	graph   *ir.Graph
	last    [][]*ir.Value // by node: values to forget after it
	regions map[*ir.Graph]*Program
}

// NewProgram prepares a graph and its regions.
func NewProgram(g *ir.Graph) *Program {
	p := &Program{graph: g, last: make([][]*ir.Value, len(g.Nodes)), regions: map[*ir.Graph]*Program{}}
	kept := map[*ir.Value]bool{}
	for _, v := range g.Outputs {
		kept[v] = true
	}
	seen := map[*ir.Value]bool{}
	for i := len(g.Nodes) - 1; i >= 0; i-- {
		n := g.Nodes[i]
		for _, v := range append(n.Uses(), n.Outputs...) {
			if !seen[v] && !kept[v] && v.Const() == nil {
				seen[v] = true
				p.last[i] = append(p.last[i], v)
			}
		}
		for _, r := range n.Regions() {
			p.regions[r] = NewProgram(r)
		}
	}
	return p
}

// frame holds the values of one graph while it runs.
type frame struct {
	program *Program
	run     *ops.Run
	values  map[*ir.Value]*tensor.Tensor
	parent  *frame
	plain   bool
	facts   map[*ir.Value]ir.Fact // what planning found constant
}

// Interpret runs the program node by node on the given inputs, in the order of
// the graph's inputs. plain leaves out fast kernels.
func (p *Program) Interpret(run *ops.Run, in []*tensor.Tensor, plain bool) ([]*tensor.Tensor, error) {
	f := &frame{program: p, run: run, plain: plain}
	return f.execute(in)
}

// Region runs a region of a node of this frame.
func (f *frame) Region(g *ir.Graph, in []*tensor.Tensor) ([]*tensor.Tensor, error) {
	inner := &frame{program: f.program.regions[g], run: f.run, parent: f, plain: f.plain}
	return inner.execute(in)
}

func (f *frame) execute(in []*tensor.Tensor) ([]*tensor.Tensor, error) {
	g := f.program.graph
	if len(in) != len(g.Inputs) {
		return nil, fmt.Errorf("graph takes %d inputs, %d are given", len(g.Inputs), len(in))
	}
	f.values = make(map[*ir.Value]*tensor.Tensor, len(g.Nodes))
	for i, v := range g.Inputs {
		f.set(v, in[i])
	}
	for i, n := range g.Nodes {
		if err := f.run.Check(); err != nil {
			return nil, err
		}
		if err := f.node(n); err != nil {
			return nil, err
		}
		for _, v := range f.program.last[i] {
			if t, ok := f.values[v]; ok {
				f.run.Release(t)
				delete(f.values, v)
			}
		}
	}
	out := make([]*tensor.Tensor, len(g.Outputs))
	for i, v := range g.Outputs {
		out[i] = f.get(v)
		f.run.Hold(out[i])
	}
	for _, t := range f.values {
		f.run.Release(t)
	}
	for _, t := range out { // what is left is the caller's, who holds it from here
		f.run.Return(t)
	}
	return out, nil
}

func (f *frame) set(v *ir.Value, t *tensor.Tensor) {
	f.run.Hold(t)
	f.values[v] = t
}

// get finds a value here or in the graphs around.
func (f *frame) get(v *ir.Value) *tensor.Tensor {
	if v == nil {
		return nil
	}
	if c := v.Const(); c != nil {
		return c
	}
	for ; f != nil; f = f.parent {
		if t, ok := f.values[v]; ok {
			return t
		}
		if c := f.facts[v].Const; c != nil {
			return c
		}
	}
	return nil
}

// node evaluates one node.
func (f *frame) node(n *ir.Node) error {
	c := &ops.Call{In: make([]*tensor.Tensor, len(n.Inputs)), Out: make([]*tensor.Tensor, len(n.Outputs)), Node: n, Run: f.run, Regions: f}
	for i, v := range n.Inputs {
		c.In[i] = f.get(v)
	}
	if err := Evaluate(c, f.plain); err != nil {
		return n.Fail(err)
	}
	for i, v := range n.Outputs {
		if c.Out[i] != nil {
			f.set(v, c.Out[i])
		} else if v.Name != "" {
			return n.Fail(fmt.Errorf("BUG: output %d was not computed", i))
		}
	}
	f.run.Done()
	return nil
}

// Evaluate runs the operator of a call. A panic is a bug of ours that must not
// take the caller's process down: it becomes the node's error.
func Evaluate(c *ops.Call, plain bool) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("BUG: panic: %v", r)
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
