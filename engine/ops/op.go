// Package ops is what operators mean: for each, by version, how its attributes
// are read, what shape its outputs have, and a reference kernel that reads
// like the specification.
//
// No promise: operators are reached through engine.
package ops

import (
	"context"
	"fmt"
	"slices"

	"github.com/visionzoo/vision/engine/ir"
	"github.com/visionzoo/vision/engine/tensor"
)

// Op is one operator with its attributes read. It is immutable and safe for
// concurrent use.
type Op interface {
	ir.Operator

	// Eval computes the outputs of c from its inputs as the specification
	// writes it, and sets c.Out.
	Eval(c *Call) error
}

// Fast is implemented by operators that have kernels for some operands. Eval
// checks EvalFast: both give the same results within the kernels' bounds.
type Fast interface {
	Op

	// EvalFast computes the outputs like Eval, or reports false and leaves c
	// alone where it has no kernel for these operands.
	EvalFast(c *Call) (bool, error)
}

// Def is one meaning of an operator: the versions of its domain's opset that
// share it.
type Def struct {
	Domain, Name string
	Since, Until int            // Until 0: to the newest
	Types        tensor.TypeSet // element types of the first input (without inputs: of the output); 0: any value
	In, Out      Arity
	New          func(n *ir.Node) (Op, error)
	Random       bool // evaluated at each run, never folded
}

// Arity is how many inputs or outputs there may be: from the required ones to
// all. Many has no upper bound.
type Arity struct{ Min, Max int }

// Many is the Max of a variadic list.
const Many = 1 << 30

// Exactly is an arity without optional places.
func Exactly(n int) Arity { return Arity{n, n} }

// Call is one evaluation of a node: operands in, results out. An omitted
// optional input is nil; inputs are read only. Eval sets every element of Out
// that the node names. An output may share the memory of an input.
type Call struct {
	In, Out []*tensor.Tensor
	Node    *ir.Node
	Run     *Run
	Regions Regions          // runs the regions of a control flow node
	Planned []*tensor.Tensor // memory that a plan has set aside for the outputs
	Kept    any              // what EvalFast keeps for the next run of the same plan
	taken   uint64           // of Planned, by bit
}

// Reset readies a call that was used before.
func (c *Call) Reset() {
	clear(c.Out)
	c.taken = 0
}

// Regions runs a region of the node that is being evaluated, with its inputs
// and the values it captures from the graphs around it.
type Regions interface {
	Region(g *ir.Graph, in []*tensor.Tensor) ([]*tensor.Tensor, error)
}

// Region runs a region of the node.
func (c *Call) Region(g *ir.Graph, in ...*tensor.Tensor) ([]*tensor.Tensor, error) {
	return c.Regions.Region(g, in)
}

// New makes a tensor of zeros within the run's memory limit: an output, or
// scratch that is forgotten when Eval returns.
func (c *Call) New(d tensor.DType, shape ...int) (*tensor.Tensor, error) {
	for i, p := range c.Planned {
		if p != nil && c.taken>>i&1 == 0 && p.DType() == d && slices.Equal(p.Shape(), shape) {
			c.taken |= 1 << i
			clear(p.Bytes())
			return p, nil
		}
	}
	if err := c.Run.Reserve(d, shape); err != nil {
		return nil, err
	}
	t := tensor.New(d, shape...)
	c.Run.allocated(t)
	return t, nil
}

// like makes a tensor of the same dtype and shape as t.
func (c *Call) like(t *tensor.Tensor) (*tensor.Tensor, error) { return c.New(t.DType(), t.Shape()...) }

// inferred makes the first output as Infer says it is for these inputs, zeros,
// and puts it in its place.
func (c *Call) inferred(op Op) (*tensor.Tensor, error) {
	facts, err := op.Infer(factsOf(c.In))
	if err != nil {
		return nil, err
	}
	shape, known := facts[0].Shape.Ints()
	if !known {
		return nil, fmt.Errorf("BUG: the output's shape %s is not known from the inputs", facts[0].Shape)
	}
	y, err := c.New(facts[0].DType, shape...)
	if err != nil {
		return nil, err
	}
	c.Out[0] = y
	return y, nil
}

// wants reports whether output i is named by the node.
func (c *Call) wants(i int) bool {
	return i < len(c.Node.Outputs) && c.Node.Outputs[i].Name != ""
}

// input is input i, nil where it is left out.
func (c *Call) input(i int) *tensor.Tensor {
	if i < len(c.In) {
		return c.In[i]
	}
	return nil
}

// EvalConst evaluates a node on constants within a memory limit of its own;
// nil where it fails.
func EvalConst(ctx context.Context, n *ir.Node, in []*tensor.Tensor, limit int64) (out []*tensor.Tensor) {
	defer func() {
		if recover() != nil {
			out = nil
		}
	}()
	c := &Call{In: in, Out: make([]*tensor.Tensor, len(n.Outputs)), Node: n, Run: NewRun(ctx, limit, 1_000_000)}
	if err := n.Operator.(Op).Eval(c); err != nil {
		return nil
	}
	for i, v := range n.Outputs {
		if c.Out[i] == nil && v.Name != "" {
			return nil
		}
	}
	return c.Out
}
