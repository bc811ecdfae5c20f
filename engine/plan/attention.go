package plan

import (
	"cmp"
	"errors"
	"slices"

	"github.com/visionzoo/vision/engine/ir"
	"github.com/visionzoo/vision/engine/kernel"
	"github.com/visionzoo/vision/engine/ops"
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
//
// Exporters write scores between the pixels of a picture, with relative positions of rows and columns
// (SAM's encoder), as
//
//	[12 4096 4096] ─ Reshape ─▶ [12 64 64 64 64] ─ Add [12 64 64 64 1] ─ Add [12 64 64 1 64] ─ Reshape ─▶ [12 4096 4096]

// scores is the first product of an attention.
type scores struct {
	node    *ir.Node
	product *product
	softmax *ir.Node
	values  *ir.Node // the second product
	in      []place  // of Q and K
	factor  *kernel.ScoreTerm
	biases  []scoreBias
	columns int // where the keys are pixels, and biases have a number for each row or column of them: how many are in a row
}

// scoreBias is a value that is added to the scores.
type scoreBias struct {
	kernel.ScoreTerm
	value *ir.Value
	keys  biasKeys
}

// biasKeys says for what a bias has a number.
type biasKeys int

const (
	eachKey biasKeys = iota
	eachRow
	eachColumn
)

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
	for ; next != nil && (b.keepsNumbers(next, held.out) || b.scalesBy(next, s) || b.addsBias(next, s)); next = b.soleReader(held.out) {
		held.fuse(next)
	}
	if next == nil || s.columns > 0 && len(s.biases) < 2 {
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

// scalesBy reports whether a node multiplies the scores of each product by a constant, as Swin V2
// does for each head, and notes that.
func (b *builder) scalesBy(n *ir.Node, s *scores) bool {
	if n.Domain != "" || n.Op != "Mul" || s.factor != nil || len(s.biases) > 0 {
		return false
	}
	z, ok := b.besideScores(n, s)
	c := b.constant(z)
	if !ok || c == nil {
		return false
	}
	t, down, across, _, ok := b.scoreTerm(z, s)
	scale := s.product.gemm.Scale
	infinite := func(v float32) bool { return scale*v-scale*v != 0 }
	if !ok || t.Row != 0 || down != 0 || across != 0 || slices.ContainsFunc(t.Const, infinite) {
		return false
	}
	s.factor = &t
	return true
}

// addsBias reports whether a node adds to the scores what can be a bias of them, and notes that.
func (b *builder) addsBias(n *ir.Node, s *scores) bool {
	if n.Domain != "" || n.Op != "Add" {
		return false
	}
	z, ok := b.besideScores(n, s)
	return ok && s.add(b, z)
}

// besideScores returns the other operand of a node that keeps the shape of the scores.
func (b *builder) besideScores(n *ir.Node, s *scores) (z *ir.Value, ok bool) {
	if z = n.Inputs[0]; z == s.product.out {
		z = n.Inputs[1]
	}
	return z, z != s.product.out && b.fact(s.product.out).Shape.Equal(b.fact(n.Outputs[0]).Shape)
}

// add notes a bias of the scores; it reports false if the kernel does not support it.
func (s *scores) add(b *builder, z *ir.Value) bool {
	t, down, across, columns, ok := b.scoreTerm(z, s)
	if !ok || len(s.biases) == kernel.MostBiases {
		return false
	}
	bias := scoreBias{t, z, eachKey}
	switch rows := s.product.gemm.N / columns; {
	case across == 1 && (rows == 1 || down == columns):
		columns = 0
	case across == 1 && down == 0:
		bias.keys = eachColumn
	case across == 0 && down == 1:
		bias.keys = eachRow
	default:
		return false
	}
	if len(s.biases) > 0 && (columns != s.columns || columns > 0 && bias.keys == s.biases[0].keys) {
		return false
	}
	s.biases, s.columns = append(s.biases, bias), columns
	return true
}

// scoreTerm returns how the scores of each product read a value that is broadcast to them. For
// this, their last axis is a row of columns keys; the numbers of neighbouring rows are down
// apart, those of columns across.
func (b *builder) scoreTerm(z *ir.Value, s *scores) (t kernel.ScoreTerm, down, across, columns int, ok bool) {
	g, d := &s.product.gemm, sizesOf(b.fact(s.product.out))
	size, ok := b.matrix(z, 0)
	if !ok || len(size) > len(d) || len(d) < 2 {
		return t, 0, 0, 0, false
	}
	lead, columns := len(d), d[len(d)-1]
	for n := 1; n < g.M*g.N && lead > 0; n *= d[lead] {
		lead--
	}
	strides, ok := ops.Reshaped(d, tensor.BroadcastStrides(size, d), append(slices.Clone(d[:lead]), g.M, g.N/columns, columns))
	if !ok {
		return t, 0, 0, 0, false
	}
	for i, n := range d[:lead] {
		t.Loops = append(t.Loops, kernel.TermLoop{Count: n, Stride: strides[i]})
	}
	t.Row = strides[lead]
	if c := b.constant(z); c != nil {
		t.Const = tensor.Data[float32](c)
	}
	return t, strides[lead+1], strides[lead+2], columns, true
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
	for _, z := range s.biases {
		b.readersLeft[z.value]++ // the kernel, which runs after the nodes that add them
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
	a := &kernel.Attention{Scores: s.product.gemm, Values: p.gemm, Factor: s.factor, Columns: s.columns}
	slices.SortStableFunc(s.biases, func(x, y scoreBias) int { return cmp.Compare(x.keys, y.keys) })
	for _, z := range s.biases {
		b.readersLeft[z.value]--
		a.Biases = append(a.Biases, z.ScoreTerm)
		if z.Const != nil {
			continue
		}
		at, err := b.planar(z.value)
		if err != nil {
			return false, err
		}
		in = append(in, at)
	}
	work, err := b.opt.Rung.Attention(a)
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
