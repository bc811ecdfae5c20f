package engine_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/visionzoo/vision/engine"
	"github.com/visionzoo/vision/engine/ir"
	"github.com/visionzoo/vision/engine/tensor"
	"github.com/visionzoo/vision/internal/built"
)

// A model that is made in Go: what an importer of another format does.
func ExampleOpenModel() {
	b := ir.NewBuilder(21)
	x := b.Input("x", tensor.Float32, ir.ShapeOf(ir.Sym("batch"), ir.Dim{N: 3}))
	w := b.Const("w", tensor.Of([]float32{1, 0, 0, 1, 1, 1}, 3, 2))
	b.Output("y", b.Node("Relu", []*ir.Value{b.Node("MatMul", []*ir.Value{x, w})}))
	m, err := b.Model()
	if err != nil {
		fmt.Println(err)
		return
	}
	s, err := engine.OpenModel(m)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer s.Close()
	out, err := s.Run(context.Background(), engine.Values{"x": tensor.Of([]float32{1, 2, 3, 4, 5, -20}, 2, 3)})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(s.Inputs()[0].Fact, "→", s.Outputs()[0].Fact)
	fmt.Println(tensor.Data[float32](out["y"]))
	// Output:
	// float32[batch 3] → float32[batch 2]
	// [4 5 0 0]
}

func TestBuilderKeepsTheFirstMistake(t *testing.T) {
	for _, c := range []struct {
		want  string
		build func(b *ir.Builder, x *ir.Value)
	}{
		{"no output", func(*ir.Builder, *ir.Value) {}},
		{`two values are named "x"`, func(b *ir.Builder, x *ir.Value) { b.Output("x", b.Node("Relu", []*ir.Value{x})) }},
		{"does not import domain", func(b *ir.Builder, x *ir.Value) { b.Output("y", b.Node("com.acme.Fly", []*ir.Value{x})) }},
		{"no node makes", func(b *ir.Builder, x *ir.Value) { b.Name("z", x) }},
		{`two values are named "x"`, func(b *ir.Builder, _ *ir.Value) { b.Region("body").Input("x", tensor.Float32, ir.Dims(2)) }},
		{"is no value", func(b *ir.Builder, _ *ir.Value) { b.Output("y", nil) }},
		{`constant "c" is no tensor`, func(b *ir.Builder, _ *ir.Value) { b.Output("y", b.Const("c", nil)) }},
		{"has 0 outputs", func(b *ir.Builder, x *ir.Value) { b.Nodes("Relu", 0, []*ir.Value{x}) }},
		{`input 0 of Relu is "z", a value of another builder`, func(b *ir.Builder, _ *ir.Value) {
			b.Output("y", b.Node("Relu", []*ir.Value{ir.NewBuilder(21).Input("z", tensor.Float32, ir.Dims(2))}))
		}},
		{`output "y" is "inner", a value of another builder`, func(b *ir.Builder, x *ir.Value) {
			r := b.Region("body")
			b.Output("y", r.Name("inner", r.Node("Relu", []*ir.Value{x})))
		}},
	} {
		b := ir.NewBuilder(21)
		c.build(b, b.Input("x", tensor.Float32, ir.Dims(2)))
		if _, err := b.Model(); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("got %v, want %q", err, c.want)
		}
	}
}

// A loop whose body reads a value outside, and has an output that is one: 1 + 2 + 3
// steps of 10. Inner values have names of their own.
func TestBuilderRegion(t *testing.T) {
	b := ir.NewBuilder(21)
	step := b.Name("step", b.Node("Mul", []*ir.Value{b.Input("x", tensor.Float32, ir.Dims(1)), b.Const("ten", tensor.Of([]float32{10}, 1))}))
	body := b.Region("body")
	turn, goOn := body.Input("turn", tensor.Int64, ir.Dims()), body.Input("goOn", tensor.Bool, ir.Dims())
	sum := body.Input("sum", tensor.Float32, ir.Dims(1))
	number := body.Node("Cast", []*ir.Value{turn}, ir.AttrInt("to", int(tensor.Float32)))
	body.Output("again", goOn)
	body.Output("more", body.Node("Add", []*ir.Value{sum, body.Node("Mul", []*ir.Value{number, step})}))
	body.Output("steps", step)
	turns, always := b.Const("", tensor.Of([]int64{4})), b.Const("", tensor.Of([]bool{true}))
	out := b.Nodes("Loop", 2, []*ir.Value{turns, always, b.Const("", tensor.Of([]float32{0}, 1))}, ir.AttrGraph("body", body.Graph()))
	b.Output("y", out[0])
	b.Output("again y", out[0])
	b.Output("all", out[1])
	s := built.Session(t, b, engine.Outputs("step"))
	got, err := s.Run(context.Background(), engine.Values{"x": tensor.Of([]float32{1}, 1)})
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string][]float32{"y": {60}, "again y": {60}, "all": {10, 10, 10, 10}, "step": {10}} {
		if numbers := tensor.Data[float32](got[name]); !slices.Equal(numbers, want) {
			t.Errorf("%s is %v, want %v", name, numbers, want)
		}
	}
	if s.Layers()[0].Node != "step" {
		t.Errorf("the node is named %q", s.Layers()[0].Node)
	}
}

// TestResultsAreTheCallers changes results and inputs after a run: neither the
// next result nor the model's constants may follow.
func TestResultsAreTheCallers(t *testing.T) {
	b := ir.NewBuilder(21)
	x := b.Input("x", tensor.Float32, ir.Dims(2))
	c := b.Const("c", tensor.Of([]float32{7, 8}, 2))
	b.Output("same", x)
	b.Output("constant", c)
	b.Output("flat", b.Node("Reshape", []*ir.Value{x, b.Const("", tensor.Of([]int64{2, 1}, 2))}))
	s := built.Session(t, b)
	in := tensor.Of([]float32{1, 2}, 2)
	first, err := s.Run(context.Background(), engine.Values{"x": in})
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range first {
		clear(v.Bytes())
	}
	if got := tensor.Data[float32](in); got[0] != 1 || got[1] != 2 {
		t.Errorf("the input became %v", got)
	}
	second, err := s.Run(context.Background(), engine.Values{"x": in})
	if err != nil {
		t.Fatal(err)
	}
	clear(in.Bytes())
	for name, want := range map[string]float32{"same": 1, "flat": 1, "constant": 7} {
		if got := tensor.Data[float32](second[name])[0]; got != want {
			t.Errorf("%s begins with %v, want %v", name, got, want)
		}
	}
}
