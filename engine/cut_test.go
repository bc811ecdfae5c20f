package engine_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/visionzoo/vision/engine"
	"github.com/visionzoo/vision/engine/ir"
	"github.com/visionzoo/vision/engine/tensor"
)

// cutGraph is a detector in small: a backbone, a cut at a place that an input
// says, a head behind it, a choice and a loop with convolutions inside. in2 is
// where to cut: 1 to 12.
func cutGraph(end int) *randomGraph {
	g := emptyRandomGraph(7)
	x := g.input(g.normal(1, 3, 12, 12), true)
	pad := ir.AttrInts("pads", 1, 1, 1, 1)
	x, _ = g.node("Conv", []made{x, g.weights(27, 24, 3, 3, 3)}, pad)
	x, _ = g.node("Relu", []made{x})
	at := g.input(tensor.Of([]int64{int64(end)}), false)
	x, _ = g.node("Slice", []made{x, g.ints(0), at, g.ints(-1)})
	g.node("Conv", []made{x, g.weights(216, 32, 24, 3, 3)}, pad)
	growIf(g)
	for len(g.graph.Nodes) < 6 { // a loop of more than no turns, so that every value is read
		growLoop(g)
	}
	g.finish()
	return g
}

// TestCutGraphsAtOnce runs one session from many goroutines on inputs of many
// shapes: their plans come and go, and share memory.
func TestCutGraphsAtOnce(t *testing.T) {
	graphs := make([]*randomGraph, 12)
	for i := range graphs {
		graphs[i] = cutGraph(i + 1)
	}
	s, err := engine.OpenModel(graphs[0].model())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	var wait sync.WaitGroup
	for worker := range 6 {
		wait.Add(1)
		go func() {
			defer wait.Done()
			for i := range 30 {
				g := graphs[(i*(worker+1)+worker)%len(graphs)]
				out, err := s.Run(context.Background(), g.inputs)
				if err != nil {
					t.Error(err)
					return
				}
				for name, got := range out {
					if err := near(got, g.want(name), false, false); err != nil {
						t.Errorf("worker %d, run %d: output %s %v\n%s", worker, i, name, err, g)
						return
					}
				}
			}
		}()
	}
	wait.Wait()
}

// TestInsideCutGraphs asks for inner values of a graph in stages, and runs the
// part that starts from one.
func TestInsideCutGraphs(t *testing.T) {
	g := cutGraph(5)
	var names []string
	for _, n := range g.graph.Nodes {
		names = append(names, n.Outputs[0].Name)
	}
	s, err := engine.OpenModel(g.model(), engine.Outputs(names...))
	if err != nil {
		t.Fatal(err)
	}
	out, err := s.Run(context.Background(), g.inputs)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if err := near(out[name], g.want(name), false, false); err != nil {
			t.Errorf("%s %v", name, err)
		}
	}
	last := g.graph.Outputs[len(g.graph.Outputs)-1].Name
	for _, from := range names[:len(names)-1] {
		part, err := s.Slice(from, last)
		if err != nil {
			continue // last does not depend on it
		}
		in := engine.Values{}
		for _, v := range part.Inputs() {
			if in[v.Name] = g.inputs[v.Name]; in[v.Name] == nil {
				in[v.Name] = out[v.Name]
			}
		}
		got, err := part.Run(context.Background(), in)
		if err != nil {
			t.Errorf("from %s: %v", from, err)
		} else if err := near(got[last], g.want(last), false, false); err != nil {
			t.Errorf("from %s: %s %v", from, last, err)
		}
		part.Close()
	}
}

// TestCancel stops runs under way: in a convolution, in a matrix product, in an
// operator without kernels, in a loop, between the stages of a cut graph.
func TestCancel(t *testing.T) {
	big := func(op string, attrs ...*ir.Attr) func(g *randomGraph) {
		return func(g *randomGraph) {
			x := ir.Dims(1, 96, 400, 400)
			w := g.weights(864, 96, 96, 3, 3)
			if op == "MatMul" {
				x, w = ir.Dims(1, 1, 4000, 4000), g.weights(4000, 4000, 4000)
			}
			sum := g.graph.NewValue("x", ir.Tensor(tensor.Float32, x))
			g.graph.Inputs = append(g.graph.Inputs, sum)
			size, _ := x.Ints()
			g.inputs["x"] = tensor.New(tensor.Float32, size...)
			v := sum
			for i := range 6 {
				n := &ir.Node{Op: op, Name: fmt.Sprint(op, i), Version: randomOpset, Inputs: []*ir.Value{v, w.Value}, Attrs: attrs}
				v = g.graph.NewValue(n.Name, ir.Fact{})
				v.Node, n.Outputs = n, []*ir.Value{v}
				g.graph.Nodes = append(g.graph.Nodes, n)
			}
			g.graph.Outputs = []*ir.Value{v}
		}
	}
	for _, c := range []struct {
		name string
		grow func(g *randomGraph)
	}{
		{"convolution", big("Conv", ir.AttrInts("pads", 1, 1, 1, 1))},
		{"transposed convolution", big("ConvTranspose", ir.AttrInts("pads", 1, 1, 1, 1))},
		{"matrix product", big("MatMul")},
		{"loop", func(g *randomGraph) {
			x := g.input(g.normal(1, 2, 3, 3), false)
			body := g.region()
			for i, f := range []ir.Fact{ir.Tensor(tensor.Int64, ir.Dims()), ir.Tensor(tensor.Bool, ir.Dims()), ir.TypeOf(x.t)} {
				body.Inputs = append(body.Inputs, g.graph.NewValue(fmt.Sprint("b", i), f))
			}
			abs, _, _ := g.unbound("Abs", []made{{body.Inputs[2], x.t}})
			goOn, _, _ := g.unbound("Identity", []made{{body.Inputs[1], tensor.Scalar(true)}})
			body.Nodes = []*ir.Node{abs, goOn}
			body.Outputs = []*ir.Value{goOn.Outputs[0], abs.Outputs[0]}
			g.control("Loop", []made{{}, {}, x}, []*tensor.Tensor{x.t}, ir.AttrGraph("body", body))
			g.finish()
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			g := emptyRandomGraph(1)
			c.grow(g)
			s, err := engine.OpenModel(g.model())
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			patience := 50 * time.Millisecond
			if engine.BestCPU() == "purego" { // the same pieces take some twenty times as long, the whole minutes
				patience = time.Second
			}
			late := time.Duration(0)
			for range 20 { // a busy machine may take its time now and then
				ctx, cancel := context.WithTimeout(context.Background(), 30*time.Millisecond)
				start := time.Now()
				_, err := s.Run(ctx, g.inputs)
				late = time.Since(start) - 30*time.Millisecond
				cancel()
				if !errors.Is(err, context.DeadlineExceeded) {
					t.Fatalf("after %v: %v", time.Since(start), err)
				}
				if late <= patience {
					return
				}
			}
			t.Errorf("a cancelled run came back %v late, at most %v is right", late, patience)
		})
	}
}
