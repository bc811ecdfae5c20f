package ir_test

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/visionzoo/vision/engine/ir"
	"github.com/visionzoo/vision/engine/onnx"
	"github.com/visionzoo/vision/engine/tensor"
)

// TestAttrsKeepTheFirstError holds that a constructor may read on after a
// mistake and is told the first.
func TestAttrsKeepTheFirstError(t *testing.T) {
	n := &ir.Node{Attrs: []*ir.Attr{
		{Name: "axis", Type: onnx.AttrInt, Int: -1},
		{Name: "alpha", Type: onnx.AttrFloat, Float: 0.5},
		{Name: "mode", Type: onnx.AttrString, String: "cubic"},
		{Name: "to", Type: onnx.AttrInt, Int: 99},
		{Name: "value", Type: onnx.AttrTensor},
	}}
	a := n.ReadAttrs()
	if a.Int("axis", 3) != -1 || a.Int("group", 3) != 3 || a.Float("alpha", 1) != 0.5 || a.OneOf("mode", "nearest", "cubic") != "cubic" || a.Err() != nil {
		t.Fatalf("sound attributes are read wrong: %v", a.Err())
	}
	for _, r := range []struct {
		name string
		read func(a *ir.Attrs)
		want string
	}{
		{"another kind", func(a *ir.Attrs) { a.Ints("axis") }, `"axis"`},
		{"a word that is none", func(a *ir.Attrs) { a.OneOf("mode", "linear", "nearest") }, "not one of"},
		{"an element type that does not exist", func(a *ir.Attrs) { a.DType("to", tensor.Float32) }, "does not exist"},
		{"a tensor that is not there", func(a *ir.Attrs) { a.Tensor("value") }, "empty"},
		{"the first of two", func(a *ir.Attrs) { a.Need("beta"); a.Ints("axis") }, `"beta" is missing`},
	} {
		a := n.ReadAttrs()
		if r.read(a); a.Err() == nil || !strings.Contains(a.Err().Error(), r.want) {
			t.Errorf("%s: error is %v, want one with %s", r.name, a.Err(), r.want)
		}
	}
}

func TestDims(t *testing.T) {
	batch := ir.Sym("batch")
	for _, r := range []struct {
		name string
		a, b ir.Dim
		same bool
	}{
		{"numbers", ir.Dim{N: 3}, ir.Dim{N: 3}, true},
		{"a number and a symbol", ir.Dim{N: 3}, batch, false},
		{"one symbol", batch, ir.Sym("batch"), true},
		{"symbols without names", ir.Unknown, ir.Unknown, false},
	} {
		if r.a.Same(r.b) != r.same {
			t.Errorf("%s: Same is %v", r.name, !r.same)
		}
	}
	s := ir.ShapeOf(batch, ir.Dim{N: 3})
	if _, ok := s.Ints(); ok || s.Full() || s.Rank() != 2 || s.String() != "[batch 3]" {
		t.Errorf("shape %s: known sizes %v, rank %d", s, ok, s.Rank())
	}
	var none ir.Shape
	if none.Rank() != -1 || none.Full() || none.Equal(none) || none.String() != "[…]" {
		t.Errorf("the shape of which nothing is known is %s of rank %d", none, none.Rank())
	}
}

// TestFactAdmits holds what a run checks of its inputs.
func TestFactAdmits(t *testing.T) {
	f := ir.Tensor(tensor.Float32, ir.ShapeOf(ir.Sym("batch"), ir.Dim{N: 2}))
	for _, r := range []struct {
		name string
		t    *tensor.Tensor
		want bool
	}{
		{"a symbol stands for any size", tensor.New(tensor.Float32, 5, 2), true},
		{"a number for itself", tensor.New(tensor.Float32, 5, 3), false},
		{"another rank", tensor.New(tensor.Float32, 2), false},
		{"another type", tensor.New(tensor.Int32, 5, 2), false},
	} {
		if f.Admits(r.t) != r.want {
			t.Errorf("%s: Admits is %v", r.name, !r.want)
		}
	}
}

// TestNodeNames holds that names out of a file cannot steer a terminal.
func TestNodeNames(t *testing.T) {
	n := &ir.Node{Name: "a\x1b[31m\n", Op: "Re\x00lu", Version: 14}
	for _, c := range n.String() {
		if c < 0x20 {
			t.Errorf("%q holds a control character", n.String())
		}
	}
}

// TestCloneIsItsOwn holds that changing a clone leaves the graph alone.
func TestCloneIsItsOwn(t *testing.T) {
	g := &ir.Graph{}
	x := g.NewValue("x", ir.Tensor(tensor.Float32, ir.Dims(1)))
	y := g.NewValue("y", ir.Fact{})
	n := &ir.Node{Op: "Relu", Inputs: []*ir.Value{x}, Outputs: []*ir.Value{y}}
	y.Node, g.Inputs, g.Outputs, g.Nodes = n, []*ir.Value{x}, []*ir.Value{y}, []*ir.Node{n}
	c := g.Clone()
	c.Nodes[0].Op, c.Outputs[0].Name = "Tanh", "z"
	if n.Op != "Relu" || y.Name != "y" || c.Nodes[0].Inputs[0] == x || c.Outputs[0].Node != c.Nodes[0] {
		t.Error("the clone shares what it must not")
	}
}

// Integers of 8 and 16 bits keep their bits, whichever sign a file writes them with, and
// any number but 0 is true; half floats are bits too.
func TestNumbersOfInt32Data(t *testing.T) {
	for _, r := range []struct {
		d    tensor.DType
		in   []int32
		want []float64
	}{
		{tensor.Int8, []int32{255, -128}, []float64{-1, -128}},
		{tensor.Uint8, []int32{-1, 7}, []float64{255, 7}},
		{tensor.Uint16, []int32{-2}, []float64{65534}},
		{tensor.Bool, []int32{2, 0, -1}, []float64{1, 0, 1}},
		{tensor.Float16, []int32{0xc000}, []float64{-2}},
		{tensor.Float16, []int32{-1}, nil},
		{tensor.BFloat16, []int32{1 << 16}, nil},
	} {
		p := &onnx.Tensor{Name: "w", DataType: int32(r.d), Dims: []int64{int64(len(r.in))}, Int32s: r.in}
		out, err := ir.NewValueOf(&onnx.Value{Kind: onnx.KindTensor, Tensor: p})
		if r.want == nil {
			if err == nil {
				t.Errorf("%v as %s is %v", r.in, r.d, out)
			}
			continue
		}
		if err != nil || !slices.Equal(tensor.ToFloat64(out), r.want) {
			t.Errorf("%v as %s: %v, want %v", r.in, r.d, err, r.want)
		}
	}
}

// Nodes of com.microsoft need no import, since it has one version only.
func TestImportsNobodyNeeds(t *testing.T) {
	for domain, fails := range map[string]bool{"com.microsoft": false, "ai.onnx.ml": true} {
		m := &onnx.Model{IRVersion: 8, Opsets: []onnx.Opset{{Version: 17}}, Graph: &onnx.Graph{
			Nodes: []*onnx.Node{{OpType: "Any", Domain: domain, Outputs: []string{"y"}}}, Outputs: []*onnx.ValueInfo{{Name: "y"}}}}
		if _, err := ir.Load(context.Background(), m, ir.LoadOptions{}); (err != nil) != fails {
			t.Errorf("%s: %v", domain, err)
		}
	}
}
