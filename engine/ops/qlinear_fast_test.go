package ops

import (
	"testing"

	"github.com/visionzoo/vision/engine/tensor"
)

// TestFastCodes compares sums, products and means of row-major codes with Eval, over broadcasts and both
// signs.
func TestFastCodes(t *testing.T) {
	shapes := [][2][]int{
		{{}, {}}, {{0}, {1}}, {{7}, {7}}, {{1}, {33}}, {{65}, {1}}, {{3, 1}, {1, 5}}, {{2, 17, 33}, {17, 1}}, {{2, 1, 4, 1}, {1, 3, 1, 70}},
		{{2, 16, 7, 7}, {2, 16, 1, 1}}, {{3001}, {3001}}, {{4, 1025}, {1}},
	}
	scale := func(v float32) *tensor.Tensor { return tensor.Scalar(v) }
	for _, d := range []tensor.DType{tensor.Uint8, tensor.Int8} {
		zero := func(i int64) *tensor.Tensor { return numbersOf(d, i, 1) }
		for i, s := range shapes {
			a, b := numbersOf(d, int64(i), s[0]...), numbersOf(d, int64(i+50), s[1]...)
			for _, op := range []string{"QLinearAdd", "QLinearMul"} {
				in := list(a, scale(0.023), zero(int64(i)), b, scale(0.031), zero(11), scale(0.04), zero(19))
				fastRow{domain: Microsoft, op: op, version: 1, in: in, plain: a.Len()*b.Len() < 2}.check(t)
				fastRow{domain: Microsoft, op: op, version: 1, in: list(a, scale(0.023), zero(3), b, scale(0.031), zero(4), scale(0.04), nil), plain: a.Len()*b.Len() < 2}.check(t)
			}
			if len(s[0]) > 2 {
				in := list(a, scale(0.023), zero(int64(i)), scale(0.017), zero(19))
				fastRow{domain: Microsoft, op: "QLinearGlobalAveragePool", version: 1, in: in}.check(t)
			}
		}
	}
}
