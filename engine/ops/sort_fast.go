package ops

import (
	"math"
	"slices"

	"github.com/visionzoo/vision/engine/tensor"
)

// EvalFast selects the best of float32 as 64-bit integers: the upper 32 bits
// order the value, the lower ones the index, so that one comparison decides.
func (op topK) EvalFast(c *Call) (bool, error) {
	x := c.In[0]
	if x.DType() != tensor.Float32 {
		return false, nil
	}
	axis, k, err := op.bounds(c)
	if err != nil || int64(x.Dim(axis)) > math.MaxUint32 {
		return err != nil, err
	}
	shape := slices.Clone(x.Shape())
	shape[axis] = k
	values, err := c.output(tensor.Float32, shape...)
	if err != nil {
		return true, err
	}
	indices, err := c.raw(tensor.Int64, shape...)
	c.Out[1] = indices
	if err != nil || values.Len() == 0 {
		return true, err
	}
	if err := c.Run.reserveList(k, 8); err != nil {
		return true, err
	}
	before, along, after := split3(x.Shape(), axis)
	best := make([]uint64, k)
	src, dst, at := tensor.Data[float32](x), tensor.Data[float32](values), tensor.Data[int64](indices)
	for line := range before * after {
		from, to := line/after*along*after+line%after, line/after*k*after+line%after
		keepBest(best, src[from:], along, after, op.smallest)
		for j, w := range slices.Backward(best) {
			i := int(^uint32(w))
			dst[to+(k-1-j)*after], at[to+(k-1-j)*after] = src[from+i*after], int64(i)
		}
		if err := c.Run.Check(); err != nil {
			return true, err
		}
	}
	return true, nil
}

// sortKey orders float32 as integers: both zeros are equal, NaN is largest.
func sortKey(v float32) uint32 {
	b := math.Float32bits(v + 0) // -0 + 0 is 0
	if b<<1 > 0xff<<24 {
		return math.MaxUint32
	}
	return b ^ (uint32(int32(b)>>31) | 1<<31)
}

// keepBest fills best with the integers of the best of n numbers, step apart, in
// ascending order, using a heap with the smallest at its root.
func keepBest(best []uint64, src []float32, n, step int, smallest bool) {
	var flip uint32
	if smallest {
		flip = math.MaxUint32
	}
	k := len(best)
	for i := range best {
		best[i] = uint64(sortKey(src[i*step])^flip)<<32 | uint64(^uint32(i))
	}
	if k < n {
		for i := k/2 - 1; i >= 0; i-- {
			sink(best, i)
		}
		for i := k; i < n; i++ {
			if w := uint64(sortKey(src[i*step])^flip)<<32 | uint64(^uint32(i)); w > best[0] {
				best[0] = w
				sink(best, 0)
			}
		}
	}
	slices.Sort(best)
}

// sink moves element i of a min-heap down to its place.
func sink(heap []uint64, i int) {
	for w := heap[i]; ; {
		child := 2*i + 1
		if child >= len(heap) {
			heap[i] = w
			return
		}
		if child+1 < len(heap) && heap[child+1] < heap[child] {
			child++
		}
		if w <= heap[child] {
			heap[i] = w
			return
		}
		heap[i] = heap[child]
		i = child
	}
}
