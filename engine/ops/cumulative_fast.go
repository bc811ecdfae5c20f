package ops

import (
	"github.com/visionzoo/vision/engine/tensor"
)

// EvalFast sums int64 and int32 in int64 and float32 in float64, as Eval does, without converting
// whole lines.
func (op cumulative) EvalFast(c *Call) (bool, error) {
	x := c.In[0]
	if c.Node.Op != "CumSum" || c.Node.Domain != "" || x.Len() == 0 {
		return false, nil
	}
	axis, err := axisInput(c.In[1], x.Rank())
	if err != nil {
		return true, err
	}
	switch x.DType() {
	case tensor.Float32:
		return true, sumLines[float32, float64](c, op, axis)
	case tensor.Int64:
		return true, sumLines[int64, int64](c, op, axis)
	case tensor.Int32:
		return true, sumLines[int32, int64](c, op, axis)
	}
	return false, nil
}

// sumLines accumulates the lines along axis in S.
func sumLines[T float32 | int64 | int32, S float64 | int64](c *Call, op cumulative, axis int) error {
	x := c.In[0]
	y, err := c.output(x.DType(), x.Shape()...)
	if err != nil {
		return err
	}
	src, dst := tensor.Data[T](x), tensor.Data[T](y)
	_, n, inner := split3(x.Shape(), axis)
	return c.share(len(src)/n, 2*float64(n)+5, func(from, to int) {
		for line := from; line < to; line++ {
			at, step := line/inner*n*inner+line%inner, inner
			if op.reverse {
				at, step = at+(n-1)*inner, -inner
			}
			var total S
			for range n {
				next := total + S(src[at])
				if op.exclusive {
					dst[at] = T(total)
				} else {
					dst[at] = T(next)
				}
				total = next
				at += step
			}
		}
	})
}
