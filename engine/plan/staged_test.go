package plan

import (
	"context"
	"testing"

	"github.com/visionzoo/vision/engine/ir"
	"github.com/visionzoo/vision/engine/kernel"
	"github.com/visionzoo/vision/engine/ops"
	"github.com/visionzoo/vision/engine/tensor"
)

// TestStagesKept: however often a graph is cut, the ways through it that are kept are
// few, and those that were used last.
func TestStagesKept(t *testing.T) {
	const length, cuts = 6, 3
	n := newNetwork(t)
	y := n.op("Relu", []*ir.Value{n.input(length)})
	for range cuts { // numbers of the next input where those so far are positive
		at := n.op("Squeeze", []*ir.Value{n.op("NonZero", []*ir.Value{y}), n.Constant("", tensor.Of([]int64{0}))})
		y = n.op("Relu", []*ir.Value{n.op("Gather", []*ir.Value{n.input(length), at})})
	}
	n.Outputs = append(n.Outputs, n.op("Neg", []*ir.Value{y}))
	plain := NewRunner(n.Graph, Options{Memory: 1 << 30, Turns: 1000, Plain: true})
	r := NewRunner(n.Graph, Options{Rung: kernel.Best(), Memory: 1 << 30, Turns: 1000})
	var first []*tensor.Tensor
	met := map[*stage]bool{}
	for turn := range 60 {
		in := make([]*tensor.Tensor, cuts+1)
		for i := range in {
			in[i] = n.data(length)
		}
		if turn == 0 {
			first = in
		}
		for _, in := range [][]*tensor.Tensor{in, first} {
			want, err := plain.Run(context.Background(), in, nil)
			if err != nil {
				t.Fatal(err)
			}
			got, err := r.Run(context.Background(), in, nil)
			if err != nil {
				t.Fatal(err)
			}
			if got[0].Len() != want[0].Len() || !(distance(got[0], want[0]) < 1e-6) {
				t.Fatalf("turn %d: %v, want %v", turn, tensor.ToFloat64(got[0]), tensor.ToFloat64(want[0]))
			}
		}
		ends := 0
		oldestLeaf(&r.program.stages, &ends)
		if ends > keptStages {
			t.Fatalf("turn %d: %d ways are kept", turn, ends)
		}
		for list := r.program.stages; len(list) > 0; list = list[0].next { // the way that was used last
			if turn > 0 && !met[list[0]] {
				t.Fatalf("turn %d: what the turn before used was planned again", turn)
			}
			met[list[0]] = true
		}
	}
}

// TestEmptyResultsOfStages: what a frame of several stages returns is no tensor that the next
// run of its plans changes, also where there is nothing in it.
func TestEmptyResultsOfStages(t *testing.T) {
	n := newNetwork(t)
	empty := n.op("Relu", []*ir.Value{n.input(0, 3)})
	later := n.op("Neg", []*ir.Value{n.op("Cast", []*ir.Value{n.op("NonZero", []*ir.Value{n.input(3)})}, integer("to", 1))})
	n.Outputs = append(n.Outputs, empty, later)
	r := NewRunner(n.Graph, Options{Rung: kernel.Best(), Memory: 1 << 30, Turns: 1000})
	f := newFrame(r.program, &env{run: ops.NewRun(context.Background(), 1<<30, 1000), runner: r})
	if err := f.enter([]*tensor.Tensor{n.data(0, 3), n.data(3)}, nil); err != nil {
		t.Fatal(err)
	}
	out, err := f.staged()
	if err != nil {
		t.Fatal(err)
	}
	first := r.program.stages[0].plan
	if first == nil || len(first.idle) != 1 {
		t.Fatal("no plan made the empty result")
	}
	for _, own := range first.idle[0].tensors {
		if own == out[0] {
			t.Error("the result is a tensor of the plan's")
		}
	}
}
