package plan

import (
	"slices"
	"testing"

	"github.com/visionzoo/vision/engine/ir"
)

func TestVolumes(t *testing.T) {
	for _, c := range []struct {
		why             string
		in              [5]int // N C D H W
		out, group      int
		kernel          [3]int
		strides, dilate [3]int64
		pads            [3]int64
		residual        bool
		act             string
	}{
		{why: "the first layer of a video network", in: [5]int{1, 3, 5, 18, 21}, out: 24, kernel: [3]int{3, 7, 7}, strides: [3]int64{1, 2, 2}, pads: [3]int64{1, 3, 3}, act: "Relu"},
		{why: "Winograd's form, channels of whole blocks", in: [5]int{1, 32, 4, 24, 24}, out: 32, kernel: [3]int{3, 3, 3}, pads: [3]int64{1, 1, 1}, residual: true, act: "Relu"},
		{why: "channels that fill no block", in: [5]int{2, 19, 5, 9, 11}, out: 21, kernel: [3]int{3, 3, 3}, pads: [3]int64{1, 1, 1}, act: "Sigmoid"},
		{why: "time alone, every second frame", in: [5]int{1, 16, 7, 6, 5}, out: 17, kernel: [3]int{3, 1, 1}, strides: [3]int64{2, 1, 1}, pads: [3]int64{1, 0, 0}},
		{why: "pictures alone", in: [5]int{1, 9, 3, 13, 7}, out: 8, kernel: [3]int{1, 3, 3}, strides: [3]int64{1, 2, 1}, pads: [3]int64{0, 1, 1}, residual: true},
		{why: "a kernel of one", in: [5]int{2, 5, 3, 4, 6}, out: 33, kernel: [3]int{1, 1, 1}, act: "LeakyRelu"},
		{why: "one frame, of which only the middle tap reads", in: [5]int{1, 20, 1, 8, 8}, out: 16, kernel: [3]int{3, 3, 3}, pads: [3]int64{1, 1, 1}},
		{why: "frames that become one", in: [5]int{1, 8, 3, 6, 6}, out: 8, kernel: [3]int{3, 1, 1}},
		{why: "frames that nobody reads", in: [5]int{1, 4, 6, 5, 5}, out: 4, kernel: [3]int{1, 1, 1}, strides: [3]int64{4, 2, 2}},
		{why: "a kernel for each channel", in: [5]int{1, 20, 6, 10, 9}, out: 20, group: 20, kernel: [3]int{3, 3, 3}, strides: [3]int64{1, 2, 2}, pads: [3]int64{1, 1, 1}, residual: true, act: "Relu"},
		{why: "groups", in: [5]int{1, 12, 4, 7, 7}, out: 18, group: 3, kernel: [3]int{2, 3, 3}, pads: [3]int64{0, 1, 1}, act: "Relu"},
		{why: "dilated in time", in: [5]int{1, 16, 7, 7, 7}, out: 18, kernel: [3]int{3, 3, 3}, dilate: [3]int64{2, 1, 2}, pads: [3]int64{2, 1, 2}},
		{why: "grey, dilated in time", in: [5]int{1, 1, 7, 7, 7}, out: 5, kernel: [3]int{3, 3, 3}, dilate: [3]int64{3, 1, 1}, pads: [3]int64{3, 1, 1}, act: "Relu"},
	} {
		t.Run(c.why, func(t *testing.T) {
			n := newNetwork(t)
			group := max(1, c.group)
			one := func(v [3]int64) []int64 {
				for i := range v {
					v[i] = max(1, v[i])
				}
				return v[:]
			}
			x := n.op("Relu", []*ir.Value{n.input(c.in[:]...)})
			y := n.op("Conv", []*ir.Value{x, n.weights(c.out, c.in[1]/group, c.kernel[0], c.kernel[1], c.kernel[2]), n.weights(c.out)},
				integer("group", int64(group)), integers("strides", one(c.strides)...), integers("dilations", one(c.dilate)...),
				integers("pads", append(c.pads[:], c.pads[:]...)...))
			if c.residual {
				d, _ := y.Fact.Shape.Ints()
				y = n.op("Add", []*ir.Value{y, n.input(d...)})
			}
			if c.act != "" {
				y = n.op(c.act, []*ir.Value{y})
			}
			n.Outputs = append(n.Outputs, y)
			steps := n.check(1e-5)
			if slices.Contains(steps, "Conv") || slices.Contains(steps, "Add") {
				t.Errorf("steps %q: left to an operator", steps)
			}
		})
	}
}
