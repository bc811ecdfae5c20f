package plan

import (
	"bytes"
	"context"
	"math"
	"math/rand"
	"slices"
	"testing"

	"github.com/visionzoo/vision/engine/ir"
	"github.com/visionzoo/vision/engine/kernel"
	"github.com/visionzoo/vision/engine/onnx"
	"github.com/visionzoo/vision/engine/ops"
	"github.com/visionzoo/vision/engine/pass"
	"github.com/visionzoo/vision/engine/tensor"
)

// network builds graphs of random constants.
type network struct {
	t testing.TB
	*ir.Graph
	rng *rand.Rand
}

func newNetwork(t testing.TB) *network {
	return &network{t, &ir.Graph{}, rand.New(rand.NewSource(1))}
}

func (n *network) data(shape ...int) *tensor.Tensor {
	d := make([]float32, tensor.MustCount(shape))
	for i := range d {
		d[i] = float32(n.rng.NormFloat64())
	}
	return tensor.Of(d, shape...)
}

func (n *network) weights(shape ...int) *ir.Value { return n.Constant("", n.data(shape...)) }

func (n *network) input(shape ...int) *ir.Value {
	v := n.NewValue("in", ir.Tensor(tensor.Float32, ir.Dims(shape...)))
	n.Inputs = append(n.Inputs, v)
	return v
}

func number(name string, v float32) *ir.Attr {
	return &ir.Attr{Name: name, Type: onnx.AttrFloat, Float: v}
}

func integer(name string, v int64) *ir.Attr {
	return &ir.Attr{Name: name, Type: onnx.AttrInt, Int: v}
}

func integers(name string, v ...int64) *ir.Attr {
	return &ir.Attr{Name: name, Type: onnx.AttrInts, Ints: v}
}

// op appends a node of opset 17 and returns its output.
func (n *network) op(op string, inputs []*ir.Value, attrs ...*ir.Attr) *ir.Value {
	n.t.Helper()
	return n.opOf("", 17, op, inputs, attrs...)
}

// opOf is op for operators of another domain.
func (n *network) opOf(domain string, version int, op string, inputs []*ir.Value, attrs ...*ir.Attr) *ir.Value {
	n.t.Helper()
	return n.many(domain, version, op, 1, inputs, attrs...)[0]
}

// many is opOf for operators of several outputs.
func (n *network) many(domain string, version int, op string, outputs int, inputs []*ir.Value, attrs ...*ir.Attr) []*ir.Value {
	n.t.Helper()
	node := &ir.Node{Name: op, Domain: domain, Op: op, Version: version, Inputs: inputs, Attrs: attrs}
	for range outputs {
		out := n.NewValue(op, ir.Fact{})
		out.Node, node.Outputs = node, append(node.Outputs, out)
	}
	if err := ops.BindNode(node, ops.Find(domain, op, version)); err != nil {
		n.t.Fatal(err)
	}
	facts, err := ops.InferNode(node, node.Facts())
	if err != nil {
		n.t.Fatal(err)
	}
	for i, out := range node.Outputs {
		out.Fact = facts[i]
	}
	n.Nodes = append(n.Nodes, node)
	return node.Outputs
}

// run optimises and plans a copy of the graph and returns its outputs, and the
// names of the steps. A second run, in memory full of NaN, must give the same: no step
// reads what no step has written.
func (n *network) run(rung *kernel.Rung, in []*tensor.Tensor) (out []*tensor.Tensor, steps []string) {
	return n.runWith(Options{Rung: rung}, in)
}

func (n *network) runWith(o Options, in []*tensor.Tensor) (out []*tensor.Tensor, steps []string) {
	n.t.Helper()
	g := n.Clone()
	if err := ops.Rebind(g); err != nil {
		n.t.Fatal(err)
	}
	if _, err := pass.Optimise(context.Background(), g, nil); err != nil {
		n.t.Fatal(err)
	}
	o.Threads, o.Memory, o.Turns = 2, 1<<30, 1000
	o.Trace = func(e Event) { steps = append(steps, e.Kernel) }
	r := NewRunner(g, o)
	out, err := r.Run(context.Background(), in, nil)
	if err != nil {
		n.t.Fatal(err)
	}
	took := slices.Clone(steps)
	for _, b := range r.stock.idle {
		for i := range b.memory {
			b.memory[i] = 0xff
		}
	}
	again, err := r.Run(context.Background(), in, nil)
	if err != nil {
		n.t.Fatal(err)
	}
	for i := range out {
		if !bytes.Equal(out[i].Bytes(), again[i].Bytes()) {
			n.t.Errorf("%s: output %d is another in memory full of NaN", o.Rung.Name, i)
		}
	}
	return out, took
}

// check compares the planned graph with the graph as it is, node by node, on
// every class of kernels, and returns the steps of the last. With bfloat16 it must come near.
func (n *network) check(bound float64) (steps []string) {
	n.t.Helper()
	var in []*tensor.Tensor
	for _, v := range n.Inputs {
		d, _ := v.Fact.Shape.Ints()
		in = append(in, n.data(d...))
	}
	plain := NewRunner(n.Graph, Options{Memory: 1 << 30, Turns: 1000, Plain: true})
	want, err := plain.Run(context.Background(), in, nil)
	if err != nil {
		n.t.Fatal(err)
	}
	for _, rung := range kernel.Rungs() {
		var got []*tensor.Tensor
		got, steps = n.run(rung, in)
		for i := range want {
			if e := distance(got[i], want[i]); !(e <= bound) {
				n.t.Errorf("%s: output %d is off by %.2g of its rms", rung.Name, i, e)
			}
		}
		if !rung.Pays(kernel.BF16x32) {
			continue
		}
		const near = 0.03
		got, _ = n.runWith(Options{Rung: rung, BF16: true}, in)
		for i := range want {
			if e := distance(got[i], want[i]); !(e <= near) {
				n.t.Errorf("%s, bfloat16: output %d is off by %.2g of its rms", rung.Name, i, e)
			}
		}
	}
	return steps
}

// distance is the rms of a difference relative to the rms of want.
func distance(got, want *tensor.Tensor) float64 {
	a, b := tensor.ToFloat64(got), tensor.ToFloat64(want)
	if len(a) != len(b) {
		return math.Inf(1)
	}
	var diff, all float64
	for i := range b {
		diff += (a[i] - b[i]) * (a[i] - b[i])
		all += b[i] * b[i]
	}
	return math.Sqrt(diff / max(all, 1e-30))
}

// TestNoInputs: nodes that read nothing are planned too.
func TestNoInputs(t *testing.T) {
	n := newNetwork(t)
	noise := n.op("RandomNormal", nil, integers("shape", 1, 8, 6, 6), ir.AttrFloat("seed", 1))
	n.Outputs = append(n.Outputs, noise, n.op("Conv", []*ir.Value{noise, n.weights(8, 8, 1, 1)}))
	for _, rung := range kernel.Rungs() {
		if out, _ := n.run(rung, nil); !slices.Equal(out[1].Shape(), []int{1, 8, 6, 6}) {
			t.Errorf("%s: %v", rung.Name, out[1])
		}
	}
}
