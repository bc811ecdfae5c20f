package ops

import "github.com/visionzoo/vision/engine/tensor"

// EvalFast converts the most frequent pairs of types directly.
func (op cast) EvalFast(c *Call) (bool, error) {
	x, to := c.In[0], op.to
	if to == tensor.Invalid {
		to = c.In[1].DType()
	}
	type pair struct{ from, to tensor.DType }
	switch (pair{x.DType(), to}) {
	case pair{tensor.Int64, tensor.Float32}:
		return true, castRows(c, x, to, func(v int64) float32 { return float32(v) })
	case pair{tensor.Int32, tensor.Float32}:
		return true, castRows(c, x, to, func(v int32) float32 { return float32(v) })
	case pair{tensor.Uint8, tensor.Float32}:
		return true, castRows(c, x, to, func(v uint8) float32 { return float32(v) })
	case pair{tensor.Bool, tensor.Float32}:
		return true, castRows(c, x, to, func(v bool) float32 { return float32(fromBool(v)) })
	case pair{tensor.Bool, tensor.Int64}:
		return true, castRows(c, x, to, func(v bool) int64 { return int64(fromBool(v)) })
	case pair{tensor.Bool, tensor.Int32}:
		return true, castRows(c, x, to, func(v bool) int32 { return int32(fromBool(v)) })
	case pair{tensor.Int64, tensor.Int32}:
		return true, castRows(c, x, to, func(v int64) int32 { return int32(v) })
	case pair{tensor.Int32, tensor.Int64}:
		return true, castRows(c, x, to, func(v int32) int64 { return int64(v) })
	case pair{tensor.Float32, tensor.Float64}:
		return true, castRows(c, x, to, func(v float32) float64 { return float64(v) })
	case pair{tensor.Float64, tensor.Float32}:
		return true, castRows(c, x, to, func(v float64) float32 { return float32(v) })
	case pair{tensor.Float32, tensor.Bool}:
		return true, castRows(c, x, to, func(v float32) bool { return v != 0 })
	case pair{tensor.Float32, tensor.Int64}:
		return true, castRows(c, x, to, func(v float32) int64 { return tensor.ToInt64(float64(v)) })
	}
	return false, nil
}

func fromBool(v bool) uint8 {
	if v {
		return 1
	}
	return 0
}

func castRows[S, D tensor.Element](c *Call, x *tensor.Tensor, to tensor.DType, f func(S) D) error {
	y, err := c.output(to, x.Shape()...)
	if err != nil {
		return err
	}
	src, dst := tensor.Data[S](x), tensor.Data[D](y)
	return c.share(len(dst), 1.5, func(from, to int) {
		for i, v := range src[from:to] {
			dst[from+i] = f(v)
		}
	})
}
