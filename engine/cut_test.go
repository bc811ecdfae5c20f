package engine_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/visionzoo/vision/engine"
	"github.com/visionzoo/vision/engine/ir"
	"github.com/visionzoo/vision/engine/tensor"
	"github.com/visionzoo/vision/internal/built"
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

// TestSliceBetweenOutputs: a slice takes the caller's value for one output of a node
// that it still needs for another.
func TestSliceBetweenOutputs(t *testing.T) {
	b := ir.NewBuilder(17)
	parts := b.Nodes("Split", 2, []*ir.Value{b.Input("x", tensor.Float32, ir.Dims(4))})
	b.Output("y", b.Node("Add", parts))
	s := built.Session(t, b)
	part, err := s.Slice(parts[0].Name, "y")
	if err != nil {
		t.Fatal(err)
	}
	defer part.Close()
	out, err := part.Run(context.Background(), engine.Values{"x": tensor.Of([]float32{1, 2, 3, 4}, 4), parts[0].Name: tensor.Of([]float32{10, 20}, 2)})
	if err != nil || !slices.Equal(tensor.Data[float32](out["y"]), []float32{13, 24}) {
		t.Errorf("%v, %v", out["y"], err)
	}
}

// TestSliceFromASize: what was known of a value for the model's own inputs is not known of
// the caller's.
func TestSliceFromASize(t *testing.T) {
	b := ir.NewBuilder(18)
	size := b.Name("size", b.Node("Shape", []*ir.Value{b.Input("x", tensor.Float32, ir.ShapeOf(ir.Sym("n"), ir.Dim{N: 8}))}))
	b.Output("y", b.Node("Gather", []*ir.Value{size, b.Const("", tensor.Of([]int64{1}))}))
	part, err := built.Session(t, b).Slice("size", "y")
	if err != nil {
		t.Fatal(err)
	}
	out, err := part.Run(context.Background(), engine.Values{"size": tensor.Of([]int64{1, 5})})
	if err != nil || tensor.Data[int64](out["y"])[0] != 5 {
		t.Errorf("%v, %v", out, err)
	}
}

// stopped are networks that take long: convolutions and products of which each
// takes a second, operators without kernels, a loop without an end.
func stopped() map[string]func(g *randomGraph) {
	big := func(op string, attrs ...*ir.Attr) func(g *randomGraph) {
		return func(g *randomGraph) {
			x := ir.Dims(1, 640, 200, 200)
			w := g.weights(640*9, 640, 640, 3, 3)
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
	return map[string]func(g *randomGraph){
		"convolution":            big("Conv", ir.AttrInts("pads", 1, 1, 1, 1)),
		"transposed convolution": big("ConvTranspose", ir.AttrInts("pads", 1, 1, 1, 1)),
		"matrix product":         big("MatMul"),
		"loop": func(g *randomGraph) {
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
		},
	}
}

// stop runs a network for 30 ms and returns how long after its cancellation the run
// comes back.
func stop(t testing.TB, s *engine.Session, inputs engine.Values) time.Duration {
	const after = 30 * time.Millisecond
	ctx, cancel := context.WithTimeout(context.Background(), after)
	defer cancel()
	start := time.Now()
	if _, err := s.Run(ctx, inputs); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("after %v: %v", time.Since(start), err)
	}
	return time.Since(start) - after
}

// TestCancel stops runs within a node. How soon they come back is BenchmarkCancel's
// to tell; here the node is long, and the patience such that a busy machine or a
// program that watches for races has time enough but a node that runs to its end
// has not.
func TestCancel(t *testing.T) {
	patience := 500 * time.Millisecond
	if engine.BestCPU() == "purego" { // the same pieces take some twenty times as long, the whole minutes
		patience = 10 * time.Second
	}
	for name, grow := range stopped() {
		t.Run(name, func(t *testing.T) {
			g := emptyRandomGraph(1)
			grow(g)
			s, err := engine.OpenModel(g.model())
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			late := stop(t, s, g.inputs)
			for tries := 1; late > patience && tries < 20; tries++ {
				late = stop(t, s, g.inputs)
			}
			if late > patience {
				t.Errorf("a cancelled run came back %v late", late)
			}
		})
	}
}

// BenchmarkCancel tells how long after its cancellation a run comes back, in the
// median and at most: 50 ms are promised.
func BenchmarkCancel(b *testing.B) {
	for name, grow := range stopped() {
		b.Run(name, func(b *testing.B) {
			g := emptyRandomGraph(1)
			grow(g)
			s, err := engine.OpenModel(g.model())
			if err != nil {
				b.Fatal(err)
			}
			defer s.Close()
			var late []time.Duration
			for b.Loop() {
				late = append(late, stop(b, s, g.inputs))
			}
			slices.Sort(late)
			ms := func(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
			b.ReportMetric(ms(late[len(late)/2]), "median-ms")
			b.ReportMetric(ms(late[len(late)-1]), "most-ms")
			b.ReportMetric(0, "ns/op")
		})
	}
}
