package ops

import (
	"fmt"
	"math"
	"strings"

	"github.com/visionzoo/vision/engine/ir"
	"github.com/visionzoo/vision/engine/tensor"
	"github.com/visionzoo/vision/internal/limit"
)

// recurrents lists operators that process a sequence step by step. Version 1, and 3 of GRU, have a
// redundant attribute output_sequence; 7 drops it, 14 adds layout, 22 extends the types.
var recurrents = []Def{
	{Name: "RNN", Since: 1, Types: tensor.FloatTypes, In: Arity{3, 6}, Out: Arity{0, 2}, New: newRNN},
	{Name: "GRU", Since: 3, Types: tensor.FloatTypes, In: Arity{3, 6}, Out: Arity{0, 2}, New: newGRU},
	{Name: "GRU", Since: 1, Until: 2, Types: tensor.FloatTypes, In: Arity{3, 6}, Out: Arity{0, 2}, New: newGRU1},
	{Name: "LSTM", Since: 1, Types: tensor.FloatTypes, In: Arity{3, 8}, Out: Arity{0, 3}, New: newLSTM},
}

// recurrent evaluates a cell once for each step of a sequence, in one or both directions, each with
// its own weights. The formulas of the cells are in recurrent_cell.go. Weights of all gates lie one
// below the other: W is [directions gates·hidden input].
type recurrent struct {
	kind        cellKind
	gates       int                       // of the cell
	hidden      int                       // numbers of the state; 0: as in the weights
	backward    []bool                    // for each direction: it begins at the end
	activations [][]func(float64) float64 // for each direction, those that the cell has
	clip        float64                   // bound of the inputs of activations; 0: none
	batchFirst  bool
	linearReset bool // GRU: the reset gate is applied after the product
	coupled     bool // LSTM: the forget gate is 1 - the input gate
	usual       bool // the activations are the default ones
}

type cellKind int

const (
	plainCell cellKind = iota
	gruCell
	lstmCell
)

// newRNN is h = f(W·x + R·h + b). ONNX RNN-1.
func newRNN(n *ir.Node) (Op, error) {
	a := n.ReadAttrs()
	return readRecurrent(a, plainCell, 1, "Tanh"), a.Err()
}

// newGRU is the gated recurrent unit of Cho et al. 2014, gates z, r and h. ONNX
// GRU-3.
func newGRU(n *ir.Node) (Op, error) {
	a := n.ReadAttrs()
	op := readRecurrent(a, gruCell, 3, "Sigmoid", "Tanh")
	op.linearReset = a.Bool("linear_before_reset", false)
	return op, a.Err()
}

// newGRU1 has no linear_before_reset. ONNX GRU-1.
func newGRU1(n *ir.Node) (Op, error) {
	a := n.ReadAttrs()
	return readRecurrent(a, gruCell, 3, "Sigmoid", "Tanh"), a.Err()
}

// newLSTM is the long short-term memory with peepholes, gates i, o, f and c. ONNX
// LSTM-1. Gers, Schraudolph and Schmidhuber 2002.
func newLSTM(n *ir.Node) (Op, error) {
	a := n.ReadAttrs()
	op := readRecurrent(a, lstmCell, 4, "Sigmoid", "Tanh", "Tanh")
	op.coupled = a.Bool("input_forget", false)
	return op, a.Err()
}

// readRecurrent reads the attributes that all cells have; usual are the default
// activations.
func readRecurrent(a *ir.Attrs, kind cellKind, gates int, usual ...string) *recurrent {
	op := &recurrent{kind: kind, gates: gates, hidden: a.Int("hidden_size", 0), clip: float64(a.Float("clip", 0)),
		batchFirst: a.Bool("layout", false)}
	switch a.OneOf("direction", "forward", "reverse", "bidirectional") {
	case "forward":
		op.backward = []bool{false}
	case "reverse":
		op.backward = []bool{true}
	default:
		op.backward = []bool{false, true}
	}
	if op.hidden < 0 || op.clip < 0 || math.IsNaN(op.clip) {
		a.Fail("attributes %q and %q are %d and %v, they must not be negative", "hidden_size", "clip", op.hidden, op.clip)
	}
	names := a.Strs("activations")
	if names == nil {
		for range op.backward {
			names = append(names, usual...)
		}
	}
	if len(names) != len(usual)*len(op.backward) {
		a.Fail("attribute %q has %d names, it needs %d for each of %d directions", "activations", len(names), len(usual), len(op.backward))
		return op
	}
	op.usual = true
	for i, name := range names {
		op.usual = op.usual && strings.EqualFold(name, usual[i%len(usual)])
	}
	alphas, betas := a.Floats("activation_alpha"), a.Floats("activation_beta")
	for len(names) > 0 {
		list := make([]func(float64) float64, len(usual))
		for i := range list {
			list[i] = gateActivation(a, names[i], &alphas, &betas)
		}
		op.activations, names = append(op.activations, list), names[len(usual):]
	}
	return op
}

// gateActivation returns the activation of the given name. Its parameters are
// taken from the front of alphas and betas, or default to those of the operator
// of that name.
func gateActivation(a *ir.Attrs, name string, alphas, betas *[]float32) func(float64) float64 {
	take := func(list *[]float32, or float64) float64 {
		if len(*list) == 0 {
			return or
		}
		v := (*list)[0]
		*list = (*list)[1:]
		return float64(v)
	}
	switch strings.ToLower(name) {
	case "relu":
		return func(x float64) float64 { return math.Max(x, 0) }
	case "tanh":
		return math.Tanh
	case "sigmoid":
		return sigmoid
	case "softsign":
		return softsign
	case "softplus":
		return softplus
	case "affine":
		alpha, beta := take(alphas, 1), take(betas, 0)
		return func(x float64) float64 { return alpha*x + beta }
	case "leakyrelu":
		alpha := take(alphas, 0.01)
		return func(x float64) float64 { return prelu.f64(x, alpha) }
	case "thresholdedrelu":
		alpha := take(alphas, 1)
		return func(x float64) float64 {
			if x > alpha {
				return x
			}
			return 0
		}
	case "scaledtanh":
		alpha, beta := take(alphas, 1), take(betas, 1)
		return func(x float64) float64 { return alpha * math.Tanh(beta*x) }
	case "hardsigmoid":
		alpha, beta := take(alphas, 0.2), take(betas, 0.5)
		return func(x float64) float64 { return clamp(alpha*x+beta, 0, 1) }
	case "elu":
		alpha := take(alphas, 1)
		return func(x float64) float64 { return elu(x, alpha) }
	}
	a.Fail("activation %q is not supported in recurrent operators", name)
	return nil
}

// Infer: X [steps batch input], W [directions gates·hidden input], R [directions
// gates·hidden hidden], B [directions 2·gates·hidden], lengths [batch], initial h
// and c [directions batch hidden], P [directions 3·hidden] → Y [steps directions
// batch hidden], last h and c. With layout 1, batch is the first dimension of X,
// Y and the states.
func (op *recurrent) Infer(in []ir.Fact) ([]ir.Fact, error) {
	if err := firstError(wantRank(in, 0, 3), wantType(in, 4, tensor.Types(tensor.Int32))); err != nil {
		return nil, err
	}
	for _, i := range []int{1, 2, 3, 5, 6, 7} {
		if err := wantType(in, i, tensor.Types(in[0].DType)); err != nil {
			return nil, err
		}
	}
	steps, batch, input := ir.Unknown, ir.Unknown, ir.Unknown
	if x := in[0].Shape; x.Ranked {
		steps, batch, input = x.Dims[0], x.Dims[1], x.Dims[2]
		if op.batchFirst {
			steps, batch = batch, steps
		}
	}
	hidden := ir.Unknown
	if r := in[2].Shape; r.Rank() == 3 {
		hidden = r.Dims[2]
	}
	if op.hidden > 0 {
		hidden = ir.Dim{N: op.hidden}
	}
	if hidden.N > maxSpan {
		return nil, limit.Errorf("a state of %s elements takes too much memory", hidden)
	}
	dirs, rows := ir.Dim{N: len(op.backward)}, manyOf(hidden, op.gates)
	state := ir.ShapeOf(dirs, batch, hidden)
	y := ir.ShapeOf(steps, dirs, batch, hidden)
	if op.batchFirst {
		state, y = ir.ShapeOf(batch, dirs, hidden), ir.ShapeOf(batch, steps, dirs, hidden)
	}
	for i, want := range []ir.Shape{
		1: ir.ShapeOf(dirs, rows, input), 2: ir.ShapeOf(dirs, rows, hidden), 3: ir.ShapeOf(dirs, manyOf(rows, 2)),
		4: ir.ShapeOf(batch), 5: state, 6: state, 7: ir.ShapeOf(dirs, manyOf(hidden, 3))} {
		if f := fact(in, i); i > 0 && f.Given() && !fitsShape(f.Shape, want) {
			return nil, fmt.Errorf("%s must have shape %s, it has %s", [...]string{"X", "W", "R", "B", "sequence_lens", "initial_h", "initial_c", "P"}[i], want, f.Shape)
		}
	}
	d := in[0].DType
	return []ir.Fact{ir.Tensor(d, y), ir.Tensor(d, state), ir.Tensor(d, state)}, nil
}

// manyOf returns n times a dimension.
func manyOf(d ir.Dim, n int) ir.Dim {
	if !d.Known() || d.N > math.MaxInt32 {
		return ir.Unknown
	}
	return ir.Dim{N: d.N * n}
}

func (op *recurrent) Eval(c *Call) error {
	if _, err := op.Infer(factsOf(c.In)); err != nil {
		return err
	}
	return evalReal(c, func(c *Call) error { return evalRecurrent[float32](op, c) }, func(c *Call) error { return evalRecurrent[float64](op, c) })
}

func evalRecurrent[T real](op *recurrent, c *Call) error {
	s, err := newSequenceRun[T](op, c)
	if err != nil {
		return err
	}
	if s.hidden == 0 {
		return nil // whatever the number of steps
	}
	for d, backward := range op.backward {
		cell := newCell[T](op, c, d, s.input, s.hidden)
		err := s.direction(d, backward, cell.h, cell.c, func(row int) error { return cell.step(c.Run, s.x[row*s.input:][:s.input]) })
		if err != nil {
			return err
		}
	}
	return nil
}

// sequenceRun holds the operands of a call that are indexed by sequence.
type sequenceRun[T real] struct {
	steps, batch, input, hidden, dirs int
	batchFirst                        bool  // layout 1
	lengths                           []int // length of each sequence of the batch
	x, firstH, firstC                 []T
	y, lastH, lastC                   []T // nil for outputs that are not requested
}

func newSequenceRun[T real](op *recurrent, c *Call) (*sequenceRun[T], error) {
	x := c.In[0]
	s := &sequenceRun[T]{steps: x.Dim(0), batch: x.Dim(1), input: x.Dim(2), hidden: c.In[2].Dim(2), dirs: len(op.backward),
		batchFirst: op.batchFirst, x: tensor.Data[T](x), firstH: optionalData[T](c.input(5)), firstC: optionalData[T](c.input(6))}
	y, state := []int{s.steps, s.dirs, s.batch, s.hidden}, []int{s.dirs, s.batch, s.hidden}
	if s.batchFirst {
		s.steps, s.batch = s.batch, s.steps
		y, state = []int{s.batch, s.steps, s.dirs, s.hidden}, []int{s.batch, s.dirs, s.hidden}
	}
	if err := c.Run.reserveList(s.batch, 8); err != nil {
		return nil, err
	}
	s.lengths = make([]int, s.batch)
	given, err := callInts(c, 4)
	if err != nil {
		return nil, err
	}
	for b := range s.lengths {
		s.lengths[b] = s.steps
		if given != nil {
			if s.lengths[b] = given[b]; s.lengths[b] < 0 || s.lengths[b] > s.steps {
				return nil, fmt.Errorf("sequence %d has length %d, the input has %d steps", b, s.lengths[b], s.steps)
			}
		}
	}
	for i := range c.Out {
		shape := state
		if i == 0 {
			shape = y
		}
		t, err := c.New(x.DType(), shape...)
		if err != nil {
			return nil, err
		}
		c.Out[i] = t
		switch i {
		case 0:
			s.y = tensor.Data[T](t)
		case 1:
			s.lastH = tensor.Data[T](t)
		case 2:
			s.lastC = tensor.Data[T](t)
		}
	}
	return s, nil
}

// direction runs all sequences in direction d. step takes a row of X and updates the
// state in h and c, which begins anew with each sequence.
func (s *sequenceRun[T]) direction(d int, backward bool, h, c []T, step func(row int) error) error {
	for b := range s.batch {
		s.begin(d, b, h, c)
		for i := range s.lengths[b] {
			t := s.at(i, b, backward)
			if err := step(s.row(t, b)); err != nil {
				return err
			}
			if s.y != nil {
				copy(s.y[s.yRow(t, d, b)*s.hidden:], h)
			}
		}
		s.end(d, b, h, c)
	}
	return nil
}

// begin sets the state of sequence b to the first of direction d.
func (s *sequenceRun[T]) begin(d, b int, h, c []T) {
	clear(h)
	clear(c)
	at := s.stateRow(d, b) * s.hidden
	if s.firstH != nil {
		copy(h, s.firstH[at:])
	}
	if s.firstC != nil {
		copy(c, s.firstC[at:])
	}
}

// end writes the state of sequence b after the last step of direction d to the outputs; that of a
// sequence without steps is 0, as in ONNX Runtime.
func (s *sequenceRun[T]) end(d, b int, h, c []T) {
	if s.lengths[b] == 0 {
		clear(h)
		clear(c)
	}
	at := s.stateRow(d, b) * s.hidden
	if s.lastH != nil {
		copy(s.lastH[at:], h)
	}
	if s.lastC != nil {
		copy(s.lastC[at:], c)
	}
}

// at returns which element of sequence b is read in step i.
func (s *sequenceRun[T]) at(i, b int, backward bool) int {
	if backward {
		return s.lengths[b] - 1 - i
	}
	return i
}

// optionalData returns the elements of a tensor, nil if it is omitted.
func optionalData[T tensor.Element](t *tensor.Tensor) []T {
	if t == nil {
		return nil
	}
	return tensor.Data[T](t)
}

// row returns the row of X for step t of sequence b.
func (s *sequenceRun[T]) row(t, b int) int {
	if s.batchFirst {
		return b*s.steps + t
	}
	return t*s.batch + b
}

// yRow returns the row of Y for direction d.
func (s *sequenceRun[T]) yRow(t, d, b int) int {
	if s.batchFirst {
		return (b*s.steps+t)*s.dirs + d
	}
	return (t*s.dirs+d)*s.batch + b
}

// stateRow returns the row of a state for direction d of sequence b.
func (s *sequenceRun[T]) stateRow(d, b int) int {
	if s.batchFirst {
		return b*s.dirs + d
	}
	return d*s.batch + b
}
