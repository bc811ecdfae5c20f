package plan

import (
	"slices"
	"testing"

	"github.com/visionzoo/vision/engine/ir"
	"github.com/visionzoo/vision/engine/kernel"
)

func TestTaps(t *testing.T) {
	rungs := kernel.Rungs()
	tiles := rungs[len(rungs)-1].Name == "amx" // computes such convolutions whole
	for _, c := range []struct {
		why                  string
		in                   [4]int // N C H W
		out                  int
		kernel, dilate, pads [2]int64
		act                  string
		oneByOne             bool
	}{
		{"a pyramid's widest taps", [4]int{1, 64, 13, 11}, 40, [2]int64{3, 3}, [2]int64{9, 7}, [2]int64{9, 7}, "Relu", true},
		{"several pictures", [4]int{3, 70, 12, 17}, 21, [2]int64{3, 3}, [2]int64{6, 8}, [2]int64{6, 8}, "Sigmoid", true},
		{"five by five", [4]int{1, 64, 10, 10}, 16, [2]int64{5, 5}, [2]int64{4, 4}, [2]int64{8, 8}, "", true},
		{"taps beyond the map", [4]int{1, 64, 9, 20}, 16, [2]int64{3, 3}, [2]int64{9, 12}, [2]int64{9, 12}, "Relu", true},
		{"rows alone", [4]int{1, 65, 8, 9}, 33, [2]int64{3, 1}, [2]int64{6, 1}, [2]int64{6, 0}, "LeakyRelu", true},
		{"more taps than planning takes time for", [4]int{1, 64, 33, 33}, 2, [2]int64{33, 33}, [2]int64{2, 2}, [2]int64{32, 32}, "Relu", false},
		{"a small dilation", [4]int{1, 64, 16, 16}, 16, [2]int64{3, 3}, [2]int64{2, 2}, [2]int64{2, 2}, "Relu", false},
		{"few channels", [4]int{1, 16, 13, 11}, 16, [2]int64{3, 3}, [2]int64{9, 7}, [2]int64{9, 7}, "Relu", false},
		{"no tap that always meets the map", [4]int{1, 64, 12, 12}, 16, [2]int64{2, 2}, [2]int64{8, 8}, [2]int64{4, 4}, "Relu", false},
	} {
		t.Run(c.why, func(t *testing.T) {
			n := newNetwork(t)
			x := n.op("Relu", []*ir.Value{n.op("Conv", []*ir.Value{n.input(c.in[0], 5, c.in[2], c.in[3]), n.weights(c.in[1], 5, 1, 1)})})
			y := n.op("Conv", []*ir.Value{x, n.weights(c.out, c.in[1], int(c.kernel[0]), int(c.kernel[1])), n.weights(c.out)},
				integers("dilations", c.dilate[:]...), integers("pads", append(c.pads[:], c.pads[:]...)...))
			if c.act != "" {
				y = n.op(c.act, []*ir.Value{y})
			}
			// Both are operands of a concatenation, and what reads them wants a halo.
			z := n.op("Concat", []*ir.Value{y, y}, integer("axis", 1))
			n.Outputs = append(n.Outputs, n.op("Conv", []*ir.Value{z, n.weights(9, 2*c.out, 3, 3)}, integers("pads", 1, 1, 1, 1)))
			if steps := n.check(1e-5); slices.Contains(steps, "conv tap") != (c.oneByOne && !tiles) {
				t.Errorf("steps %q", steps)
			}
		})
	}
}
