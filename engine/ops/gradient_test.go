package ops

import (
	"context"
	"math"
	"testing"

	"github.com/visionzoo/vision/engine/ir"
	"github.com/visionzoo/vision/engine/onnx"
	"github.com/visionzoo/vision/engine/tensor"
)

// chain is a graph with one input x (float64) and constants. Each node reads the
// value before it and, if given, a constant.
type link struct {
	op    string
	other *tensor.Tensor
	first bool // the constant is the first operand
}

// TestGradient compares every rule with difference quotients of the function.
func TestGradient(t *testing.T) {
	m := tensor.Of([]float64{1, -2, 0.5, 3, 2, -1}, 2, 3)
	row := tensor.Of([]float64{2, 0.5, -1.5})
	rows := []struct {
		name  string
		links []link
	}{
		{"a sum that broadcasts", []link{{"Add", m, false}, {"Mul", m, true}}},
		{"a difference, a quotient", []link{{"Sub", row, true}, {"Div", m, true}}},
		{"a quotient by a constant", []link{{"Div", row, false}, {"Neg", nil, false}}},
		{"powers", []link{{"Pow", tensor.Of([]float64{2, 3, 0.5}), false}, {"Exp", nil, false}}},
		{"exponents", []link{{"Pow", tensor.Of([]float64{2, 3, 0.5}), true}, {"Log", nil, false}}},
		{"waves", []link{{"Sin", nil, false}, {"Cos", nil, false}, {"Tanh", nil, false}}},
		{"roots", []link{{"Sqrt", nil, false}, {"Reciprocal", nil, false}, {"Sigmoid", nil, false}}},
		{"kinks away from 0", []link{{"Sub", row, false}, {"Relu", nil, false}, {"Abs", nil, false}}},
		{"a mean", []link{{"Mul", m, false}, {"ReduceMean", nil, false}}},
		{"a sum of shapes", []link{{"Identity", nil, false}, {"Mul", row, false}, {"ReduceSum", nil, false}}},
		{"a product by a matrix", []link{{"Mul", m, false}, {"MatMul", tensor.Of([]float64{1, 2, 3, 4, 5, 6}, 3, 2), false}}},
		{"a matrix by a product", []link{{"Mul", m, false}, {"MatMul", tensor.Of([]float64{1, 2, 3, 4}, 2, 2), true}}},
	}
	for _, r := range rows {
		t.Run(r.name, func(t *testing.T) {
			x := []float64{0.7, 1.3, 0.4}
			got := tensor.Data[float64](runChain(t, r.links, x, true))
			for i := range x {
				const h = 1e-5
				up, down := append([]float64{}, x...), append([]float64{}, x...)
				up[i] += h
				down[i] -= h
				want := (total(runChain(t, r.links, up, false)) - total(runChain(t, r.links, down, false))) / (2 * h)
				if math.Abs(got[i]-want) > 1e-6*max(1, math.Abs(want)) {
					t.Errorf("by x[%d] it is %v, want %v", i, got[i], want)
				}
			}
		})
	}
}

func total(t *tensor.Tensor) float64 { return sumOf(tensor.Data[float64](t)) }

// runChain returns the last value of the chain, or its derivative with respect to
// x.
func runChain(t *testing.T, links []link, x []float64, derive bool) *tensor.Tensor {
	t.Helper()
	g := &ir.Graph{}
	in := g.NewValue("x", ir.TypeOf(tensor.Of(x)))
	g.Inputs = []*ir.Value{in}
	v := in
	add := func(n *ir.Node) *ir.Value {
		out := g.NewValue("y", ir.Fact{})
		out.Node, n.Outputs = n, []*ir.Value{out}
		g.Nodes = append(g.Nodes, n)
		return out
	}
	for _, l := range links {
		n := &ir.Node{Op: l.op, Version: 17, Inputs: []*ir.Value{v}}
		if l.other != nil {
			c := g.Constant("c", l.other)
			if n.Inputs = append(n.Inputs, c); l.first {
				n.Inputs = []*ir.Value{c, v}
			}
		}
		v = add(n)
	}
	if derive {
		v.Name = "last"
		v = add(&ir.Node{Domain: training, Op: "Gradient", Version: 1, Inputs: []*ir.Value{in}, Attrs: []*ir.Attr{
			{Name: "xs", Type: onnx.AttrStrings, Strings: []string{"x"}}, {Name: "y", Type: onnx.AttrString, String: "last"}}})
	}
	if err := Bind(&ir.Model{Graph: g}); err != nil {
		t.Fatal(err)
	}
	if err := Infer(t.Context(), g); err != nil {
		t.Fatal(err)
	}
	at := map[*ir.Value]*tensor.Tensor{in: tensor.Of(x)}
	for _, n := range g.Nodes {
		c := &Call{Out: make([]*tensor.Tensor, len(n.Outputs)), Node: n, Run: NewRun(context.Background(), 1<<26, 1<<20)}
		for _, u := range n.Inputs {
			if k := u.Const(); k != nil {
				c.In = append(c.In, k)
			} else {
				c.In = append(c.In, at[u])
			}
		}
		if err := n.Operator.(Op).Eval(c); err != nil {
			t.Fatal(n.Fail(err))
		}
		at[n.Outputs[0]] = c.Out[0]
	}
	return at[v]
}
