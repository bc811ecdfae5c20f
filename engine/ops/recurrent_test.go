package ops

import (
	"testing"

	"github.com/visionzoo/vision/engine/tensor"
)

// TestRecurrentEdges covers what the published cases leave out: results computed
// by hand, and rejected operands.
func TestRecurrentEdges(t *testing.T) {
	one := func(shape ...int) *tensor.Tensor {
		x := ramp(shape...)
		for i := range tensor.Data[float32](x) {
			tensor.Data[float32](x)[i] = 1
		}
		return x
	}
	lens := func(v ...int32) *tensor.Tensor { return tensor.Of(v) }
	checkRows(t, []evalRow{
		{"a running sum", "RNN", 14, attrs{"activation_alpha": []float32{1}}, []*tensor.Tensor{ramp(2, 1, 1), one(1, 1, 1), one(1, 1, 1)},
			[]int{2, 1, 1, 1}, []float64{0, 0.7615942}, ""},
		{"no step", "RNN", 22, nil, []*tensor.Tensor{ramp(0, 1, 1), one(1, 1, 1), one(1, 1, 1)}, []int{0, 1, 1, 1}, nil, ""},
		{"a sequence of no length", "GRU", 7, nil, []*tensor.Tensor{one(2, 1, 1), one(1, 3, 1), one(1, 3, 1), nil, lens(0)}, []int{2, 1, 1, 1}, []float64{0, 0}, ""},
		{"a length beyond the end", "LSTM", 7, nil, []*tensor.Tensor{one(2, 1, 1), one(1, 4, 1), one(1, 4, 1), nil, lens(3)}, nil, nil, "has length 3"},
		{"weights of another size", "LSTM", 1, nil, []*tensor.Tensor{one(2, 1, 2), one(1, 4, 1), one(1, 4, 1)}, nil, nil, "W must have shape"},
		{"an activation nobody knows", "RNN", 1, attrs{"direction": "sideways"}, []*tensor.Tensor{one(2, 1, 1), one(1, 1, 1), one(1, 1, 1)}, nil, nil, "direction"},
	})
}

func TestTransformEdges(t *testing.T) {
	line := tensor.Of([]float32{1, 2, 3}, 1, 3, 1)
	checkRows(t, []evalRow{
		{"three points", "DFT", 17, nil, []*tensor.Tensor{line}, []int{1, 3, 2}, []float64{6, 0, -1.5, 0.8660254, -1.5, -0.8660254}, ""},
		{"cut to one", "DFT", 20, nil, []*tensor.Tensor{line, tensor.Scalar(int64(1))}, []int{1, 1, 2}, []float64{1, 0}, ""},
		{"filled to four, one side", "DFT", 20, attrs{"onesided": 1}, []*tensor.Tensor{line, tensor.Scalar(int64(4))}, []int{1, 3, 2}, []float64{6, 0, -2, -2, 2, 0}, ""},
		{"no points asked for", "DFT", 20, nil, []*tensor.Tensor{line, tensor.Scalar(int64(0))}, nil, nil, "1 or more"},
		{"the axis of the parts", "DFT", 17, attrs{"axis": 2}, []*tensor.Tensor{line}, nil, nil, "real and imaginary"},
		{"a frame beyond the signal", "STFT", 17, nil, []*tensor.Tensor{line, tensor.Scalar(int64(1)), nil, tensor.Scalar(int64(4))}, nil, nil, "does not fit"},
		{"singular", "Det", 11, nil, []*tensor.Tensor{tensor.Of([]float32{1, 2, 2, 4}, 2, 2)}, []int{}, []float64{0}, ""},
		{"rows swapped", "Det", 22, nil, []*tensor.Tensor{tensor.Of([]float32{0, 1, 1, 0}, 2, 2)}, []int{}, []float64{-1}, ""},
		{"nothing", "Det", 22, nil, []*tensor.Tensor{ramp(0, 0)}, []int{}, []float64{1}, ""},
		{"not square", "Det", 11, nil, []*tensor.Tensor{ramp(2, 3)}, nil, nil, "square"},
	})
}
