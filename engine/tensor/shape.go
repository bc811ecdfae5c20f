package tensor

import (
	"fmt"
	"math"
	"math/bits"

	"github.com/visionzoo/vision/internal/limit"
)

// Count multiplies the dimensions. No other code does, because sizes may come from
// untrusted files: negative dimensions and products beyond int are errors.
func Count(shape []int) (int, error) {
	n, zero := 1, false
	for _, d := range shape {
		if d < 0 {
			return 0, fmt.Errorf("shape %v has a negative dimension", shape)
		}
		if d == 0 {
			zero = true
			continue
		}
		hi, lo := bits.Mul64(uint64(n), uint64(d))
		// Elements take at most 16 bytes: leave room, so that bytes fit as well.
		if hi != 0 || lo > math.MaxInt/16 {
			return 0, limit.Errorf("shape %v is too large: its number of elements overflows", shape)
		}
		n = int(lo)
	}
	if zero {
		return 0, nil
	}
	return n, nil
}

// MustCount is Count for shapes that are known to fit, such as those of existing
// tensors.
func MustCount(shape []int) int {
	n, err := Count(shape)
	if err != nil {
		panic("BUG: " + err.Error())
	}
	return n
}

// Strides returns the row-major strides of a shape, in elements.
func Strides(shape []int) []int {
	s := make([]int, len(shape))
	n := 1
	for i := len(shape) - 1; i >= 0; i-- {
		s[i] = n
		n *= shape[i]
	}
	return s
}

// Axis resolves an axis that may be negative, counting from the end, to 0 … rank-1.
func Axis(axis, rank int) (int, error) {
	if axis < -rank || axis >= rank {
		return 0, fmt.Errorf("axis %d is outside [%d, %d] of a tensor of rank %d", axis, -rank, rank-1, rank)
	}
	if axis < 0 {
		axis += rank
	}
	return axis, nil
}

// Broadcast is the shape of two operands under ONNX's multidirectional
// (numpy's) rule: aligned at the end, dimensions equal or one of them 1.
func Broadcast(a, b []int) ([]int, error) {
	out := make([]int, max(len(a), len(b)))
	for i := range out {
		da, db := 1, 1
		if j := i - len(out) + len(a); j >= 0 {
			da = a[j]
		}
		if j := i - len(out) + len(b); j >= 0 {
			db = b[j]
		}
		switch {
		case da == db || db == 1:
			out[i] = da
		case da == 1:
			out[i] = db
		default:
			return nil, fmt.Errorf("shapes %v and %v do not broadcast", a, b)
		}
	}
	return out, nil
}

// BroadcastStrides returns the strides with which an operand of shape from is read
// in the order of shape to: 0 along repeated dimensions.
func BroadcastStrides(from, to []int) []int {
	s := make([]int, len(to))
	own := Strides(from)
	for i := range from {
		if j := i + len(to) - len(from); from[i] != 1 {
			s[j] = own[i]
		}
	}
	return s
}
