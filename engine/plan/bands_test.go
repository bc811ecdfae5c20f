package plan

import (
	"slices"
	"strings"
	"testing"

	"github.com/visionzoo/vision/engine/ir"
)

// TestBands holds which chains run in bands, and that they change nothing.
func TestBands(t *testing.T) {
	inverted := func(n *network, x *ir.Value, c, mid int) (wide, y *ir.Value) {
		wide = n.op("Relu", []*ir.Value{n.op("Conv", []*ir.Value{x, n.weights(mid, c, 1, 1)})})
		y = n.op("Conv", []*ir.Value{wide, n.weights(mid, 1, 3, 3)}, integer("group", int64(mid)), integers("pads", 1, 1, 1, 1))
		return wide, n.op("Conv", []*ir.Value{n.op("Relu", []*ir.Value{y}), n.weights(c, mid, 1, 1)})
	}
	pooled := func(n *network, size int) (wide, y *ir.Value) {
		wide = n.op("Conv", []*ir.Value{n.input(1, 3, size, size), n.weights(48, 3, 3, 3)}, integers("pads", 1, 1, 1, 1))
		return wide, n.op("MaxPool", []*ir.Value{wide}, integers("kernel_shape", 3, 3), integers("strides", 2, 2))
	}
	averaged := func(n *network, size int) *ir.Value {
		wide := n.op("Relu", []*ir.Value{n.op("Conv", []*ir.Value{n.input(1, 8, size, size), n.weights(64, 8, 1, 1)})})
		y := n.op("Relu", []*ir.Value{n.op("Conv", []*ir.Value{wide, n.weights(64, 1, 3, 3)}, integer("group", 64), integers("pads", 1, 1, 1, 1))})
		return n.op("Mul", []*ir.Value{y, n.op("Sigmoid", []*ir.Value{n.op("GlobalAveragePool", []*ir.Value{y})})})
	}
	for _, c := range []struct {
		name  string
		bands bool
		build func(n *network) []*ir.Value
	}{
		{"an inverted residual", true, func(n *network) []*ir.Value {
			x := n.op("Neg", []*ir.Value{n.input(1, 24, 20, 17)})
			_, y := inverted(n, x, 24, 72)
			return []*ir.Value{n.op("Add", []*ir.Value{y, x})}
		}},
		{"of a batch", true, func(n *network) []*ir.Value {
			_, y := inverted(n, n.input(3, 24, 15, 15), 24, 72)
			return []*ir.Value{y}
		}},
		{"of which the wide part is wanted", true, func(n *network) []*ir.Value { // the rest is a chain still
			wide, y := inverted(n, n.input(1, 24, 20, 17), 24, 72)
			return []*ir.Value{wide, y}
		}},
		{"of a low picture", false, func(n *network) []*ir.Value {
			_, y := inverted(n, n.input(1, 24, 7, 30), 24, 72)
			return []*ir.Value{y}
		}},
		{"with more weights than numbers", false, func(n *network) []*ir.Value {
			_, y := inverted(n, n.input(1, 160, 14, 7), 160, 320)
			return []*ir.Value{y}
		}},
		{"whose means are asked for", false, func(n *network) []*ir.Value { return []*ir.Value{averaged(n, 100)} }},
		{"whose means are asked for, of a large picture", true, func(n *network) []*ir.Value { return []*ir.Value{averaged(n, 160)} }},
		{"a pool behind a large first convolution", true, func(n *network) []*ir.Value {
			_, y := pooled(n, 80)
			return []*ir.Value{y}
		}},
		{"a pool behind a small one", false, func(n *network) []*ir.Value {
			_, y := pooled(n, 40)
			return []*ir.Value{y}
		}},
		{"a pool of what is wanted too", false, func(n *network) []*ir.Value {
			wide, y := pooled(n, 80)
			return []*ir.Value{wide, y}
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			n := newNetwork(t)
			n.Outputs = append(n.Outputs, c.build(n)...)
			steps := n.check(5e-5)
			if got := slices.ContainsFunc(steps, func(s string) bool { return strings.HasSuffix(s, "in bands") }); got != c.bands {
				t.Errorf("steps %q", steps)
			}
		})
	}
}
