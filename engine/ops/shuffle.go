package ops

import (
	"fmt"
	"slices"

	"github.com/visionzoo/vision/engine/ir"
	"github.com/visionzoo/vision/engine/tensor"
)

// Shuffle chooses channels: channel i of the output is channel Channels[i] of the inputs, pictures
// [N C H W] of one N, H and W whose channels are counted one input after another. It stands for
// channel shuffles (Zhang et al. 2018, arXiv:1707.01083, figure 1), together with what is concatenated
// before and sliced after them.
type Shuffle struct{ Channels []int }

func newShuffle(n *ir.Node) (Op, error) {
	a := n.ReadAttrs()
	op := &Shuffle{}
	for _, c := range a.Ints("channels") {
		op.Channels = append(op.Channels, int(c))
	}
	return op, a.Err()
}

// Infer: X [N C H W], … → Y [N channels H W].
func (op *Shuffle) Infer(in []ir.Fact) ([]ir.Fact, error) {
	all, first := 0, in[0].Shape
	for _, f := range in {
		if f.Shape.Rank() != 4 || !f.Shape.Dims[1].Known() {
			return nil, fmt.Errorf("needs pictures of a known number of channels, it has %s", f.Shape)
		}
		all += f.Shape.Dims[1].N
	}
	for _, c := range op.Channels {
		if c >= all {
			return nil, fmt.Errorf("needs channel %d, its inputs have %d", c, all)
		}
	}
	return []ir.Fact{ir.Tensor(in[0].DType, ir.ShapeOf(first.Dims[0], ir.Dim{N: len(op.Channels)}, first.Dims[2], first.Dims[3]))}, nil
}

// Eval copies planes.
func (op *Shuffle) Eval(c *Call) error {
	if _, err := op.Infer(factsOf(c.In)); err != nil {
		return err
	}
	x := c.In[0]
	for _, t := range c.In {
		if t.Dim(0) != x.Dim(0) || t.Dim(2) != x.Dim(2) || t.Dim(3) != x.Dim(3) {
			return fmt.Errorf("needs pictures of one size, it has %d and %d", x.Shape(), t.Shape())
		}
	}
	y, err := c.output(x.DType(), x.Dim(0), len(op.Channels), x.Dim(2), x.Dim(3))
	if err != nil {
		return err
	}
	plane := x.Dim(2) * x.Dim(3)
	to := tensor.Data[float32](y)
	return c.share(x.Dim(0)*len(op.Channels), 0.2*float64(plane)+10, func(from, end int) {
		for i := from; i < end; i++ {
			ch, k := op.Channels[i%len(op.Channels)], 0
			for ; ch >= c.In[k].Dim(1); k++ {
				ch -= c.In[k].Dim(1)
			}
			at := (i/len(op.Channels)*c.In[k].Dim(1) + ch) * plane
			copy(to[i*plane:(i+1)*plane], tensor.Data[float32](c.In[k])[at:])
		}
	})
}

// ChannelsOf returns which channels of the picture in[0] each output of a Slice or Split has; ok is
// false if the node does something else. out are the facts of its outputs. Sizes other than the
// number of channels need not be known.
func ChannelsOf(n *ir.Node, in, out []ir.Fact) (parts [][]int, ok bool) {
	if n.Domain != "" || n.Op != "Slice" && n.Op != "Split" || in[0].Shape.Rank() != 4 || !in[0].Shape.Dims[1].Known() {
		return nil, false
	}
	d := in[0].Shape.Dims
	const side = 2 // in the place of the other sizes: of more than one, so that the direction shows
	size := []int{side, d[1].N, side, side}
	strides := tensor.Strides(size)
	in = slices.Clone(in)
	in[0].Shape, in[0].Const = ir.Dims(size...), nil
	moves, ok := Moves(n, in, strides)
	for i, m := range moves {
		y := out[i].Shape
		if y.Rank() != 4 || !y.Dims[0].Same(d[0]) || !y.Dims[2].Same(d[2]) || !y.Dims[3].Same(d[3]) ||
			m.Strides[0] != strides[0] || m.Strides[2] != strides[2] || m.Strides[3] != 1 {
			return nil, false
		}
		var channels []int
		for c := range m.Shape[1] {
			channels = append(channels, (m.Start+c*m.Strides[1])/strides[1])
		}
		parts = append(parts, channels)
	}
	return parts, ok
}
