package tensor

import (
	"fmt"
	"math"
)

// Number is the arithmetic in which elements of any number type are computed:
// float64 for floats (a result of float32 operands that is rounded to float32
// afterwards is the same for + - * / and square roots, Figueroa 1995), int64
// and uint64 for integers (two's complement wraps the same at every width).
type Number interface{ float64 | int64 | uint64 }

// plain are the element types that Go converts by itself.
type plain interface {
	float32 | float64 | int8 | int16 | int32 | int64 | uint8 | uint16 | uint32 | uint64
}

// Load reads len(dst) elements of a numeric tensor from element at on, step
// elements apart. Bools are 0 and 1.
func Load[T Number](dst []T, t *Tensor, at, step int) {
	switch t.dtype {
	case Float32:
		loadPlain(dst, Data[float32](t), at, step)
	case Float64:
		loadPlain(dst, Data[float64](t), at, step)
	case Int8, Int4, Int2:
		loadPlain(dst, Data[int8](t), at, step)
	case Int16:
		loadPlain(dst, Data[int16](t), at, step)
	case Int32:
		loadPlain(dst, Data[int32](t), at, step)
	case Int64:
		loadPlain(dst, Data[int64](t), at, step)
	case Uint8, Uint4, Uint2, Bool:
		loadPlain(dst, t.data, at, step)
	case Uint16:
		loadPlain(dst, Data[uint16](t), at, step)
	case Uint32:
		loadPlain(dst, Data[uint32](t), at, step)
	case Uint64:
		loadPlain(dst, Data[uint64](t), at, step)
	case Float16:
		loadBy(dst, Data[Float16Bits](t), at, step, Float16Bits.Float32)
	case BFloat16:
		loadBy(dst, Data[BFloat16Bits](t), at, step, BFloat16Bits.Float32)
	case Float8E4M3FN, Float8E4M3FNUZ, Float8E5M2, Float8E5M2FNUZ, Float8E8M0, Float4E2M1:
		loadBy(dst, t.data, at, step, func(b byte) float32 { return SmallFloat(t.dtype, b) })
	default:
		panic(fmt.Sprintf("BUG: tensor.Load of %s", t.dtype))
	}
}

func loadPlain[T Number, S plain](dst []T, src []S, at, step int) {
	for i := range dst {
		dst[i] = T(src[at])
		at += step
	}
}

func loadBy[T Number, S any](dst []T, src []S, at, step int, f func(S) float32) {
	for i := range dst {
		dst[i] = T(f(src[at]))
		at += step
	}
}

// Store writes src to a numeric tensor from element at on, step elements
// apart, as ONNX's Cast converts: floats round to nearest even and saturate in
// the 8- and 4-bit types, integers wrap, floats lose their fraction on the way
// to an integer. A float outside the range of int64 becomes its nearest bound,
// NaN becomes 0, before it wraps.
func Store[T Number](t *Tensor, at, step int, src []T) {
	StoreBy(t, at, step, src, Rounding{Saturate: true})
}

// StoreBy is Store with the given rounding to 8- and 4-bit floats.
func StoreBy[T Number](t *Tensor, at, step int, src []T, how Rounding) {
	switch t.dtype {
	case Float32:
		storePlain(Data[float32](t), at, step, src)
	case Float64:
		storePlain(Data[float64](t), at, step, src)
	case Int8:
		storeInt(Data[int8](t), at, step, src)
	case Int16:
		storeInt(Data[int16](t), at, step, src)
	case Int32:
		storeInt(Data[int32](t), at, step, src)
	case Int64:
		storeInt(Data[int64](t), at, step, src)
	case Uint8:
		storeInt(t.data, at, step, src)
	case Uint16:
		storeInt(Data[uint16](t), at, step, src)
	case Uint32:
		storeInt(Data[uint32](t), at, step, src)
	case Uint64:
		storeInt(Data[uint64](t), at, step, src)
	case Bool:
		storeBy(t.data, at, step, src, boolOf[T])
	case Float16:
		storeBy(Data[Float16Bits](t), at, step, src, func(v T) Float16Bits { return ToFloat16(toOdd(v)) })
	case BFloat16:
		storeBy(Data[BFloat16Bits](t), at, step, src, func(v T) BFloat16Bits { return ToBFloat16(toOdd(v)) })
	case Int4:
		storeBy(Data[int8](t), at, step, src, func(v T) int8 { return int8(ToInt64(v)) << 4 >> 4 })
	case Int2:
		storeBy(Data[int8](t), at, step, src, func(v T) int8 { return int8(ToInt64(v)) << 6 >> 6 })
	case Uint4:
		storeBy(t.data, at, step, src, func(v T) uint8 { return uint8(ToInt64(v)) & 15 })
	case Uint2:
		storeBy(t.data, at, step, src, func(v T) uint8 { return uint8(ToInt64(v)) & 3 })
	case Float8E4M3FN, Float8E4M3FNUZ, Float8E5M2, Float8E5M2FNUZ, Float8E8M0, Float4E2M1:
		storeBy(t.data, at, step, src, func(v T) byte { return ToSmallFloat(t.dtype, toOdd(v), how) })
	default:
		panic(fmt.Sprintf("BUG: tensor.Store of %s", t.dtype))
	}
}

func storePlain[T Number, D plain](dst []D, at, step int, src []T) {
	for _, v := range src {
		dst[at] = D(v)
		at += step
	}
}

func storeInt[T Number, D Integer](dst []D, at, step int, src []T) {
	if floats, ok := any(src).([]float64); ok {
		storeBy(dst, at, step, floats, Truncate[D])
		return
	}
	storePlain(dst, at, step, src)
}

// Integer are the integers that Go has.
type Integer interface {
	int8 | int16 | int32 | int64 | uint8 | uint16 | uint32 | uint64
}

// Truncate converts a float to an integer without its fraction. What the standard and Go leave open
// is as on x86-64 in ONNX Runtime, on every processor: the float becomes an int32, or an int64 for
// int64, uint32 and uint64, and wraps around from there; one that does not fit, and NaN, becomes the
// least of these. (A uint64 holds what lies between; ONNX Runtime gives others for a uint32 beyond its
// range.)
func Truncate[D Integer](v float64) D {
	wide := true
	switch any(D(0)).(type) {
	case int8, int16, int32, uint8, uint16:
		wide = false
	case uint64:
		if v >= 1<<63 && v < 1<<64 {
			return D(uint64(v))
		}
	}
	n := int64(math.MinInt64)
	if v >= -1<<63 && v < 1<<63 {
		n = int64(v)
	}
	if !wide && n != int64(int32(n)) {
		n = math.MinInt32
	}
	return D(n)
}

func storeBy[T Number, D any](dst []D, at, step int, src []T, f func(T) D) {
	for _, v := range src {
		dst[at] = f(v)
		at += step
	}
}

func boolOf[T Number](v T) byte {
	if v != 0 {
		return 1
	}
	return 0
}

// ToInt64 is the 64 bits of v as an integer. Unsigned numbers beyond int64 keep
// their bits.
func ToInt64[T Number](v T) int64 {
	f, ok := any(v).(float64)
	switch {
	case !ok:
		return int64(v)
	case f != f:
		return 0
	case f >= 1<<63:
		if f >= 1<<64 {
			return math.MaxInt64
		}
		return int64(uint64(f))
	case f <= -1<<63:
		return math.MinInt64
	}
	return int64(f)
}

// toOdd narrows to float32 and sets the last bit if anything was lost, so that
// rounding the result to fewer bits gives what rounding v itself would (Boldo and
// Melquiond 2005).
func toOdd[T Number](v T) float32 {
	f := float32(v)
	wide := float64(v)
	if float64(f) == wide || f != f {
		return f
	}
	b := math.Float32bits(f)
	if b&1 == 0 {
		if math.Abs(float64(f)) > math.Abs(wide) {
			b--
		} else {
			b++
		}
	}
	return math.Float32frombits(b)
}
