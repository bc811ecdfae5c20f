package engine_test

import (
	"slices"

	"github.com/visionzoo/vision/engine/ir"
	"github.com/visionzoo/vision/engine/tensor"
)

// growVolumes grows a graph of volumes [n c d h w] of one shape, as growShared does of pictures.
func growVolumes(g *randomGraph) {
	c := from(g, 3, 8, 16, 17, 33)
	shape := []int{from(g, 1, 1, 2, 3), c, from(g, 1, 2, 3, 5, 8), from(g, 1, 4, 7, 10), from(g, 1, 4, 6, 9)}
	g.input(g.normal(shape...), g.rng.Intn(4) == 0)
	volume := func() made {
		m, _ := g.one(func(t *tensor.Tensor) bool { return slices.Equal(t.Shape(), shape) })
		return m
	}
	conv := func(x made, out int, k, d []int) (made, bool) { // keeps the size
		in, group, pads := x.t.Dim(1), 1, make([]int, 6)
		if g.rng.Intn(4) == 0 && out%in == 0 {
			group = in
		}
		taps := k[0] * k[1] * k[2]
		if x.t.Len()*out/group*taps > g.work {
			return made{}, false
		}
		for i := range k {
			whole := (k[i] - 1) * d[i]
			pads[i] = g.rng.Intn(whole + 1)
			pads[3+i] = whole - pads[i]
		}
		attrs := []*ir.Attr{ir.AttrInts("pads", pads...), ir.AttrInts("dilations", d...), ir.AttrInt("group", group)}
		return g.node("Conv", []made{x, g.weights(in/group*taps, append([]int{out, in / group}, k...)...), g.weights(4, out)}, attrs...)
	}
	wanted := 2 + g.rng.Intn(10)
	for tries := 0; len(g.graph.Nodes) < wanted && tries < 60; tries++ {
		x := volume()
		k := from(g, []int{3, 3, 3}, []int{1, 3, 3}, []int{3, 1, 1}, []int{1, 1, 1}, []int{2, 3, 1}, []int{5, 1, 2})
		switch g.rng.Intn(9) {
		case 0, 1, 2:
			x, ok := conv(x, c, k, []int{from(g, 1, 1, 2, 4), from(g, 1, 1, 2), from(g, 1, 1, 3)})
			if ok && g.coin() {
				x, ok = g.node("Add", (&spelling{g, true}).pair(x, volume()))
			}
			if ok && g.coin() {
				g.node(from(g, "Relu", "Sigmoid", "HardSwish"), []made{x})
			}
		case 3:
			g.node(from(g, "Add", "Mul", "Max"), []made{x, volume()})
		case 4:
			g.node(from(g, "Relu", "Tanh", "LeakyRelu"), []made{x})
		case 5:
			attrs := []*ir.Attr{ir.AttrInts("kernel_shape", 3, 3, 3), ir.AttrInts("pads", 1, 1, 1, 1, 1, 1)}
			g.node(from(g, "MaxPool", "AveragePool"), []made{x}, attrs...)
		case 6:
			if x, ok := g.node("Concat", []made{x, volume()}, ir.AttrInt("axis", 1)); ok {
				conv(x, c, k, []int{1, 1, 1})
			}
		case 7:
			if g.coin() {
				g.node("InstanceNormalization", []made{x, g.positive(c), g.weights(1, c)}, ir.AttrFloat("epsilon", 1e-2))
				continue
			}
			g.node("BatchNormalization", []made{x, g.positive(c), g.weights(1, c), g.weights(1, c), g.positive(c)})
		case 8: // half as large, and as large again
			x, ok := g.node("MaxPool", []made{x}, ir.AttrInts("kernel_shape", 2, 2, 2), ir.AttrInts("strides", 2, 2, 2))
			if !ok || x.t.Len() == 0 {
				continue
			}
			if x.t.Len()*c*8 <= g.work && g.coin() {
				g.node("ConvTranspose", []made{x, g.weights(c, c, c, 2, 2, 2)}, ir.AttrInts("strides", 2, 2, 2),
					ir.AttrInts("output_padding", shape[2]%2, shape[3]%2, shape[4]%2))
				continue
			}
			g.node("Resize", []made{x, {}, {}, g.ints(shape...)}, ir.AttrString("mode", from(g, "nearest", "linear")))
		}
	}
}
