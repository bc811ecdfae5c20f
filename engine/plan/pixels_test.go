package plan

import (
	"slices"
	"strings"
	"testing"

	"github.com/visionzoo/vision/engine/ir"
	"github.com/visionzoo/vision/engine/tensor"
)

// TestPixels: what becomes pixels behind a convolution, or planes before one, goes between
// blocks and pixels at once.
func TestPixels(t *testing.T) {
	shape := func(n *network, sizes ...int64) *ir.Value { return n.Constant("", tensor.Of(sizes, len(sizes))) }
	turn := func(n *network, x *ir.Value, perm ...int64) *ir.Value {
		return n.op("Transpose", []*ir.Value{x}, integers("perm", perm...))
	}
	for _, c := range []struct {
		why    string
		pixels int // steps to or from pixels
		build  func(n *network, x *ir.Value) *ir.Value
	}{
		{"channels last", 1, func(n *network, x *ir.Value) *ir.Value { return turn(n, x, 0, 2, 3, 1) }},
		{"boxes of a head", 1, func(n *network, x *ir.Value) *ir.Value {
			return n.op("Reshape", []*ir.Value{turn(n, n.op("Reshape", []*ir.Value{x, shape(n, 2, 9, 4, 7, 5)}), 0, 3, 4, 1, 2), shape(n, 2, -1, 4)})
		}},
		{"words of a transformer", 1, func(n *network, x *ir.Value) *ir.Value {
			return n.op("Softmax", []*ir.Value{turn(n, n.op("Reshape", []*ir.Value{x, shape(n, 2, 36, 35)}), 0, 2, 1)})
		}},
		{"there and back", 2, func(n *network, x *ir.Value) *ir.Value {
			y := n.op("Softmax", []*ir.Value{turn(n, x, 0, 2, 3, 1)}, integer("axis", 3))
			return n.conv(turn(n, y, 0, 3, 1, 2), 36, 20)
		}},
		{"back for a reader of planes too", 1, func(n *network, x *ir.Value) *ir.Value {
			y := turn(n, n.op("Softmax", []*ir.Value{turn(n, x, 0, 2, 3, 1)}, integer("axis", 3)), 0, 3, 1, 2)
			n.Outputs = append(n.Outputs, n.op("Softmax", []*ir.Value{y}, integer("axis", 2)))
			return n.conv(y, 36, 20)
		}},
		{"another order", 0, func(n *network, x *ir.Value) *ir.Value { return turn(n, x, 0, 3, 2, 1) }},
		{"planes that others read", 1, func(n *network, x *ir.Value) *ir.Value {
			n.Outputs = append(n.Outputs, n.op("Softmax", []*ir.Value{x}))
			return turn(n, x, 0, 2, 3, 1)
		}},
		{"planes that another makes between the Reshape and the Transpose", 1, func(n *network, x *ir.Value) *ir.Value {
			apart := n.op("Reshape", []*ir.Value{x, shape(n, 2, 36, 35)})
			n.Outputs = append(n.Outputs, n.op("Softmax", []*ir.Value{x}))
			return turn(n, apart, 0, 2, 1)
		}},
		{"blocks that another would overwrite between the Reshape and the Transpose", 1, func(n *network, x *ir.Value) *ir.Value {
			apart := n.op("Reshape", []*ir.Value{x, shape(n, 2, 36, 35)})
			n.Outputs = append(n.Outputs, n.op("Relu", []*ir.Value{x}))
			return turn(n, apart, 0, 2, 1)
		}},
		{"boxes in another order", 0, func(n *network, x *ir.Value) *ir.Value {
			return turn(n, n.op("Reshape", []*ir.Value{x, shape(n, 2, 9, 4, 7, 5)}), 0, 1, 3, 4, 2)
		}},
	} {
		t.Run(c.why, func(t *testing.T) {
			n := newNetwork(t)
			n.Outputs = append(n.Outputs, c.build(n, n.conv(n.input(2, 5, 7, 5), 5, 36)))
			steps := n.check(1e-4)
			count := 0
			for _, s := range steps {
				if strings.HasPrefix(s, "pixels") {
					count++
				}
			}
			if planes := slices.ContainsFunc(steps, func(s string) bool { return s == "Transpose" }); count != c.pixels || planes && count == 2 {
				t.Errorf("steps %q", steps)
			}
		})
	}
}
