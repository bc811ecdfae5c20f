package ops

import (
	"slices"

	"github.com/visionzoo/vision/engine/kernel"
	"github.com/visionzoo/vision/engine/kernel/num"
	"github.com/visionzoo/vision/engine/tensor"
)

// plannedProduct is a matrix product whose kernel has been chosen. It is kept from run to run
// (Call.Kept), since choosing takes longer than a small product.
type plannedProduct struct {
	work kernel.Work
	mem  kernel.Memory
	a, b []int // shapes it was planned for
}

// run computes y = a·b; the operands are in the order of the plan.
func (p *plannedProduct) run(c *Call, y, a, b *tensor.Tensor) error {
	p.mem.In, p.mem.Out = addressOf(a), addressOf(y)
	p.mem.More = append(p.mem.More[:0], addressOf(b))
	err := c.do(&p.work, &p.mem)
	p.mem.In, p.mem.Out, p.mem.Residual = nil, nil, nil
	clear(p.mem.More)
	return err
}

// planned returns the product that an earlier run has kept, if the shapes are the same, or a new
// one; nil if there is no kernel for these operands. describe may return nil too.
func (c *Call) planned(a, b *tensor.Tensor, describe func() *kernel.Gemm) *plannedProduct {
	if p, ok := c.Kept.(*plannedProduct); ok && slices.Equal(p.a, a.Shape()) && slices.Equal(p.b, b.Shape()) {
		return p
	}
	g := describe()
	if g == nil || min(g.M, g.N, g.K) < 1 {
		return nil
	}
	g.Strict = c.Run.Strict
	w, err := c.Run.Kernel.Gemm(g, nil)
	if err != nil {
		return nil
	}
	p := &plannedProduct{work: w, a: slices.Clone(a.Shape()), b: slices.Clone(b.Shape())}
	c.Kept = p
	return p
}

// EvalFast multiplies matrices of float32 and float64 with the kernels, and by way of them those of
// integers.
func (matMul) EvalFast(c *Call) (bool, error) {
	a, b := c.In[0], c.In[1]
	if float64s(a, b) {
		return c.matMul64()
	}
	if c.Run.Kernel != nil && reduceNumbers["ReduceSum"].types.Is(a.DType()) {
		return c.productByFloats(a.DType(), nil, nil)
	}
	if c.vec(a, b) == nil || a.Rank() == 0 || b.Rank() == 0 || a.Len() == 0 || b.Len() == 0 {
		return false, nil
	}
	if _, err := (matMul{}).Infer(factsOf(c.In)); err != nil {
		return true, err
	}
	shape, err := newMatrixProduct(a.Shape(), b.Shape())
	if err != nil {
		return true, err
	}
	p := c.planned(a, b, shape.gemm)
	if p == nil {
		return false, nil
	}
	y, err := c.output(tensor.Float32, shape.shape...)
	if err != nil {
		return true, err
	}
	return true, p.run(c, y, a, b)
}

// productByFloats multiplies two tensors of integers, less their zero points of one element or nil:
// bytes as float32, others as float64. It reports false where that may not hold all sums.
func (c *Call) productByFloats(d tensor.DType, zeros ...*tensor.Tensor) (bool, error) {
	if c.In[0].Rank() == 0 || c.In[1].Rank() == 0 || c.In[0].Len() == 0 || c.In[1].Len() == 0 {
		return false, nil
	}
	var zero [2]float64
	largest := float64(c.In[0].Dim(-1))
	for i, x := range c.In[:2] {
		if zeros[i] != nil {
			zero[i] = tensor.ToFloat64(zeros[i])[0]
		}
		low, high := integerBounds(c.Run.Kernel, x)
		largest *= max(zero[i]-low, high-zero[i])
	}
	wide, most := tensor.Float32, float64(1<<24)
	if !byteTypes.Is(c.In[0].DType()) {
		wide, most = tensor.Float64, 1<<53
	}
	if largest > most {
		return false, nil
	}
	inner := Call{In: make([]*tensor.Tensor, 2), Out: make([]*tensor.Tensor, 1), Node: c.Node, Run: c.Run, Kept: c.Kept}
	for i, x := range c.In[:2] {
		to := Call{In: []*tensor.Tensor{x}, Out: make([]*tensor.Tensor, 1), Node: c.Node, Run: c.Run}
		if _, err := (cast{to: wide}).EvalFast(&to); err != nil {
			return true, err
		}
		if inner.In[i] = to.Out[0]; zero[i] != 0 {
			by, err := c.convert(tensor.Scalar(zero[i]), wide)
			if err == nil {
				err = c.joinTo(num.Sub, to.Out[0], to.Out[0], by)
			}
			if err != nil {
				return true, err
			}
		}
	}
	if done, err := (matMul{}).EvalFast(&inner); !done || err != nil {
		return done, err
	}
	c.Kept = inner.Kept
	back := *c
	back.In = inner.Out
	done, err := cast{to: d}.EvalFast(&back)
	c.taken = back.taken
	return done, err
}

// integerBounds returns bounds of integers: of bytes those of their type, of others the least and the
// largest that are there.
func integerBounds(k *kernel.Rung, x *tensor.Tensor) (low, high float64) {
	switch x.DType() {
	case tensor.Int32:
		v := tensor.Data[int32](x)
		return float64(num.Fold(k.Num, num.Min, v)), float64(num.Fold(k.Num, num.Max, v))
	case tensor.Int64:
		v := tensor.Data[int64](x)
		return float64(num.Fold(k.Num, num.Min, v)), float64(num.Fold(k.Num, num.Max, v))
	}
	low, high, _ = integerRange(x.DType())
	return low, high
}

// gemm describes the batch for the kernels. If B is the same for all, the batch
// becomes one product with more rows.
func (p *matrixProduct) gemm() *kernel.Gemm {
	g := &kernel.Gemm{M: p.m, N: p.n, K: p.k, RowA: p.k, RowB: p.n, RowC: p.n, Scale: 1}
	own := tensor.Strides(p.head)
	if !slices.ContainsFunc(p.stepsB, func(s int) bool { return s != 0 }) && slices.Equal(p.stepsA, own) {
		g.M *= p.batches()
		return g
	}
	for d, n := range p.head {
		if n == 1 {
			continue
		}
		b := kernel.GemmBatch{Count: n, A: p.stepsA[d] * p.m * p.k, B: p.stepsB[d] * p.k * p.n, C: own[d] * p.m * p.n}
		g.Batch = append(g.Batch, b)
	}
	return g
}

// EvalFast computes the product with the kernels. beta·C is written to the output first, to which the
// kernel adds (its residual).
func (op *gemm) EvalFast(c *Call) (bool, error) {
	a, b, bias := c.In[0], c.In[1], c.input(2)
	if float64s(a, b) {
		return op.gemm64(c)
	}
	if c.vec(a, b) == nil || bias != nil && bias.DType() != tensor.Float32 || a.Len() == 0 || b.Len() == 0 || a.Rank() != 2 || b.Rank() != 2 {
		return false, nil
	}
	if _, err := op.Infer(factsOf(c.In)); err != nil {
		return true, err
	}
	m, k, n := a.Dim(0), a.Dim(1), b.Dim(1)
	if op.transA {
		m, k = k, m
	}
	if op.transB {
		n = b.Dim(0)
	}
	column := op.transA && n == 1 // as a row: the transpose of B by A as it is
	p := c.planned(a, b, func() *kernel.Gemm {
		if column {
			return &kernel.Gemm{M: 1, N: m, K: k, RowA: k, RowB: m, RowC: m, RowResidual: m, Scale: op.alpha, Residual: bias != nil}
		}
		return &kernel.Gemm{M: m, N: n, K: k, RowA: k, RowB: b.Dim(1), RowC: n, RowResidual: n, TransB: op.transB,
			Scale: op.alpha, Residual: bias != nil}
	})
	if p == nil {
		return false, nil
	}
	y, err := c.output(tensor.Float32, m, n)
	if err != nil {
		return true, err
	}
	switch {
	case column:
		a, b = b, a
	case op.transA: // the kernels read A by rows
		rows, err := c.New(tensor.Float32, m, k)
		if err != nil {
			return true, err
		}
		if err := c.move(newWalk(rows.Shape(), tensor.Strides(rows.Shape()), []int{1, m}), rows, a); err != nil {
			return true, err
		}
		a = rows
	}
	if bias != nil {
		if err := c.zip(num.Mul, y, bias, tensor.Scalar(op.beta)); err != nil {
			return true, err
		}
		p.mem.Residual = addressOf(y)
	}
	return true, p.run(c, y, a, b)
}
