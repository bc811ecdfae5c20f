package quantize_test

import (
	"math/rand"
	"testing"

	"github.com/visionzoo/vision/engine/onnx"
)

// TestNames: values that are named as the export names its own are kept apart, and
// the metadata stays.
func TestNames(t *testing.T) {
	n := &network{rand.New(rand.NewSource(1)), &onnx.Graph{Name: "names"}}
	n.g.Inputs, n.g.Outputs = value("x", 1, 3, 20, 20), value("y", 1, 8, 20, 20)
	v, pads, in := "x", ints("pads", 1, 1, 1, 1), int64(3)
	for _, name := range []string{"x_coded", "x_code", "x_coded_coded", "x_scale", "y"} {
		v, in = n.op("Conv", name, []*onnx.Attribute{pads}, v, n.constant("w"+name, 0.2, 8, in, 3, 3)), 8
		n.g.Nodes[len(n.g.Nodes)-1].Name = "conv"
	}
	s, r := n.quantized(t, 13, onnx.Entry{Key: "names", Value: "a, b"})
	if d := differ(t, s, r); d > 0.05 {
		t.Errorf("the outputs differ by %.3f", d)
	}
	named := map[string]bool{}
	for _, n := range r.Model.Graph.Nodes {
		if named[n.Name] {
			t.Errorf("two nodes are named %s", n.Name) // which ONNX Runtime refuses
		}
		named[n.Name] = true
	}
	if r.Agreement != -1 {
		t.Errorf("a map has an agreement of %v", r.Agreement)
	}
	if m := r.Model.Metadata; len(m) != 1 || m[0] != (onnx.Entry{Key: "names", Value: "a, b"}) {
		t.Errorf("metadata %v", m)
	}
}

// TestKnownSizes: a size that the network computes, although it is known, is written once.
func TestKnownSizes(t *testing.T) {
	n := &network{rand.New(rand.NewSource(1)), &onnx.Graph{Name: "sizes"}}
	n.g.Inputs, n.g.Outputs = value("x", 1, 3, 20, 20), []*onnx.ValueInfo{{Name: "y", Type: &onnx.Type{Kind: onnx.KindTensor, ElemType: 1}}}
	n.g.Inputs[0].Type.Dims[2] = onnx.Dim{Param: "height"}
	for name, v := range map[string][]int64{"0": {0}, "2": {2}, "4": {4}} {
		n.g.Initializers = append(n.g.Initializers, &onnx.Tensor{Name: name, DataType: 7, Dims: []int64{1}, Int64s: v})
	}
	c := n.op("Conv", "conv", nil, "x", n.constant("w", 0.3, 8, 3, 3, 3))
	sizes := n.op("Shape", "sizes", nil, c)
	known, rest := n.op("Slice", "known", nil, sizes, "0", "2"), n.op("Slice", "rest", nil, sizes, "2", "4")
	n.op("Reshape", "y", nil, c, n.op("Concat", "all", []*onnx.Attribute{integer("axis", 0)}, known, rest))
	if s, r := n.quantized(t, 13); differ(t, s, r) > 0.03 {
		t.Errorf("the outputs differ by %.3f", differ(t, s, r))
	}
}

// TestRegions: what a branch gives is made in it, as ONNX Runtime wants it.
func TestRegions(t *testing.T) {
	n := &network{rand.New(rand.NewSource(1)), &onnx.Graph{Name: "regions"}}
	n.g.Inputs, n.g.Outputs = value("x", 1, 3, 20, 20), value("y", 1, 8, 18, 18)
	n.g.Initializers = append(n.g.Initializers, &onnx.Tensor{Name: "zero", DataType: 1, Floats: []float32{0}})
	c := n.op("Relu", "relu", nil, n.op("Conv", "conv", nil, "x", n.constant("w", 0.3, 8, 3, 3, 3)))
	branch := func(op, out string) *onnx.Attribute {
		g := &onnx.Graph{Name: op, Outputs: value(out, 1, 8, 18, 18), Nodes: []*onnx.Node{{OpType: op, Inputs: []string{c}, Outputs: []string{out}}}}
		return &onnx.Attribute{Name: op, Type: onnx.AttrGraph, Graph: g}
	}
	same, twice := branch("Identity", "same"), branch("Abs", "abs")
	same.Name, twice.Name = "then_branch", "else_branch"
	mean := n.op("ReduceMean", "mean", []*onnx.Attribute{integer("keepdims", 0)}, c)
	n.op("If", "y", []*onnx.Attribute{same, twice}, n.op("Greater", "more", nil, mean, "zero"))
	s, r := n.quantized(t, 13)
	if d := differ(t, s, r); d > 0.03 {
		t.Errorf("the outputs differ by %.3f", d)
	}
	for _, node := range r.Model.Graph.Nodes {
		for _, a := range node.Attributes {
			if a.Graph != nil && (len(a.Graph.Nodes) != 1 || a.Graph.Nodes[0].Outputs[0] != a.Graph.Outputs[0].Name) {
				t.Errorf("%s: %d nodes", a.Name, len(a.Graph.Nodes))
			}
		}
	}
}
