package ops

import (
	"math"
	"unsafe"

	"github.com/visionzoo/vision/engine/kernel"
	"github.com/visionzoo/vision/engine/tensor"
)

// EvalFast multiplies by matrices that are not constant: each is packed before it is multiplied, but for
// small ones, for which that takes longer than a product of float32. (A plan packs constants once, and
// has a step for their products.)
func (matMulInteger) EvalFast(c *Call) (bool, error) {
	a, b, aZero, bZero := c.In[0], c.In[1], c.input(2), c.input(3)
	if c.Run.Kernel == nil || min(a.Rank(), b.Rank()) < 2 || a.Len() == 0 || b.Len() == 0 ||
		aZero != nil && aZero.Len() != 1 || bZero != nil && bZero.Len() != 1 && (b.Rank() > 2 || bZero.Len() != b.Dim(1)) {
		return false, nil
	}
	if _, err := (matMulInteger{}).Infer(factsOf(c.In)); err != nil {
		return true, err
	}
	p, err := newMatrixProduct(a.Shape(), b.Shape())
	if err != nil || p.k > math.MaxInt32/(255*255) { // a sum could leave the range of int32
		return err != nil, err
	}
	const small = 1 << 21 // multiply-adds of a matrix
	if p.m*p.k <= small/p.n && (bZero == nil || bZero.Len() == 1) {
		if done, err := c.productByFloats(tensor.Int32, aZero, bZero); done || err != nil {
			return done, err
		}
	}
	return true, c.packedProduct(p, aZero, bZero)
}

// packedProduct multiplies batches of 8-bit matrices into int32, input 0 by input 1, each of which it
// packs once for all matrices in a row that it multiplies. aZero has one number or is nil, bZero one,
// or one for each column of the only matrix, or is nil.
func (c *Call) packedProduct(p *matrixProduct, aZero, bZero *tensor.Tensor) error {
	a, b := c.In[0], c.In[1]
	count := p.batches()
	if b.Rank() == 2 {
		p.m, count = p.m*count, 1
	}
	columns, err := c.New(tensor.Uint8, p.n, p.k)
	if err != nil {
		return err
	}
	weights := kernel.QWeights{Codes: columns.Bytes(), Max: 127, Passing: true, Fill: func(first, n int, dst []int16) {
		for i, code := range columns.Bytes()[first*p.k : (first+n)*p.k] {
			dst[i] = int16(int8(code))
		}
	}}
	flip, zeros := 0x80^signBit(b), zerosOf(b, bZero, p.n)
	zero := signBit(a)
	if aZero != nil {
		zero ^= aZero.Bytes()[0]
	}
	s := c.Run.Kernel.NewSums(kernel.OneTapOfRows(kernel.U8, p.m, p.k, p.n), signBit(a), zero)
	y, err := c.output(tensor.Int32, p.shape...)
	if err != nil {
		return err
	}
	w := newWalk(columns.Shape(), tensor.Strides(columns.Shape()), []int{1, p.n})
	var of int // the matrix of b that is packed
	var work kernel.Work
	for i := range count {
		atA, atB := p.operands(i)
		if i == 0 || atB != of {
			size := p.k * p.n
			if err := c.move(w, columns, tensor.View(b.DType(), b.Bytes()[atB*size:(atB+1)*size], []int{p.k, p.n})); err != nil {
				return err
			}
			flipBytes(columns.Bytes(), flip)
			if work, err = c.packSums(s, weights); err != nil {
				return err
			}
			of = atB
		}
		from, to := a.Bytes()[atA*p.m*p.k:], y.Bytes()[4*i*p.m*p.n:]
		if err := c.do(&work, &kernel.Memory{In: addressOf(tensor.View(a.DType(), from, nil)), Out: addressOf(tensor.View(tensor.Int32, to, nil))}); err != nil {
			return err
		}
		if zeros == nil {
			continue
		}
		if err := c.subtractZeros(tensor.Data[int32](y)[i*p.m*p.n:][:p.m*p.n], from[:p.m*p.k], zeros, signBit(a), zero); err != nil {
			return err
		}
	}
	return nil
}

// subtractZeros takes account of the zero points of B's columns: Σ (a-z)·(b-zero) = Σ (a-z)·b - zero·Σ (a-z).
func (c *Call) subtractZeros(y []int32, a []uint8, zeros []int32, flip, zero uint8) error {
	n := len(zeros)
	k := len(a) / (len(y) / n)
	return c.share(len(y)/n, 0.5*float64(n+k), func(from, to int) {
		for m := from; m < to; m++ {
			sum := -int32(k) * int32(zero)
			for _, code := range a[m*k:][:k] {
				sum += int32(code ^ flip)
			}
			row := y[m*n:][:n]
			for i, z := range zeros {
				row[i] -= sum * z
			}
		}
	})
}

// packSums packs weights for this run and plans the product by them.
func (c *Call) packSums(s *kernel.Sums, weights kernel.QWeights) (kernel.Work, error) {
	packed, err := c.Run.Kernel.PackQConv(&s.QConv, weights, nil)
	if err != nil {
		return kernel.Work{}, err
	}
	if err := c.Run.ReserveBytes(int64(packed.Bytes())); err != nil {
		return kernel.Work{}, err
	}
	if err := c.share(packed.Chunks(), 32*float64(len(weights.Codes)/s.Out.C), func(from, to int) {
		for i := from; i < to; i++ {
			packed.Chunk(i)
		}
	}); err != nil {
		return kernel.Work{}, err
	}
	return c.Run.Kernel.Sums(s, packed)
}

// signBit is 0x80 for signed bytes, otherwise 0: kernels know unsigned codes only, and signed
// ones plus 128.
func signBit(t *tensor.Tensor) uint8 {
	if t.DType() == tensor.Int8 {
		return 0x80
	}
	return 0
}

// flipBytes sets b to b XOR flip.
func flipBytes(b []uint8, flip uint8) {
	if flip == 0 {
		return
	}
	for ; len(b) >= 8; b = b[8:] {
		*(*uint64)(unsafe.Pointer(&b[:8][0])) ^= 0x0101010101010101 * uint64(flip)
	}
	for i := range b {
		b[i] ^= flip
	}
}

// zerosOf are the zero points of n columns, from which 128 is subtracted if they are unsigned, nil
// if all are 0 then.
func zerosOf(b, zero *tensor.Tensor, n int) []int32 {
	flip := 0x80 ^ signBit(b)
	of := []byte{0}
	if zero != nil {
		of = zero.Bytes()
	}
	zeros, none := make([]int32, n), true
	for i := range zeros {
		zeros[i] = int32(int8(of[i%len(of)] ^ flip))
		none = none && zeros[i] == 0
	}
	if none {
		return nil
	}
	return zeros
}
