package plan

import (
	"slices"
	"testing"

	"github.com/visionzoo/vision/engine/ir"
	"github.com/visionzoo/vision/engine/tensor"
)

func TestAcrossChannels(t *testing.T) {
	for _, c := range []struct {
		why      string
		in       [4]int
		keepDims int64
	}{
		{"whole blocks", [4]int{1, 32, 9, 7}, 1},
		{"part of a block", [4]int{1, 21, 8, 40}, 1},
		{"several pictures", [4]int{3, 24, 5, 6}, 1},
		{"without the axis", [4]int{1, 16, 6, 5}, 0},
		{"one pixel", [4]int{1, 40, 1, 1}, 1},
	} {
		t.Run(c.why, func(t *testing.T) {
			n := newNetwork(t)
			x := n.op("Conv", []*ir.Value{n.input(c.in[0], 5, c.in[2], c.in[3]), n.weights(c.in[1], 5, 3, 3)}, integers("pads", 1, 1, 1, 1))
			mean := n.op("ReduceMean", []*ir.Value{x}, integers("axes", 1), integer("keepdims", c.keepDims))
			most := n.op("ReduceMax", []*ir.Value{x}, integers("axes", -3), integer("keepdims", c.keepDims))
			least := n.op("ReduceMin", []*ir.Value{x}, integers("axes", 1), integer("keepdims", c.keepDims))
			sum := n.op("ReduceSum", []*ir.Value{x, n.Constant("axes", tensor.Of([]int64{1}, 1))}, integer("keepdims", c.keepDims))
			n.Outputs = append(n.Outputs, mean, most, least, sum)
			if c.keepDims == 1 {
				map1 := n.op("Sigmoid", []*ir.Value{n.op("Conv", []*ir.Value{n.op("Concat", []*ir.Value{mean, most}, integer("axis", 1)), n.weights(1, 2, 5, 5)}, integers("pads", 2, 2, 2, 2))})
				y := n.op("Mul", []*ir.Value{map1, n.op("Mul", []*ir.Value{x, map1})})
				n.Outputs = append(n.Outputs, n.op("Conv", []*ir.Value{y, n.weights(17, c.in[1], 3, 3)}, integers("pads", 1, 1, 1, 1)))
			}
			steps := n.check(5e-5) // the sigmoid's argument is a sum of numbers that cancel
			if i := slices.IndexFunc(steps, func(s string) bool { return s == "f32x16 to planar" || s == "f32x8 to planar" }); i >= 0 && c.keepDims == 0 {
				t.Errorf("steps %q", steps)
			}
		})
	}
}
