package ops

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/visionzoo/vision/engine/ir"
	"github.com/visionzoo/vision/engine/tensor"
)

var controls = []Def{
	{Name: "If", Since: 1, Types: tensor.Types(tensor.Bool), In: Exactly(1), Out: Arity{1, Many}, New: newIf},
	{Name: "Loop", Since: 1, In: Arity{0, Many}, Out: Arity{1, Many}, New: newLoop},
	{Name: "Scan", Since: 9, In: Arity{1, Many}, Out: Arity{1, Many}, New: newScan},
	{Name: "Scan", Since: 8, Until: 8, In: Arity{0, Many}, Out: Arity{1, Many}, New: newScan8},
	{Name: "SequenceMap", Since: 17, In: Arity{1, Many}, Out: Arity{1, Many}, New: newSequenceMap},
}

// Operators with subgraphs. A subgraph (ir.Graph) reads values of the graphs around it by itself;
// Call's Regions, which the plan gives, runs it on its own inputs. Its facts are inferred together
// with the node's: such operators implement regional.

// branch runs one of two subgraphs. ONNX If-1; -11 allows branches with outputs of different shapes,
// later versions extend the types.
type branch struct {
	yes, no *ir.Graph
	outputs int
}

func newIf(n *ir.Node) (Op, error) {
	a := n.ReadAttrs().Need("then_branch", "else_branch")
	op := branch{a.Graph("then_branch"), a.Graph("else_branch"), len(n.Outputs)}
	if a.Err() != nil {
		return nil, a.Err()
	}
	for _, g := range []*ir.Graph{op.yes, op.no} {
		if len(g.Outputs) != op.outputs || len(g.Inputs) != 0 {
			return nil, fmt.Errorf("a branch has %d inputs and %d outputs, it must have no inputs and %d outputs", len(g.Inputs), len(g.Outputs), op.outputs)
		}
	}
	return op, nil
}

func (op branch) Infer(in []ir.Fact) ([]ir.Fact, error) { return inferAlone(op, in) }

// inferAlone infers an operator with subgraphs from the facts that Infer stored
// in the values of the graphs around it.
func inferAlone(op regional, in []ir.Fact) ([]ir.Fact, error) {
	return op.inferWith(aside(), in)
}

// inferWith returns what the outputs of both branches have in common, or the
// outputs of one branch if the condition is known. An invalid branch is tolerated
// if the other is valid: exporters write branches that are never taken.
func (op branch) inferWith(i *inference, in []ir.Fact) ([]ir.Fact, error) {
	if err := oneElement(in, 0); err != nil {
		return nil, err
	}
	yes, errYes := op.infer(i, op.yes)
	no, errNo := op.infer(i, op.no)
	if t := in[0].Const; t != nil && t.Len() == 1 {
		if tensor.Data[bool](t)[0] {
			return yes, errYes
		}
		return no, errNo
	}
	if errYes != nil || errNo != nil {
		if errYes != nil && errNo != nil {
			return nil, errYes
		}
		if errYes != nil {
			yes = no
		}
		out := make([]ir.Fact, len(yes))
		for j, f := range yes {
			out[j] = typeOnly(f)
		}
		return out, nil
	}
	out := make([]ir.Fact, op.outputs)
	for j := range out {
		var ok bool
		if out[j], ok = joined(yes[j], no[j]); !ok {
			return nil, fmt.Errorf("output %d is %s in one branch and %s in the other", j, yes[j].DType, no[j].DType)
		}
	}
	return out, nil
}

// infer infers a branch. Its facts are stored, except during a trial.
func (op branch) infer(i *inference, g *ir.Graph) ([]ir.Fact, error) {
	if i.trial > 0 {
		i = i.try()
	}
	return i.region(g, nil)
}

// oneElement checks that input i is a scalar or has one element.
func oneElement(in []ir.Fact, i int) error {
	f := fact(in, i)
	if n, ok := f.Shape.Count(); ok && n != 1 {
		return fmt.Errorf("input %d has shape %s, it must be one value", i, f.Shape)
	}
	return nil
}

// truth reads a condition.
func truth(t *tensor.Tensor) (bool, error) {
	if t.DType() != tensor.Bool || t.Len() != 1 {
		return false, fmt.Errorf("the condition is %s, it must be one bool", t)
	}
	return tensor.Data[bool](t)[0], nil
}

func (op branch) Eval(c *Call) error {
	yes, err := truth(c.In[0])
	if err != nil {
		return err
	}
	g := op.no
	if yes {
		g = op.yes
	}
	out, err := c.Region(g)
	if err != nil {
		return err
	}
	copy(c.Out, out)
	return nil
}

// loop runs its body while a condition is true and a trip count is not reached:
//
//	for i := 0; i < M && cond; i++ {
//		cond, carried…, scanned… = body(i, cond, carried…)
//	}
//
// Carried values are the inputs of the next iteration; scan outputs of all iterations are stacked.
// ONNX Loop-1; later versions extend the types.
type loop struct {
	body    *ir.Graph
	carried int
	scalars [2][]int // shapes of the iteration and the condition that the body reads
}

func newLoop(n *ir.Node) (Op, error) {
	a := n.ReadAttrs().Need("body")
	op := loop{body: a.Graph("body"), carried: max(0, len(n.Inputs)-2), scalars: [2][]int{{}, {}}}
	if a.Err() != nil {
		return nil, a.Err()
	}
	for i, v := range n.Inputs {
		if i >= 2 && v == nil {
			return nil, fmt.Errorf("carried value %d is missing", i-2)
		}
	}
	if len(op.body.Inputs) != op.carried+2 {
		return nil, fmt.Errorf("the body has %d inputs; with %d carried values it must have %d", len(op.body.Inputs), op.carried, op.carried+2)
	}
	for i := range op.scalars { // scalars, or vectors of one element where the body says so, as in ONNX Runtime
		if op.body.Inputs[i].Fact.Shape.Rank() == 1 {
			op.scalars[i] = []int{1}
		}
	}
	if k := len(op.body.Outputs) - 1; k < op.carried || k < len(n.Outputs) {
		return nil, fmt.Errorf("the body has %d outputs, which does not match %d carried values and %d outputs of the node", len(op.body.Outputs), op.carried, len(n.Outputs))
	}
	return op, nil
}

func (op loop) Infer(in []ir.Fact) ([]ir.Fact, error) { return inferAlone(op, in) }

// inferWith: M, cond, carried… → carried…, scan outputs [iterations, …]….
func (op loop) inferWith(i *inference, in []ir.Fact) ([]ir.Fact, error) {
	err := firstError(wantType(in, 0, tensor.Types(tensor.Int64)), wantType(in, 1, tensor.Types(tensor.Bool)), oneElement(in, 0), oneElement(in, 1))
	if err != nil {
		return nil, err
	}
	scalars := []ir.Fact{ir.Tensor(tensor.Int64, ir.Dims(op.scalars[0]...)), ir.Tensor(tensor.Bool, ir.Dims(op.scalars[1]...))}
	first := append([]ir.Fact{}, in[min(2, len(in)):]...)
	initial := append([]ir.Fact{}, first...)
	out, err := i.loop(op.body, first,
		func(carried []ir.Fact) []ir.Fact { return append(scalars[:2:2], carried...) },
		func(out []ir.Fact) []ir.Fact { return out[1 : 1+op.carried] })
	if err != nil {
		return nil, err
	}
	if out[0].DType != tensor.Bool {
		return nil, fmt.Errorf("the body's condition is %s, it must be bool", out[0].DType)
	}
	facts := make([]ir.Fact, 0, len(out)-1)
	for j, f := range out[1:] {
		if j < op.carried {
			if initial[j].DType == f.DType { // without an iteration, the initial value is the result
				f, _ = joined(withoutValue(initial[j]), withoutValue(f))
			}
			facts = append(facts, withoutValue(f))
			continue
		}
		if f.DType >= tensor.Sequence {
			return nil, fmt.Errorf("scan output %d is a %s, it must be a tensor", j-op.carried, f.DType)
		}
		facts = append(facts, ir.Tensor(f.DType, inserted(f.Shape, 0, ir.Unknown)))
	}
	return facts, nil
}

// inserted returns a shape with one more dimension at axis.
func inserted(s ir.Shape, axis int, d ir.Dim) ir.Shape {
	if !s.Ranked {
		return s
	}
	dims := append(append([]ir.Dim{}, s.Dims[:axis]...), d)
	return ir.ShapeOf(append(dims, s.Dims[axis:]...)...)
}

func (op loop) Eval(c *Call) error {
	trips, running := int64(math.MaxInt64), true
	if t := c.input(0); t != nil {
		if t.DType() != tensor.Int64 || t.Len() != 1 {
			return fmt.Errorf("the trip count is %s, it must be one int64", t)
		}
		trips = tensor.Data[int64](t)[0]
	}
	if t := c.input(1); t != nil {
		var err error
		if running, err = truth(t); err != nil {
			return err
		}
	}
	state := newCarriedValues(c.Run, op.carried)
	for i := range op.carried {
		state.set(i, c.In[2+i])
	}
	wanted := 1 + max(op.carried, len(c.Out)) // of the body's outputs, with the condition
	scans := newScanOutputs(c, op.body.Outputs[1+op.carried:wanted])
	args := make([]*tensor.Tensor, 2+op.carried)
	goOn := tensor.Of([]bool{true}, op.scalars[1]...) // the condition as the body sees it: true whenever the body runs
	around := c.Run.ahead
	defer func() { c.Run.ahead = around }()
	for i := int64(0); i < trips && running; i++ {
		if err := c.Run.iterate(1); err != nil {
			return err
		}
		if c.Run.ahead = 0; trips < math.MaxInt64 {
			c.Run.ahead = trips - 1 - i
		}
		args[0], args[1] = tensor.Of([]int64{i}, op.scalars[0]...), goOn
		copy(args[2:], state.values)
		out, err := c.Region(op.body, args...)
		if err != nil {
			return err
		}
		if running, err = truth(out[0]); err != nil {
			return fmt.Errorf("iteration %d: %w", i, err)
		}
		if err := state.next(out[1 : 1+op.carried]); err != nil {
			return fmt.Errorf("iteration %d: %w", i, err)
		}
		if err := scans.add(out[1+op.carried : wanted]); err != nil {
			return err
		}
	}
	for i := range c.Out {
		var err error
		if i < op.carried {
			c.Out[i] = state.values[i]
		} else if c.Out[i], err = scans.stacked(i-op.carried, 0, false); err != nil {
			return err
		}
	}
	state.leave()
	return nil
}

// carriedValues holds the values carried from one iteration to the next, and counts them as memory in
// use: between the iterations no value of the graph does.
type carriedValues struct {
	run    *Run
	values []*tensor.Tensor
}

func newCarriedValues(run *Run, n int) *carriedValues {
	return &carriedValues{run, make([]*tensor.Tensor, n)}
}

func (h *carriedValues) set(i int, t *tensor.Tensor) {
	h.run.Hold(t)
	h.run.Release(h.values[i])
	h.values[i] = t
}

// next sets the values for the next iteration; their types must not change.
func (h *carriedValues) next(values []*tensor.Tensor) error {
	for i, t := range values {
		if old := h.values[i]; old.DType() != t.DType() && old.DType() != tensor.Optional {
			return fmt.Errorf("carried value %d is %s, it was %s", i, t, old)
		}
		h.run.Hold(t) // hold all before releasing any: a value may move to another position
	}
	for i, t := range values {
		h.run.Release(h.values[i])
		h.values[i] = t
	}
	return nil
}

// leave passes the values on as outputs of the node.
func (h *carriedValues) leave() {
	for _, t := range h.values {
		h.run.Return(t)
	}
}

// scanOutputs holds the scan outputs of all iterations until they are stacked.
type scanOutputs struct {
	c       *Call
	outputs []*ir.Value        // of the body
	results [][]*tensor.Tensor // by output
}

func newScanOutputs(c *Call, outputs []*ir.Value) *scanOutputs {
	return &scanOutputs{c, outputs, make([][]*tensor.Tensor, len(outputs))}
}

// add appends the scan outputs of one iteration, which must have the same type
// and shape in all.
func (g *scanOutputs) add(values []*tensor.Tensor) error {
	for i, t := range values {
		if t.DType() >= tensor.Sequence {
			return fmt.Errorf("scan output %d is a %s, it must be a tensor", i, t.DType())
		}
		if first := g.results[i]; len(first) > 0 && !sameDims(first[0], t) {
			return fmt.Errorf("scan output %d is %s, it was %s", i, t, first[0])
		}
		g.c.Run.Hold(t)
		g.results[i] = append(g.results[i], t)
	}
	return nil
}

func sameDims(a, b *tensor.Tensor) bool {
	return a.DType() == b.DType() && slices.Equal(a.Shape(), b.Shape())
}

// stacked stacks output i of all iterations along axis, in reverse order if
// asked. Without iterations, its shape is the inferred one, with 0 for unknown
// sizes.
func (g *scanOutputs) stacked(i, axis int, reverse bool) (*tensor.Tensor, error) {
	list := g.results[i]
	if len(list) == 0 {
		f := g.outputs[i].Fact
		shape := make([]int, max(0, f.Shape.Rank()))
		for j := range shape {
			shape[j] = max(0, f.Shape.Dims[j].N)
		}
		at, err := tensor.Axis(axis, len(shape)+1)
		if err != nil {
			return nil, err
		}
		return g.c.New(f.DType, append(append(append([]int{}, shape[:at]...), 0), shape[at:]...)...)
	}
	if reverse {
		reversed := make([]*tensor.Tensor, len(list))
		for j, t := range list {
			reversed[len(list)-1-j] = t
		}
		list = reversed
	}
	y, err := stack(g.c, list, axis)
	for _, t := range list {
		g.c.Run.Release(t)
	}
	return y, err
}

// sequenceMap runs its body on each element of its input sequences; inputs that
// are tensors are the same each time. ONNX SequenceMap-17.
type sequenceMap struct{ body *ir.Graph }

func newSequenceMap(n *ir.Node) (Op, error) {
	a := n.ReadAttrs().Need("body")
	op := sequenceMap{a.Graph("body")}
	if a.Err() != nil {
		return nil, a.Err()
	}
	if len(op.body.Inputs) != len(n.Inputs) || len(op.body.Outputs) != len(n.Outputs) {
		return nil, fmt.Errorf("the body has %d inputs and %d outputs, the node has %d and %d",
			len(op.body.Inputs), len(op.body.Outputs), len(n.Inputs), len(n.Outputs))
	}
	return op, nil
}

func (op sequenceMap) Infer(in []ir.Fact) ([]ir.Fact, error) { return inferAlone(op, in) }

// inferWith: sequences of X, tensors → sequences of the body's outputs.
func (op sequenceMap) inferWith(i *inference, in []ir.Fact) ([]ir.Fact, error) {
	if err := wantSequence(in); err != nil {
		return nil, err
	}
	args := make([]ir.Fact, len(in))
	for j, f := range in {
		args[j] = withoutValue(f)
		if f.DType == tensor.Sequence {
			args[j] = elemOf(f)
		}
	}
	if i.trial > 0 {
		i = i.try()
	}
	out, err := i.region(op.body, args)
	if err != nil {
		return nil, err
	}
	facts := make([]ir.Fact, len(out))
	for j, f := range out {
		facts[j] = sequenceOf(f)
	}
	return facts, nil
}

func (op sequenceMap) Eval(c *Call) error {
	if c.In[0].DType() != tensor.Sequence {
		return fmt.Errorf("input 0 is %s, it must be a sequence", c.In[0])
	}
	n := c.In[0].Len()
	for i, t := range c.In {
		if t == nil {
			return fmt.Errorf("input %d is missing", i)
		}
		if t.DType() == tensor.Sequence && t.Len() != n {
			return fmt.Errorf("input %d has %d elements, input 0 has %d", i, t.Len(), n)
		}
	}
	results := make([]*carriedValues, len(c.Out))
	for j := range results {
		results[j] = newCarriedValues(c.Run, n)
	}
	for i := range n {
		if err := c.Run.iterate(1); err != nil {
			return err
		}
		args := make([]*tensor.Tensor, len(c.In))
		for j, t := range c.In {
			args[j] = t
			if t.DType() == tensor.Sequence {
				args[j] = t.Elems()[i]
			}
		}
		out, err := c.Region(op.body, args...)
		if err != nil {
			return err
		}
		for j, t := range out {
			if t.DType() >= tensor.Sequence {
				return errors.New("the body returns a sequence; sequences of sequences are not allowed")
			}
			results[j].set(i, t)
		}
	}
	for j, r := range results {
		c.Out[j] = tensor.NewContainer(tensor.Sequence, r.values...)
		r.leave()
	}
	return nil
}
