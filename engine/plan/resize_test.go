package plan

import (
	"strings"
	"testing"

	"github.com/visionzoo/vision/engine/ir"
	"github.com/visionzoo/vision/engine/tensor"
)

// TestResizeStaysBlocked: what lies between convolutions and is resized does not
// go through planes; what ends a network does, and a concatenation of odd parts
// at the end.
func TestResizeStaysBlocked(t *testing.T) {
	conv := func(n *network, x *ir.Value, out, in int) *ir.Value {
		return n.op("Conv", []*ir.Value{x, n.weights(out, in, 3, 3)}, integers("pads", 1, 1, 1, 1))
	}
	resized := func(n *network, x *ir.Value, mode string, scales ...float32) *ir.Value {
		s := n.Constant("", tensor.Of(scales, len(scales)))
		return n.op("Resize", []*ir.Value{x, nil, s}, ir.AttrString("mode", mode), ir.AttrString("coordinate_transformation_mode", "asymmetric"), ir.AttrString("nearest_mode", "floor"))
	}
	for _, c := range []struct {
		name   string
		planes int // conversions to and from
		build  func(n *network) *ir.Value
	}{
		{"nearest", 1, func(n *network) *ir.Value {
			x := resized(n, conv(n, n.input(1, 3, 9, 9), 32, 3), "nearest", 1, 1, 2, 2)
			return conv(n, x, 8, 32)
		}},
		{"linear rows", 1, func(n *network) *ir.Value {
			x := resized(n, conv(n, n.input(2, 3, 9, 9), 40, 3), "linear", 1, 1, 1.5, 1)
			return conv(n, x, 8, 40)
		}},
		{"into a concatenation", 1, func(n *network) *ir.Value {
			x := conv(n, n.input(1, 3, 8, 8), 32, 3)
			y := n.op("MaxPool", []*ir.Value{x}, integers("kernel_shape", 2, 2), integers("strides", 2, 2))
			return conv(n, n.op("Concat", []*ir.Value{resized(n, y, "nearest", 1, 1, 2, 2), x}, integer("axis", 1)), 8, 64)
		}},
		{"channels", 3, func(n *network) *ir.Value {
			return conv(n, resized(n, conv(n, n.input(1, 3, 9, 9), 32, 3), "nearest", 1, 2, 1, 1), 8, 64)
		}},
		{"at the end", 1, func(n *network) *ir.Value {
			return resized(n, conv(n, n.input(1, 3, 9, 9), 32, 3), "linear", 1, 1, 4, 4)
		}},
		{"odd parts at the end", 2, func(n *network) *ir.Value {
			x := n.input(1, 3, 9, 9)
			return n.op("Concat", []*ir.Value{conv(n, x, 4, 3), conv(n, x, 80, 3)}, integer("axis", 1))
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			n := newNetwork(t)
			n.Outputs = append(n.Outputs, c.build(n))
			steps := n.check(5e-5)
			planes := 0
			for _, s := range steps {
				if strings.Contains(s, "planar") {
					planes++
				}
			}
			if planes != c.planes {
				t.Errorf("steps %q", steps)
			}
		})
	}
}
