package plan

import (
	"context"
	"runtime"
	"testing"
	"weak"

	"github.com/visionzoo/vision/engine/ir"
	"github.com/visionzoo/vision/engine/kernel"
	"github.com/visionzoo/vision/engine/tensor"
)

// TestRunsAreForgotten: what a run was given is garbage after it, though the session
// keeps the memory for the next.
func TestRunsAreForgotten(t *testing.T) {
	const channels, side = 4, 40
	for name, build := range map[string]func(n *network, x *ir.Value) *ir.Value{
		"read by a kernel": func(n *network, x *ir.Value) *ir.Value {
			return n.op("Conv", []*ir.Value{x, n.weights(8, channels, 3, 3)})
		},
		"read by an operator": func(n *network, x *ir.Value) *ir.Value {
			return n.op("CumSum", []*ir.Value{x, n.Constant("", tensor.Scalar(int64(1)))})
		},
		"read in several stages": func(n *network, x *ir.Value) *ir.Value {
			return n.op("Relu", []*ir.Value{n.op("Compress", []*ir.Value{x, n.op("Cast", []*ir.Value{n.op("Reshape", []*ir.Value{x, n.Constant("", tensor.Of([]int64{-1}))})}, integer("to", 9))})})
		},
	} {
		t.Run(name, func(t *testing.T) {
			n := newNetwork(t)
			n.Outputs = append(n.Outputs, build(n, n.input(1, channels, side, side)))
			r := NewRunner(n.Graph, Options{Rung: kernel.Best(), Memory: 1 << 30, Turns: 1000})
			var given []weak.Pointer[byte]
			var contexts []weak.Pointer[[1000]int]
			for range 3 {
				x, value := n.data(1, channels, side, side), new([1000]int)
				given, contexts = append(given, weak.Make(&x.Bytes()[0])), append(contexts, weak.Make(value))
				if _, err := r.Run(context.WithValue(context.Background(), t, value), []*tensor.Tensor{x}, nil); err != nil {
					t.Fatal(err)
				}
			}
			runtime.GC()
			for i := range given {
				if given[i].Value() != nil || contexts[i].Value() != nil {
					t.Errorf("run %d of 3: its input is kept: %v; its context: %v", i+1, given[i].Value() != nil, contexts[i].Value() != nil)
				}
			}
			runtime.KeepAlive(r)
		})
	}
}
