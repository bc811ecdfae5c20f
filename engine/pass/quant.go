package pass

import (
	"math"

	"github.com/visionzoo/vision/engine/tensor"
)

// Integer kernels work on codes of one kind only, unsigned bytes. Codes of type int8 are stored
// plus 128, as are their zero points, which is the same as flipping the sign bit: -128 … 127 become
// 0 … 255, and (code - zero) stays what it was.

// Code returns the stored code of a number: v/scale rounded half to even, plus the stored zero point,
// saturated. NaN has the lowest code.
func Code(v, scale float32, zero uint8) uint8 {
	c := math.RoundToEven(float64(v/scale)) + float64(zero)
	if !(c > 0) { // NaN too
		return 0
	}
	return uint8(math.Min(c, 255))
}

// SignBit is what the codes of a type are XORed with to be stored: 0x80 if they are signed, else 0.
func SignBit(d tensor.DType) uint8 {
	if d == tensor.Int8 {
		return 0x80
	}
	return 0
}
