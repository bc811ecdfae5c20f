package pass

import (
	"slices"

	"github.com/visionzoo/vision/engine/ir"
	"github.com/visionzoo/vision/engine/ops"
)

// toFirst and toLast are the orders of a Transpose that brings channels to the
// second place (NHWC to NCHW), and back to the last.
var toFirst, toLast = []int64{0, 3, 1, 2}, []int64{0, 2, 3, 1}

// channelsFirst lets ONNX Runtime's operators on pictures with channels last (NHWC) compute with
// channels first (NCHW), as all kernels do:
//
//	x -> Transpose(0 2 3 1) -> NhwcConv -> Relu -> NhwcMaxPool -> Transpose(0 3 1 2) -> y
//	=>  x -> Conv -> Relu -> MaxPool -> y
//
// Each of them gets a Transpose before and behind it. So does what lies between them, if it treats
// all places of a picture alike, and every value is kept in both layouts, so that transpositions
// that meet are not made: the ones that nobody reads go at the end. Only pictures of rank 4 are
// touched, and only graphs that have such an operator.
func channelsFirst(e *Editor) (int, error) {
	if !slices.ContainsFunc(e.Graph.Nodes, func(n *ir.Node) bool { _, _, last := nchwForm(n); return last }) {
		return 0, nil
	}
	changes, err := respell(e, nchwOf{}.rewrite)
	if err != nil {
		return changes, err
	}
	_, err = dropDead(e) // transpositions to a layout that nobody reads
	return changes, err
}

// nchwOf maps a picture with channels last to the same with channels first.
type nchwOf map[*ir.Value]*ir.Value

// rewrite replaces a node on pictures with channels last by one on channels first and a Transpose of
// its result, and notes both. A Transpose of the file between the layouts is not computed again.
func (f nchwOf) rewrite(s *speller) {
	n := s.node
	if is(n, "Transpose") {
		switch a := n.Attr("perm"); {
		case a != nil && slices.Equal(a.Ints, toLast):
			f[n.Outputs[0]] = n.Inputs[0]
		case a != nil && slices.Equal(a.Ints, toFirst) && f[n.Inputs[0]] != nil:
			s.give(0, s.add("", "Identity", 13, []*ir.Value{f[n.Inputs[0]]}))
		}
		return
	}
	form, pictures, last := nchwForm(n)
	if !last {
		if pictures = layoutFree(n); len(pictures) == 0 {
			return
		}
		for _, i := range pictures {
			if f[n.Inputs[i]] == nil {
				return
			}
		}
		form.domain, form.op, form.version, form.attrs = n.Domain, n.Op, n.Version, n.Attrs
		if n.Attr("axis") != nil {
			form.attrs = append(kept(n, "axis"), ir.AttrInt("axis", 1))
		}
	}
	inputs := slices.Clone(n.Inputs)
	for _, i := range pictures {
		v := n.Inputs[i]
		if f[v] == nil {
			f[v] = s.transpose(v, toFirst)
		}
		inputs[i] = f[v]
	}
	y := s.add(form.domain, form.op, form.version, inputs, form.attrs...)
	s.give(0, s.transpose(y, toLast))
	f[n.Outputs[0]] = y
}

// transpose returns v, of rank 4, with its dimensions in the given order.
func (s *speller) transpose(v *ir.Value, order []int64) *ir.Value {
	return s.add("", "Transpose", 13, []*ir.Value{v}, ir.AttrInts("perm", int(order[0]), int(order[1]), int(order[2]), int(order[3])))
}

// form is an operator with its attributes.
type form struct {
	domain, op string
	version    int
	attrs      []*ir.Attr
}

// nchwForm returns the operator with channels first that an operator with channels last stands for,
// and which inputs have channels last. last is false for other operators, and for those on other than
// two spatial dimensions.
func nchwForm(n *ir.Node) (f form, pictures []int, last bool) {
	if n.Domain != ops.Microsoft || n.Inputs[0] == nil || n.Inputs[0].Fact.Shape.Rank() != 4 {
		return f, nil, false
	}
	f.attrs, pictures = kept(n, "channels_last"), []int{0}
	switch n.Op {
	case "NhwcMaxPool":
		f.op, f.version = "MaxPool", 12
		return f, pictures, true
	case "NhwcConv":
		f.op, f.version = "Conv", 11
		return f, []int{0, 1}, n.Inputs[1] != nil && n.Inputs[1].Fact.Shape.Rank() == 4
	case "NhwcFusedConv":
		f.domain, f.op, f.version = ops.Microsoft, "FusedConv", 1
		if len(n.Inputs) > 3 && n.Inputs[3] != nil {
			pictures = []int{0, 3}
		}
		return f, pictures, true
	case "QLinearConv":
		f.op, f.version = "QLinearConv", 10
	case "QLinearAveragePool", "QLinearGlobalAveragePool":
		f.domain, f.op, f.version = ops.Microsoft, n.Op, 1
	default:
		return f, nil, false
	}
	a := n.Attr("channels_last")
	return f, pictures, a != nil && a.Int != 0
}

// layoutFree returns which inputs are pictures, for a node that computes the same whatever the layout
// because it treats all places and channels alike, or concatenates channels; none for other nodes.
func layoutFree(n *ir.Node) []int {
	if len(n.Outputs) != 1 {
		return nil
	}
	switch n.Op {
	case "Relu", "Sigmoid", "Tanh":
		return []int{0}
	case "Clip", "QuantizeLinear", "DequantizeLinear":
		for _, v := range n.Inputs[1:] {
			if v != nil && v.Fact.Shape.Rank() > 0 && !one(v) {
				return nil
			}
		}
		if n.Attr("axis") != nil {
			return nil
		}
		return []int{0}
	case "QLinearSigmoid", "QLinearLeakyRelu":
		return []int{0}
	case "Add", "Mul":
		return []int{0, 1}
	case "QLinearAdd", "QLinearMul":
		return []int{0, 3}
	case "Concat", "QLinearConcat":
		if a := n.Attr("axis"); a == nil || a.Int != 3 && a.Int != -1 {
			return nil
		}
		first, step := 0, 1
		if n.Op == "QLinearConcat" {
			first, step = 2, 3
		}
		var all []int
		for i := first; i < len(n.Inputs); i += step {
			all = append(all, i)
		}
		return all
	}
	return nil
}

// one reports whether v surely has one element.
func one(v *ir.Value) bool {
	k, ok := v.Fact.Shape.Count()
	return ok && k == 1
}
