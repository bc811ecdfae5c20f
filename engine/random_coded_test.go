package engine_test

import (
	"slices"

	"github.com/visionzoo/vision/engine/ir"
	"github.com/visionzoo/vision/engine/tensor"
)

// growCoded grows a graph of pictures between codes, each of which several nodes read: as
// codes, and as the numbers that they stand for.
func growCoded(g *randomGraph) {
	c := from(g, 3, 8, 16, 33, 64)
	shape := []int{from(g, 1, 1, 2), c, from(g, 1, 4, 7, 12), from(g, 1, 5, 8)}
	g.steps = true
	zero := func() *tensor.Tensor {
		if g.rng.Intn(4) == 0 {
			return tensor.Scalar(int8(from(g, 0, 3)))
		}
		return tensor.Scalar(uint8(from(g, 128, 77)))
	}
	x, ok := g.codes(g.input(g.normal(shape...), g.rng.Intn(4) == 0), zero())
	coded := []made{x}
	for range 2 + g.rng.Intn(8) {
		if x = from(g, coded...); !ok {
			return
		}
		var others []made // of its shape
		for _, m := range coded {
			if same(m.t, x.t) {
				others = append(others, m)
			}
		}
		y, c := from(g, others...), x.t.Dim(1)
		k := from(g, 1, 1, 3)
		var z made
		switch from(g, "conv", "conv", "conv", "add", "add", "mul", "concat", "pool", "mean", "function", "outside", "half", "dense") {
		case "conv":
			group, out := 1, from(g, c, c, 16, 33)
			if g.rng.Intn(3) == 0 {
				group, out = c, c
			}
			if x.t.Len()*out/group*k*k > g.work {
				continue
			}
			w, okW := g.byteWeights(g.weights(c/group*k*k, out, c/group, k, k), 0)
			if !okW {
				continue
			}
			p, in := k/2, []made{x, w}
			if b, okB := g.codedBias(out); okB && g.coin() {
				in = append(in, b)
			}
			z, ok = g.node("Conv", in, ir.AttrInt("group", group), ir.AttrInts("pads", p, p, p, p))
		case "add":
			z, ok = g.node("Add", []made{x, y})
		case "mul":
			z, ok = g.node("Mul", []made{x, y})
		case "concat":
			z, ok = g.node("Concat", []made{x, y}, ir.AttrInt("axis", 1))
		case "pool":
			z, ok = g.node(from(g, "MaxPool", "AveragePool"), []made{x}, ir.AttrInts("kernel_shape", k, k), ir.AttrInts("pads", k/2, k/2, k/2, k/2))
		case "mean":
			z, ok = g.node("GlobalAveragePool", []made{x})
		case "function":
			z, ok = g.node(from(g, "Relu", "Sigmoid", "HardSwish", "LeakyRelu"), []made{x})
		case "half":
			z, ok = g.node("Slice", []made{x, g.ints(0), g.ints((c + 1) / 2), g.ints(1)})
		case "dense":
			g.dense(x, zero)
			continue
		case "outside": // numbers that stay what they are
			g.node(from(g, "Neg", "Relu", "Sigmoid"), []made{x})
			continue
		}
		if !ok || slices.Contains(z.t.Shape(), 0) {
			return
		}
		if g.rng.Intn(4) == 0 {
			if z, ok = g.node("Relu", []made{z}); !ok {
				return
			}
		}
		if x, ok = g.codes(z, zero()); ok {
			coded = append(coded, x)
		}
	}
}

// codedBias is one of n numbers, or the codes of it, which have 32 bits.
func (g *randomGraph) codedBias(n int) (made, bool) {
	if g.coin() {
		return g.weights(4, n), true
	}
	codes := make([]int32, n)
	for i := range codes {
		codes[i] = int32(g.rng.Intn(1000) - 500)
	}
	return g.node("DequantizeLinear", []made{g.constant(tensor.Of(codes, n)), g.constant(tensor.Scalar(float32(0.04 / 40)))})
}

// dense is a fully connected layer between codes, of all numbers of each picture or of its means.
func (g *randomGraph) dense(x made, zero func() *tensor.Tensor) {
	ok := true
	if g.coin() {
		if x, ok = g.node("GlobalAveragePool", []made{x}); ok {
			x, ok = g.codes(x, zero())
		}
	}
	if ok {
		x, ok = g.node("Flatten", []made{x})
	}
	if ok && g.coin() {
		x, ok = g.codes(x, zero())
	}
	n := from(g, 1, 10, 33)
	if !ok || x.t.Len()*n > g.work {
		return
	}
	turned, shape := g.rng.Intn(2), []int{x.t.Dim(1), n}
	if turned == 1 {
		shape = []int{n, x.t.Dim(1)}
	}
	w, okW := g.byteWeights(g.weights(x.t.Dim(1), shape...), 1-turned)
	b, okB := g.codedBias(n)
	if !okW || !okB {
		return
	}
	if x, ok = g.node("Gemm", []made{x, w, b}, ir.AttrInt("transB", turned)); ok && g.coin() {
		g.codes(x, zero())
	}
}
