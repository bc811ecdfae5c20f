package ops

import (
	"github.com/visionzoo/vision/engine/tensor"
)

// EvalFast sums integers in 64 bits and floats in float64, as Eval does, without converting
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
	case tensor.Float64:
		return true, sumLines[float64, float64](c, op, axis)
	case tensor.Int64:
		return true, sumLines[int64, int64](c, op, axis)
	case tensor.Int32:
		return true, sumLines[int32, int64](c, op, axis)
	}
	return false, nil
}

// sumLines accumulates the lines along axis in S.
func sumLines[T float32 | float64 | int64 | int32, S float64 | int64](c *Call, op cumulative, axis int) error {
	x := c.In[0]
	y, err := c.output(x.DType(), x.Shape()...)
	if err != nil {
		return err
	}
	src, dst := tensor.Data[T](x), tensor.Data[T](y)
	outer, n, inner := split3(x.Shape(), axis)
	if inner == 1 {
		return c.share(outer, 2*float64(n)+5, func(from, to int) {
			for line := from; line < to; line++ {
				sumLine[T, S](op.exclusive, op.reverse, dst[line*n:][:n], src[line*n:][:n])
			}
		})
	}
	// Lines whose numbers lie side by side are summed together, row by row.
	strips := (inner + stripWidth - 1) / stripWidth
	return c.share(outer*strips, 0.7*float64(n*min(inner, stripWidth))+20, func(from, to int) {
		var totals [stripWidth]S
		for i := from; i < to; i++ {
			first := i % strips * stripWidth
			total := totals[:min(stripWidth, inner-first)]
			clear(total)
			at, step := i/strips*n*inner+first, inner
			if op.reverse {
				at, step = at+(n-1)*inner, -inner
			}
			for range n {
				sumRow(op.exclusive, dst[at:], src[at:], total)
				at += step
			}
		}
	})
}

// sumLine accumulates a line whose numbers are neighbours.
func sumLine[T float32 | float64 | int64 | int32, S float64 | int64](exclusive, reverse bool, dst, src []T) {
	at, step := 0, 1
	if reverse {
		at, step = len(src)-1, -1
	}
	var total S
	for range src {
		next := total + S(src[at])
		if exclusive {
			dst[at] = T(total)
		} else {
			dst[at] = T(next)
		}
		total = next
		at += step
	}
}

// sumRow adds a row to the totals of as many lines, and sets dst to what they are then, or were
// before if exclusive.
func sumRow[T float32 | float64 | int64 | int32, S float64 | int64](exclusive bool, dst, src []T, total []S) {
	dst, src = dst[:len(total)], src[:len(total)]
	if exclusive {
		for i, v := range src {
			dst[i] = T(total[i])
			total[i] += S(v)
		}
		return
	}
	for i, v := range src {
		sum := total[i] + S(v)
		total[i], dst[i] = sum, T(sum)
	}
}
