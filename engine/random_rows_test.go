package engine_test

import (
	"slices"

	"github.com/visionzoo/vision/engine/ir"
	"github.com/visionzoo/vision/engine/tensor"
)

// sentences grows a graph of rows of one length, as transformers compute on, whose parts,
// turned and scaled, are read by products and by others.
type sentences struct {
	*randomGraph
	n, l, d, heads int
}

var sentenceGrowths = []struct {
	weight int
	grow   func(g *sentences)
}{
	{6, (*sentences).project}, {6, (*sentences).add}, {4, (*sentences).norm}, {4, (*sentences).three}, {8, (*sentences).turn}, {4, (*sentences).scale},
	{8, (*sentences).scores}, {6, (*sentences).mix}, {4, (*sentences).join}, {2, (*sentences).part},
}

// growSentences grows a graph of such rows.
func growSentences(r *randomGraph) {
	heads := from(r, 1, 2, 3, 4)
	g := &sentences{r, from(r, 1, 1, 2, 3), from(r, 1, 3, 8, 17, 17, 70), heads * from(r, 1, 4, 8, 11), heads}
	for range 1 + g.rng.Intn(2) {
		g.input(g.normal(g.n, g.l, g.d), g.rng.Intn(4) == 0)
	}
	weights := make([]int, len(sentenceGrowths))
	for i, s := range sentenceGrowths {
		weights[i] = s.weight
	}
	wanted := 4 + g.rng.Intn(24)
	for tries := 0; len(g.graph.Nodes) < wanted && tries < 100; tries++ {
		sentenceGrowths[g.pick(weights)].grow(g)
	}
}

// of is a value of a shape, if there is one.
func (g *sentences) of(shape ...int) (made, bool) {
	return g.one(func(t *tensor.Tensor) bool { return slices.Equal(t.Shape(), shape) })
}

func (g *sentences) rows() made {
	m, _ := g.of(g.n, g.l, g.d)
	return m
}

// turned are heads of rows [n heads l d/heads].
func (g *sentences) turned() (made, bool) { return g.of(g.n, g.heads, g.l, g.d/g.heads) }

// project is a dense layer.
func (g *sentences) project() {
	x, ok := g.node("MatMul", []made{g.rows(), g.weights(g.d, g.d, g.d)})
	if ok && g.coin() {
		x, ok = g.node("Add", (&spelling{g.randomGraph, true}).pair(x, g.weights(1, g.d)))
	}
	if ok && g.coin() {
		g.node(from(g.randomGraph, "Relu", "Gelu", "Sigmoid", "Tanh"), []made{x})
	}
}

func (g *sentences) add() {
	g.node(from(g.randomGraph, "Add", "Add", "Mul", "Sub"), []made{g.rows(), g.rows()})
}

func (g *sentences) norm() {
	g.node("LayerNormalization", []made{g.rows(), g.positive(g.d), g.weights(1, g.d)}, ir.AttrFloat("epsilon", 1e-2))
}

// three are queries, keys and values of one product.
func (g *sentences) three() {
	x, ok := g.node("MatMul", []made{g.rows(), g.weights(g.d, g.d, 3*g.d)})
	if !ok {
		return
	}
	if g.coin() {
		g.many("Split", 3, []made{x, g.ints(g.d, g.d, g.d)}, ir.AttrInt("axis", 2))
		return
	}
	if x, ok = g.node("Reshape", []made{x, g.ints(g.n, g.l, 3, g.heads, g.d/g.heads)}); !ok {
		return
	}
	if x, ok = g.node("Transpose", []made{x}, ir.AttrInts("perm", 2, 0, 3, 1, 4)); !ok {
		return
	}
	for i := range 3 {
		g.node("Gather", []made{x, g.constant(tensor.Scalar(int64(i)))}, ir.AttrInt("axis", 0))
	}
}

// turn makes heads of rows.
func (g *sentences) turn() {
	if x, ok := g.node("Reshape", []made{g.rows(), g.ints(g.n, g.l, g.heads, g.d/g.heads)}); ok {
		g.node("Transpose", []made{x}, ir.AttrInts("perm", 0, 2, 1, 3))
	}
}

func (g *sentences) scale() {
	if x, ok := g.turned(); ok {
		g.node(from(g.randomGraph, "Mul", "Div"), []made{x, g.constant(tensor.Scalar(from[float32](g.randomGraph, 0.5, 1.5)))})
	}
}

// scores are products of heads with each other.
func (g *sentences) scores() {
	x, ok := g.turned()
	if !ok {
		return
	}
	y, _ := g.turned()
	if y, ok = g.node("Transpose", []made{y}, ir.AttrInts("perm", 0, 1, 3, 2)); !ok {
		return
	}
	z, ok := g.node("MatMul", []made{x, y})
	for ok && g.rng.Intn(3) == 0 {
		z, ok = g.bias(z)
	}
	if ok && gentle(z.t) && g.rng.Intn(4) > 0 {
		z, ok = g.node("Softmax", []made{z}, ir.AttrInt("axis", -1))
	}
	if ok && g.coin() {
		x, _ = g.turned()
		g.node("MatMul", []made{z, x})
	}
}

// bias scales scores, or adds to them what some have in common: a constant, a mask of the
// caller's, or what was computed.
func (g *sentences) bias(z made) (made, bool) {
	if g.coin() {
		return g.node("Mul", []made{z, g.constant(tensor.Scalar(float32(0.3)))})
	}
	shape := []int{g.n, g.heads, g.l, g.l}
	for i := range shape {
		if g.rng.Intn(3) == 0 {
			shape[i] = 1
		}
	}
	shape = shape[g.rng.Intn(3):]
	by := g.weights(1, shape...)
	if g.coin() {
		by = g.input(by.t, g.rng.Intn(4) == 0)
	}
	if by.Const() == nil && g.coin() {
		by, _ = g.node("Mul", []made{by, g.constant(tensor.Scalar(float32(-3)))})
	}
	return g.node("Add", (&spelling{g.randomGraph, true}).pair(z, by))
}

// mix multiplies heads by scores.
func (g *sentences) mix() {
	x, ok := g.turned()
	if !ok {
		return
	}
	if s, ok := g.of(g.n, g.heads, g.l, g.l); ok {
		g.node("MatMul", []made{s, x})
	}
}

// join makes rows of heads.
func (g *sentences) join() {
	x, ok := g.turned()
	if !ok {
		return
	}
	if x, ok = g.node("Transpose", []made{x}, ir.AttrInts("perm", 0, 2, 1, 3)); ok {
		g.node("Reshape", []made{x, g.ints(g.n, g.l, g.d)})
	}
}

// part cuts rows and joins them in another order.
func (g *sentences) part() {
	axis := 1 + g.rng.Intn(2)
	x := g.rows()
	at := g.rng.Intn(x.t.Dim(axis) + 1)
	low, okLow := g.node("Slice", []made{x, g.ints(0), g.ints(at), g.ints(axis)})
	high, okHigh := g.node("Slice", []made{x, g.ints(at), g.ints(1 << 30), g.ints(axis)})
	if okLow && okHigh {
		g.node("Concat", []made{high, low}, ir.AttrInt("axis", axis))
	}
}
