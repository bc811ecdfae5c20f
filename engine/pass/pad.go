package pass

import (
	"slices"

	"github.com/visionzoo/vision/engine/ir"
	"github.com/visionzoo/vision/engine/onnx"
	"github.com/visionzoo/vision/engine/tensor"
)

// movePads moves a Pad that adds zeros around the picture into the convolution or average pool that
// alone reads it:
//
//	x -> Pad(1 1 1 1) -> Conv         =>  x -> Conv pads 1 1 1 1
//	x -> Pad(1 1 1 1) -> AveragePool  =>  x -> AveragePool pads 1 1 1 1, count_include_pad
//
// A Pad of the batch or the channels stays, and so do one of other values than 0, one that removes
// pixels, and one of some axes only.
func movePads(e *Editor) (int, error) {
	changes := 0
	err := e.Nodes(func(pad *ir.Node) error {
		if !is(pad, "Pad") {
			return nil
		}
		reader := e.Only(pad.Outputs[0])
		if !takesPads(reader) || reader.Inputs[0] != pad.Outputs[0] || slices.Contains(reader.Inputs[1:], pad.Outputs[0]) {
			return nil
		}
		sides, ok := sidePads(pad)
		if !ok {
			return nil
		}
		attrs := slices.DeleteFunc(slices.Clone(reader.Attrs), func(a *ir.Attr) bool {
			return a.Name == "pads" || a.Name == "count_include_pad"
		})
		if a := reader.Attr("pads"); a != nil {
			for i := range min(len(sides), len(a.Ints)) {
				sides[i] += a.Ints[i]
			}
		}
		attrs = append(attrs, &ir.Attr{Name: "pads", Type: onnx.AttrInts, Ints: sides})
		if reader.Op == "AveragePool" { // it counted the zeros as part of the picture
			attrs = append(attrs, &ir.Attr{Name: "count_include_pad", Type: onnx.AttrInt, Int: 1})
		}
		inputs := slices.Clone(reader.Inputs)
		inputs[0] = pad.Inputs[0]
		e.Remove(pad)
		changes++
		return e.Rebind(reader, "", reader.Op, reader.Version, inputs, attrs)
	})
	return changes, err
}

// takesPads reports whether a node can use padding of its own instead of the zeros before it; n may be
// nil.
func takesPads(n *ir.Node) bool {
	if !is(n, "Conv") && !is(n, "AveragePool") {
		return false
	}
	if a := n.Attr("auto_pad"); a != nil && a.String != "NOTSET" && a.String != "" {
		return false
	}
	if n.Op == "Conv" {
		return true
	}
	// The zeros of a Pad count as pixels, the pool's own padding may not: with both, the attribute
	// count_include_pad would have to be true for one and false for the other.
	pads, ceil := n.Attr("pads"), n.Attr("ceil_mode")
	return n.Version >= 7 && (pads == nil || !slices.ContainsFunc(pads.Ints, func(p int64) bool { return p != 0 })) &&
		(ceil == nil || ceil.Int == 0)
}

// sidePads returns the widths of a Pad of zeros in the layout of the attribute
// pads, if it does not pad the batch or the channels.
func sidePads(pad *ir.Node) ([]int64, bool) {
	pads, ok := zeroPads(pad)
	rank := pad.Inputs[0].Fact.Shape.Rank()
	if !ok || rank < 3 || len(pads) != 2*rank || slices.Min(pads) < 0 ||
		pads[0] != 0 || pads[1] != 0 || pads[rank] != 0 || pads[rank+1] != 0 {
		return nil, false
	}
	return slices.Concat(pads[2:rank], pads[rank+2:]), true
}

// zeroPads returns the pads of a Pad in constant mode with value 0, over all axes; ok is false for
// other nodes.
func zeroPads(n *ir.Node) (pads []int64, ok bool) {
	if m := n.Attr("mode"); m != nil && m.String != "constant" {
		return nil, false
	}
	if v := n.Attr("value"); n.Version < 11 && v != nil && v.Float != 0 {
		return nil, false
	}
	if len(n.Inputs) > 3 {
		return nil, false // over some axes only
	}
	if len(n.Inputs) > 2 && n.Inputs[2] != nil {
		if v, ok := scalar(n.Inputs[2]); !ok || v != 0 {
			return nil, false
		}
	}
	return constantPads(n)
}

// constantPads returns the widths of a Pad if they are constant: an attribute before version 11, which
// version 1 names differently, and an input from then on.
func constantPads(n *ir.Node) ([]int64, bool) {
	if !is(n, "Pad") {
		return nil, false
	}
	if n.Version < 11 {
		for _, name := range []string{"pads", "paddings"} {
			if a := n.Attr(name); a != nil {
				return a.Ints, true
			}
		}
		return nil, false
	}
	c := n.Inputs[1].Const()
	if c == nil || c.DType() != tensor.Int64 {
		return nil, false
	}
	return tensor.Data[int64](c), true
}
