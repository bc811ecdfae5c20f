package ops

import (
	"testing"

	"github.com/visionzoo/vision/engine/tensor"
)

// Expected values are those of ONNX Runtime 1.30 on the same numbers.
func TestResizeElements(t *testing.T) {
	line := func(v ...float32) *tensor.Tensor { return tensor.Of(v, 1, len(v)) }
	bytes := func(v ...uint8) *tensor.Tensor { return tensor.Of(v, 1, len(v)) }
	checkRows(t, []evalRow{
		{"thirds that are whole", "Resize", 13, attrs{"mode": "linear", "coordinate_transformation_mode": "asymmetric"},
			[]*tensor.Tensor{bytes(3, 6), nil, f32s(1, 3)}, []int{1, 6}, []float64{3, 4, 5, 6, 6, 6}, ""},
		{"thirds that are not", "Resize", 13, attrs{"mode": "linear", "coordinate_transformation_mode": "asymmetric"},
			[]*tensor.Tensor{bytes(3, 7), nil, f32s(1, 3)}, []int{1, 6}, []float64{3, 4, 5, 7, 7, 7}, ""},
		{"antialias rounds", "Resize", 18, attrs{"mode": "linear", "antialias": 1},
			[]*tensor.Tensor{tensor.Of([]int32{7, 1, -3, -5}, 1, 4), nil, f32s(1, 2)}, []int{1, 8}, []float64{7, 6, 3, 0, -2, -4, -5, -5}, ""},
		{"beyond a byte", "Resize", 18, attrs{"mode": "cubic", "antialias": 1},
			[]*tensor.Tensor{bytes(250, 255, 250, 3), nil, f32s(1, 2)}, []int{1, 8}, []float64{249, 251, 254, 255, 255, 194, 59, 0}, ""},
		{"one of a line", "Resize", 18, attrs{"mode": "cubic", "coordinate_transformation_mode": "pytorch_half_pixel"},
			[]*tensor.Tensor{line(-4, 5, 2, 1), nil, nil, ints(1, 1)}, []int{1, 1}, []float64{-4}, ""},
	})
}
