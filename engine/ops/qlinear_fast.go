package ops

import (
	"slices"

	"github.com/visionzoo/vision/engine/kernel"
	"github.com/visionzoo/vision/engine/tensor"
)

// EvalFast combines rows of codes. (A plan has steps for codes in blocks; these are row-major, or of two
// shapes, as a picture and a factor for each channel are.)
func (op qlinearBinary) EvalFast(c *Call) (bool, error) {
	a, b := c.In[0], c.In[3]
	if c.Run.Kernel == nil || a.Len() == 0 || b.Len() == 0 || a.Len()*b.Len() == 1 {
		return false, nil
	}
	of, err := op.quantizations(c)
	if err != nil {
		return true, err
	}
	y, err := c.broadcast(a.DType(), a, b)
	if err != nil {
		return true, err
	}
	stored := func(q quantization) uint8 { return uint8(int(q.zero)) ^ signBit(a) }
	p := kernel.BytePair{Mul: op.mul, Signed: signBit(a) != 0, High: 255, ScaleA: of[0].scale, ScaleB: of[1].scale, ScaleOut: of[2].scale,
		ZeroA: stored(of[0]), ZeroB: stored(of[1]), ZeroOut: stored(of[2])}
	w := broadcastWalk(y.Shape(), a.Shape(), b.Shape())
	row := func(t *tensor.Tensor, n, at, step int) []uint8 { return t.Bytes()[at:][:1+(n-1)*step] }
	stepA, stepB := w.step(1), w.step(2)
	return true, c.rows(w, 0.2, func(n int, at []int) {
		c.Run.Kernel.PairRow(&p, y.Bytes()[at[0]:][:n], row(a, n, at[1], stepA), row(b, n, at[2], stepB))
	})
}

// EvalFast adds the codes of a plane as integers.
func (op qlinearGlobalPool) EvalFast(c *Call) (bool, error) {
	x := c.In[0]
	if c.Run.Kernel == nil || op.channelsLast || x.Rank() < 3 || x.Len() == 0 {
		return false, nil
	}
	from, to, err := readQuantizations(c)
	if err != nil {
		return true, err
	}
	shape := slices.Clone(x.Shape())
	n := tensor.MustCount(shape[2:])
	for i := range shape[2:] {
		shape[2+i] = 1
	}
	sums, err := c.New(tensor.Float64, shape...)
	if err != nil {
		return true, err
	}
	total, flip := tensor.Data[float64](sums), signBit(x)
	zero := int(uint8(int(from.zero)) ^ flip)
	err = c.share(len(total), float64(n), func(first, last int) {
		for i := first; i < last; i++ {
			sum := -n * zero
			for _, code := range x.Bytes()[i*n:][:n] {
				sum += int(code ^ flip)
			}
			total[i] = float64(sum)
		}
	})
	if err != nil {
		return true, err
	}
	c.Out[0], err = op.requantized(c, sums, n, from, to)
	return true, err
}
