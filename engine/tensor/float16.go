package tensor

import "math"

// Float32 widens a binary16 exactly; NaN payloads keep their upper bits.
func (h Float16Bits) Float32() float32 {
	sign, rest := uint32(h&0x8000)<<16, uint32(h&0x7fff)<<13
	if h&0x7c00 == 0x7c00 { // infinities and NaN
		return math.Float32frombits(sign | rest | 0x7f800000)
	}
	// The bits where binary32 has them stand for 2^-112 times the number, also
	// where it is subnormal.
	return math.Float32frombits(sign | math.Float32bits(math.Float32frombits(rest)*0x1p112))
}

// ToFloat16 rounds to nearest, halves to even; beyond 65,520 is an infinity.
func ToFloat16(f float32) Float16Bits {
	b := math.Float32bits(f)
	sign := Float16Bits(b >> 16 & 0x8000)
	b &= 0x7fffffff
	switch {
	case b > 0x7f800000: // NaN, kept quiet
		return sign | 0x7e00 | Float16Bits(b>>13&0x1ff)
	case b >= 0x477ff000: // 65520: rounds up to infinity
		return sign | 0x7c00
	case b < 0x38800000: // below 2^-14: subnormal or zero
		// Adding 0.5 leaves the value as a multiple of 2^-24 in the low bits,
		// rounded by the addition itself.
		return sign | Float16Bits(math.Float32bits(math.Float32frombits(b)+0.5)-0x3f000000)
	}
	b += 0xfff + b>>13&1 // round half to even
	return sign | Float16Bits((b-0x38000000)>>13)
}

// Float32 widens exactly.
func (h BFloat16Bits) Float32() float32 { return math.Float32frombits(uint32(h) << 16) }

// ToBFloat16 rounds to nearest, halves to even.
func ToBFloat16(f float32) BFloat16Bits {
	b := math.Float32bits(f)
	if b&0x7fffffff > 0x7f800000 {
		return BFloat16Bits(b>>16 | 0x40)
	}
	return BFloat16Bits((b + 0x7fff + b>>16&1) >> 16)
}
