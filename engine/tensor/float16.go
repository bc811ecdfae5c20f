package tensor

import "math"

// Float32 widens a binary16 exactly; NaN payloads keep their upper bits.
func (h Float16Bits) Float32() float32 {
	sign := uint32(h&0x8000) << 16
	exp, frac := uint32(h>>10&0x1f), uint32(h&0x3ff)
	switch exp {
	case 0x1f:
		return math.Float32frombits(sign | 0x7f800000 | frac<<13)
	case 0: // zero and subnormals: frac·2^-24, exact in binary32
		f := float32(frac) * (1.0 / (1 << 24))
		return math.Float32frombits(sign | math.Float32bits(f))
	}
	return math.Float32frombits(sign | (exp+127-15)<<23 | frac<<13)
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
