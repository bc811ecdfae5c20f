package plan

import (
	"errors"
	"slices"

	"github.com/visionzoo/vision/engine/ir"
	"github.com/visionzoo/vision/engine/kernel"
)

// A product, a softmax over its rows and a product with that are an attention, which is one
// kernel:
//
//	Q ─┐
//	K ─┴ MatMul ─ Mul 1/8 ─ Add bias ─ Softmax ─┐
//	V ──────────────────────────────────────────┴ MatMul ─ Transpose
//
// It is scheduled with the second product: V may not exist before. Until then the first one is
// held back.

// scores is the first product of an attention.
type scores struct {
	node     *ir.Node
	product  *product
	softmax  *ir.Node
	values   *ir.Node // the second product
	in       []place  // of Q and K
	residual *place   // of the bias, or nil
}

// attended returns the attention that product p of node n begins, or nil.
func (b *builder) attended(n *ir.Node, p *product) *scores {
	if p.weights != nil || p.gemm.Act.Kind != kernel.Identity || b.constant(n.Inputs[1]) != nil {
		return nil
	}
	soft := b.soleReader(p.out)
	if soft == nil {
		return nil
	}
	d, axis, ok := b.softmaxAxis(soft)
	if !ok || axis != len(d)-1 || len(d) < 2 || d[axis] != p.gemm.N || d[axis-1] != p.gemm.M || !rowMajor(&p.gemm) {
		return nil
	}
	values := b.soleReader(soft.Outputs[0])
	if values == nil || values.Domain != "" || values.Op != "MatMul" || values.Inputs[0] != soft.Outputs[0] || b.constant(values.Inputs[1]) != nil {
		return nil
	}
	v, ok := b.matrix(values.Inputs[1], 2)
	if !ok || !batchOf(v, d) {
		return nil
	}
	second := kernel.Gemm{M: p.gemm.M, K: p.gemm.N, N: v[len(v)-1], Strict: p.gemm.Strict}
	if !b.opt.Rung.Attends(&kernel.Attention{Scores: p.gemm, Values: second}) {
		return nil
	}
	return &scores{node: n, product: p, softmax: soft, values: values}
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
	next := g.M * g.N
	for _, l := range slices.Backward(g.Batch) {
		if l.C != next {
			return false
		}
		next *= l.Count
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
	p := s.product
	if p.residual != nil {
		at, err := b.planar(p.residual)
		if err != nil {
			return err
		}
		s.residual, p.gemm.Residual, p.gemm.RowResidual = &at, true, p.gemm.N
	}
	for i := range 2 {
		at, err := b.operandPlace(s.node, i, p)
		if err != nil {
			return err
		}
		s.in = append(s.in, at)
	}
	b.markFused(p)
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
	work, err := b.opt.Rung.Attention(&kernel.Attention{Scores: s.product.gemm, Values: p.gemm})
	if err != nil {
		return false, err
	}
	size, err := b.planarSize(p.out)
	if err != nil {
		return false, err
	}
	out := place{buffer: b.newBuffer(size), layout: planarLayout(b.facts[p.out])}
	b.places[p.out] = out
	b.addWork(n, "attention", work, append(s.in, v), s.residual, out)
	b.steps[len(b.steps)-1].of = []*ir.Node{s.node, s.softmax}
	b.markFused(p)
	return true, nil
}
