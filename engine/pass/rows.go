package pass

import (
	"slices"

	"github.com/visionzoo/vision/engine/ir"
	"github.com/visionzoo/vision/engine/tensor"
)

// asRows lets convolutions of one dimension, and what lies between them, work on pictures of one row,
// which the kernels take:
//
//	x[N C L] -> Conv 3 -> Relu -> Conv 3 -> y
//	=>  x -> Unsqueeze(2) -> x[N C 1 L] -> Conv 1x3 -> Relu -> Conv 1x3 -> Squeeze(2) -> y
//
// As in channelsFirst, every value on the way is kept in both ranks, and those that nobody reads go at
// the end. Convolutions must have constant float32 weights; operators between them are those of
// rowInputs.
func asRows(e *Editor) (int, error) {
	if !slices.ContainsFunc(e.Graph.Nodes, conv1D) {
		return 0, nil
	}
	changes, err := respell(e, rows{}.rewrite)
	if err != nil {
		return changes, err
	}
	_, err = dropDead(e) // the Squeezes that nobody reads
	return changes, err
}

// conv1D reports whether a node is a convolution of one dimension with constant
// weights of float32.
func conv1D(n *ir.Node) bool {
	if !is(n, "Conv") && !is(n, "ConvTranspose") || n.Inputs[0] == nil || n.Inputs[0].Fact.Shape.Rank() != 3 || n.Attr("output_shape") != nil {
		return false
	}
	return isFloats(n.Inputs[1]) && n.Inputs[1].Const().Rank() == 3
}

// rows maps a value [N C L] to the same as a picture of one row, [N C 1 L].
type rows map[*ir.Value]*ir.Value

// rewrite replaces a node by one on pictures of one row and a Squeeze of its result, and notes both. A
// convolution begins such a row; other operators only go on with one.
func (r rows) rewrite(s *speller) {
	n := s.node
	inputs := slices.Clone(n.Inputs)
	switch {
	case conv1D(n):
		if r[n.Inputs[0]] == nil {
			r[n.Inputs[0]] = s.add("", "Unsqueeze", 13, []*ir.Value{n.Inputs[0], s.axis()})
		}
		inputs[0], inputs[1] = r[n.Inputs[0]], s.constantRow(n.Inputs[1])
	case len(n.Outputs) == 1 && n.Outputs[0].Fact.Shape.Rank() == 3:
		pictures := rowInputs(n)
		if len(pictures) == 0 {
			return
		}
		found := false
		for _, i := range pictures {
			v := n.Inputs[i]
			switch {
			case r[v] != nil:
				inputs[i], found = r[v], true
			case v.Const() != nil && v.Const().DType() == tensor.Float32 && v.Const().Rank() <= 3:
				inputs[i] = s.constantRow(v)
			default:
				return
			}
		}
		if !found {
			return
		}
	default:
		return
	}
	y := s.add(n.Domain, n.Op, n.Version, inputs, rowAttrs(n)...)
	s.give(0, s.add("", "Squeeze", 13, []*ir.Value{y, s.axis()}))
	r[n.Outputs[0]] = y
}

// axis is a constant with the axis of a picture's rows, for Unsqueeze and Squeeze.
func (s *speller) axis() *ir.Value {
	return s.graph.Constant(s.node.Name+"/axis", tensor.Of([]int64{2}, 1))
}

// constantRow returns a constant with an axis of size 1 inserted before its last: weights [M C K] as
// [M C 1 K]. A scalar stays.
func (s *speller) constantRow(v *ir.Value) *ir.Value {
	t := v.Const()
	if t.Rank() == 0 {
		return v
	}
	row, err := t.Reshape(slices.Insert(slices.Clone(t.Shape()), t.Rank()-1, 1)...)
	if err != nil {
		s.err = err
		return v
	}
	return s.graph.Constant(v.Name+"/row", row)
}

// rowInputs returns which inputs of a node are [N C L], for a node that means the same for pictures of
// one row; none for other nodes.
func rowInputs(n *ir.Node) []int {
	if _, ok := ActivationOf(n); ok {
		return []int{0}
	}
	if n.Domain != "" {
		return nil
	}
	switch n.Op {
	case "Add", "Sub", "Mul", "Div":
		if n.Version >= 7 {
			return []int{0, 1}
		}
	case "BatchNormalization", "MaxPool", "AveragePool", "GlobalAveragePool":
		return []int{0}
	case "Concat":
		if a := n.Attr("axis"); a != nil && (a.Int == 1 || a.Int == -2) {
			all := make([]int, len(n.Inputs))
			for i := range all {
				all[i] = i
			}
			return all
		}
	}
	return nil
}

// rowAttrs returns a node's attributes for pictures of one row: windows are one row high.
func rowAttrs(n *ir.Node) []*ir.Attr {
	attrs := kept(n, "axis", "kernel_shape", "strides", "dilations", "pads", "output_padding")
	for _, a := range n.Attrs {
		switch a.Name {
		case "axis":
			attrs = append(attrs, ir.AttrInt("axis", 1))
		case "kernel_shape", "strides", "dilations":
			attrs = append(attrs, withRows(a, 1))
		case "output_padding":
			attrs = append(attrs, withRows(a, 0))
		case "pads":
			b := *a
			if len(a.Ints) == 2 {
				b.Ints = []int64{0, a.Ints[0], 0, a.Ints[1]}
			}
			attrs = append(attrs, &b)
		}
	}
	return attrs
}

// withRows returns an attribute with a number for the rows before that of the columns.
func withRows(a *ir.Attr, number int64) *ir.Attr {
	b := *a
	b.Ints = slices.Insert(slices.Clone(a.Ints), 0, number)
	return &b
}
