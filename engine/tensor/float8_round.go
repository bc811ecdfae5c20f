package tensor

import "math"

// Rounding says how a float is narrowed to 8 or 4 bits.
type Rounding struct {
	Saturate bool  // numbers too large become the largest finite one, not NaN or infinity
	E8M0     Round // Float8E8M0 only; the others round to nearest even
}

// Round says how a float is rounded to a power of two.
type Round uint8

// The round modes of ONNX's Cast and OCP Microscaling.
const (
	RoundUp Round = iota
	RoundDown
	RoundNearest // halves (1.5 times a power of two) up
)

// ToSmallFloat narrows to an 8- or 4-bit float type, to nearest, halves to
// even. ONNX's technical note "Float stored in 8 bits" has the tables of what
// becomes of infinities and of numbers too large.
func ToSmallFloat(d DType, f float32, how Rounding) byte {
	if d == Float8E8M0 {
		return toE8M0(f, how)
	}
	s := smallFloats[d]
	bits := s.expBits + s.mantBits
	sign := byte(math.Float32bits(f)>>31) << bits
	x := math.Abs(float64(f))
	switch {
	case x != x:
		return s.nan(sign)
	case math.IsInf(x, 1):
		return s.beyond(sign, how.Saturate)
	}
	code := s.round(x)
	switch {
	case code > s.largest():
		return s.beyond(sign, how.Saturate)
	case code == 0 && s.fnuz:
		return 0 // there is no -0
	}
	return sign | byte(code)
}

// round is the code of the nearest number to x ≥ 0, as if exponents had no
// upper end.
func (s smallFloat) round(x float64) int {
	if x == 0 {
		return 0
	}
	_, e := math.Frexp(x) // x = f·2^e, f in [0.5, 1)
	exp := max(e-1, 1-s.bias)
	// In units of the last place; a mantissa that rounds up to the next power
	// of two carries into the exponent by itself.
	mant := int(math.RoundToEven(math.Ldexp(x, s.mantBits-exp)))
	if exp == 1-s.bias {
		return mant // subnormal, or the first normal numbers
	}
	// Far beyond the range: any code past the largest will do.
	return min(exp+s.bias-1, 1<<s.expBits)<<s.mantBits + mant
}

// largest is the code of the largest finite number.
func (s smallFloat) largest() int {
	all := 1<<(s.expBits+s.mantBits) - 1
	switch {
	case s.inf:
		return all - 1<<s.mantBits
	case s.fnuz, s.finite:
		return all
	}
	return all - 1
}

func (s smallFloat) nan(sign byte) byte {
	switch {
	case s.fnuz:
		return 0x80
	case s.finite:
		return 1 << (s.expBits + s.mantBits) // there is none: -0
	}
	return sign | 0x7f
}

// beyond is the code for numbers larger than the largest.
func (s smallFloat) beyond(sign byte, saturate bool) byte {
	switch {
	case saturate || s.finite:
		return sign | byte(s.largest())
	case s.inf:
		return sign | byte(s.largest()+1)
	}
	return s.nan(sign)
}

// toE8M0 is the exponent of a power of two near |f|.
func toE8M0(f float32, how Rounding) byte {
	b := math.Float32bits(f)
	exp, mant := int(b>>23&0xff), b&0x7fffff
	if exp == 0xff {
		if mant != 0 || !how.Saturate {
			return 0xff
		}
		return 0xfe
	}
	up := false
	switch how.E8M0 {
	case RoundUp:
		up = mant != 0 && (exp > 0 || mant > 0x400000)
	case RoundNearest:
		up = mant >= 0x400000 && (exp > 0 || mant > 0x400000)
	}
	if up {
		exp++
	}
	if exp == 0xff {
		if how.Saturate {
			return 0xfe
		}
		return 0xff
	}
	return byte(exp)
}
