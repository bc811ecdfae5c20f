package tensor

// ToFloat64 widens the elements of any numeric tensor; complex numbers give
// two each, bools 0 and 1.
func ToFloat64(t *Tensor) []float64 {
	switch t.dtype {
	case Float32:
		return widen(Data[float32](t))
	case Float64:
		return widen(Data[float64](t))
	case Int8, Int4, Int2:
		return widen(Data[int8](t))
	case Int16:
		return widen(Data[int16](t))
	case Int32:
		return widen(Data[int32](t))
	case Int64:
		return widen(Data[int64](t))
	case Uint8, Uint4, Uint2:
		return widen(Data[uint8](t))
	case Uint16:
		return widen(Data[uint16](t))
	case Uint32:
		return widen(Data[uint32](t))
	case Uint64:
		return widen(Data[uint64](t))
	case Bool:
		return widen(t.data)
	case Float16:
		return each(Data[Float16Bits](t), func(v Float16Bits) float64 { return float64(v.Float32()) })
	case BFloat16:
		return each(Data[BFloat16Bits](t), func(v BFloat16Bits) float64 { return float64(v.Float32()) })
	case Complex64:
		out := make([]float64, 0, 2*t.Len())
		for _, c := range Data[complex64](t) {
			out = append(out, float64(real(c)), float64(imag(c)))
		}
		return out
	case Complex128:
		out := make([]float64, 0, 2*t.Len())
		for _, c := range Data[complex128](t) {
			out = append(out, real(c), imag(c))
		}
		return out
	case Float8E4M3FN, Float8E4M3FNUZ, Float8E5M2, Float8E5M2FNUZ, Float8E8M0, Float4E2M1:
		return each(t.data, func(b byte) float64 { return float64(SmallFloat(t.dtype, b)) })
	}
	panic("BUG: ToFloat64 of " + t.dtype.String())
}

func widen[T float32 | float64 | int8 | int16 | int32 | int64 | uint8 | uint16 | uint32 | uint64](src []T) []float64 {
	return each(src, func(v T) float64 { return float64(v) })
}

func each[T any](src []T, f func(T) float64) []float64 {
	out := make([]float64, len(src))
	for i, v := range src {
		out[i] = f(v)
	}
	return out
}

// Parts are the real and the imaginary part of a number.
func Parts(v complex128) (re, im float64) { return real(v), imag(v) }
