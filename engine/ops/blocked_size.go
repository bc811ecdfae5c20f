package ops

import (
	"errors"
	"slices"

	"github.com/visionzoo/vision/engine/ir"
	"github.com/visionzoo/vision/engine/tensor"
)

// blockAttr is the attribute in which setBlockSize stores the number of channels
// in a block.
const blockAttr = "block"

// setBlockSize determines the number of channels in a block, which the file does not state, and
// sets it on the nodes that need it. The file also has Reshapes between sums of blocked values, to
// shapes in which the block is a dimension of its own: they become Identity, because values here
// are not blocked.
func setBlockSize(g *ir.Graph) error {
	fresh := func(n *ir.Node) bool { return n.Domain == Blocked && n.Operator == nil }
	if !slices.ContainsFunc(g.Nodes, fresh) {
		return nil
	}
	b, err := blockOf(g.Nodes)
	if err != nil {
		return err
	}
	inside := map[*ir.Value]bool{} // values in blocked layout
	for _, n := range g.Nodes {
		if fresh(n) && (n.Op == "Conv" || n.Op == "ReorderInput") {
			n.Attrs = append(slices.DeleteFunc(slices.Clone(n.Attrs), func(a *ir.Attr) bool { return a.Name == blockAttr }), ir.AttrInt(blockAttr, b))
		}
		in := slices.ContainsFunc(n.Inputs, func(v *ir.Value) bool { return inside[v] })
		if in && n.Domain == "" && n.Op == "Reshape" {
			n.Op, n.Version, n.Inputs, n.Attrs = "Identity", 1, n.Inputs[:1], nil
		}
		if n.Domain == Blocked && n.Op != "ReorderOutput" || n.Domain != Blocked && in {
			for _, v := range n.Outputs {
				inside[v] = true
			}
		}
	}
	return nil
}

// blockOf tells blocks of 8 from blocks of 16 channels by numbers of channels that are possible
// with only one of them. A convolution with 24 output channels, for instance, has blocks of 8; a
// ReorderOutput that leaves 20 of 32 channels ends blocks of 16, since 24 would do for blocks of 8.
// The processor at hand tells nothing: the file may come from another.
func blockOf(nodes []*ir.Node) (int, error) {
	can8, can16 := true, true
	for _, n := range nodes {
		if n.Domain != Blocked || len(n.Inputs) == 0 || n.Inputs[0] == nil {
			continue
		}
		switch w := blockedWeights(n); {
		case w != nil:
			m, cin := w.Dim(0), w.Dim(1)
			can16 = can16 && m%16 == 0
			if a := n.Attr("group"); a == nil || a.Int == 1 {
				// An input with fewer channels than a block is not blocked.
				before := n.Inputs[0].Node
				direct := before == nil || before.Domain == "" || before.Domain == Blocked && before.Op == "ReorderOutput"
				can16 = can16 && (cin < 16 || cin%16 == 0) && !(cin == 8 && !direct)
				can8 = can8 && (cin < 8 || cin%8 == 0) && !(cin == 8 && direct)
			}
		case n.Op == "ReorderOutput":
			conv := n.Inputs[0].Node
			a := n.Attr("channels")
			if conv == nil || a == nil {
				continue
			}
			if w := blockedWeights(conv); w != nil {
				can8 = can8 && int(a.Int+7)/8*8 == w.Dim(0)
				can16 = can16 && int(a.Int+15)/16*16 == w.Dim(0)
			}
		}
	}
	switch {
	case can8 && !can16:
		return 8, nil
	case can16 && !can8:
		return 16, nil
	case !can8:
		return 0, errors.New("the numbers of channels fit neither blocks of 8 nor of 16: " + exportAgain)
	}
	return 0, errors.New("the file does not determine whether blocks have 8 or 16 channels: " + exportAgain)
}

const exportAgain = "export the optimised model again at level \"extended\""

// blockedWeights returns the weights of a blocked convolution, nil for other
// nodes.
func blockedWeights(n *ir.Node) *tensor.Tensor {
	if n.Domain != Blocked || n.Op != "Conv" || len(n.Inputs) < 2 || n.Inputs[1] == nil {
		return nil
	}
	w := n.Inputs[1].Const()
	if w == nil || w.DType() != tensor.Float32 || w.Rank() != 4 || w.Len() == 0 {
		return nil
	}
	return w
}
