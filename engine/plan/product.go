package plan

import (
	"slices"

	"github.com/visionzoo/vision/engine/ir"
	"github.com/visionzoo/vision/engine/kernel"
	"github.com/visionzoo/vision/engine/ops"
	"github.com/visionzoo/vision/engine/pass"
	"github.com/visionzoo/vision/engine/tensor"
)

// product is a Gemm or MatMul as the kernels compute it, with the nodes after it
// that can be fused: a factor, a bias, a sum with another value, an activation or a
// transposition.
type product struct {
	gemm     kernel.Gemm
	in       [2]*place      // of operands that are moved values; nil: they are row-major
	weights  *tensor.Tensor // B if it is constant and the same for the whole batch
	bias     *tensor.Tensor // one number, or one for each column; multiplied by beta
	beta     float32
	residual *ir.Value
	out      *ir.Value
	last     []*ir.Node // the fused nodes
	noSum    bool       // no sum may be fused
}

// productNode schedules a matrix product of float32 with the nodes that can be
// fused into it; it reports false if the operator has to compute it.
func (b *builder) productNode(n *ir.Node) (bool, error) {
	if n.Domain != "" || n.Op != "Gemm" && n.Op != "MatMul" {
		return false, nil
	}
	p := &product{out: n.Outputs[0]}
	p.gemm.Scale, p.gemm.Strict, p.gemm.BF16 = 1, b.opt.Strict, b.opt.BF16 && b.opt.Rung.Pays(kernel.BF16x32)
	ok := false
	if n.Op == "Gemm" {
		ok = b.readGemm(n, p)
	} else {
		ok = b.readMatMul(n, p)
	}
	if !ok {
		return false, nil
	}
	if c := b.constant(n.Inputs[1]); c != nil && stacked(&p.gemm) == 1 { // one B for all products
		p.weights = c
	}
	if p.bias != nil && p.weights == nil {
		return false, nil // the kernels support a bias with constant weights only
	}
	b.follow(p)
	if s := b.attended(n, p); s != nil {
		return true, b.holdScores(s)
	}
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
	return d, ok && f.DType == tensor.Float32 && len(d) >= rank && b.fitsLimit(f.Shape)
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
	y := sizesOf(b.fact(p.out))
	if !ok || c.Len() != 1 && (c.Len() != p.gemm.N || d[len(d)-1] != p.gemm.N || y[len(y)-1] != p.gemm.N) {
		return false
	}
	p.bias, p.beta = c, beta
	return true
}

// readMatMul reads a product of matrices in the last two dimensions; the other
// dimensions are a batch and broadcast.
func (b *builder) readMatMul(n *ir.Node, p *product) bool {
	sizes, okX := b.matrix(n.Inputs[0], 2)
	_, okW := b.matrix(n.Inputs[1], 2)
	if !okX || !okW || b.constant(n.Inputs[0]) != nil {
		return false
	}
	g := &p.gemm
	w := b.operandOf(n, 1, p)
	if len(w.sizes) == 2 && len(trimOnes(sizes)) > 2 { // the batch of A counts as more rows
		g.M = tensor.MustCount(sizes[:len(sizes)-1])
		g.K, g.N = w.sizes[0], w.sizes[1]
		g.RowA, g.RowC = g.K, g.N
	} else {
		x := b.operandOf(n, 0, p)
		rx, rw := len(x.sizes)-2, len(w.sizes)-2
		g.M, g.K, g.N = x.sizes[rx], x.sizes[rx+1], w.sizes[rw+1]
		g.RowA, g.RowC = x.strides[rx], g.N
		g.Batch = broadcastBatch(x, w, g.M*g.N)
	}
	rows, columns := w.strides[len(w.strides)-2], w.strides[len(w.strides)-1]
	g.RowB, g.TransB = rows, columns != 1
	if g.TransB {
		g.RowB = columns
	}
	return true
}

// matrices is a stack of matrices that a product reads.
type matrices struct{ sizes, strides []int }

// operandOf returns operand i of a product, without leading dimensions of 1. If it is a
// moved value whose rows (or, of the second operand, columns) are contiguous, it is read
// where it lies, and its factor goes into the product's; otherwise it is read in row-major
// order.
func (b *builder) operandOf(n *ir.Node, i int, p *product) matrices {
	sizes, _ := b.matrix(n.Inputs[i], 2)
	trimmed := trimOnes(sizes)
	last := len(trimmed) - 1
	x := matrices{trimmed, tensor.Strides(trimmed)}
	m, ok := b.moved[n.Inputs[i]]
	scale := p.gemm.Scale * m.factor
	if !ok || scale-scale != 0 || scale == 0 { // x-x is 0 for finite numbers only
		return x
	}
	strides := slices.Clone(m.strides[len(sizes)-len(trimmed):])
	for axis, size := range trimmed {
		if size == 1 { // the distance to the next element does not matter
			strides[axis] = x.strides[axis]
		}
	}
	rows := strides[last] == 1 && strides[last-1] >= trimmed[last]
	columns := strides[last-1] == 1 && strides[last] >= trimmed[last-1]
	if rows || i == 1 && columns {
		p.in[i], p.gemm.Scale, x.strides = &m.from, scale, strides
	}
	return x
}

// trimOnes drops leading dimensions of 1 before the last two.
func trimOnes(d []int) []int {
	for len(d) > 2 && d[0] == 1 {
		d = d[1:]
	}
	return d
}

// broadcastBatch returns the loops over the matrices of two operands whose products, of
// sizeC numbers, lie one after the other. [8 12 197 64]·[12 64 197] gives loops of 8 and 12,
// of which the outer one does not move in the second operand.
func broadcastBatch(x, w matrices, sizeC int) []kernel.GemmBatch {
	batch := make([]kernel.GemmBatch, max(len(x.sizes), len(w.sizes))-2)
	for i := len(batch) - 1; i >= 0; i-- {
		at := func(o matrices) (size, stride int) {
			if j := i - len(batch) + len(o.sizes) - 2; j >= 0 && o.sizes[j] > 1 {
				return o.sizes[j], o.strides[j]
			}
			return 1, 0
		}
		l := &batch[i]
		var countA, countB int
		countA, l.A = at(x)
		countB, l.B = at(w)
		l.Count, l.C = max(countA, countB), sizeC
		sizeC *= l.Count
	}
	return batch
}

// follow fuses nodes into the product as long as there is one that alone reads it, and the
// kernels support them in this order: a factor, a bias, a sum, then an activation, or a
// transposition that leaves rows whole. Between them may be nodes that only change the
// shape.
func (b *builder) follow(p *product) {
	for !b.needed[p.out] && len(b.readers[p.out]) == 1 {
		n := b.readers[p.out][0]
		act, isAct := pass.EpilogueOf(n)
		switch {
		case b.roles[n] != outside:
			return
		case isAct:
			p.gemm.Act = act
			p.fuse(n)
			return
		case b.keepsNumbers(n, p.out):
			p.fuse(n)
		case b.followTranspose(n, p):
			p.fuse(n)
			return
		case n.Domain == "" && (n.Op == "Add" && b.followSum(n, p) || b.followScale(n, p)):
			p.fuse(n)
		default:
			return
		}
	}
}

// fuse makes the product compute the output of a node after it.
func (p *product) fuse(n *ir.Node) {
	p.last = append(p.last, n)
	p.out = n.Outputs[0]
}

// keepsNumbers reports whether a node only gives x another shape.
func (b *builder) keepsNumbers(n *ir.Node, x *ir.Value) bool {
	starts, ok := b.contiguousParts(n)
	return ok && n.Inputs[0] == x && len(starts) == 1 && sameCount(b.fact(x), b.fact(n.Outputs[0]))
}

// sameCount reports whether two values have equally many elements.
func sameCount(x, y ir.Fact) bool {
	n, okX := x.Shape.Count()
	m, okY := y.Shape.Count()
	return okX && okY && n == m
}

// followTranspose makes the product write the rows of C where a transposition brings them:
// of 12 heads [12 197 64], rows of 64 into [197 12 64]. Then a row of C follows 768 numbers
// after the one before, and a head 64.
func (b *builder) followTranspose(n *ir.Node, p *product) bool {
	g := &p.gemm
	from, to := sizesOf(b.fact(p.out)), tensor.Strides(sizesOf(b.fact(n.Outputs[0])))
	order := make([]int, len(from)) // by axis of the result: that of C
	for i := range order {
		order[i] = i
	}
	moves, ok := ops.Moves(n, b.inputFacts(n), order)
	lead := len(from) - len(g.Batch) - 2
	if !ok || n.Op != "Transpose" || p.residual != nil || lead < 0 || p.gemm.M == 1 {
		return false
	}
	strides := make([]int, len(from))
	for i, axis := range moves[0].Strides {
		strides[axis] = to[i]
	}
	for i, size := range from[:lead+len(g.Batch)] {
		if i < lead && size != 1 || i >= lead && size != g.Batch[i-lead].Count {
			return false
		}
	}
	from, strides = from[lead:], strides[lead:]
	last := len(from) - 1
	if from[last-1] != g.M || from[last] != g.N || strides[last] != 1 {
		return false
	}
	for i := range g.Batch {
		g.Batch[i].C = strides[i]
	}
	g.RowC = strides[last-1]
	return true
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
	if p.noSum || p.residual != nil || !made || !b.fact(z).Shape.Equal(b.fact(p.out).Shape) {
		return false
	}
	p.residual = z
	return true
}

// followScale fuses a factor that is one number, as the scores of an attention have,
// or a divisor.
func (b *builder) followScale(n *ir.Node, p *product) bool {
	x, v, ok := b.factorOf(n)
	if !ok || x != p.out || p.bias != nil || p.residual != nil {
		return false
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
	a, err := b.operandPlace(n, 0, p)
	if err != nil {
		return false, err
	}
	if b.streamsBF16(p) {
		b.markFused(p)
		return true, b.addBF16(n, p, a)
	}
	in := []place{a}
	var packed *kernel.GemmWeights
	switch {
	case p.weights != nil:
		packed, err = b.packsFor(p.weights, p.bias).product(p)
	case b.constant(n.Inputs[1]) != nil:
		return false, nil // B is constant but differs within the batch
	default:
		var w place
		w, err = b.operandPlace(n, 1, p)
		in = append(in, w)
	}
	if err != nil {
		return false, err
	}
	work, err := b.opt.Rung.Gemm(g, packed)
	if err != nil {
		return false, err
	}
	out, err := b.newPlanar(p.out)
	if err != nil {
		return false, err
	}
	b.addWork(n, n.Op, work, in, residual, out)
	b.markFused(p)
	return true, nil
}

// operandPlace returns where the product reads operand i.
func (b *builder) operandPlace(n *ir.Node, i int, p *product) (place, error) {
	if p.in[i] != nil {
		return *p.in[i], nil
	}
	return b.planar(n.Inputs[i])
}

// markFused records the nodes that were fused into a product.
func (b *builder) markFused(p *product) {
	for _, l := range p.last {
		b.fused[l] = true
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
