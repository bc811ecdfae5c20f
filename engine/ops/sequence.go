package ops

import (
	"errors"
	"fmt"
	"slices"

	"github.com/visionzoo/vision/engine/ir"
	"github.com/visionzoo/vision/engine/tensor"
)

// sequences lists operators on sequences and optionals, whose facts have the common type of the
// elements (Fact.Elem). A sequence is a list of tensors that share memory with where they came
// from; as tensors never change, an operator that adds or removes an element copies only the list.
var sequences = []Def{
	{Name: "SequenceConstruct", Since: 11, Types: tensor.AllTypes, In: Arity{1, Many}, Out: Exactly(1), New: noAttributes(sequenceConstruct{})},
	{Name: "SequenceEmpty", Since: 11, In: Exactly(0), Out: Exactly(1), New: newSequenceEmpty},
	{Name: "SequenceAt", Since: 11, In: Exactly(2), Out: Exactly(1), New: noAttributes(sequenceAt{})},
	{Name: "SequenceInsert", Since: 11, In: Arity{2, 3}, Out: Exactly(1), New: noAttributes(sequenceInsert{})},
	{Name: "SequenceErase", Since: 11, In: Arity{1, 2}, Out: Exactly(1), New: noAttributes(sequenceErase{})},
	{Name: "SequenceLength", Since: 11, In: Exactly(1), Out: Exactly(1), New: noAttributes(sequenceLength{})},
	{Name: "SplitToSequence", Since: 11, Types: tensor.AllTypes, In: Arity{1, 2}, Out: Exactly(1), New: newSplitToSequence},
	{Name: "ConcatFromSequence", Since: 11, In: Exactly(1), Out: Exactly(1), New: newConcatFromSequence},
	{Name: "Optional", Since: 15, In: Arity{0, 1}, Out: Exactly(1), New: newOptional},
	{Name: "OptionalGetElement", Since: 15, In: Exactly(1), Out: Exactly(1), New: noAttributes(optionalGetElement{})},
	{Name: "OptionalHasElement", Since: 15, In: Arity{0, 1}, Out: Exactly(1), New: noAttributes(optionalHasElement{})},
}

// sequenceOf returns the fact of a sequence.
func sequenceOf(elem ir.Fact) ir.Fact {
	elem.Const, elem.Ints = nil, nil
	return ir.Fact{DType: tensor.Sequence, Elem: &elem}
}

// elemOf returns the fact of the elements of a sequence or optional.
func elemOf(f ir.Fact) ir.Fact {
	if f.Elem == nil {
		return ir.Fact{}
	}
	return *f.Elem
}

// wantSequence checks that input 0 is a sequence.
func wantSequence(in []ir.Fact) error {
	if in[0].DType != tensor.Sequence {
		return fmt.Errorf("input 0 is %s, it must be a sequence", in[0].DType)
	}
	return nil
}

// joined returns what is true of a value that has one fact or the other; ok is false if their
// dtypes differ. A fact that is not given says nothing.
func joined(a, b ir.Fact) (f ir.Fact, ok bool) {
	switch {
	case !a.Given():
		return withoutValue(b), true
	case !b.Given():
		return withoutValue(a), true
	case a.DType != b.DType:
		return a, false
	}
	f = ir.Fact{DType: a.DType}
	if a.DType >= tensor.Sequence {
		e, ok := joined(elemOf(a), elemOf(b))
		if e.Given() {
			f.Elem = &e
		}
		return f, ok
	}
	f.Shape = joinedShape(a.Shape, b.Shape)
	if a.Const != nil && a.Const == b.Const {
		f.Const = a.Const
	}
	if len(a.Ints) == len(b.Ints) {
		for i, d := range a.Ints {
			if !d.Same(b.Ints[i]) {
				d = ir.Unknown
			}
			f.Ints = append(f.Ints, d)
		}
	}
	return f, true
}

// joinedShape returns the shape with the dimensions in which a and b agree, the
// others unknown.
func joinedShape(a, b ir.Shape) ir.Shape {
	if !a.Ranked || !b.Ranked || len(a.Dims) != len(b.Dims) {
		return ir.Shape{}
	}
	s := ir.AnyOfRank(len(a.Dims))
	for i, d := range a.Dims {
		if d.Same(b.Dims[i]) {
			s.Dims[i] = d
		}
	}
	return s
}

// withoutValue returns a fact without what is known of the elements.
func withoutValue(f ir.Fact) ir.Fact {
	f.Const, f.Ints = nil, nil
	return f
}

// sequenceConstruct makes a sequence of its inputs. ONNX SequenceConstruct-11.
type sequenceConstruct struct{}

// Infer: values of the same type → a sequence of them.
func (sequenceConstruct) Infer(in []ir.Fact) ([]ir.Fact, error) {
	if err := sameType(in); err != nil {
		return nil, err
	}
	elem := withoutValue(in[0])
	for _, f := range in[1:] {
		elem, _ = joined(elem, withoutValue(f))
	}
	return []ir.Fact{sequenceOf(elem)}, nil
}

func (sequenceConstruct) Eval(c *Call) error {
	if slices.Contains(c.In, nil) {
		return errors.New("an input is missing")
	}
	c.Out[0] = tensor.NewContainer(tensor.Sequence, slices.Clone(c.In)...)
	return nil
}

// sequenceEmpty makes an empty sequence. ONNX SequenceEmpty-11.
type sequenceEmpty struct{ dtype tensor.DType }

func newSequenceEmpty(n *ir.Node) (Op, error) {
	a := n.ReadAttrs()
	return sequenceEmpty{a.DType("dtype", tensor.Float32)}, a.Err()
}

func (op sequenceEmpty) Infer([]ir.Fact) ([]ir.Fact, error) {
	return []ir.Fact{sequenceOf(ir.Fact{DType: op.dtype})}, nil
}

func (op sequenceEmpty) Eval(c *Call) error {
	c.Out[0] = tensor.NewContainer(tensor.Sequence)
	return nil
}

// position reads input i, the index of one of n elements, which may count from
// the end. If it is omitted, the result is or.
func position(c *Call, i, n, or int) (int, error) {
	t := c.input(i)
	if t == nil {
		return or, nil
	}
	v, err := integer(t)
	if err != nil {
		return 0, fmt.Errorf("input position %w", err)
	}
	if v < -n || v >= n {
		return 0, fmt.Errorf("position %d is outside [%d, %d]", v, -n, n-1)
	}
	return fromEnd(v, n), nil
}

// sequenceAt returns one element. ONNX SequenceAt-11.
type sequenceAt struct{}

// Infer: sequence, position → its element.
func (sequenceAt) Infer(in []ir.Fact) ([]ir.Fact, error) {
	err := firstError(wantSequence(in), wantType(in, 1, integerTypes))
	if err == nil && !elemOf(in[0]).Given() {
		err = errors.New("the type of the sequence's elements is not known")
	}
	return []ir.Fact{elemOf(in[0])}, err
}

func (sequenceAt) Eval(c *Call) error {
	elems := c.In[0].Elems()
	at, err := position(c, 1, len(elems), 0)
	if err != nil {
		return err
	}
	c.Out[0] = elems[at]
	return nil
}

// sequenceInsert inserts a tensor before a position, or at the end. ONNX
// SequenceInsert-11.
type sequenceInsert struct{}

// Infer: sequence, tensor, position → the sequence.
func (sequenceInsert) Infer(in []ir.Fact) ([]ir.Fact, error) {
	if err := firstError(wantSequence(in), wantType(in, 2, integerTypes)); err != nil {
		return nil, err
	}
	elem, ok := joined(elemOf(in[0]), withoutValue(in[1]))
	if !ok {
		return nil, fmt.Errorf("input 1 is %s, the sequence has elements of %s", in[1].DType, elem.DType)
	}
	return []ir.Fact{sequenceOf(elem)}, nil
}

func (sequenceInsert) Eval(c *Call) error {
	elems := c.In[0].Elems()
	if len(elems) > 0 && elems[0].DType() != c.In[1].DType() {
		return fmt.Errorf("input 1 is %s, the sequence has elements of %s", c.In[1].DType(), elems[0].DType())
	}
	if err := countCopies(c.Run, len(elems)); err != nil {
		return err
	}
	at, err := insertAt(c.input(2), len(elems))
	if err != nil {
		return err
	}
	c.Out[0] = tensor.NewContainer(tensor.Sequence, slices.Insert(slices.Clone(elems), at, c.In[1])...)
	return nil
}

// insertAt reads a position for insertion into n elements, from 0 to n. It may
// count from the end: -1 is before the last element.
func insertAt(t *tensor.Tensor, n int) (int, error) {
	if t == nil {
		return n, nil
	}
	v, err := integer(t)
	if err != nil {
		return 0, fmt.Errorf("input position %w", err)
	}
	if v < -n || v > n {
		return 0, fmt.Errorf("position %d is outside [%d, %d]", v, -n, n)
	}
	return fromEnd(v, n), nil
}

// countCopies counts the copying of a list of n elements as loop iterations, so that a loop that
// adds to a sequence cannot take time without end. Sixteen elements cost as much time as one
// iteration: each is copied and its memory held and released.
func countCopies(run *Run, n int) error {
	if err := run.iterate(int64(n / 16)); err != nil {
		return err
	}
	return run.reserveList(n, 16)
}

// sequenceErase removes one element, by default the last. ONNX SequenceErase-11.
type sequenceErase struct{}

func (sequenceErase) Infer(in []ir.Fact) ([]ir.Fact, error) {
	return []ir.Fact{sequenceOf(elemOf(in[0]))}, firstError(wantSequence(in), wantType(in, 1, integerTypes))
}

func (sequenceErase) Eval(c *Call) error {
	elems := c.In[0].Elems()
	if len(elems) == 0 {
		return errors.New("the sequence is empty")
	}
	if err := countCopies(c.Run, len(elems)); err != nil {
		return err
	}
	at, err := position(c, 1, len(elems), len(elems)-1)
	if err != nil {
		return err
	}
	c.Out[0] = tensor.NewContainer(tensor.Sequence, slices.Delete(slices.Clone(elems), at, at+1)...)
	return nil
}

// sequenceLength is the number of elements. ONNX SequenceLength-11.
type sequenceLength struct{}

func (sequenceLength) Infer(in []ir.Fact) ([]ir.Fact, error) {
	return []ir.Fact{ir.Tensor(tensor.Int64, ir.Dims())}, wantSequence(in)
}

func (sequenceLength) Eval(c *Call) error {
	c.Out[0] = tensor.Scalar(int64(c.In[0].Len()))
	return nil
}

// concatFromSequence concatenates the elements along an axis, or stacks them
// along a new one. ONNX ConcatFromSequence-11.
type concatFromSequence struct {
	axis    int
	newAxis bool
}

func newConcatFromSequence(n *ir.Node) (Op, error) {
	a := n.ReadAttrs().Need("axis")
	return concatFromSequence{a.Int("axis", 0), a.Bool("new_axis", false)}, a.Err()
}

// Infer: sequence of tensors → a tensor with their dtype.
func (op concatFromSequence) Infer(in []ir.Fact) ([]ir.Fact, error) {
	if err := wantSequence(in); err != nil {
		return nil, err
	}
	elem := elemOf(in[0])
	if !elem.Given() {
		return nil, errors.New("the type of the sequence's elements is not known")
	}
	out := ir.Fact{DType: elem.DType}
	if s := elem.Shape; s.Ranked {
		rank := s.Rank()
		if op.newAxis {
			rank++
		}
		if _, err := tensor.Axis(op.axis, rank); err != nil {
			return nil, err
		}
		out.Shape = ir.AnyOfRank(rank)
	}
	return []ir.Fact{out}, nil
}

func (op concatFromSequence) Eval(c *Call) error {
	elems := c.In[0].Elems()
	if len(elems) == 0 {
		return errors.New("the sequence is empty, it cannot be concatenated")
	}
	if !op.newAxis {
		inner := &Call{In: elems, Out: c.Out, Node: c.Node, Run: c.Run}
		return concat{op.axis}.Eval(inner)
	}
	y, err := stack(c, elems, op.axis)
	c.Out[0] = y
	return err
}

// stack stacks tensors of the same shape along a new axis.
func stack(c *Call, elems []*tensor.Tensor, axis int) (*tensor.Tensor, error) {
	first := elems[0]
	axis, err := tensor.Axis(axis, first.Rank()+1)
	if err != nil {
		return nil, err
	}
	for i, e := range elems {
		if !slices.Equal(e.Shape(), first.Shape()) || e.DType() != first.DType() {
			return nil, fmt.Errorf("element %d is %s, element 0 is %s; they must have the same type and shape", i, e, first)
		}
	}
	y, err := c.New(first.DType(), slices.Insert(slices.Clone(first.Shape()), axis, len(elems))...)
	if err != nil || y.Len() == 0 {
		return y, err
	}
	before, after := tensor.MustCount(first.Shape()[:axis]), tensor.MustCount(first.Shape()[axis:])
	for i, e := range elems {
		cp := newCopier(y, e)
		for j := range before {
			cp.copy((j*len(elems)+i)*after, j*after, after)
		}
		if err := c.Run.Check(); err != nil {
			return nil, err
		}
	}
	return y, nil
}
