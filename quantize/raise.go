package quantize

import (
	"fmt"
	"maps"
	"slices"

	"github.com/visionzoo/vision/engine/ir"
	"github.com/visionzoo/vision/engine/onnx"
	"github.com/visionzoo/vision/engine/tensor"
)

// least is the first opset with quantisation scales along an axis.
const least = 13

// raise converts a network to the opset that quantisation needs: operators whose
// form has changed since are rewritten.
func raise(g *ir.Graph, opsets map[string]int) (map[string]int, error) {
	opsets = maps.Clone(opsets)
	if v, ok := opsets[""]; ok && v >= least {
		return opsets, nil
	}
	opsets[""] = least
	return opsets, raiseGraph(g)
}

func raiseGraph(g *ir.Graph) error {
	for _, n := range g.Nodes {
		if n.Domain == "" {
			if err := respell(g, n); err != nil {
				return n.Fail(err)
			}
		}
		for _, r := range n.Regions() {
			if err := raiseGraph(r); err != nil {
				return err
			}
		}
	}
	return nil
}

// asInputs lists attributes that became inputs: by operator, the version since
// when, and the attributes in the order of the inputs after the first.
var asInputs = map[string]struct {
	since int
	names []string
}{
	"Squeeze": {13, []string{"axes"}}, "Unsqueeze": {13, []string{"axes"}}, "ReduceSum": {13, []string{"axes"}},
	"Split": {13, []string{"split"}}, "Clip": {11, []string{"min", "max"}}, "Pad": {11, []string{"pads", "value"}},
	"Slice": {10, []string{"starts", "ends", "axes"}}, "TopK": {10, []string{"k"}}, "Reshape": {5, []string{"shape"}},
	"Upsample": {9, []string{"scales"}},
}

// asNow lists the version since when an operator has the form of opset 13, where
// an earlier form is not rewritten.
var asNow = map[string]int{"Dropout": 12, "BatchNormalization": 9}

// hints are old attributes without a meaning, or that state the default.
var hints = []string{"consumed_inputs", "is_test", "spatial"}

// respell rewrites an operator in the form of opset 13.
func respell(g *ir.Graph, n *ir.Node) error {
	n.Attrs = slices.DeleteFunc(slices.Clone(n.Attrs), func(a *ir.Attr) bool { return slices.Contains(hints, a.Name) })
	if in, ok := asInputs[n.Op]; ok && n.Version < in.since {
		attrsToInputs(g, n, in.names)
	}
	switch n.Op {
	case "Softmax", "LogSoftmax", "Hardmax":
		return oneAxis(n)
	case "Add", "Sub", "Mul", "Div", "Pow", "And", "Or", "Xor", "Equal", "Less", "Greater", "PRelu", "Gemm":
		if n.Version < 7 && n.Attr("broadcast") != nil {
			return fmt.Errorf("opset 7 dropped its way of broadcasting; convert the file to opset 13 first")
		}
	case "Upsample", "Resize":
		return resize(n)
	}
	if n.Version < asNow[n.Op] {
		return fmt.Errorf("opset %d writes it in another form; convert the file to opset 13 first", least)
	}
	n.Version = max(n.Version, least)
	return nil
}

// attrsToInputs moves attributes to inputs.
func attrsToInputs(g *ir.Graph, n *ir.Node, names []string) {
	n.Inputs = slices.Clone(n.Inputs[:1])
	for _, name := range names {
		a := n.Attr(name)
		if name == "pads" && a == nil {
			a = n.Attr("paddings")
		}
		if a == nil {
			n.Inputs = append(n.Inputs, nil)
			continue
		}
		var t *tensor.Tensor
		switch a.Type {
		case onnx.AttrFloat:
			t = tensor.Scalar(a.Float)
		case onnx.AttrFloats:
			t = tensor.Of(a.Floats)
		case onnx.AttrInt:
			t = tensor.Of([]int64{a.Int})
		default:
			t = tensor.Of(a.Ints)
		}
		n.Inputs = append(n.Inputs, g.Constant(n.Name+"/"+name, t))
		n.Attrs = slices.DeleteFunc(n.Attrs, func(b *ir.Attr) bool { return b == a })
	}
	for n.Inputs[len(n.Inputs)-1] == nil {
		n.Inputs = n.Inputs[:len(n.Inputs)-1]
	}
}

// oneAxis converts the axis of Softmax and its kin: before opset 13 all dimensions
// from axis on, 1 by default, were treated as one.
func oneAxis(n *ir.Node) error {
	axis := int64(1)
	if a := n.Attr("axis"); a != nil {
		axis = a.Int
	}
	d := n.Inputs[0].Fact.Shape
	rank := int64(d.Rank())
	if axis < 0 {
		axis += rank
	}
	last := rank >= 0 && axis == rank-1
	if !last && rank >= 0 && axis < rank { // dimensions of 1 after it do not matter
		last = true
		for _, k := range d.Dims[axis+1:] {
			last = last && k.N == 1
		}
	}
	if n.Version < 13 && !last {
		return fmt.Errorf("it runs over several dimensions, which opset 13 cannot express; convert the file to opset 13 first")
	}
	n.Attrs = append(slices.DeleteFunc(n.Attrs, func(a *ir.Attr) bool { return a.Name == "axis" }),
		&ir.Attr{Name: "axis", Type: onnx.AttrInt, Int: axis})
	n.Version = max(n.Version, least)
	return nil
}

// resize writes Upsample, and the Resize of opset 10, as the Resize of opset 13:
// their coordinates are asymmetric, and in mode nearest they are rounded down, but
// by Resize up to shrink.
func resize(n *ir.Node) error {
	if n.Op == "Resize" && n.Version > 10 {
		if a := n.Attr("coordinate_transformation_mode"); a != nil && a.String == "tf_half_pixel_for_nn" {
			return fmt.Errorf("opset %d dropped its coordinates, tf_half_pixel_for_nn; export the network without them", least)
		}
		n.Version = max(n.Version, least)
		return nil
	}
	if len(n.Inputs) != 2 || n.Inputs[1].Const() == nil {
		return fmt.Errorf("its scales are not constants, which opset %d needs; convert the file to opset %d first", least, least)
	}
	mode, rounding := "nearest", "floor"
	if a := n.Attr("mode"); a != nil && a.String != mode {
		mode = "linear" // some files say bilinear
	}
	if scales := tensor.Data[float32](n.Inputs[1].Const()); n.Op == "Resize" && slices.Min(scales) < 1 {
		if rounding = "ceil"; mode == "nearest" && slices.Max(scales) > 1 {
			return fmt.Errorf("it enlarges one axis and shrinks another, which opset %d rounds alike; convert the file to opset %d first", least, least)
		}
	}
	n.Op, n.Version, n.Inputs = "Resize", least, []*ir.Value{n.Inputs[0], nil, n.Inputs[1]}
	n.Attrs = []*ir.Attr{ir.AttrString("mode", mode), ir.AttrString("coordinate_transformation_mode", "asymmetric"), ir.AttrString("nearest_mode", rounding)}
	return nil
}
