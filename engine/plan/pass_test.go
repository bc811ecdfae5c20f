package plan

import (
	"slices"
	"testing"

	"github.com/visionzoo/vision/engine/ir"
	"github.com/visionzoo/vision/engine/tensor"
)

// TestPads holds that exporters' pads before pools go into these, or away, and
// change nothing.
func TestPads(t *testing.T) {
	for _, c := range []struct {
		name string
		pads []int64
		pool []*ir.Attr
		left bool // a Pad stays
	}{
		{"of nothing", []int64{0, 0, 0, 0, 0, 0, 0, 0}, nil, false},
		{"of every side", []int64{0, 0, 1, 1, 0, 0, 1, 1}, nil, false},
		{"of two sides, strided", []int64{0, 0, 0, 1, 0, 0, 1, 0}, []*ir.Attr{integers("strides", 2, 2)}, false},
		{"of channels", []int64{0, 1, 0, 0, 0, 0, 0, 0}, nil, true},
		{"before a pool with padding of its own", []int64{0, 0, 1, 1, 0, 0, 1, 1}, []*ir.Attr{integers("pads", 1, 1, 1, 1)}, true},
		{"before a pool that rounds up", []int64{0, 0, 1, 1, 0, 0, 1, 1}, []*ir.Attr{integer("ceil_mode", 1), integers("strides", 2, 2)}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			n := newNetwork(t)
			x := n.op("Conv", []*ir.Value{n.input(1, 3, 11, 12), n.weights(40, 3, 3, 3)}, integers("kernel_shape", 3, 3))
			x = n.op("Pad", []*ir.Value{x, n.Constant("pads", tensor.Of(c.pads))})
			x = n.op("AveragePool", []*ir.Value{x}, append(c.pool, integers("kernel_shape", 3, 3))...)
			n.Outputs = append(n.Outputs, x)
			if steps := n.check(2e-5); slices.Contains(steps, "Pad") != c.left {
				t.Errorf("steps %q", steps)
			}
		})
	}
}

// TestDropout holds that a Dropout that drops none is nothing.
func TestDropout(t *testing.T) {
	for _, c := range []struct {
		name  string
		ratio float32
		train bool
	}{{"told not to train", 0.5, false}, {"of ratio 0", 0, true}} {
		t.Run(c.name, func(t *testing.T) {
			n := newNetwork(t)
			x := n.op("Neg", []*ir.Value{n.input(3, 4)})
			x = n.op("Dropout", []*ir.Value{x, n.Constant("ratio", tensor.Of([]float32{c.ratio})), n.Constant("train", tensor.Of([]bool{c.train}))})
			n.Outputs = append(n.Outputs, n.op("Abs", []*ir.Value{x}))
			if steps := n.check(0); len(steps) != 2 {
				t.Errorf("steps %q", steps)
			}
		})
	}
}

// TestActivationBehindPool holds that a clip behind a max pool goes into the
// convolution before that.
func TestActivationBehindPool(t *testing.T) {
	n := newNetwork(t)
	x := n.op("Conv", []*ir.Value{n.input(1, 3, 11, 12), n.weights(40, 3, 3, 3)}, integers("kernel_shape", 3, 3))
	x = n.op("MaxPool", []*ir.Value{x}, integers("kernel_shape", 2, 2), integers("strides", 2, 2))
	n.Outputs = append(n.Outputs, n.op("Relu", []*ir.Value{x}))
	if steps := n.check(2e-5); slices.Contains(steps, "Relu") {
		t.Errorf("steps %q", steps)
	}
}
