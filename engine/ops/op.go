// Package ops defines the operators. For each operator and range of versions it
// has the attributes with their defaults, the shapes and dtypes of the outputs,
// and a reference kernel that follows the specification's formula.
//
// This package may change without notice: operators are reached through engine.
package ops

import (
	"context"
	"fmt"
	"slices"

	"github.com/visionzoo/vision/engine/ir"
	"github.com/visionzoo/vision/engine/kernel"
	"github.com/visionzoo/vision/engine/tensor"
)

// Op is one operator with its attributes read. It is immutable and safe for
// concurrent use.
type Op interface {
	ir.Operator

	// Eval is the reference kernel: it computes the outputs of c from its inputs
	// as the specification defines them, and sets c.Out.
	Eval(c *Call) error
}

// Fast is implemented by operators that have fast kernels for some operands.
// Tests compare EvalFast with Eval: the results agree within the kernels' error
// bounds.
type Fast interface {
	Op

	// EvalFast computes the same outputs as Eval. If it has no kernel for these
	// operands, it returns false and leaves c unchanged.
	EvalFast(c *Call) (bool, error)
}

// Multiplier is implemented by operators that multiply by constants with the kernels,
// many times in a run: a plan packs those when the model is loaded.
type Multiplier interface {
	Fast

	// Products lists the products with constants, given the facts of the inputs; none
	// if EvalFast has no kernel for them.
	Products(in []ir.Fact) []Product
}

// Product is a product whose B are the numbers of a constant input, from one on.
type Product struct {
	Gemm        kernel.Gemm
	Input, From int
}

// Def is one definition of an operator, shared by a range of versions of its
// domain's opset.
type Def struct {
	Domain, Name string
	Since, Until int            // 0 for Until: up to the newest
	Types        tensor.TypeSet // element types of the first input (of the output, if there are no inputs); 0: any value
	In, Out      Arity
	New          func(n *ir.Node) (Op, error)
	Random       bool // evaluated in each run, never constant-folded
}

// Arity is the allowed number of inputs or outputs. Those from Min on are
// optional; a Max of Many means no upper bound.
type Arity struct{ Min, Max int }

// Many is the Max of a variadic list.
const Many = 1 << 30

// Exactly is the arity of n required operands.
func Exactly(n int) Arity { return Arity{n, n} }

// Call is one evaluation of a node. An omitted optional input is nil, and inputs
// must not be written. Eval sets every element of Out for which the node has a
// name. An output may share the memory of an input.
type Call struct {
	In, Out []*tensor.Tensor
	Node    *ir.Node
	Run     *Run
	Regions Regions               // evaluates the subgraphs of a control flow node
	Planned []*tensor.Tensor      // memory that the plan has allocated for outputs
	Kept    any                   // state that EvalFast keeps for the next run of the same plan
	Packed  []*kernel.GemmWeights // of a Multiplier's Products; nil without a plan
	taken   uint64                // bit i: Planned[i] is in use
}

// Reset prepares a call for use in another run.
func (c *Call) Reset() {
	clear(c.Out)
	c.taken = 0
}

// Regions evaluates a subgraph of the current node. It supplies the values that
// the subgraph captures from the graphs around it.
type Regions interface {
	Region(g *ir.Graph, in []*tensor.Tensor) ([]*tensor.Tensor, error)
}

// Region evaluates a subgraph of the node on the given inputs.
func (c *Call) Region(g *ir.Graph, in ...*tensor.Tensor) ([]*tensor.Tensor, error) {
	return c.Regions.Region(g, in)
}

// New returns a zeroed tensor within the run's memory limit, for an output or as
// scratch memory that is released when Eval returns.
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

// like returns a zeroed tensor of the same dtype and shape as t.
func (c *Call) like(t *tensor.Tensor) (*tensor.Tensor, error) { return c.New(t.DType(), t.Shape()...) }

// inferred makes output 0 with the shape that Infer computes from these inputs,
// zeroed.
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

// wants reports whether the node names output i.
func (c *Call) wants(i int) bool {
	return i < len(c.Node.Outputs) && c.Node.Outputs[i].Name != ""
}

// input returns input i, nil if it is omitted.
func (c *Call) input(i int) *tensor.Tensor {
	if i < len(c.In) {
		return c.In[i]
	}
	return nil
}

// Bug is the error for a panic, which wraps the panic's value if that is an error.
func Bug(panicked any) error {
	if err, ok := panicked.(error); ok {
		return fmt.Errorf("BUG: panic: %w", err)
	}
	return fmt.Errorf("BUG: panic: %v", panicked)
}

// EvalConst evaluates a node on constants, within a memory limit of its own. It
// returns nil if that fails.
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
