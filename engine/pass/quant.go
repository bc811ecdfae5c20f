package pass

import "math"

// Code is the 8-bit code of a number: v/scale rounded half to even, plus the
// zero point, saturated. Signed codes are stored plus 128, as their zero points.
func Code(v, scale float32, zero uint8) uint8 {
	return uint8(math.Min(math.Max(math.RoundToEven(float64(v/scale))+float64(zero), 0), 255))
}
