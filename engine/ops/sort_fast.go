package ops

import (
	"math"
	"slices"

	"github.com/visionzoo/vision/engine/kernel/num"
	"github.com/visionzoo/vision/engine/kernel/vec"
	"github.com/visionzoo/vision/engine/tensor"
)

// EvalFast selects the best of float32, and of integers that 32 bits hold, as 64-bit integers: the
// upper 32 bits order the value, the lower ones the index, so that one comparison decides. The best one
// of a line is found as ArgMax does.
func (op topK) EvalFast(c *Call) (bool, error) {
	switch x := c.In[0]; x.DType() {
	case tensor.Float32:
		return topNumbers(c, op, tensor.Data[float32](x), func(best []uint64, src []float32, n, step int, smallest bool) {
			keepBest(c.vec(), best, src, n, step, smallest)
		})
	case tensor.Int32:
		return topNumbers(c, op, tensor.Data[int32](x), keepIntegers)
	case tensor.Int64:
		src := tensor.Data[int64](x)
		if slices.ContainsFunc(src, func(v int64) bool { return v != int64(int32(v)) }) {
			return false, nil
		}
		return topNumbers(c, op, src, keepIntegers)
	}
	return false, nil
}

func topNumbers[T float32 | int32 | int64](c *Call, op topK, src []T, keep func(best []uint64, src []T, n, step int, smallest bool)) (bool, error) {
	x := c.In[0]
	axis, k, err := op.bounds(c)
	if err != nil || int64(x.Dim(axis)) > math.MaxUint32 {
		return err != nil, err
	}
	shape := slices.Clone(x.Shape())
	shape[axis] = k
	values, err := c.output(x.DType(), shape...)
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
	dst, at := tensor.Data[T](values), tensor.Data[int64](indices)
	if _, float := any(src).([]float32); k == 1 && after == 1 && c.Run.Kernel != nil && !(float && op.smallest) { // bestOf takes NaN for the least as well
		join := num.Max
		if op.smallest {
			join = num.Min
		}
		return true, c.share(before, 0.5*float64(along)+10, func(from, to int) {
			for i := from; i < to; i++ {
				line := src[i*along:][:along]
				j := placeOf(bestOf(c.Run.Kernel, join, line), line, along, 1)
				dst[i], at[i] = line[j], int64(j)
			}
		})
	}
	for line := range before * after {
		from, to := line/after*along*after+line%after, line/after*k*after+line%after
		keep(best, src[from:], along, after, op.smallest)
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

// sortKey orders float32 as integers: both zeros are equal, NaN is largest. The bits of positive
// floats already are in order; a set sign bit makes them larger, so that it is set for these and
// all bits of negative ones are flipped.
func sortKey(v float32) uint32 {
	b := math.Float32bits(v + 0) // -0 + 0 is 0
	if b<<1 > 0xff<<24 {
		return math.MaxUint32
	}
	return b ^ (uint32(int32(b)>>31) | 1<<31)
}

// keepBest fills best with the integers of the best of n numbers, step apart, in
// ascending order, using a heap with the smallest at its root. In long lines, pieces without a number
// that is better than that are found by kernels, if v is not nil.
func keepBest(v *vec.Unit, best []uint64, src []float32, n, step int, smallest bool) {
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
		for i := k; i < n; {
			end := n
			if step == 1 && v != nil && n >= 1024 {
				const piece = 64
				end = min(i+piece, n)
				first := v.Largest(src[i:end])
				if smallest {
					first = v.Smallest(src[i:end])
				}
				if first == first && uint64(sortKey(first)^flip) <= best[0]>>32 { // of equal numbers the first is better
					i = end
					continue
				}
			}
			for ; i < end; i++ {
				if w := uint64(sortKey(src[i*step])^flip)<<32 | uint64(^uint32(i)); w > best[0] {
					best[0] = w
					sink(best, 0)
				}
			}
		}
	}
	slices.Sort(best)
}

// keepIntegers is keepBest of integers that 32 bits hold.
func keepIntegers[T int32 | int64](best []uint64, src []T, n, step int, smallest bool) {
	flip := uint32(1 << 31)
	if smallest {
		flip = math.MaxInt32
	}
	k := len(best)
	for i := range best {
		best[i] = uint64(uint32(src[i*step])^flip)<<32 | uint64(^uint32(i))
	}
	if k < n {
		for i := k/2 - 1; i >= 0; i-- {
			sink(best, i)
		}
		for i := k; i < n; i++ {
			if w := uint64(uint32(src[i*step])^flip)<<32 | uint64(^uint32(i)); w > best[0] {
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
