package vec

import (
	"math"
	"unsafe"
)

// logs are the coefficients of atanh's series, 1/(2k+1): with |f| ≤ 0.172 the
// first that is left out is below 2⁻³⁷ of the sum.
var logs = [...]float64{1. / 3, 1. / 5, 1. / 7, 1. / 9, 1. / 11, 1. / 13}

// log32 is the natural logarithm of a float32, rounded once from float64 but for
// an error of 2⁻³⁷: x = 2ᵉ·m with m between √½ and √2, and log m = 2·atanh(f)
// where f = (m-1)/(m+1). Numbers that are not normal or not positive go to
// math.Log, which treats all with care and takes several times as long.
func log32(x float32) float32 {
	const least, infinite, rootHalf = 0x00800000, 0x7f800000, 0x3f3504f3 // bits
	b := math.Float32bits(x)
	if b-least >= infinite-least {
		return float32(math.Log(float64(x)))
	}
	e := int32(b-rootHalf) >> 23
	m := float64(math.Float32frombits(b - uint32(e)<<23))
	f := (m - 1) / (m + 1)
	s := f * f
	series := s * (logs[0] + s*(logs[1]+s*(logs[2]+s*(logs[3]+s*(logs[4]+s*logs[5])))))
	return float32(float64(e)*math.Ln2 + 2*(f+f*series))
}

func logOf(dst, src unsafe.Pointer, n int, _, _ float32) {
	to := floats(dst, n)
	for i, x := range floats(src, n) {
		to[i] = log32(x)
	}
}
