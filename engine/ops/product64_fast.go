package ops

import (
	"github.com/visionzoo/vision/engine/kernel"
	"github.com/visionzoo/vision/engine/tensor"
)

// product64 computes c = a·b of float64; it reports false for matrices of few rows, which are limited by
// reading b once.
func (c *Call) product64(p kernel.Product64, y, a, b []float64) (bool, error) {
	k := c.Run.Kernel
	if k == nil || p.M < 4 || min(p.K, p.N) < 1 {
		return false, nil
	}
	panels, room := k.Panels64(&p)
	if err := c.Run.reserveList(room, 8); err != nil {
		return true, err
	}
	stop := func() bool { return c.Run.Check() != nil }
	return true, c.share(panels, 0.1*float64(room)*float64(p.M), func(from, to int) {
		packed := make([]float64, room)
		for i := from; i < to; i++ {
			k.Panel64(&p, i, y, a, b, packed, stop)
		}
	})
}

// float64s reports whether both operands are float64 and have elements.
func float64s(a, b *tensor.Tensor) bool {
	return a.DType() == tensor.Float64 && b.DType() == tensor.Float64 && a.Len() > 0 && b.Len() > 0
}

// matMul64 is EvalFast of matMul for float64.
func (c *Call) matMul64() (bool, error) {
	a, b := c.In[0], c.In[1]
	if a.Rank() == 0 || b.Rank() == 0 {
		return false, nil
	}
	if _, err := (matMul{}).Infer(factsOf(c.In)); err != nil {
		return true, err
	}
	s, err := newMatrixProduct(a.Shape(), b.Shape())
	if err != nil || s.m < 4 || c.Run.Kernel == nil {
		return err != nil, err
	}
	count := s.batches()
	if b.Rank() <= 2 {
		s.m, count = s.m*count, 1
	}
	y, err := c.output(tensor.Float64, s.shape...)
	if err != nil {
		return true, err
	}
	da, db, dy := tensor.Data[float64](a), tensor.Data[float64](b), tensor.Data[float64](y)
	for i := range count {
		atA, atB := s.operands(i)
		if _, err := c.product64(kernel.Product64{M: s.m, K: s.k, N: s.n}, dy[i*s.m*s.n:], da[atA*s.m*s.k:], db[atB*s.k*s.n:]); err != nil {
			return true, err
		}
	}
	return true, nil
}

// gemm64 is EvalFast of gemm for float64.
func (op *gemm) gemm64(c *Call) (bool, error) {
	a, b, bias := c.In[0], c.In[1], c.input(2)
	if a.Rank() != 2 || b.Rank() != 2 || c.Run.Kernel == nil {
		return false, nil
	}
	if _, err := op.Infer(factsOf(c.In)); err != nil {
		return true, err
	}
	p := kernel.Product64{M: a.Dim(0), K: a.Dim(1), N: b.Dim(1), TransB: op.transB}
	if op.transA {
		p.M, p.K = p.K, p.M
	}
	if op.transB {
		p.N = b.Dim(0)
	}
	if p.M < 4 {
		return false, nil
	}
	y, err := c.output(tensor.Float64, p.M, p.N)
	if err != nil {
		return true, err
	}
	if op.transA { // the kernels read A by rows
		rows, err := c.New(tensor.Float64, p.M, p.K)
		if err != nil {
			return true, err
		}
		if err := c.move(newWalk(rows.Shape(), tensor.Strides(rows.Shape()), []int{1, p.M}), rows, a); err != nil {
			return true, err
		}
		a = rows
	}
	dst := tensor.Data[float64](y)
	if _, err := c.product64(p, dst, tensor.Data[float64](a), tensor.Data[float64](b)); err != nil {
		return true, err
	}
	steps, add := []int{0, 0}, []float64{0}
	if bias != nil {
		steps, add = tensor.BroadcastStrides(bias.Shape(), y.Shape()), tensor.Data[float64](bias)
	}
	return true, c.share(p.M, float64(p.N), func(from, to int) {
		for i := from; i < to; i++ {
			for j := range dst[i*p.N:][:p.N] {
				dst[i*p.N+j] = scaled(dst[i*p.N+j], op.alpha) + scaled(add[i*steps[0]+j*steps[1]], op.beta)
			}
		}
	})
}
