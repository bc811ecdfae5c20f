package engine_test

import (
	"bytes"
	"context"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/visionzoo/vision/engine"
	"github.com/visionzoo/vision/engine/onnx"
	"github.com/visionzoo/vision/engine/tensor"
	"github.com/visionzoo/vision/internal/spent"
)

// calling is a model of one float vector x with the given functions, all of domain f.
func calling(t *testing.T, nodes []*onnx.Node, functions []*onnx.Function, outputs ...string) []byte {
	t.Helper()
	vector := &onnx.Type{Kind: onnx.KindTensor, ElemType: 1, HasShape: true, Dims: []onnx.Dim{{Value: 3, HasValue: true}}}
	m := &onnx.Model{IRVersion: 8, Opsets: []onnx.Opset{{Version: 17}, {Domain: "f", Version: 1}}, Functions: functions,
		Graph: &onnx.Graph{Inputs: []*onnx.ValueInfo{{Name: "x", Type: vector}}, Nodes: nodes}}
	for _, name := range outputs {
		m.Graph.Outputs = append(m.Graph.Outputs, &onnx.ValueInfo{Name: name, Type: vector})
	}
	for _, f := range functions {
		f.Domain, f.Opsets = "f", m.Opsets
	}
	var b bytes.Buffer
	if err := onnx.Write(&b, m); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// What a function passes on, or gives twice, has its name around the call and keeps the
// one that it had.
func TestFunctionsNameTheirOutputs(t *testing.T) {
	pass := &onnx.Function{Name: "Pass", Inputs: []string{"p"}, Outputs: []string{"p"}}
	twice := &onnx.Function{Name: "Twice", Inputs: []string{"p"}, Outputs: []string{"q", "q"},
		Nodes: []*onnx.Node{{OpType: "Neg", Inputs: []string{"p"}, Outputs: []string{"q"}}}}
	nodes := []*onnx.Node{
		{OpType: "Relu", Inputs: []string{"x"}, Outputs: []string{"a"}},
		{OpType: "Pass", Domain: "f", Inputs: []string{"a"}, Outputs: []string{"b"}},
		{OpType: "Pass", Domain: "f", Inputs: []string{"x"}, Outputs: []string{"c"}},
		{OpType: "Twice", Domain: "f", Inputs: []string{"b"}, Outputs: []string{"d", "e"}},
	}
	s, err := engine.OpenBytes(calling(t, nodes, []*onnx.Function{pass, twice}, "a", "b", "c", "d", "e"))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	out, err := s.Run(context.Background(), engine.Values{"x": tensor.Of([]float32{-1, 0, 2}, 3)})
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string][]float32{"a": {0, 0, 2}, "b": {0, 0, 2}, "c": {-1, 0, 2}, "d": {0, 0, -2}, "e": {0, 0, -2}} {
		if y := out[name]; y == nil || !slices.Equal(tensor.Data[float32](y), want) {
			t.Errorf("%s is %v, want %v", name, y, want)
		}
	}
}

// Errors in the bodies of functions name the way there. A call may leave out attributes,
// but nodes refer to declared ones only: a mistyped one would be left out each time.
func TestFunctionsFail(t *testing.T) {
	alpha := func(to string) []*onnx.Attribute {
		return []*onnx.Attribute{{Name: "alpha", Type: onnx.AttrFloat, Ref: to}}
	}
	for _, c := range []struct {
		leaf onnx.Node
		want string // "": none
	}{
		{onnx.Node{OpType: "LeakyRelu", Attributes: alpha("slope")}, ""},
		{onnx.Node{OpType: "LeakyRelu", Attributes: alpha("slpoe")}, `calls": function "Outer": node "again": function "Inner": node "leaf" (LeakyRelu): attribute "alpha": refers to attribute "slpoe", which function "Inner" does not declare`},
		{onnx.Node{OpType: "LeakyRelu", Attributes: []*onnx.Attribute{{Name: "alhpa", Type: onnx.AttrFloat}}}, `node "calls/again/leaf" (LeakyRelu-17): the operator has no attribute "alhpa"; did you mean alpha?`},
		{onnx.Node{OpType: "Fly"}, `Fly (node "calls/again/leaf")`},
	} {
		leaf := c.leaf
		leaf.Name, leaf.Inputs, leaf.Outputs = "leaf", []string{"p"}, []string{"q"}
		inner := &onnx.Function{Name: "Inner", Inputs: []string{"p"}, Outputs: []string{"q"}, AttributeNames: []string{"slope"}, Nodes: []*onnx.Node{&leaf}}
		outer := &onnx.Function{Name: "Outer", Inputs: []string{"p"}, Outputs: []string{"q"},
			Nodes: []*onnx.Node{{OpType: "Inner", Name: "again", Domain: "f", Inputs: []string{"p"}, Outputs: []string{"q"}}}}
		calls := []*onnx.Node{{OpType: "Outer", Name: "calls", Domain: "f", Inputs: []string{"x"}, Outputs: []string{"y"}}}
		if _, err := engine.OpenBytes(calling(t, calls, []*onnx.Function{inner, outer}, "y")); (err != nil) != (c.want != "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v, want %s", err, c.want)
		}
	}
	top := []*onnx.Node{{OpType: "LeakyRelu", Name: "top", Inputs: []string{"x"}, Outputs: []string{"y"}, Attributes: alpha("slope")}}
	if _, err := engine.OpenBytes(calling(t, top, nil, "y")); err == nil || !strings.Contains(err.Error(), `node "top" (LeakyRelu): attribute "alpha": refers to attribute "slope" of a function, but is in none`) {
		t.Error(err)
	}
}

// Calls repeat a function's nodes, but neither their own names nor its constants without
// bound.
func TestFunctionsGrow(t *testing.T) {
	chain := func(n int) []*onnx.Node {
		nodes := []*onnx.Node{{OpType: "Identity", Inputs: []string{"p"}, Outputs: []string{"q"}}}
		for range n {
			nodes = append(nodes, &onnx.Node{OpType: "Relu", Inputs: []string{"q"}, Outputs: []string{"r"}})
		}
		return nodes
	}
	long := &onnx.Function{Name: "Long", Inputs: []string{"p"}, Outputs: []string{"q"}, Nodes: chain(2000)}
	named := []*onnx.Node{{OpType: "Long", Name: strings.Repeat("n", 1<<20), Domain: "f", Inputs: []string{"x"}, Outputs: []string{"y"}}}
	if _, err := engine.OpenBytes(calling(t, named, []*onnx.Function{long}, "y")); err == nil || !strings.Contains(err.Error(), "make names of more than") {
		t.Errorf("a long name of a call: %v", err)
	}

	table := &onnx.Attribute{Name: "value", Type: onnx.AttrTensor, Tensor: &onnx.Tensor{DataType: 7, Dims: []int64{1 << 18}, Int64s: make([]int64, 1<<18)}}
	held := &onnx.Function{Name: "Held", Inputs: []string{"p"}, Outputs: []string{"q"}, Nodes: []*onnx.Node{
		{OpType: "Constant", Outputs: []string{"c"}, Attributes: []*onnx.Attribute{table}},
		{OpType: "Identity", Inputs: []string{"p"}, Outputs: []string{"q"}}}}
	var calls []*onnx.Node
	for i := range 300 {
		calls = append(calls, &onnx.Node{OpType: "Held", Domain: "f", Inputs: []string{strings.Repeat("x", i+1)}, Outputs: []string{strings.Repeat("x", i+2)}})
	}
	data := calling(t, calls, []*onnx.Function{held}, strings.Repeat("x", 301))
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	s, err := engine.OpenBytes(data)
	if err != nil {
		t.Fatal(err)
	}
	s.Close()
	runtime.ReadMemStats(&after)
	if took := (after.TotalAlloc - before.TotalAlloc) >> 20; took > 100 { // one is 2 MiB
		t.Errorf("300 calls took %d MiB", took)
	}
}

// A branch that reads thousands of values made outside takes time in proportion to
// their number, not to its square.
func TestBranchesReadMany(t *testing.T) {
	const n = 20_000
	of := func(elem int32, name string) []*onnx.ValueInfo {
		return []*onnx.ValueInfo{{Name: name, Type: &onnx.Type{Kind: onnx.KindTensor, ElemType: elem, HasShape: true}}}
	}
	name := func(what string, i int) string { return what + strconv.Itoa(i) }
	identity := func(from, to string) *onnx.Node {
		return &onnx.Node{OpType: "Identity", Inputs: []string{from}, Outputs: []string{to}}
	}
	yes := &onnx.Graph{Name: "yes", Nodes: []*onnx.Node{identity("x0", "sum0")}, Outputs: of(1, name("sum", n))}
	no := &onnx.Graph{Name: "no", Nodes: []*onnx.Node{identity("x0", "z")}, Outputs: of(1, "z")}
	g := &onnx.Graph{Inputs: append(of(1, "x0"), of(9, "which")...), Outputs: of(1, "y")}
	for i := range n {
		g.Nodes = append(g.Nodes, &onnx.Node{OpType: "Relu", Inputs: []string{name("x", i)}, Outputs: []string{name("x", i+1)}})
		yes.Nodes = append(yes.Nodes, &onnx.Node{OpType: "Add", Inputs: []string{name("sum", i), name("x", i+1)}, Outputs: []string{name("sum", i+1)}})
	}
	g.Nodes = append(g.Nodes, &onnx.Node{OpType: "If", Inputs: []string{"which"}, Outputs: []string{"y"}, Attributes: []*onnx.Attribute{
		{Name: "then_branch", Type: onnx.AttrGraph, Graph: yes}, {Name: "else_branch", Type: onnx.AttrGraph, Graph: no}}})
	var b bytes.Buffer
	if err := onnx.Write(&b, &onnx.Model{IRVersion: 8, Opsets: []onnx.Opset{{Version: 17}}, Graph: g}); err != nil {
		t.Fatal(err)
	}
	before := spent.Time()
	s, err := engine.OpenBytes(b.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	s.Close()
	if took := spent.Time() - before; took > 40*time.Second {
		t.Errorf("took %v", took)
	}
}
