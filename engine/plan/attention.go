package plan

import (
	"errors"
	"slices"

	"github.com/visionzoo/vision/engine/ir"
	"github.com/visionzoo/vision/engine/kernel"
	"github.com/visionzoo/vision/engine/tensor"
)

// A product, a softmax over its rows and a product with that are an attention, which is one
// kernel:
//
//	Q ─┐
//	K ─┴ MatMul ─ Mul 1/8 ─ Add bias ─ Add mask ─ Softmax ─┐
//	V ─────────────────────────────────────────────────────┴ MatMul ─ Transpose
//
// It is scheduled with the second product: V may not exist before. Until then the first one is
// held back.

// scores is the first product of an attention.
type scores struct {
	node    *ir.Node
	product *product
	softmax *ir.Node
	values  *ir.Node // the second product
	in      []place  // of Q and K
	biases  []kernel.ScoreBias
	added   []*ir.Value // the biases that are not constant
}

// attended returns the attention that product p of node n begins, or nil.
func (b *builder) attended(n *ir.Node, p *product) *scores {
	if p.weights != nil || p.gemm.Act.Kind != kernel.Identity || b.constant(n.Inputs[1]) != nil || !rowMajor(&p.gemm) {
		return nil
	}
	held := *p
	held.last = slices.Clone(p.last)
	s := &scores{node: n, product: &held}
	if p.residual != nil {
		held.residual = nil
		if !s.add(b, p.residual) {
			return nil
		}
	}
	next := b.soleReader(held.out)
	for ; next != nil && (b.keepsNumbers(next, held.out) || b.addsBias(next, s)); next = b.soleReader(held.out) {
		held.fuse(next)
	}
	if next == nil {
		return nil
	}
	d, axis, ok := b.softmaxAxis(next)
	if !ok || axis != len(d)-1 || len(d) < 2 || d[axis] != p.gemm.N || d[axis-1] != p.gemm.M {
		return nil
	}
	s.softmax, s.values = next, b.soleReader(next.Outputs[0])
	if s.values == nil || s.values.Domain != "" || s.values.Op != "MatMul" || s.values.Inputs[0] != next.Outputs[0] || b.constant(s.values.Inputs[1]) != nil {
		return nil
	}
	v, ok := b.matrix(s.values.Inputs[1], 2)
	second := kernel.Gemm{M: p.gemm.M, K: p.gemm.N, Strict: p.gemm.Strict}
	if !ok || !batchOf(v, d) {
		return nil
	}
	second.N = v[len(v)-1]
	if !b.opt.Rung.Attends(&kernel.Attention{Scores: p.gemm, Values: second}) {
		return nil
	}
	return s
}

// addsBias reports whether a node adds to the scores what can be a bias of them, and notes that.
func (b *builder) addsBias(n *ir.Node, s *scores) bool {
	if n.Domain != "" || n.Op != "Add" || !b.fact(s.product.out).Shape.Equal(b.fact(n.Outputs[0]).Shape) {
		return false
	}
	z := n.Inputs[0]
	if z == s.product.out {
		z = n.Inputs[1]
	}
	return z != s.product.out && s.add(b, z)
}

// add notes a bias of the scores; it reports false if the kernel does not support it.
func (s *scores) add(b *builder, z *ir.Value) bool {
	g := &s.product.gemm
	d, from := sizesOf(b.fact(s.product.out)), len(sizesOf(b.fact(s.product.out)))
	size, ok := b.matrix(z, 1)
	from -= len(size)
	rows, keys := len(d)-2, len(d)-1
	if !ok || from < 0 || rows < 0 || d[rows] != g.M || d[keys] != g.N || size[len(size)-1] != g.N || len(s.biases) == kernel.MostBiases {
		return false
	}
	stride := tensor.Strides(size)
	along := func(axis int) (int, bool) { // the distance between neighbours
		if axis < from || size[axis-from] == 1 {
			return 0, true
		}
		return stride[axis-from], size[axis-from] == d[axis]
	}
	bias := kernel.ScoreBias{}
	for axis, n := range d[:keys] {
		by, ok := along(axis)
		if !ok {
			return false
		}
		if axis == rows {
			bias.Row = by
		} else {
			bias.Loops = append(bias.Loops, kernel.BiasLoop{Count: n, Stride: by})
		}
	}
	if c := b.constant(z); c != nil {
		bias.Const = tensor.Data[float32](c)
	} else if _, made := b.places[z]; made {
		s.added = append(s.added, z)
	} else {
		return false
	}
	s.biases = append(s.biases, bias)
	return true
}

// soleReader returns the node outside of channel blocks that alone reads a value, or nil.
func (b *builder) soleReader(v *ir.Value) *ir.Node {
	if b.needed[v] || len(b.readers[v]) != 1 || b.roles[b.readers[v][0]] != outside {
		return nil
	}
	return b.readers[v][0]
}

// rowMajor reports whether all C of a product lie one after the other.
func rowMajor(g *kernel.Gemm) bool {
	var sizes []int
	for _, l := range g.Batch {
		sizes = append(sizes, l.Count)
	}
	strides := tensor.Strides(append(sizes, g.M, g.N))
	for i, l := range g.Batch {
		if l.C != strides[i] {
			return false
		}
	}
	return g.RowC == g.N
}

// batchOf reports whether matrices of shape v, one for each matrix of shape d or shared by
// some, multiply these in a product that has as many results as d has matrices.
func batchOf(v, d []int) bool {
	v, d = trimOnes(v), trimOnes(d)
	if len(v) > len(d) || len(v) == 2 && len(d) > 2 {
		return false
	}
	for i := range len(v) - 2 {
		if size := v[len(v)-3-i]; size != 1 && size != d[len(d)-3-i] {
			return false
		}
	}
	return true
}

// holdScores holds the first product of an attention back.
func (b *builder) holdScores(s *scores) error {
	for i := range 2 {
		at, err := b.operandPlace(s.node, i, s.product)
		if err != nil {
			return err
		}
		s.in = append(s.in, at)
	}
	b.markFused(s.product)
	b.fused[s.softmax] = true
	b.scores[s.softmax.Outputs[0]] = s
	return nil
}

// attentionNode schedules an attention whose second product is n; it reports false for other
// nodes.
func (b *builder) attentionNode(n *ir.Node) (bool, error) {
	s := b.scores[n.Input(0)]
	if s == nil || s.values != n {
		return false, nil
	}
	p := &product{out: n.Outputs[0], noSum: true}
	p.gemm.Scale, p.gemm.Strict = 1, b.opt.Strict
	if !b.readMatMul(n, p) {
		return false, errors.New("BUG: the product and softmax before it were held back")
	}
	b.follow(p)
	v, err := b.operandPlace(n, 1, p)
	if err != nil {
		return false, err
	}
	in := append(s.in, v)
	for _, z := range s.added {
		at, err := b.planar(z)
		if err != nil {
			return false, err
		}
		in = append(in, at)
	}
	work, err := b.opt.Rung.Attention(&kernel.Attention{Scores: s.product.gemm, Values: p.gemm, Biases: s.biases})
	if err != nil {
		return false, err
	}
	out, err := b.newPlanar(p.out)
	if err != nil {
		return false, err
	}
	b.addWork(n, "attention", work, in, nil, out)
	b.steps[len(b.steps)-1].of = []*ir.Node{s.node, s.softmax}
	b.markFused(p)
	return true, nil
}
