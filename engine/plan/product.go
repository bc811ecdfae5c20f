package plan

import (
	"github.com/visionzoo/vision/engine/ir"
	"github.com/visionzoo/vision/engine/kernel"
	"github.com/visionzoo/vision/engine/pass"
	"github.com/visionzoo/vision/engine/tensor"
)

// product is a Gemm or MatMul as the kernels compute it, with the nodes after it
// that can be fused: a bias, a sum with another value, an activation.
type product struct {
	gemm     kernel.Gemm
	weights  *tensor.Tensor // B if it is constant and the same for the whole batch
	bias     *tensor.Tensor // one number, or one for each column; multiplied by beta
	beta     float32
	residual *ir.Value
	out      *ir.Value
	last     []*ir.Node // the fused nodes
}

// productNode schedules a matrix product of float32 with the nodes that can be
// fused into it; it reports false if the operator has to compute it.
func (b *builder) productNode(n *ir.Node) (bool, error) {
	if n.Domain != "" || n.Op != "Gemm" && n.Op != "MatMul" {
		return false, nil
	}
	p := &product{out: n.Outputs[0]}
	p.gemm.Scale, p.gemm.Strict = 1, b.opt.Strict
	ok := false
	if n.Op == "Gemm" {
		ok = b.readGemm(n, p)
	} else {
		ok = b.readMatMul(n, p)
	}
	if !ok {
		return false, nil
	}
	if c := b.constant(n.Inputs[1]); c != nil && stacked(&p.gemm) == 1 {
		p.weights = c
	}
	if p.bias != nil && p.weights == nil {
		return false, nil // the kernels support a bias with constant weights only
	}
	b.follow(p)
	return b.addProduct(n, p)
}

// matrix returns the shape of a float32 value that is not empty and fits the memory
// limit: cutting a product takes time and memory in proportion to its size, before
// its memory is allocated.
func (b *builder) matrix(v *ir.Value, rank int) ([]int, bool) {
	if v == nil {
		return nil, false
	}
	f := b.fact(v)
	d, ok := f.Shape.Ints()
	return d, ok && f.DType == tensor.Float32 && len(d) >= rank && b.room(f.Shape)
}

// readGemm reads Y = alpha·A·B + beta·C.
func (b *builder) readGemm(n *ir.Node, p *product) bool {
	x, okX := b.matrix(n.Inputs[0], 2)
	w, okW := b.matrix(n.Inputs[1], 2)
	a := n.ReadAttrs()
	alpha, beta := a.Float("alpha", 1), a.Float("beta", 1)
	transA, transB := a.Bool("transA", false), a.Bool("transB", false)
	if !okX || !okW || a.Err() != nil || transA || b.constant(n.Inputs[0]) != nil {
		return false
	}
	g := &p.gemm
	g.M, g.K, g.N, g.TransB, g.Scale = x[0], x[1], w[1], transB, alpha
	if transB {
		g.N = w[0]
	}
	g.RowA, g.RowB, g.RowC = g.K, w[1], g.N
	if len(n.Inputs) < 3 || n.Inputs[2] == nil || beta == 0 {
		return true
	}
	c := n.Inputs[2]
	if b.constant(c) == nil {
		d, ok := b.matrix(c, 2)
		if !ok || beta != 1 || d[0] != g.M || d[1] != g.N {
			return false
		}
		p.residual = c
		return true
	}
	return b.setBias(p, c, beta)
}

// setBias uses a constant as the bias if it has one number, or one for each column.
func (b *builder) setBias(p *product, v *ir.Value, beta float32) bool {
	d, ok := b.matrix(v, 0)
	c := b.constant(v)
	if !ok || c.Len() != 1 && (c.Len() != p.gemm.N || d[len(d)-1] != p.gemm.N) {
		return false
	}
	p.bias, p.beta = c, beta
	return true
}

// readMatMul reads a product of matrices in the last two dimensions; the other
// dimensions are a batch and broadcast.
func (b *builder) readMatMul(n *ir.Node, p *product) bool {
	x, okX := b.matrix(n.Inputs[0], 2)
	w, okW := b.matrix(n.Inputs[1], 2)
	if !okX || !okW || b.constant(n.Inputs[0]) != nil {
		return false
	}
	g := &p.gemm
	x, w = trimOnes(x), trimOnes(w)
	rx, rw := len(x), len(w)
	g.M, g.K, g.N = x[rx-2], x[rx-1], w[rw-1]
	g.RowA, g.RowB, g.RowC = g.K, g.N, g.N
	if rw == 2 { // the batch of A counts as more rows
		for _, d := range x[:rx-2] {
			g.M *= d
		}
		return true
	}
	g.Batch = broadcastBatch(x[:rx-2], w[:rw-2], g.M*g.K, g.K*g.N, g.M*g.N)
	return true
}

// trimOnes drops leading dimensions of 1 before the last two.
func trimOnes(d []int) []int {
	for len(d) > 2 && d[0] == 1 {
		d = d[1:]
	}
	return d
}

// broadcastBatch returns the loops over the matrices of two batches in which
// matrices lie one after the other; the sizes are their numbers of elements.
func broadcastBatch(x, w []int, sizeA, sizeB, sizeC int) []kernel.GemmBatch {
	batch := make([]kernel.GemmBatch, max(len(x), len(w)))
	for i := len(batch) - 1; i >= 0; i-- {
		at := func(d []int) int {
			if j := i - len(batch) + len(d); j >= 0 {
				return d[j]
			}
			return 1
		}
		l := &batch[i]
		l.Count, l.C = max(at(x), at(w)), sizeC
		if at(x) > 1 {
			l.A = sizeA
		}
		if at(w) > 1 {
			l.B = sizeB
		}
		sizeA, sizeB, sizeC = sizeA*at(x), sizeB*at(w), sizeC*l.Count
	}
	return batch
}

// follow fuses the nodes that alone read the product into it, as far as the kernels
// support: a factor, then a bias, then a sum, then an activation.
func (b *builder) follow(p *product) {
	for !b.needed[p.out] && len(b.readers[p.out]) == 1 {
		n := b.readers[p.out][0]
		act, isAct := pass.EpilogueOf(n)
		switch {
		case b.roles[n] != outside:
			return
		case isAct:
			p.gemm.Act = act
			p.take(n)
			return
		case n.Domain == "" && (n.Op == "Add" && b.followSum(n, p) || b.followScale(n, p)):
			p.take(n)
		default:
			return
		}
	}
}

func (p *product) take(n *ir.Node) {
	p.last = append(p.last, n)
	p.out = n.Outputs[0]
}

// followSum fuses an Add into a product.
func (b *builder) followSum(n *ir.Node, p *product) bool {
	z := n.Inputs[0]
	if z == p.out {
		z = n.Inputs[1]
	}
	if z == nil || !b.fact(p.out).Shape.Equal(b.fact(n.Outputs[0]).Shape) {
		return false
	}
	if c := b.constant(z); c != nil {
		if v, ok := single(c); ok && v == 0 { // exporters write C of beta·C + A·B with beta 0
			return true
		}
		return p.weights != nil && p.bias == nil && p.residual == nil && b.setBias(p, z, 1)
	}
	_, made := b.places[z] // it must be computed before the product
	if p.residual != nil || !made || !b.fact(z).Shape.Equal(b.fact(p.out).Shape) {
		return false
	}
	p.residual = z
	return true
}

// followScale fuses a factor that is one number, as the scores of an attention have,
// or a divisor.
func (b *builder) followScale(n *ir.Node, p *product) bool {
	if n.Op != "Mul" && n.Op != "Div" || p.bias != nil || p.residual != nil || !b.fact(p.out).Shape.Equal(b.fact(n.Outputs[0]).Shape) {
		return false
	}
	by := n.Inputs[1]
	if by == p.out && n.Op == "Mul" {
		by = n.Inputs[0]
	}
	v, ok := single(b.constant(by))
	if !ok {
		return false
	}
	if n.Op == "Div" {
		v = 1 / v
	}
	if scale := p.gemm.Scale * v; scale-scale == 0 { // finite
		p.gemm.Scale = scale
		return true
	}
	return false
}

// single returns the number in a float32 constant of one element.
func single(c *tensor.Tensor) (float32, bool) {
	if c == nil || c.DType() != tensor.Float32 || c.Len() != 1 {
		return 0, false
	}
	return tensor.Data[float32](c)[0], true
}

// addProduct plans the kernel.
func (b *builder) addProduct(n *ir.Node, p *product) (bool, error) {
	g := &p.gemm
	var residual *place
	if p.residual != nil {
		at, err := b.planar(p.residual)
		if err != nil {
			return false, err
		}
		residual, g.Residual, g.RowResidual = &at, true, g.N
	}
	a, err := b.planar(n.Inputs[0])
	if err != nil {
		return false, err
	}
	if b.streamsBF16(p) {
		b.finished(p)
		return true, b.streamBF16(n, p, a)
	}
	in := []place{a}
	var packed *kernel.GemmWeights
	switch {
	case p.weights != nil:
		packed, err = b.weights.product(p)
	case b.constant(n.Inputs[1]) != nil:
		return false, nil // B is constant but differs within the batch
	default:
		var w place
		w, err = b.planar(n.Inputs[1])
		in = append(in, w)
	}
	if err != nil {
		return false, err
	}
	work, err := b.opt.Rung.Gemm(g, packed)
	if err != nil {
		return false, err
	}
	size, err := b.planarSize(p.out)
	if err != nil {
		return false, err
	}
	out := place{buffer: b.newBuffer(size), layout: planarLayout(b.facts[p.out])}
	b.places[p.out] = out
	b.addWork(n, n.Op, work, in, residual, out)
	b.finished(p)
	return true, nil
}

// finished records the nodes that were fused into a product.
func (b *builder) finished(p *product) {
	for _, l := range p.last {
		b.done[l] = true
	}
}

// stacked is the number of different B that the product reads.
func stacked(g *kernel.Gemm) int {
	n := 1
	for _, l := range g.Batch {
		if l.B != 0 {
			n *= l.Count
		}
	}
	return n
}
