package plan

import (
	"slices"
	"testing"

	"github.com/visionzoo/vision/engine/ir"
)

// TestGatesReadLate holds that what a gate multiplies is not overwritten before the
// convolution that the gate went into has read it, whatever stands between them.
func TestGatesReadLate(t *testing.T) {
	type values = []*ir.Value
	for _, c := range []struct {
		name    string
		between func(n *network, img, x, g *ir.Value) *ir.Value // a value made before the convolution
	}{
		{"the activation in place of the picture", func(n *network, img, x, g *ir.Value) *ir.Value {
			return n.op("Relu", values{x})
		}},
		{"a sum in place of the picture", func(n *network, img, x, g *ir.Value) *ir.Value {
			return n.op("Add", values{x, n.op("Conv", values{img, n.weights(8, 8, 1, 1)})})
		}},
		{"an activation in place of the gate", func(n *network, img, x, g *ir.Value) *ir.Value {
			return n.op("HardSwish", values{g})
		}},
		{"a sum in place of the gate", func(n *network, img, x, g *ir.Value) *ir.Value {
			return n.op("Add", values{n.op("Conv", values{n.op("MaxPool", values{img}, integers("kernel_shape", 8, 8)), n.weights(8, 8, 1, 1)}), g})
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			n := newNetwork(t)
			img := n.input(1, 8, 8, 8)
			x := n.op("Conv", values{img, n.weights(8, 8, 1, 1)})
			m := n.op("GlobalAveragePool", values{x})
			g := n.op("Sigmoid", values{n.op("Conv", values{m, n.weights(8, 8, 1, 1)})})
			y := n.op("Mul", values{x, g})
			a := c.between(n, img, x, g)
			n.Outputs = values{a, n.op("Conv", values{y, n.weights(8, 8, 1, 1)})}
			if steps := n.check(1e-5); slices.Contains(steps, "Mul") {
				t.Errorf("steps %q: the gate was not multiplied into weights", steps)
			}
		})
	}
}
