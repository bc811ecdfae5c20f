package plan

import (
	"bytes"
	"context"
	"fmt"
	"math/rand"
	"slices"
	"testing"

	"github.com/visionzoo/vision/engine/ir"
	"github.com/visionzoo/vision/engine/kernel"
	"github.com/visionzoo/vision/engine/ops"
	"github.com/visionzoo/vision/engine/pass"
	"github.com/visionzoo/vision/engine/team"
	"github.com/visionzoo/vision/engine/tensor"
)

// TestSeriesInAnyOrder runs random networks with their chunks in random orders
// that the needs of a series allow: the results have the bits of one thread.
func TestSeriesInAnyOrder(t *testing.T) {
	for _, name := range kernel.Available() {
		t.Run(name, func(t *testing.T) {
			rung, err := kernel.Select(name)
			if err != nil {
				t.Fatal(err)
			}
			early, networks := 0, int64(60)
			if name == "purego" {
				networks = 2 // slow, and cut alike
			}
			for seed := range networks {
				n := newNetwork(t)
				n.rng = rand.New(rand.NewSource(seed))
				n.Outputs = append(n.Outputs, n.convolutional(14))
				early += n.shuffle(rung, Options{Rung: rung, BF16: seed%4 == 3})
			}
			if early == 0 {
				t.Error("no chunk ever ran before all of the step before had")
			}
		})
	}
}

// convolutional is a random network of so many nodes on a picture.
func (n *network) convolutional(nodes int) *ir.Value {
	c, size := 3, 40+n.rng.Intn(30)
	x := n.input(1, c, size, size)
	conv := func(x *ir.Value, in, out, k, stride, group int) *ir.Value {
		p := int64(k / 2)
		y := n.op("Conv", []*ir.Value{x, n.weights(out, in/group, k, k), n.weights(out)}, integers("pads", p, p, p, p),
			integers("strides", int64(stride), int64(stride)), integer("group", int64(group)))
		if n.rng.Intn(4) == 0 {
			return y
		}
		return n.op([]string{"Relu", "Sigmoid"}[n.rng.Intn(2)], []*ir.Value{y})
	}
	x, c = conv(x, c, 32, 3, 1+n.rng.Intn(2), 1), 32
	for range nodes {
		switch wide := 16 * (1 + n.rng.Intn(6)); n.rng.Intn(11) {
		case 0, 1:
			x, c = conv(x, c, wide, 1, 1, 1), wide
		case 2:
			x, c = conv(x, c, wide, 3, 1, 1), wide
		case 3:
			x = conv(x, c, c, 3, 1, c)
		case 4:
			x = n.op("Add", []*ir.Value{conv(conv(x, c, wide, 1, 1, 1), wide, c, 3, 1, 1), x})
		case 5:
			x = n.op("Concat", []*ir.Value{conv(x, c, 32, 1, 1, 1), conv(x, c, 64, 3, 1, 1)}, integer("axis", 1))
			c = 96
		case 6:
			x = n.op("MaxPool", []*ir.Value{x}, integers("kernel_shape", 3, 3), integers("pads", 1, 1, 1, 1), integers("strides", 1, 1))
		case 7:
			x = n.op("AveragePool", []*ir.Value{x}, integers("kernel_shape", 2, 2), integers("strides", 1, 1))
		case 8:
			if d, _ := x.Fact.Shape.Ints(); d[2] > 20 {
				x, c = conv(x, c, wide, 3, 2, 1), wide
			}
		case 9: // the sum of two that run one after the other
			y := n.op("Conv", []*ir.Value{x, n.weights(wide, c, 1, 1), n.weights(wide)})
			x, c = n.op("Add", []*ir.Value{conv(x, c, wide, 1, 1, 1), y}), wide
		case 10: // squeeze and excitation, whose means a depthwise convolution computes
			x = conv(x, c, c, 3, 1, c)
			m := n.op("GlobalAveragePool", []*ir.Value{x})
			x = n.op("Mul", []*ir.Value{x, n.op("Sigmoid", []*ir.Value{n.op("Conv", []*ir.Value{m, n.weights(c, c, 1, 1)})})})
		}
		if n.rng.Intn(3) == 0 { // keeps the numbers small
			x = n.op("BatchNormalization", []*ir.Value{x, n.weights(c), n.weights(c), n.weights(c), n.Constant("", tensor.Of(slices.Repeat([]float32{1}, c), c))})
		}
	}
	return x
}

// shuffle compares a run on one thread with some in random orders, and tells how
// many chunks were early.
func (n *network) shuffle(rung *kernel.Rung, o Options) (early int) {
	n.t.Helper()
	o.Memory, o.Turns = 1<<30, 1000
	var in []*tensor.Tensor
	for _, v := range n.Inputs {
		d, _ := v.Fact.Shape.Ints()
		in = append(in, n.data(d...))
	}
	g := n.Clone()
	if err := ops.Rebind(g); err != nil {
		n.t.Fatal(err)
	}
	if _, err := pass.Optimise(context.Background(), g, nil); err != nil {
		n.t.Fatal(err)
	}
	o.Threads = 2
	r := NewRunner(g, o)
	want, err := r.Run(context.Background(), in, nil)
	if err != nil {
		n.t.Fatal(err)
	}
	s := r.static(in)
	if s == nil || len(s.plan.series) == 0 {
		n.t.Skip("one processor goes step by step; run with two or more, without taskset or GOMAXPROCS=1")
	}
	for order := range int64(6) {
		inst, err := s.plan.start(context.Background(), in)
		if err != nil {
			n.t.Fatal(err)
		}
		inst.bind(r.graph.Inputs[0], in[0])
		early += shuffled(inst, rand.New(rand.NewSource(order)))
		if got := inst.tensor(r.graph.Outputs[0]); !bytes.Equal(got.Bytes(), want[0].Bytes()) {
			n.t.Errorf("order %d: other bits than in order: %s", order, describe(s.plan))
		}
		s.plan.give(inst)
	}
	return early
}

// shuffled runs an instance, the chunks of series in any order that they allow.
func shuffled(i *instance, rng *rand.Rand) (early int) {
	series := 0
	for i.current = 0; i.current < len(i.plan.steps); {
		if i.plan.steps[i.current].kernel == nil {
			if err := i.step(&i.plan.steps[i.current]); err != nil {
				panic(err)
			}
			i.current++
			continue
		}
		loops := i.plan.series[series]
		early += team.InAnyOrder(loops, rng, i.LoopChunk)
		i.current += len(loops)
		series++
	}
	return early
}

func describe(p *Plan) (steps []string) {
	for i := range p.steps {
		s := &p.steps[i]
		chunks := 0
		if s.kernel != nil {
			chunks = s.kernel.Chunks()
		}
		steps = append(steps, fmt.Sprintf("%s (%d)", s.name, chunks))
	}
	return steps
}
