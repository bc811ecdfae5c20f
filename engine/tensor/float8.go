package tensor

import "math"

// smallFloat describes an 8- or 4-bit float type: OCP 8-bit Floating Point
// Specification 1.0 (E4M3, E5M2), the FNUZ variants of Noune et al. 2022, and
// the OCP Microscaling Formats 1.0 (E2M1, E8M0).
type smallFloat struct {
	expBits, mantBits, bias int
	inf                     bool // has infinities, as IEEE 754 encodes them
	fnuz                    bool // the code of -0 is the only NaN
	finite                  bool // has neither infinities nor NaN
}

var smallFloats = map[DType]smallFloat{
	Float8E4M3FN:   {expBits: 4, mantBits: 3, bias: 7},
	Float8E4M3FNUZ: {expBits: 4, mantBits: 3, bias: 8, fnuz: true},
	Float8E5M2:     {expBits: 5, mantBits: 2, bias: 15, inf: true},
	Float8E5M2FNUZ: {expBits: 5, mantBits: 2, bias: 16, fnuz: true},
	Float4E2M1:     {expBits: 2, mantBits: 1, bias: 1, finite: true},
}

// SmallFloat widens one element of an 8- or 4-bit float type exactly.
func SmallFloat(d DType, b byte) float32 {
	if d == Float8E8M0 { // a power of two without sign
		if b == 0xff {
			return float32(math.NaN())
		}
		return float32(math.Ldexp(1, int(b)-127))
	}
	f := smallFloats[d]
	bits := f.expBits + f.mantBits
	sign := 1.0
	if b>>bits&1 != 0 {
		sign = -1
	}
	if f.fnuz && b == 0x80 {
		return float32(math.NaN())
	}
	exp, mant := int(b)>>f.mantBits&(1<<f.expBits-1), int(b)&(1<<f.mantBits-1)
	top := 1<<f.expBits - 1
	switch {
	case f.inf && exp == top && mant == 0:
		return float32(math.Inf(int(sign)))
	case f.inf && exp == top, d == Float8E4M3FN && b&0x7f == 0x7f:
		return float32(math.NaN())
	case exp == 0:
		return float32(sign * math.Ldexp(float64(mant), 1-f.bias-f.mantBits))
	}
	return float32(sign * math.Ldexp(float64(mant+1<<f.mantBits), exp-f.bias-f.mantBits))
}
