package ops

import (
	"errors"
	"fmt"

	"github.com/visionzoo/vision/engine/ir"
	"github.com/visionzoo/vision/engine/tensor"
)

// scan runs its body once for each slice of its scan inputs:
//
//	for i := range steps {
//		states…, scanned… = body(states…, slice i of each scan input…)
//	}
//
// States are carried from step to step; the other outputs of all steps are stacked. ONNX Scan-9;
// -11 allows negative axes, later versions extend the types. Scan-8 does this for each sample of a
// batch.
type scan struct {
	body            *ir.Graph
	states, scans   int    // numbers of carried states, and of scan inputs
	inAxes, outAxes []int  // axes along which inputs are sliced, and outputs stacked
	inBack, outBack []bool // from the end
	batched         bool   // version 8: inputs have a batch axis before the scanned one
	outputs         int    // of the node
	gathers         int    // outputs of the body that are stacked
}

func newScan(n *ir.Node) (Op, error) {
	a := n.ReadAttrs().Need("body", "num_scan_inputs")
	op := scan{body: a.Graph("body"), scans: a.Int("num_scan_inputs", 0), outputs: len(n.Outputs)}
	if err := op.count(a, len(n.Inputs)); err != nil {
		return nil, err
	}
	op.inAxes = perInput(a, "scan_input_axes", op.scans)
	op.outAxes = perInput(a, "scan_output_axes", op.gathers)
	op.inBack = directions(a, "scan_input_directions", op.scans)
	op.outBack = directions(a, "scan_output_directions", op.gathers)
	for i, v := range n.Inputs {
		if v == nil {
			a.Fail("input %d is missing", i)
		}
	}
	return op, a.Err()
}

// newScan8 has a batch axis, and an input with the lengths of the sequences. ONNX
// Scan-8.
func newScan8(n *ir.Node) (Op, error) {
	a := n.ReadAttrs().Need("body", "num_scan_inputs")
	op := scan{body: a.Graph("body"), scans: a.Int("num_scan_inputs", 0), outputs: len(n.Outputs), batched: true}
	if err := op.count(a, len(n.Inputs)-1); err != nil {
		return nil, err
	}
	op.inAxes, op.outAxes = make([]int, op.scans), make([]int, op.gathers)
	op.inBack = directions(a, "directions", op.scans)
	op.outBack = make([]bool, op.gathers)
	for i, v := range n.Inputs {
		if v == nil && i > 0 {
			a.Fail("input %d is missing", i)
		}
	}
	return op, a.Err()
}

// count checks the numbers of inputs and outputs of node and body.
func (op *scan) count(a *ir.Attrs, inputs int) error {
	if a.Err() != nil {
		return a.Err()
	}
	if op.scans < 1 || op.scans > inputs {
		return fmt.Errorf("attribute \"num_scan_inputs\" is %d, the node has %d inputs", op.scans, inputs)
	}
	op.states = inputs - op.scans
	op.gathers = len(op.body.Outputs) - op.states
	if len(op.body.Inputs) != inputs || op.gathers < 0 || op.outputs > len(op.body.Outputs) {
		return fmt.Errorf("the body has %d inputs and %d outputs, the node has %d and %d with %d scan inputs",
			len(op.body.Inputs), len(op.body.Outputs), inputs, op.outputs, op.scans)
	}
	return nil
}

// perInput reads a list of axes, by default all 0.
func perInput(a *ir.Attrs, name string, n int) []int {
	axes := a.Ints(name)
	if axes == nil {
		return make([]int, n)
	}
	if len(axes) != n {
		a.Fail("attribute %q has %d elements, it must have %d", name, len(axes), n)
		return make([]int, n)
	}
	return axes
}

// directions reads a list of 0 (forward) and 1 (backward).
func directions(a *ir.Attrs, name string, n int) []bool {
	out := make([]bool, n)
	for i, d := range perInput(a, name, n) {
		if d != 0 && d != 1 {
			a.Fail("attribute %q has the element %d, it must be 0 or 1", name, d)
		}
		out[i] = d == 1
	}
	return out
}

func (op scan) Infer(in []ir.Fact) ([]ir.Fact, error) { return inferAlone(op, in) }

// inferWith: states, scan inputs [… steps …] → states, scan outputs [… steps …].
func (op scan) inferWith(i *inference, in []ir.Fact) ([]ir.Fact, error) {
	batch := ir.Unknown
	var err error
	if op.batched {
		if in, batch, err = withoutBatch(in); err != nil {
			return nil, err
		}
	}
	slices, steps, err := op.slices(in)
	if err != nil {
		return nil, err
	}
	first := append([]ir.Fact{}, in[:op.states]...)
	initial := append([]ir.Fact{}, first...)
	out, err := i.loop(op.body, first,
		func(states []ir.Fact) []ir.Fact { return append(append([]ir.Fact{}, states...), slices...) },
		func(out []ir.Fact) []ir.Fact { return out[:op.states] })
	if err != nil {
		return nil, err
	}
	facts := make([]ir.Fact, len(out))
	for j, f := range out {
		if j < op.states {
			facts[j], _ = joined(withoutValue(initial[j]), withoutValue(f))
		} else if facts[j], err = op.gathered(j-op.states, f, steps); err != nil {
			return nil, err
		}
		if op.batched {
			facts[j].Shape = inserted(facts[j].Shape, 0, batch)
		}
	}
	return facts, nil
}

// withoutBatch: sequence lengths, inputs [batch …] → inputs […], and the batch
// dimension.
func withoutBatch(in []ir.Fact) ([]ir.Fact, ir.Dim, error) {
	batch := ir.Unknown
	if err := wantType(in, 0, tensor.Types(tensor.Int64)); err != nil {
		return nil, batch, err
	}
	in = append([]ir.Fact{}, in[1:]...)
	for j, f := range in {
		if !f.Given() || f.DType >= tensor.Sequence || f.Shape.Ranked && f.Shape.Rank() < 1 {
			return nil, batch, fmt.Errorf("input %d has no batch axis", j+1)
		}
		if f.Shape.Ranked {
			if d := f.Shape.Dims[0]; d.Known() {
				batch = d
			}
			in[j].Shape = ir.ShapeOf(f.Shape.Dims[1:]...)
		}
	}
	return in, batch, nil
}

// slices returns the facts of the scan inputs as the body sees them in a step,
// and the number of steps.
func (op scan) slices(in []ir.Fact) (slices []ir.Fact, steps ir.Dim, err error) {
	slices, steps = make([]ir.Fact, op.scans), ir.Unknown
	for j := range slices {
		f := in[op.states+j]
		slices[j] = ir.Fact{DType: f.DType}
		if !f.Shape.Ranked {
			continue
		}
		axis, err := tensor.Axis(op.inAxes[j], f.Shape.Rank())
		if err != nil {
			return nil, steps, fmt.Errorf("scan input %d: %w", j, err)
		}
		d := f.Shape.Dims[axis]
		if d.Known() && steps.Known() && d.N != steps.N {
			return nil, steps, fmt.Errorf("scan input %d has %d steps, another one has %d", j, d.N, steps.N)
		}
		if !steps.Known() {
			steps = d
		}
		slices[j].Shape = ir.ShapeOf(append(append([]ir.Dim{}, f.Shape.Dims[:axis]...), f.Shape.Dims[axis+1:]...)...)
	}
	return slices, steps, nil
}

// gathered returns the fact of scan output k, given the fact of one step's
// output.
func (op scan) gathered(k int, f ir.Fact, steps ir.Dim) (ir.Fact, error) {
	all := ir.Fact{DType: f.DType}
	if !f.Shape.Ranked {
		return all, nil
	}
	axis, err := tensor.Axis(op.outAxes[k], f.Shape.Rank()+1)
	if err != nil {
		return all, fmt.Errorf("scan output %d: %w", k, err)
	}
	all.Shape = inserted(f.Shape, axis, steps)
	return all, nil
}

func (op scan) Eval(c *Call) error {
	if op.batched {
		return op.evalBatch(c)
	}
	steps := c.In[op.states]
	axis, err := tensor.Axis(op.inAxes[0], steps.Rank())
	if err != nil {
		return err
	}
	out, err := op.run(c, c.In, steps.Dim(axis))
	copy(c.Out, out)
	return err
}

// run scans the given number of slices of the inputs.
func (op scan) run(c *Call, in []*tensor.Tensor, steps int) ([]*tensor.Tensor, error) {
	state := newCarriedValues(c.Run, op.states)
	for i := range op.states {
		state.set(i, in[i])
	}
	axes := make([]int, op.scans)
	for i, x := range in[op.states:] {
		axis, err := tensor.Axis(op.inAxes[i], x.Rank())
		if err != nil {
			return nil, err
		}
		if x.Dim(axis) < steps || !op.batched && x.Dim(axis) != steps {
			return nil, fmt.Errorf("scan input %d has %d steps, it must have %d", i, x.Dim(axis), steps)
		}
		axes[i] = axis
	}
	scans := newScanOutputs(c, op.body.Outputs[op.states:])
	for t := range steps {
		if err := c.Run.iterate(1); err != nil {
			return nil, err
		}
		args := append([]*tensor.Tensor{}, state.values...)
		for i, x := range in[op.states:] {
			at := t
			if op.inBack[i] {
				at = steps - 1 - t
			}
			slice, err := sliceAt(c, x, axes[i], at)
			if err != nil {
				return nil, err
			}
			args = append(args, slice)
		}
		out, err := c.Region(op.body, args...)
		if err != nil {
			return nil, err
		}
		if err := state.next(out[:op.states]); err != nil {
			return nil, fmt.Errorf("step %d: %w", t, err)
		}
		if err := scans.add(out[op.states:]); err != nil {
			return nil, err
		}
	}
	out := append([]*tensor.Tensor{}, state.values...)
	for i := range op.gathers {
		y, err := scans.stacked(i, op.outAxes[i], op.outBack[i])
		if err != nil {
			return nil, err
		}
		out = append(out, y)
	}
	state.leave()
	return out, nil
}

// sliceAt returns one slice of x, without the axis.
func sliceAt(c *Call, x *tensor.Tensor, axis, at int) (*tensor.Tensor, error) {
	shape := append(append([]int{}, x.Shape()[:axis]...), x.Shape()[axis+1:]...)
	y, err := c.New(x.DType(), shape...)
	if err != nil || y.Len() == 0 {
		return y, err
	}
	before, along, after := split3(x.Shape(), axis)
	cp := newCopier(y, x)
	for i := range before {
		cp.copy(i*after, (i*along+at)*after, after)
	}
	return y, nil
}

// evalBatch scans each sample of a batch separately, up to its own length. Scan
// outputs are padded with zeros to the longest.
func (op scan) evalBatch(c *Call) error {
	in := c.In[1:]
	first := in[op.states]
	if first.Rank() < 2 {
		return errors.New("scan inputs must have a batch axis and a sequence axis")
	}
	batch, longest := first.Dim(0), first.Dim(1)
	for i, t := range in {
		if t.Rank() < 1 || t.Dim(0) != batch {
			return fmt.Errorf("input %d is %s, its first dimension must be the batch size %d", i+1, t, batch)
		}
	}
	lens, err := callInts(c, 0)
	if err != nil {
		return err
	}
	if lens != nil && len(lens) != batch {
		return fmt.Errorf("there are %d sequence lengths for a batch of %d", len(lens), batch)
	}
	samples := make([][]*tensor.Tensor, op.states+op.gathers)
	for b := range batch {
		if err := c.Run.iterate(1); err != nil {
			return err
		}
		steps := longest
		if lens != nil {
			if steps = lens[b]; steps < 0 || steps > longest {
				return fmt.Errorf("sequence length %d is outside [0, %d]", steps, longest)
			}
		}
		args := make([]*tensor.Tensor, len(in))
		for i, t := range in {
			if args[i], err = sliceAt(c, t, 0, b); err != nil {
				return err
			}
		}
		out, err := op.run(c, args, steps)
		if err != nil {
			return err
		}
		for i, t := range out {
			if i >= op.states {
				if t, err = padSteps(c, t, longest); err != nil {
					return err
				}
			}
			c.Run.Hold(t)
			samples[i] = append(samples[i], t)
		}
	}
	for i := range c.Out {
		if len(samples[i]) == 0 {
			return errors.New("the batch is empty")
		}
		if c.Out[i], err = stack(c, samples[i], 0); err != nil {
			return err
		}
	}
	return nil
}

// padSteps pads the first axis with zeros.
func padSteps(c *Call, t *tensor.Tensor, n int) (*tensor.Tensor, error) {
	if t.Dim(0) == n {
		return t, nil
	}
	y, err := c.New(t.DType(), append([]int{n}, t.Shape()[1:]...)...)
	if err != nil {
		return nil, err
	}
	cp := newCopier(y, t)
	cp.copy(0, 0, t.Len())
	return y, nil
}
