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

// Multiplier is implemented by operators whose EvalFast multiplies by the same constant many
// times in a run, as a recurrent layer does at each step. A plan packs these constants into the
// kernels' layout when the model is loaded, and passes them in Call.Packed.
type Multiplier interface {
	Fast

	// Products lists the products with constants, given the facts of the inputs, in the order
	// of Call.Packed; none if EvalFast has no kernel for these operands.
	Products(in []ir.Fact) []Product
}

// Product is a matrix product A·B of which B is a part of a constant.
type Product struct {
	Gemm  kernel.Gemm
	Input int // the input that holds B
	From  int // its first element of B
}

// Def is one meaning of an operator, which holds for a range of versions of its domain's opset.
type Def struct {
	Domain, Name string         // "" is ai.onnx
	Since, Until int            // the first and the last version; Until 0: up to the newest
	Types        tensor.TypeSet // element types that the first input may have; 0: any value, also a sequence
	In, Out      Arity
	New          func(n *ir.Node) (Op, error) // reads and checks the attributes
	Random       bool                         // evaluated in each run, never constant-folded
}

// noAttributes is the Def.New of an operator that has none.
func noAttributes(op Op) func(*ir.Node) (Op, error) {
	return func(*ir.Node) (Op, error) { return op, nil }
}

// Arity is the allowed number of inputs or outputs of a node. The first Min are required; the
// others may be missing at the end or left out in between (a nil input, an output without a name).
// A Max of Many means no upper bound; if Min is above 0, the inputs are then a list, in which
// nothing may be left out.
type Arity struct{ Min, Max int }

// Many is the Max of a variadic list.
const Many = 1 << 30

// Exactly is the arity of n required operands.
func Exactly(n int) Arity { return Arity{n, n} }

// Call is one evaluation of a node. An omitted optional input is nil, and inputs
// must not be written. Eval sets every element of Out for which the node has a
// name. An output may share the memory of an input.
type Call struct {
	In, Out []*tensor.Tensor // Out is as long as Node.Outputs
	Node    *ir.Node
	Run     *Run
	Regions Regions               // evaluates the subgraphs of a control flow node
	Planned []*tensor.Tensor      // memory that the plan has allocated for outputs: New and raw hand it out
	Kept    any                   // state that EvalFast keeps for the next run of the same plan
	Packed  []*kernel.GemmWeights // of a Multiplier's Products; nil without a plan
	taken   uint64                // bit i: Planned[i] has been handed out
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
	if p := c.takePlanned(d, shape); p != nil {
		clear(p.Bytes())
		return p, nil
	}
	if err := c.Run.Reserve(d, shape); err != nil {
		return nil, err
	}
	t := tensor.New(d, shape...)
	c.Run.allocated(t)
	return t, nil
}

// takePlanned hands out memory that the plan has for a tensor of this dtype and shape, each once;
// nil if there is none left. It goes by dtype and shape alone: scratch memory may get the memory
// meant for an output of the same shape, and the output then gets memory of its own.
func (c *Call) takePlanned(d tensor.DType, shape []int) *tensor.Tensor {
	for i, p := range c.Planned {
		if p != nil && c.taken>>i&1 == 0 && p.DType() == d && slices.Equal(p.Shape(), shape) {
			c.taken |= 1 << i
			return p
		}
	}
	return nil
}

// zeroed allocates output 0 of the call, zeroed.
func (c *Call) zeroed(d tensor.DType, shape ...int) (*tensor.Tensor, error) {
	y, err := c.New(d, shape...)
	c.Out[0] = y
	return y, err
}

// zeroedLike is zeroed for an output of the same dtype and shape as t.
func (c *Call) zeroedLike(t *tensor.Tensor) (*tensor.Tensor, error) {
	return c.zeroed(t.DType(), t.Shape()...)
}

// like returns a zeroed tensor of the same dtype and shape as t.
func (c *Call) like(t *tensor.Tensor) (*tensor.Tensor, error) { return c.New(t.DType(), t.Shape()...) }

// inferred checks the inputs with Infer, and allocates output 0 with the type and shape that it
// returns, zeroed. It serves operators whose shape does not depend on the elements of an input.
func (c *Call) inferred(op Op) (*tensor.Tensor, error) {
	facts, err := op.Infer(factsOf(c.In))
	if err != nil {
		return nil, err
	}
	shape, known := facts[0].Shape.Ints()
	if !known {
		return nil, fmt.Errorf("BUG: the output's shape %s is not known from the inputs", facts[0].Shape)
	}
	return c.zeroed(facts[0].DType, shape...)
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

// EvalConst evaluates a node on constants, with the reference kernel and within a memory limit of
// its own: passes fold constants with it. It returns nil if that fails.
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
