package ops

import (
	"unsafe"

	"github.com/visionzoo/vision/engine/tensor"
)

// EvalFast has a loop of Go's own conversion for each pair of the types that it names: the usual
// numbers, and bools. It narrows float32 to 16 bits, and widens 16 bits to float32 with kernels.
// Casts to unsigned integers of more than 8 bits are rare, and left to Eval.
func (op cast) EvalFast(c *Call) (bool, error) {
	x, to := c.In[0], op.to
	if to == tensor.Invalid {
		to = c.In[1].DType()
	}
	switch x.DType() {
	case tensor.Float32:
		switch to {
		case tensor.Float16:
			return true, castRows(c, x, to, halves16)
		case tensor.BFloat16:
			return true, castRows(c, x, to, brainHalves)
		}
		return castFloats[float32](c, x, to)
	case tensor.Float64:
		return castFloats[float64](c, x, to)
	case tensor.Int8:
		return castIntegers[int8](c, x, to)
	case tensor.Int16:
		return castIntegers[int16](c, x, to)
	case tensor.Int32:
		return castIntegers[int32](c, x, to)
	case tensor.Int64:
		return castIntegers[int64](c, x, to)
	case tensor.Uint8:
		return castIntegers[uint8](c, x, to)
	case tensor.Uint16:
		return castIntegers[uint16](c, x, to)
	case tensor.Uint32:
		return castIntegers[uint32](c, x, to)
	case tensor.Uint64:
		return castIntegers[uint64](c, x, to)
	case tensor.Bool:
		return castIntegers[uint8](c, x.As(tensor.Uint8), to)
	case tensor.Float16, tensor.BFloat16:
		if to == tensor.Float32 && c.Run.Kernel != nil {
			return true, c.widenHalves(x)
		}
	}
	return false, nil
}

func castFloats[S float32 | float64](c *Call, x *tensor.Tensor, to tensor.DType) (bool, error) {
	switch to {
	case tensor.Float32:
		return true, castRows(c, x, to, convert[S, float32])
	case tensor.Float64:
		return true, castRows(c, x, to, convert[S, float64])
	case tensor.Int8:
		return true, castRows(c, x, to, truncate[S, int8])
	case tensor.Int16:
		return true, castRows(c, x, to, truncate[S, int16])
	case tensor.Int32:
		return true, castRows(c, x, to, truncate[S, int32])
	case tensor.Int64:
		return true, castRows(c, x, to, truncate[S, int64])
	case tensor.Uint8:
		return true, castRows(c, x, to, truncate[S, uint8])
	case tensor.Bool:
		return true, castRows(c, x, to, compareZero[S])
	}
	return false, nil
}

func castIntegers[S number](c *Call, x *tensor.Tensor, to tensor.DType) (bool, error) {
	switch to {
	case tensor.Float32:
		return true, castRows(c, x, to, convert[S, float32])
	case tensor.Float64:
		return true, castRows(c, x, to, convert[S, float64])
	case tensor.Int8:
		return true, castRows(c, x, to, convert[S, int8])
	case tensor.Int16:
		return true, castRows(c, x, to, convert[S, int16])
	case tensor.Int32:
		return true, castRows(c, x, to, convert[S, int32])
	case tensor.Int64:
		return true, castRows(c, x, to, convert[S, int64])
	case tensor.Uint8:
		return true, castRows(c, x, to, convert[S, uint8])
	case tensor.Bool:
		return true, castRows(c, x, to, compareZero[S])
	}
	return false, nil
}

// convert is Go's conversion: of integers it wraps around, as Cast does.
func convert[S, D number](dst []D, src []S) {
	for i, v := range src {
		dst[i] = D(v)
	}
}

// truncate converts a float to an integer as Eval does: to 64 bits by tensor.ToInt64, then
// wrapping. Go's conversion of a float that no int64 holds gives whatever the processor does, so a
// result of 2⁶² or more in magnitude, which may come from such a float, is computed again.
func truncate[S float32 | float64, D int8 | int16 | int32 | int64 | uint8](dst []D, src []S) {
	for i, v := range src {
		n := int64(v)
		if uint64(n+1<<62) >= 1<<63 {
			n = tensor.ToInt64(float64(v))
		}
		dst[i] = D(n)
	}
}

func halves16(dst []tensor.Float16Bits, src []float32) {
	for i, v := range src {
		dst[i] = tensor.ToFloat16(v)
	}
}

func brainHalves(dst []tensor.BFloat16Bits, src []float32) {
	for i, v := range src {
		dst[i] = tensor.ToBFloat16(v)
	}
}

func compareZero[S number](dst []bool, src []S) {
	for i, v := range src {
		dst[i] = v != 0
	}
}

// castRows allocates the output and converts, on several threads.
func castRows[S, D tensor.Element](c *Call, x *tensor.Tensor, to tensor.DType, rows func(dst []D, src []S)) error {
	y, err := c.output(to, x.Shape()...)
	if err != nil {
		return err
	}
	src, dst := tensor.Data[S](x), tensor.Data[D](y)
	return c.share(len(dst), 0.7, func(from, to int) { rows(dst[from:to], src[from:to]) })
}

// widenHalves converts float16 or bfloat16 to float32.
func (c *Call) widenHalves(x *tensor.Tensor) error {
	y, err := c.output(tensor.Float32, x.Shape()...)
	if err != nil || y.Len() == 0 {
		return err
	}
	src, dst, v := words[uint16](x), tensor.Data[float32](y), &c.Run.Kernel.Vec
	widen := v.Float16
	if x.DType() == tensor.BFloat16 {
		widen = v.BFloat16
	}
	const atOnce = 1 << 13 // assembly is not preempted
	return c.share(len(dst), 0.3, func(from, to int) {
		for i := from; i < to; i += atOnce {
			widen(unsafe.Pointer(&dst[i]), unsafe.Pointer(&src[i]), min(atOnce, to-i))
		}
	})
}
