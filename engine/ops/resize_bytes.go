package ops

import (
	"math"
	"slices"

	"github.com/visionzoo/vision/engine/kernel/num"
	"github.com/visionzoo/vision/engine/tensor"
)

// resizeBytes interpolates bytes in float32, linearly and without extrapolation. Results are truncated,
// so those that are nearly whole numbers are computed again, as in Eval.
func resizeBytes[T uint8 | int8](c *Call, op *resize) error {
	x := c.In[0]
	shape, plan, err := op.planCall(c)
	if err != nil {
		return err
	}
	wide, err := c.New(tensor.Float32, x.Shape()...)
	if err != nil {
		return err
	}
	src, numbers := tensor.Data[T](x), tensor.Data[float32](wide)
	if err := c.share(len(src), 0.1, func(from, to int) {
		for i := from + num.Convert(c.Run.Kernel.Num, numbers[from:to], src[from:to]); i < to; i++ {
			numbers[i] = float32(src[i])
		}
	}); err != nil {
		return err
	}
	inner := Call{In: append([]*tensor.Tensor{wide}, c.In[1:]...), Out: make([]*tensor.Tensor, 1), Node: c.Node, Run: c.Run}
	if _, err := op.EvalFast(&inner); err != nil {
		return err
	}
	y, err := c.output(x.DType(), shape...)
	if err != nil {
		return err
	}
	e := exactResize[T]{src: src, in: tensor.Strides(x.Shape()), out: tensor.Strides(shape), taps: make([]tapList, len(shape))}
	for _, p := range plan {
		if err := c.Run.reserveList(p.out, 16*int64(op.tapCount(p))); err != nil {
			return err
		}
		e.taps[p.axis] = op.taps(p)
	}
	exact := len(plan) <= 2 && !slices.ContainsFunc(e.taps, func(t tapList) bool { return !t.inBytes() })
	element, numbers, dst := op.element(x.DType()), tensor.Data[float32](inner.Out[0]), tensor.Data[T](y)
	return c.share(len(dst), 3, func(from, to int) {
		if exact {
			for i, v := range numbers[from:to] {
				dst[from+i] = T(int32(v))
			}
			return
		}
		const near = 1e-3 // more than sums of a few products of bytes are off in float32
		for i, v := range numbers[from:to] {
			whole := int32(v)
			if off := math.Abs(float64(v - float32(whole))); off < near || off > 1-near {
				whole = int32(element(e.sum(0, from+i, 0)))
			}
			dst[from+i] = T(whole)
		}
	})
}

// inBytes reports whether all weights are multiples of 2⁻⁸: along two axes, sums of their products
// with bytes are exact in float32.
func (l *tapList) inBytes() bool {
	return !slices.ContainsFunc(l.weight, func(w float64) bool { return w*256 != math.Trunc(w*256) })
}

// exactResize computes single elements of a resized tensor.
type exactResize[T uint8 | int8] struct {
	src     []T
	in, out []int     // strides
	taps    []tapList // along each dimension; without taps, it stays
}

// sum is the element with index at among those of dimensions from d on, of the part of the input that
// begins at from.
func (e *exactResize[T]) sum(d, at, from int) float64 {
	if d == len(e.taps) {
		return float64(e.src[from])
	}
	i, at := at/e.out[d], at%e.out[d]
	t := &e.taps[d]
	if t.per == 0 {
		return e.sum(d+1, at, from+i*e.in[d])
	}
	sum := 0.0
	for k := i * t.per; k < (i+1)*t.per; k++ {
		if w := t.weight[k]; w != 0 {
			sum += w * e.sum(d+1, at, from+t.index[k]*e.in[d])
		}
	}
	return sum
}
