package plan

import (
	"slices"
	"testing"

	"github.com/visionzoo/vision/engine/ir"
	"github.com/visionzoo/vision/engine/kernel"
	"github.com/visionzoo/vision/engine/onnx"
)

func TestTransposed(t *testing.T) {
	rungs := kernel.Rungs()
	tiles := rungs[len(rungs)-1].Name == "amx" // computes such convolutions as products
	for _, c := range []struct {
		why             string
		in              [4]int // N C H W
		out             int
		kernel, strides [2]int64
		attrs           []*ir.Attr
		group           int
		act             string
		phases          int // 0: left to the operator
	}{
		{why: "four by four, twice the size", in: [4]int{1, 20, 5, 7}, out: 33, kernel: [2]int64{4, 4}, strides: [2]int64{2, 2}, attrs: pads(1, 1, 1, 1), act: "Relu", phases: 4},
		{why: "three by three, twice the size", in: [4]int{1, 32, 9, 6}, out: 16, kernel: [2]int64{3, 3}, strides: [2]int64{2, 2},
			attrs: append(pads(1, 1, 1, 1), integers("output_padding", 1, 1)), phases: 4},
		{why: "taps that do not overlap", in: [4]int{1, 24, 7, 8}, out: 32, kernel: [2]int64{2, 2}, strides: [2]int64{2, 2}, act: "Sigmoid", phases: 1},
		{why: "the same, channels that fill no block", in: [4]int{1, 24, 7, 8}, out: 19, kernel: [2]int64{2, 2}, strides: [2]int64{2, 2}, phases: 4},
		{why: "one pixel", in: [4]int{1, 40, 1, 1}, out: 48, kernel: [2]int64{4, 4}, strides: [2]int64{1, 1}, act: "Relu", phases: 1},
		{why: "one row, padded", in: [4]int{1, 17, 1, 9}, out: 16, kernel: [2]int64{5, 3}, strides: [2]int64{2, 1}, attrs: pads(1, 1, 2, 1), phases: 2},
		{why: "stride 1", in: [4]int{1, 16, 6, 6}, out: 20, kernel: [2]int64{3, 5}, strides: [2]int64{1, 1}, attrs: pads(1, 2, 1, 2), act: "LeakyRelu", phases: 1},
		{why: "several pictures", in: [4]int{3, 18, 4, 5}, out: 32, kernel: [2]int64{4, 2}, strides: [2]int64{2, 2}, attrs: pads(1, 0, 1, 0), act: "Relu", phases: 4},
		{why: "an odd stride, uneven phases", in: [4]int{1, 16, 4, 6}, out: 16, kernel: [2]int64{5, 4}, strides: [2]int64{3, 3}, attrs: pads(1, 0, 0, 2), phases: 9},
		{why: "rows alone", in: [4]int{1, 16, 8, 5}, out: 16, kernel: [2]int64{6, 1}, strides: [2]int64{3, 1}, attrs: pads(2, 0, 1, 0), phases: 3},
		{why: "SAME_UPPER", in: [4]int{1, 16, 5, 5}, out: 16, kernel: [2]int64{3, 3}, strides: [2]int64{2, 2}, attrs: []*ir.Attr{{Name: "auto_pad", Type: onnx.AttrString, String: "SAME_UPPER"}}, phases: 4},
		{why: "output_shape", in: [4]int{1, 16, 5, 5}, out: 16, kernel: [2]int64{3, 3}, strides: [2]int64{2, 2}, attrs: []*ir.Attr{integers("output_shape", 12, 11)}, phases: 4},
		{why: "a kernel below the stride", in: [4]int{1, 16, 5, 5}, out: 16, kernel: [2]int64{2, 2}, strides: [2]int64{3, 3}},
		{why: "padding beyond the kernel's taps", in: [4]int{1, 16, 9, 9}, out: 16, kernel: [2]int64{3, 3}, strides: [2]int64{2, 2}, attrs: pads(3, 3, 3, 3)},
		{why: "dilated", in: [4]int{1, 16, 5, 5}, out: 16, kernel: [2]int64{3, 3}, strides: [2]int64{2, 2}, attrs: []*ir.Attr{integers("dilations", 2, 1)}},
		{why: "groups", in: [4]int{1, 16, 5, 5}, out: 32, group: 2, kernel: [2]int64{3, 3}, strides: [2]int64{2, 2}},
		{why: "few channels", in: [4]int{1, 16, 5, 5}, out: 3, kernel: [2]int64{3, 3}, strides: [2]int64{2, 2}},
	} {
		t.Run(c.why, func(t *testing.T) {
			n := newNetwork(t)
			group := max(1, c.group)
			x := n.op("Conv", []*ir.Value{n.input(c.in[0], 5, c.in[2], c.in[3]), n.weights(c.in[1], 5, 1, 1)})
			y := n.op("ConvTranspose", []*ir.Value{x, n.weights(c.in[1], c.out/group, int(c.kernel[0]), int(c.kernel[1])), n.weights(c.out)},
				append(c.attrs, integers("strides", c.strides[:]...), integer("group", int64(group)))...)
			if c.act != "" {
				y = n.op(c.act, []*ir.Value{y})
			}
			// It is an operand of a concatenation, and what reads that wants a halo.
			z := n.op("Concat", []*ir.Value{y, y}, integer("axis", 1))
			n.Outputs = append(n.Outputs, n.op("Conv", []*ir.Value{z, n.weights(17, 2*c.out, 3, 3)}, integers("pads", 1, 1, 1, 1)))
			steps := n.check(1e-5)
			if tiles {
				return
			}
			if slices.Contains(steps, "ConvTranspose") != (c.phases == 0) || slices.Contains(steps, c.act) {
				t.Errorf("steps %q", steps)
			}
			convs := 0
			for _, s := range steps {
				if s == "conv direct" || s == "conv winograd" || s == "conv small winograd" {
					convs++
				}
			}
			if c.phases > 0 && convs < c.phases+2 { // Winograd's form has several steps
				t.Errorf("steps %q: %d convolutions, want %d", steps, convs, c.phases+2)
			}
		})
	}
}

func pads(p ...int64) []*ir.Attr { return []*ir.Attr{integers("pads", p...)} }
