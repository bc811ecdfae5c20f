package ops

import (
	"fmt"
	"slices"

	"github.com/visionzoo/vision/engine/ir"
	"github.com/visionzoo/vision/engine/tensor"
)

// contributedNHWC lists operators of ONNX Runtime on values with channels last (NHWC), [N spatial… C].
// They are the operators on channels first, between transpositions of what has its channels last.
// Weights have the usual layout, except that NhwcConv has them as [M kernel… C/group]
// (fusion_nhwc_conv.py).
var contributedNHWC = []Def{
	{Domain: Microsoft, Name: "NhwcMaxPool", Since: 1, Types: byteTypes, In: Exactly(1), Out: Exactly(1), New: withChannelsLast(newMaxPool, 0)},
	{Domain: Microsoft, Name: "NhwcConv", Since: 1, Types: tensor.FloatTypes, In: Arity{2, 3}, Out: Exactly(1), New: withChannelsLast(newConv, 0, 1)},
	{Domain: Microsoft, Name: "NhwcFusedConv", Since: 1, Types: tensor.FloatTypes, In: Arity{2, 4}, Out: Exactly(1), New: withChannelsLast(newActivatedConv, 0, 3)},
}

// channelsLast adapts a channels-first operator: its output and the inputs listed in
// last have their channels last.
type channelsLast struct {
	Op
	last []int
}

// withChannelsLast returns the constructor of a channels-last operator, given that of
// the channels-first one.
func withChannelsLast(first func(n *ir.Node) (Op, error), last ...int) func(n *ir.Node) (Op, error) {
	return func(n *ir.Node) (Op, error) {
		op, err := first(n)
		return channelsLast{op, last}, err
	}
}

// eitherLayout returns the constructor of an operator whose attribute "channels_last" selects the
// layout.
func eitherLayout(first func(n *ir.Node) (Op, error)) func(n *ir.Node) (Op, error) {
	return func(n *ir.Node) (Op, error) {
		a := n.ReadAttrs()
		if last := a.Bool("channels_last", false); last || a.Err() != nil {
			op, err := withChannelsLast(first, 0)(n)
			return op, firstError(a.Err(), err)
		}
		return first(n)
	}
}

// channelsFrom returns the permutation that moves the channel axis from the second to the last
// place, or back: [0 2 3 1] or [0 3 1 2] for rank 4.
func channelsFrom(rank int, back bool) []int {
	p := make([]int, 0, rank)
	for i := range rank {
		if i != 1 {
			p = append(p, i)
		}
	}
	p = append(p, 1)
	if !back {
		return p
	}
	q := make([]int, rank)
	for i, k := range p {
		q[k] = i
	}
	return q
}

// transposedFact returns a fact with its dimensions in the order of channelsFrom.
func transposedFact(f ir.Fact, back bool) (ir.Fact, error) {
	if !f.Given() || !f.Shape.Ranked {
		return f, nil
	}
	if f.Shape.Rank() < 3 {
		return f, fmt.Errorf("needs an input of rank 3 or more (batch, spatial, channels), it has %s", f.Shape)
	}
	dims := slices.Clone(f.Shape.Dims)
	for i, k := range channelsFrom(len(dims), back) {
		dims[i] = f.Shape.Dims[k]
	}
	return ir.Tensor(f.DType, ir.ShapeOf(dims...)), nil
}

// Infer: the same as with channels first.
func (op channelsLast) Infer(in []ir.Fact) ([]ir.Fact, error) {
	in = slices.Clone(in)
	for i := range in {
		var err error
		if slices.Contains(op.last, i) {
			if in[i], err = transposedFact(in[i], true); err != nil {
				return nil, err
			}
		}
	}
	out, err := op.Op.Infer(in)
	if err != nil {
		return nil, err
	}
	y, err := transposedFact(out[0], false)
	return []ir.Fact{y}, err
}

// Eval transposes the inputs, evaluates channels-first, and transposes the output
// back.
func (op channelsLast) Eval(c *Call) error {
	if _, err := op.Infer(factsOf(c.In)); err != nil {
		return err
	}
	inner := *c
	inner.In, inner.Out, inner.Planned = slices.Clone(c.In), make([]*tensor.Tensor, len(c.Out)), nil
	for i, t := range inner.In {
		if t != nil && slices.Contains(op.last, i) {
			var err error
			if inner.In[i], err = permuted(&inner, t, channelsFrom(t.Rank(), true)); err != nil {
				return err
			}
		}
	}
	if err := op.Op.Eval(&inner); err != nil {
		return err
	}
	y := inner.Out[0]
	var err error
	c.Out[0], err = permuted(c, y, channelsFrom(y.Rank(), false))
	return err
}
