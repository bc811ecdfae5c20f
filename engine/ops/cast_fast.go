package ops

import (
	"unsafe"

	"github.com/visionzoo/vision/engine/kernel/num"
	"github.com/visionzoo/vision/engine/tensor"
)

// EvalFast has a loop of Go's own conversion for each pair of the types that it names: the usual
// numbers, and bools. Float32 is narrowed to 16 bits, and 16 bits are widened to float32, with kernels;
// float32 is also between float16 and integers, and between 16 bits and other types.
func (op cast) EvalFast(c *Call) (bool, error) {
	x, to := c.In[0], op.to
	if to == tensor.Invalid {
		to = c.In[1].DType()
	}
	if to == tensor.Bool {
		return c.castToBool(x)
	}
	if x.DType() == tensor.Bool {
		x = x.As(tensor.Uint8)
	}
	from := x.DType()
	if tensor.IntTypes.Is(from) && tensor.IntTypes.Is(to) && ownTypes.Is(from) && ownTypes.Is(to) && from.Size() == to.Size() {
		y, err := c.output(to, x.Shape()...)
		if err == nil {
			copy(y.Bytes(), x.Bytes())
		}
		return true, err
	}
	loop := castLoops[from]
	switch {
	case loop == nil || isNarrow(from) && c.Run.Kernel == nil:
		return false, nil
	case isNarrow(from) && to == tensor.Float32:
		return true, c.widenHalves(x)
	case from == tensor.Float32 && to == tensor.Float16:
		return true, castRows(c, x, to, c.halves16)
	case from == tensor.Float32 && to == tensor.BFloat16:
		return true, castRows(c, x, to, c.brainHalves)
	}
	return loop(c, x, to)
}

// castLoops convert from each type; they report false for types that they do not convert to.
var castLoops = map[tensor.DType]func(c *Call, x *tensor.Tensor, to tensor.DType) (bool, error){
	tensor.Int8: castIntegers[int8], tensor.Int16: castIntegers[int16], tensor.Int32: castIntegers[int32], tensor.Int64: castIntegers[int64],
	tensor.Uint8: castIntegers[uint8], tensor.Uint16: castIntegers[uint16], tensor.Uint32: castIntegers[uint32], tensor.Uint64: castIntegers[uint64],
	tensor.Float32: castFloats[float32], tensor.Float64: castFloats[float64],
	tensor.Float16: castFloats[float32], tensor.BFloat16: castFloats[float32], // castRows widens them
}

func castFloats[S float32 | float64](c *Call, x *tensor.Tensor, to tensor.DType) (bool, error) {
	switch to {
	case tensor.Float32:
		return true, castRows(c, x, to, through(c, convert[S, float32]))
	case tensor.Float64:
		return true, castRows(c, x, to, through(c, convert[S, float64]))
	case tensor.Int8:
		return true, castRows(c, x, to, through(c, truncate[S, int8]))
	case tensor.Int16:
		return true, castRows(c, x, to, through(c, truncate[S, int16]))
	case tensor.Int32:
		return true, castRows(c, x, to, through(c, truncate[S, int32]))
	case tensor.Int64:
		return true, castRows(c, x, to, through(c, truncate[S, int64]))
	case tensor.Uint8:
		return true, castRows(c, x, to, through(c, truncate[S, uint8]))
	case tensor.Uint16:
		return true, castRows(c, x, to, through(c, truncate[S, uint16]))
	case tensor.Uint32:
		return true, castRows(c, x, to, through(c, truncate[S, uint32]))
	case tensor.Uint64:
		return true, castRows(c, x, to, through(c, truncate[S, uint64]))
	}
	return false, nil
}

func castIntegers[S number](c *Call, x *tensor.Tensor, to tensor.DType) (bool, error) {
	switch to {
	case tensor.Float16:
		widen := through(c, convert[S, float32])
		return true, castRows(c, x, to, func(dst []tensor.Float16Bits, src []S) {
			row := codeRows.Get().(*[codePiece]float32)
			defer codeRows.Put(row)
			for i := 0; i < len(dst); i += codePiece {
				n := min(codePiece, len(dst)-i)
				widen(row[:n], src[i:i+n]) // what float32 does not hold exactly is beyond float16
				c.halves16(dst[i:i+n], row[:n])
			}
		})
	case tensor.Float32:
		return true, castRows(c, x, to, through(c, convert[S, float32]))
	case tensor.Float64:
		return true, castRows(c, x, to, through(c, convert[S, float64]))
	case tensor.Int8:
		return true, castRows(c, x, to, through(c, convert[S, int8]))
	case tensor.Int16:
		return true, castRows(c, x, to, through(c, convert[S, int16]))
	case tensor.Int32:
		return true, castRows(c, x, to, through(c, convert[S, int32]))
	case tensor.Int64:
		return true, castRows(c, x, to, through(c, convert[S, int64]))
	case tensor.Uint8:
		return true, castRows(c, x, to, through(c, convert[S, uint8]))
	case tensor.Uint16:
		return true, castRows(c, x, to, through(c, convert[S, uint16]))
	case tensor.Uint32:
		return true, castRows(c, x, to, through(c, convert[S, uint32]))
	case tensor.Uint64:
		return true, castRows(c, x, to, through(c, convert[S, uint64]))
	}
	return false, nil
}

// through converts with kernels what these can, and the rest with a loop.
func through[S, D number](c *Call, rest func(dst []D, src []S)) func(dst []D, src []S) {
	if c.Run.Kernel == nil {
		return rest
	}
	return func(dst []D, src []S) {
		n := num.Convert(c.Run.Kernel.Num, dst, src)
		rest(dst[n:], src[n:])
	}
}

// castToBool tells which elements are not equal to 0, as NaN is not; false if it has no loop for them.
func (c *Call) castToBool(x *tensor.Tensor) (bool, error) {
	if done, err := c.compare(num.Equal, x, tensor.New(x.DType())); !done || err != nil {
		return done, err
	}
	y := c.Out[0].As(tensor.Uint8)
	return true, c.joinTo(num.Xor, y, y, tensor.Scalar(uint8(1)))
}

// convert is Go's conversion: of integers it wraps around, as Cast does.
func convert[S, D number](dst []D, src []S) {
	for i, v := range src {
		dst[i] = D(v)
	}
}

// truncate is tensor.Truncate of a row. Go leaves the conversion of a float that an integer does not
// hold to the processor, so what it gives counts only for those well within the range.
func truncate[S float32 | float64, D tensor.Integer](dst []D, src []S) {
	dst = dst[:len(src)]
	var most S = 0x1p62 // the square of a bound
	switch any(D(0)).(type) {
	case int64, uint32, uint64:
		most = 0x1p124
	}
	for i, v := range src {
		n := int64(v)
		if !(v*v < most) { // so for NaN
			dst[i] = tensor.Truncate[D](float64(v))
			continue
		}
		dst[i] = D(n)
	}
}

func (c *Call) halves16(dst []tensor.Float16Bits, src []float32) {
	n := 0
	if c.Run.Kernel != nil {
		n = num.Halve(c.Run.Kernel.Num, num.Float16, words16(dst), src)
	}
	for i, v := range src[n:] {
		dst[n+i] = tensor.ToFloat16(v)
	}
}

func (c *Call) brainHalves(dst []tensor.BFloat16Bits, src []float32) {
	n := 0
	if c.Run.Kernel != nil {
		n = num.Halve(c.Run.Kernel.Num, num.BFloat16, words16(dst), src)
	}
	for i, v := range src[n:] {
		dst[n+i] = tensor.ToBFloat16(v)
	}
}

// words16 views floats of 16 bits as their bits.
func words16[T tensor.Float16Bits | tensor.BFloat16Bits](x []T) []uint16 {
	return unsafe.Slice((*uint16)(unsafe.Pointer(unsafe.SliceData(x))), len(x))
}

// castRows allocates the output and converts, on several threads. Floats of 16 bits are given to rows
// as float32, which S is then.
func castRows[S, D tensor.Element](c *Call, x *tensor.Tensor, to tensor.DType, rows func(dst []D, src []S)) error {
	y, err := c.output(to, x.Shape()...)
	if err != nil {
		return err
	}
	dst := tensor.Data[D](y)
	if isNarrow(x.DType()) {
		halves := words[uint16](x)
		return c.share(len(dst), 1, func(from, to int) {
			row := codeRows.Get().(*[codePiece]float32)
			defer codeRows.Put(row)
			for ; from < to; from += codePiece {
				part := row[:min(codePiece, to-from)]
				c.widen16(x.DType(), part, halves[from:])
				rows(dst[from:from+len(part)], any(part).([]S))
			}
		})
	}
	src := tensor.Data[S](x)
	return c.share(len(dst), 0.7, func(from, to int) { rows(dst[from:to], src[from:to]) })
}

// widenHalves converts float16 or bfloat16 to float32.
func (c *Call) widenHalves(x *tensor.Tensor) error {
	y, err := c.output(tensor.Float32, x.Shape()...)
	if err != nil {
		return err
	}
	src, dst := words[uint16](x), tensor.Data[float32](y)
	const atOnce = 1 << 13 // assembly is not preempted
	return c.share(len(dst), 0.3, func(from, to int) {
		for i := from; i < to; i += atOnce {
			c.widen16(x.DType(), dst[i:min(i+atOnce, to)], src[i:])
		}
	})
}

// widen16 converts a piece of float16 or bfloat16, which is not empty, to float32.
func (c *Call) widen16(from tensor.DType, dst []float32, src []uint16) {
	widen := c.Run.Kernel.Vec.Float16
	if from == tensor.BFloat16 {
		widen = c.Run.Kernel.Vec.BFloat16
	}
	widen(unsafe.Pointer(&dst[0]), unsafe.Pointer(&src[:len(dst)][0]), len(dst))
}
