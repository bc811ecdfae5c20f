package engine_test

import (
	"slices"

	"github.com/visionzoo/vision/engine/ir"
	"github.com/visionzoo/vision/engine/tensor"
)

// sharing grows a graph of pictures of one shape, so that any two can be added and each
// is read by several nodes: what is written over values that nobody reads any more, or
// reads what others have made, depends on who else reads it, and when.
type sharing struct {
	*randomGraph
	n, c, h, w int
}

var sharings = []struct {
	weight int
	grow   func(g *sharing)
}{
	{12, (*sharing).conv}, {8, (*sharing).add}, {8, (*sharing).activation}, {6, (*sharing).gate}, {4, (*sharing).pixels}, {5, (*sharing).concat},
	{2, (*sharing).pool}, {2, (*sharing).half}, {2, (*sharing).rows}, {2, (*sharing).heads}, {2, (*sharing).norm}, {2, (*sharing).pieces},
	{3, of(growInverted)}, {2, of(growIsland)}, {2, (*sharing).integers}, {1, of(growConvTranspose)}, {1, of(growSlice)}, {1, of(growShuffle)}, {1, of(growBroadcast)},
}

// of is growth by what other graphs grow by.
func of(grow func(g *randomGraph)) func(g *sharing) {
	return func(g *sharing) { grow(g.randomGraph) }
}

// growShared grows a graph of such pictures.
func growShared(r *randomGraph) {
	g := &sharing{r, from(r, 1, 1, 1, 2, 3), from(r, 3, 8, 8, 16, 17, 32, 40, 64), from(r, 1, 4, 7, 8, 14, 20), from(r, 1, 4, 6, 9, 16)}
	wanted := 4 + g.rng.Intn(20)
	if g.rng.Intn(5) == 0 { // enough for Winograd's convolutions
		g.work = max(g.work, 24<<20)
		g.c, g.h, g.w = from(r, 16, 32, 48, 64), 18+g.rng.Intn(16), 18+g.rng.Intn(16)
		wanted = 3 + g.rng.Intn(6)
	}
	for range 1 + g.rng.Intn(2) {
		g.input(g.normal(g.n, g.c, g.h, g.w), g.rng.Intn(4) == 0)
	}
	weights := make([]int, len(sharings))
	for i, s := range sharings {
		weights[i] = s.weight
	}
	for tries := 0; len(g.graph.Nodes) < wanted && tries < 100; tries++ {
		sharings[g.pick(weights)].grow(g)
	}
}

// picture is any picture.
func (g *sharing) picture() made { return g.of(g.c, g.h, g.w) }

// of is a value of a shape, if there is one, else a picture.
func (g *sharing) of(c, h, w int) made {
	m, ok := g.one(func(t *tensor.Tensor) bool { return slices.Equal(t.Shape(), []int{g.n, c, h, w}) })
	if !ok {
		return g.values[0]
	}
	return m
}

// conv is a convolution that keeps the shape, at times with the sum and the activation
// behind it that go into it.
func (g *sharing) conv() {
	x := g.picture()
	if g.rng.Intn(4) == 0 { // of a mean
		x = g.of(g.c, 1, 1)
	}
	k, d, group := from(g.randomGraph, 1, 1, 1, 3, 3, 5), from(g.randomGraph, 1, 1, 1, 2, 4, max(1, g.h-1)), 1
	if g.rng.Intn(3) == 0 {
		group = g.c
	}
	p := k / 2 * d
	in := []made{x, g.weights(g.c/group*k*k, g.c, g.c/group, k, k)}
	if g.coin() {
		in = append(in, g.weights(4, g.c))
	}
	if x.t.Len()*g.c/group*k*k > g.work {
		return
	}
	x, ok := g.node("Conv", in, ir.AttrInt("group", group), ir.AttrInts("pads", p, p, p, p), ir.AttrInts("dilations", d, d))
	if ok && g.coin() {
		x, ok = g.node("Add", (&spelling{g.randomGraph, true}).pair(x, g.of(g.c, x.t.Dim(2), x.t.Dim(3))))
	}
	if ok && g.coin() {
		g.act(x)
	}
}

func (g *sharing) act(x made) (made, bool) {
	return g.node(from(g.randomGraph, "Relu", "Sigmoid", "HardSwish", "Tanh", "LeakyRelu", "Neg"), []made{x})
}

func (g *sharing) activation() {
	x := g.picture()
	switch y, ok := g.act(x); {
	case ok && g.rng.Intn(4) == 0:
		g.node("Mul", []made{x, y})
	case g.rng.Intn(4) == 0:
		g.node("BatchNormalization", []made{x, g.positive(g.c), g.weights(1, g.c), g.weights(1, g.c), g.positive(g.c)})
	}
}

func (g *sharing) add() {
	g.node(from(g.randomGraph, "Add", "Add", "Add", "Mul", "Sub", "Max"), []made{g.picture(), g.picture()})
}

// gate is a mean of each channel, and a product with one.
func (g *sharing) gate() {
	m := g.of(g.c, 1, 1)
	if g.coin() {
		m, _ = g.node("GlobalAveragePool", []made{g.picture()})
		if g.coin() {
			m, _ = g.node("Conv", []made{m, g.weights(g.c, g.c, g.c, 1, 1)})
		}
		m, _ = g.node("Sigmoid", []made{m})
	}
	if m.Value == nil {
		return
	}
	x := g.picture()
	y, ok := g.node("Mul", (&spelling{g.randomGraph, true}).pair(x, m))
	if ok && g.rng.Intn(4) > 0 {
		g.node("Conv", []made{y, g.weights(g.c, g.c, g.c, 1, 1)})
	}
	if g.coin() { // which may stand between the two
		g.act(from(g.randomGraph, x, m))
	}
}

// pixels is a product with one number for each pixel.
func (g *sharing) pixels() {
	m := g.of(1, g.h, g.w)
	if g.coin() {
		m, _ = g.node("Sigmoid", []made{m})
		if x, ok := g.node("Conv", []made{g.picture(), g.weights(g.c, 1, g.c, 1, 1)}); ok {
			m = x
		}
	}
	if m.Value != nil {
		g.node("Mul", (&spelling{g.randomGraph, true}).pair(g.picture(), m))
	}
}

// concat joins pictures, or those and what was joined, and goes back to one's channels.
func (g *sharing) concat() {
	in := []made{g.picture(), g.picture()}
	if g.coin() {
		in = append(in, g.of(2*g.c, g.h, g.w))
	}
	if x, ok := g.node("Concat", in, ir.AttrInt("axis", 1)); ok && g.coin() {
		if c := x.t.Dim(1); x.t.Len()*g.c <= g.work {
			g.node("Conv", []made{x, g.weights(c, g.c, c, 1, 1)})
		}
	}
}

// pieces splits what was joined.
func (g *sharing) pieces() {
	if x := g.of(2*g.c, g.h, g.w); x.t.Dim(1) == 2*g.c {
		g.many("Split", 2, []made{x, g.ints(g.c, g.c)}, ir.AttrInt("axis", 1))
	}
}

func (g *sharing) pool() {
	g.node(from(g.randomGraph, "MaxPool", "AveragePool"), []made{g.picture()}, ir.AttrInts("kernel_shape", 3, 3), ir.AttrInts("pads", 1, 1, 1, 1))
}

// half is a picture of a quarter of the pixels and of all of them again.
func (g *sharing) half() {
	if g.h%2+g.w%2 > 0 {
		return
	}
	x, ok := g.node("MaxPool", []made{g.picture()}, ir.AttrInts("kernel_shape", 2, 2), ir.AttrInts("strides", 2, 2))
	if ok && g.coin() {
		x, ok = g.node("Conv", []made{x, g.weights(9*g.c, g.c, g.c, 3, 3)}, ir.AttrInts("pads", 1, 1, 1, 1))
	}
	if !ok {
		return
	}
	switch k := from(g.randomGraph, 2, 3, 4); {
	case g.coin():
		g.node("Resize", []made{x, {}, {}, g.ints(g.n, g.c, g.h, g.w)}, ir.AttrString("mode", from(g.randomGraph, "nearest", "linear")))
	case x.t.Len()*g.c*k*k <= g.work:
		p := (k - 2) / 2
		x, ok = g.node("ConvTranspose", []made{x, g.weights(g.c*k, g.c, g.c, k, k), g.weights(4, g.c)}, ir.AttrInts("strides", 2, 2),
			ir.AttrInts("pads", p, p, k-2-p, k-2-p))
		if ok && g.coin() {
			g.act(x)
		}
	}
}

// rows are the pixels as rows of a matrix, through a product.
func (g *sharing) rows() {
	x, ok := g.node("Reshape", []made{g.picture(), g.ints(g.n, g.c, g.h*g.w)})
	if ok {
		x, ok = g.node("Transpose", []made{x}, ir.AttrInts("perm", 0, 2, 1))
	}
	if ok && g.coin() {
		x, ok = g.node("MatMul", []made{x, g.weights(g.c, g.c, g.c)})
	}
	if ok && g.coin() {
		x, ok = g.node("Softmax", []made{x})
	}
	if ok {
		x, ok = g.node("Transpose", []made{x}, ir.AttrInts("perm", 0, 2, 1))
	}
	if ok {
		g.node("Reshape", []made{x, g.ints(g.n, g.c, g.h, g.w)})
	}
}

// heads is a product of pictures as matrices, as attention's, scaled at times.
func (g *sharing) heads() {
	x, y := g.picture(), g.picture()
	if x.t.Len()*g.h > g.work {
		return
	}
	t, ok := g.node("Transpose", []made{y}, ir.AttrInts("perm", 0, 1, 3, 2))
	if ok && g.coin() {
		t, ok = g.node("Mul", []made{t, g.constant(tensor.Scalar(float32(0.3)))})
	}
	if ok {
		t, ok = g.node("MatMul", []made{x, t})
	}
	if ok && gentle(t.t) {
		t, ok = g.node("Softmax", []made{t})
	}
	if ok {
		g.node("MatMul", []made{t, from(g.randomGraph, x, y)})
	}
}

func (g *sharing) integers() { integers(&spelling{g.randomGraph, true}, g.picture()) }

func (g *sharing) norm() {
	x := g.picture()
	switch g.rng.Intn(3) {
	case 0: // of each pixel
		y, ok := g.node("Transpose", []made{x}, ir.AttrInts("perm", 0, 2, 3, 1))
		if ok {
			y, ok = g.node("LayerNormalization", []made{y, g.positive(g.c), g.weights(1, g.c)}, ir.AttrFloat("epsilon", 1e-2))
		}
		if ok {
			g.node("Transpose", []made{y}, ir.AttrInts("perm", 0, 3, 1, 2))
		}
		return
	case 1:
		g.node("GroupNormalization", []made{x, g.positive(g.c), g.weights(1, g.c)}, ir.AttrFloat("epsilon", 1e-2), ir.AttrInt("num_groups", from(g.randomGraph, 1, 2, 4, g.c)))
		return
	}
	if y, ok := g.node("InstanceNormalization", []made{x, g.positive(g.c), g.weights(1, g.c)}, ir.AttrFloat("epsilon", 1e-2)); ok && g.coin() {
		g.node("Add", []made{x, y})
	}
}
