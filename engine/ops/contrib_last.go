package ops

import (
	"fmt"
	"slices"

	"github.com/visionzoo/vision/engine/ir"
	"github.com/visionzoo/vision/engine/tensor"
)

// contributedLast are operators of ONNX Runtime on pictures whose channels lie
// last: [N spatial… C]. Weights lie as elsewhere, [M C/group kernel…].
var contributedLast = []Def{
	{Domain: microsoft, Name: "NhwcMaxPool", Since: 1, Types: bytes8, In: Exactly(1), Out: Exactly(1), New: lastChannels(newMaxPool)},
	{Domain: microsoft, Name: "NhwcConv", Since: 1, Types: tensor.FloatTypes, In: Arity{2, 3}, Out: Exactly(1), New: lastChannels(newConv)},
	{Domain: microsoft, Name: "NhwcFusedConv", Since: 1, Types: tensor.FloatTypes, In: Arity{2, 4}, Out: Exactly(1), New: lastChannels(newActivatedConv)},
}

// lastFirst is an operator whose first input, fourth input where that is what a
// convolution adds, and output have their channels last.
type lastFirst struct {
	Op
	sum bool
}

// lastChannels makes the operator of what takes channels first.
func lastChannels(first func(n *ir.Node) (Op, error)) func(n *ir.Node) (Op, error) {
	return func(n *ir.Node) (Op, error) {
		op, err := first(n)
		_, sum := op.(Activated)
		return lastFirst{op, sum}, err
	}
}

// anyChannels leaves the choice to attribute "channels_last".
func anyChannels(first func(n *ir.Node) (Op, error)) func(n *ir.Node) (Op, error) {
	return func(n *ir.Node) (Op, error) {
		a := n.ReadAttrs()
		if last := a.Bool("channels_last", false); last || a.Err() != nil {
			op, err := lastChannels(first)(n)
			return op, firstError(a.Err(), err)
		}
		return first(n)
	}
}

// picture reports whether an input has its channels last.
func (op lastFirst) picture(i int) bool { return i == 0 || i == 3 && op.sum }

// channelsFrom is the order of dimensions that brings channels last from the
// second place, or back.
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

// turned is a fact with its dimensions in that order.
func turned(f ir.Fact, back bool) (ir.Fact, error) {
	if !f.Given() || !f.Shape.Ranked {
		return f, nil
	}
	if f.Shape.Rank() < 3 {
		return f, fmt.Errorf("needs an input of 3 dimensions or more (batch, spatial, channels), it has %s", f.Shape)
	}
	dims := slices.Clone(f.Shape.Dims)
	for i, k := range channelsFrom(len(dims), back) {
		dims[i] = f.Shape.Dims[k]
	}
	return ir.Tensor(f.DType, ir.ShapeOf(dims...)), nil
}

// Infer: as with channels first.
func (op lastFirst) Infer(in []ir.Fact) ([]ir.Fact, error) {
	in = slices.Clone(in)
	for i := range in {
		var err error
		if op.picture(i) {
			if in[i], err = turned(in[i], true); err != nil {
				return nil, err
			}
		}
	}
	out, err := op.Op.Infer(in)
	if err != nil {
		return nil, err
	}
	y, err := turned(out[0], false)
	return []ir.Fact{y}, err
}

// Eval turns pictures around, and the result back.
func (op lastFirst) Eval(c *Call) error {
	if _, err := op.Infer(factsOf(c.In)); err != nil {
		return err
	}
	inner := *c
	inner.In, inner.Out, inner.Planned = slices.Clone(c.In), make([]*tensor.Tensor, len(c.Out)), nil
	for i, t := range inner.In {
		if op.picture(i) && t != nil {
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
