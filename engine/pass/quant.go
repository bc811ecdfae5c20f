package pass

import "math"

// Code is the 8-bit code of a number: v/scale rounded half to even, plus the zero
// point, saturated. Signed codes and zero points are stored plus 128.
func Code(v, scale float32, zero uint8) uint8 {
	c := math.RoundToEven(float64(v/scale)) + float64(zero)
	if !(c > 0) { // NaN too
		return 0
	}
	return uint8(math.Min(c, 255))
}
