package ops

import (
	"math"
	"slices"
	"unsafe"

	"github.com/visionzoo/vision/engine/kernel/num"
	"github.com/visionzoo/vision/engine/kernel/vec"
	"github.com/visionzoo/vision/engine/tensor"
)

// resizeBytes interpolates bytes in float32, without extrapolation. Results are truncated or rounded to
// whole numbers, so those that nearly are between two are computed again, as in Eval.
func resizeBytes[T uint8 | int8](c *Call, op *resize) error {
	x := c.In[0]
	shape, plan, err := op.planCall(c)
	if err != nil {
		return err
	}
	scratch, err := c.Run.scratchBytes(4 * x.Len())
	if err != nil {
		return err
	}
	wide := tensor.View(tensor.Float32, unsafe.Slice((*byte)(scratch), 4*x.Len()), x.Shape())
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
	e := exactResize[T]{src: src, in: tensor.Strides(x.Shape()), out: shape, taps: make([]tapList, len(shape))}
	for _, p := range plan {
		if err := c.Run.reserveList(p.out, 16*int64(op.tapCount(p))); err != nil {
			return err
		}
		e.taps[p.axis] = op.taps(p)
	}
	element, numbers, dst := op.element(x.DType()), tensor.Data[float32](inner.Out[0]), tensor.Data[T](y)
	truncates := op.mode == "linear" && !op.antialias
	exact := op.mode == "linear" && (truncates || x.DType() == tensor.Uint8) && len(plan) <= 2 &&
		!slices.ContainsFunc(e.taps, func(t tapList) bool { return !t.inBytes() })
	const near = 1e-3      // more than sums of products of bytes are off in float32
	bias, whole := near, 0 // rounding truncates what half is added to, and enough that it is positive
	if !truncates {
		bias, whole = near+512.5, 512
	}
	low, high, _ := integerRange(x.DType())
	least, most := int32(low), int32(high)
	return c.share(len(dst), 1.5, func(from, to int) {
		if exact {
			if !truncates {
				c.vec().Apply(vec.Affine, numbers[from:to], numbers[from:to], 1, 0.5)
			}
			n := num.Convert(c.Run.Kernel.Num, dst[from:to], numbers[from:to])
			convert(dst[from+n:to], numbers[from+n:to])
			return
		}
		above, below := float32(bias), float32(bias-2*near)
		for i, v := range numbers[from:to] {
			n := int32(v + above)
			if n != int32(v+below) {
				dst[from+i] = T(element(e.sum(len(shape)-1, from+i, 0)))
				continue
			}
			dst[from+i] = T(max(least, min(n-int32(whole), most)))
		}
	})
}

// inBytes reports whether all weights are multiples of 2⁻⁸: along two axes, sums of their products
// with bytes are exact in float32.
func (l *tapList) inBytes() bool {
	return !slices.ContainsFunc(l.weight, func(w float64) bool { return w*256 != math.Trunc(w*256) })
}

// exactResize computes single elements of a resized tensor, with the sums of interpolate in its order.
type exactResize[T uint8 | int8] struct {
	src  []T
	in   []int     // strides of the input
	out  []int     // shape of the output
	taps []tapList // along each dimension; without taps, it stays
}

// sum is the element with index at among those of dimensions up to d, of the part of the input that
// begins at from.
func (e *exactResize[T]) sum(d, at, from int) float64 {
	if d < 0 {
		return float64(e.src[from])
	}
	at, i := at/e.out[d], at%e.out[d]
	t := &e.taps[d]
	if t.per == 0 {
		return e.sum(d-1, at, from+i*e.in[d])
	}
	sum := 0.0
	for k := i * t.per; k < (i+1)*t.per; k++ {
		if w := t.weight[k]; w != 0 {
			sum += w * e.sum(d-1, at, from+t.index[k]*e.in[d])
		}
	}
	return sum
}
