package engine_test

import (
	"testing"

	"github.com/visionzoo/vision/engine/ir"
	"github.com/visionzoo/vision/engine/tensor"
)

// TestFoundGraphs are counterexamples that TestRandomGraphs came up with, cut
// down to what made them one.
func TestFoundGraphs(t *testing.T) {
	for _, c := range []struct {
		name string
		grow func(g *randomGraph)
	}{
		{"rows of outputs wider than the padded rows they read", func(g *randomGraph) {
			x := g.input(g.normal(1, 40, 4, 5), false)
			x, _ = g.node("Conv", []made{x, g.weights(40, 48, 40, 1, 1)})
			g.node("Conv", []made{x, g.weights(48, 48, 48, 1, 1), g.weights(4, 48)}, ir.AttrInts("pads", 1, 1, 1, 1))
		}},
		{"the second picture of a batch that is copied into a halo", func(g *randomGraph) {
			x := g.input(g.normal(3, 3, 9, 7), false)
			g.node("Conv", []made{x, g.weights(27, 16, 3, 3, 3)}, ir.AttrInts("pads", 1, 1, 1, 1))
		}},
		{"backwards through a dimension of size 0", func(g *randomGraph) {
			x := g.input(g.normal(1, 0, 10, 5), false)
			g.node("Slice", []made{x, g.ints(0), g.ints(-1), g.ints(1), g.ints(-2)})
			if got := g.values[1].t.Dim(1); got != 0 {
				t.Errorf("%d rows of nothing", got)
			}
		}},
		{"a batch whose parts are of few rows, and of more", func(g *randomGraph) {
			x := g.input(g.normal(7, 8), true)
			x, _ = g.node("MatMul", []made{x, g.weights(8, 8, 33)})
			g.node("Add", []made{x, g.weights(1, 33)})
		}},
		{"a batch whose parts are four tiles, and more", func(g *randomGraph) {
			x := g.input(g.normal(3, 64, 6, 6), true)
			g.node("Conv", []made{x, g.weights(576, 64, 64, 3, 3)}, ir.AttrInts("pads", 1, 1, 1, 1))
		}},
		{"a sum of unknown size that turns out to be broadcast", func(g *randomGraph) {
			x := g.input(g.normal(1, 3, 3, 1), true)
			x, _ = g.node("Conv", []made{x, g.weights(3, 17, 3, 1, 1)})
			y, _ := g.node("Conv", []made{x, g.weights(153, 17, 17, 3, 3)}, ir.AttrInts("strides", 3, 3), ir.AttrInts("pads", 1, 1, 1, 1))
			g.node("Add", []made{y, x})
		}},
		{"the same where the convolution is the larger", func(g *randomGraph) {
			x := g.input(g.normal(1, 3, 3, 1), true)
			x, _ = g.node("Conv", []made{x, g.weights(3, 17, 3, 1, 1)})
			z, _ := g.node("MaxPool", []made{x}, ir.AttrInts("kernel_shape", 3, 1))
			y, _ := g.node("Conv", []made{x, g.weights(153, 17, 17, 3, 3)}, ir.AttrInts("pads", 1, 1, 1, 1))
			y, _ = g.node("Add", []made{z, y})
			g.node("Relu", []made{y})
		}},
		{"a cut beyond the edge, between codes", func(g *randomGraph) {
			x := g.input(g.normal(1, 3, 5, 5), false)
			x, _ = g.codes(x, tensor.Scalar(uint8(9)))
			x, _ = g.node("Resize", []made{x, g.constant(tensor.Of([]float32{0, 0, -0.5, -0.5, 1, 1, 1.5, 1.5})), {}, g.ints(1, 3, 8, 8)},
				ir.AttrString("coordinate_transformation_mode", "tf_crop_and_resize"))
			g.codes(x, tensor.Scalar(uint8(9)))
		}},
		{"a pool whose window is smaller than the padding before it", func(g *randomGraph) {
			x := g.input(g.normal(1, 3, 5, 5), false)
			x, _ = g.node("Pad", []made{x, g.ints(0, 0, 3, 2, 0, 0, 2, 3)})
			g.node("AveragePool", []made{x}, ir.AttrInts("kernel_shape", 2, 2), ir.AttrInts("strides", 2, 1))
		}},
		{"windows that lie before the first row and column", func(g *randomGraph) {
			x := g.input(g.normal(2, 3, 2, 4, 5), false)
			for _, op := range []string{"AveragePool", "MaxPool"} {
				g.node(op, []made{x}, ir.AttrInts("kernel_shape", 2, 1, 1), ir.AttrInts("pads", 0, 0, 2, 0, 1, 1))
			}
		}},
		{"a norm whose epsilon is of a higher rank", func(g *randomGraph) {
			x := g.input(g.normal(5, 8), false)
			mean, _ := g.node("ReduceMean", []made{x, g.ints(1)})
			d, _ := g.node("Sub", []made{x, mean})
			square, _ := g.node("Mul", []made{d, d})
			variance, _ := g.node("ReduceMean", []made{square, g.ints(1)})
			variance, _ = g.node("Add", []made{variance, g.constant(tensor.Of([]float32{1e-5}, 1, 1, 1, 1))})
			root, _ := g.node("Sqrt", []made{variance})
			x, _ = g.node("Div", []made{d, root})
			x, _ = g.node("Mul", []made{x, g.positive(8)})
			g.node("Add", []made{x, g.positive(8)})
		}},
		{"two batch norms behind a convolution", func(g *randomGraph) {
			x := g.input(g.normal(1, 8, 6, 5), false)
			x, _ = g.node("Conv", []made{x, g.weights(72, 8, 8, 3, 3)})
			for range 2 {
				x, _ = g.node("BatchNormalization", []made{x, g.positive(8), g.weights(1, 8), g.weights(1, 8), g.positive(8)})
			}
		}},
		{"an activation inside a branch, behind a convolution outside", func(g *randomGraph) {
			x := g.input(g.normal(1, 3, 5, 5), false)
			x, _ = g.node("Conv", []made{x, g.weights(27, 16, 3, 3, 3)})
			yes, t, _ := g.unbound("Relu", []made{x})
			no, _, _ := g.unbound("Neg", []made{x})
			g.control("If", []made{g.input(tensor.Scalar(true), false)}, []*tensor.Tensor{t},
				ir.AttrGraph("then_branch", g.region(yes)), ir.AttrGraph("else_branch", g.region(no)))
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			g := emptyRandomGraph(1)
			c.grow(g)
			g.finish()
			if err := checkWays(g, waysToRun(0)); err != nil {
				t.Errorf("%v\n%s", err, g)
			}
		})
	}
}
