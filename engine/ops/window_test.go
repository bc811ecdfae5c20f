package ops

import (
	"math"
	"slices"
	"testing"

	"github.com/visionzoo/vision/engine/tensor"
)

// Expected values are those of torch 1.13 (conv2d, conv1d, max_pool2d,
// avg_pool2d, batch_norm) on the same numbers.
func TestWindows(t *testing.T) {
	nan := float32(math.NaN())
	one := tensor.Of([]float32{1, 1, 1, 1}, 1, 1, 2, 2)
	checkRows(t, []evalRow{
		{"plain", "Conv", 11, nil, []*tensor.Tensor{ramp(1, 1, 3, 3), one}, []int{1, 1, 2, 2}, []float64{8, 12, 20, 24}, ""},
		{"empty batch", "Conv", 11, nil, []*tensor.Tensor{ramp(0, 1, 3, 3), one}, []int{0, 1, 2, 2}, nil, ""},
		{"stride, dilation, pads, bias", "Conv", 22, attrs{"strides": []int{2, 1}, "dilations": []int{1, 2}, "pads": []int{1, 0, 0, 1}},
			[]*tensor.Tensor{ramp(1, 1, 3, 3), tensor.Of([]float32{1, 2, 3, 4}, 1, 1, 2, 2), f32s(0.5)}, []int{1, 1, 2, 2},
			[]float64{8.5, 3.5, 63.5, 25.5}, ""},
		{"depthwise", "Conv", 1, attrs{"group": 2}, []*tensor.Tensor{ramp(1, 2, 2, 2), tensor.Of([]float32{2, 3}, 2, 1, 1, 1)},
			[]int{1, 2, 2, 2}, []float64{0, 2, 4, 6, 12, 15, 18, 21}, ""},
		{"same lower", "Conv", 1, attrs{"auto_pad": "SAME_LOWER"}, []*tensor.Tensor{ramp(1, 1, 2, 2), one}, []int{1, 1, 2, 2}, []float64{0, 1, 2, 6}, ""},
		{"matrix", "Conv", 1, nil, []*tensor.Tensor{ramp(3, 3), one}, nil, nil, "rank 3 to 5"},
		{"bias", "Conv", 1, nil, []*tensor.Tensor{ramp(1, 1, 3, 3), one, f32s(1, 2)}, nil, nil, "bias"},
		{"huge dilation", "Conv", 1, attrs{"dilations": []int{1 << 30, 1}}, []*tensor.Tensor{ramp(1, 1, 3, 3), one}, nil, nil, "dilations"},

		{"NaN stays", "MaxPool", 12, attrs{"kernel_shape": []int{2}}, []*tensor.Tensor{tensor.Of([]float32{1, nan, 3, 4}, 1, 1, 4)}, []int{1, 1, 3}, []float64{math.NaN(), math.NaN(), 4}, ""},
		{"lowest", "MaxPool", 12, attrs{"kernel_shape": []int{2}, "pads": []int{1, 0}}, []*tensor.Tensor{tensor.Of([]float32{-5, -6}, 1, 1, 2)}, []int{1, 1, 2}, []float64{-5, -5}, ""},
		{"int8", "MaxPool", 12, attrs{"kernel_shape": []int{2}}, []*tensor.Tensor{tensor.Of([]int8{-128, -127}, 1, 1, 2)}, []int{1, 1, 1}, []float64{-127}, ""},
		{"ceil leaves out a window in the padding", "MaxPool", 12, attrs{"kernel_shape": []int{1}, "strides": []int{2}, "ceil_mode": 1},
			[]*tensor.Tensor{ramp(1, 1, 2)}, []int{1, 1, 1}, []float64{0}, ""},
		{"ceil", "AveragePool", 19, attrs{"kernel_shape": []int{3}, "strides": []int{2}, "ceil_mode": 1, "pads": []int{1, 1}, "count_include_pad": 1},
			[]*tensor.Tensor{ramp(1, 1, 4)}, []int{1, 1, 3}, []float64{1.0 / 3, 2, 1.5}, ""},
		{"ceil, larger than the image", "AveragePool", 10, attrs{"kernel_shape": []int{1280, 1280}, "strides": []int{1280, 1280}, "ceil_mode": 1},
			[]*tensor.Tensor{ramp(1, 2, 3, 3)}, []int{1, 2, 1, 1}, []float64{4, 13}, ""},
		{"ceil, larger than the padded image", "AveragePool", 19, attrs{"kernel_shape": []int{5}, "strides": []int{3}, "ceil_mode": 1, "pads": []int{1, 0}, "count_include_pad": 1},
			[]*tensor.Tensor{ramp(1, 1, 3)}, []int{1, 1, 1}, []float64{0.75}, ""},
		{"ceil, larger than the image", "MaxPool", 12, attrs{"kernel_shape": []int{3, 3}, "strides": []int{2, 2}, "ceil_mode": 1},
			[]*tensor.Tensor{ramp(1, 1, 2, 2)}, []int{1, 1, 1, 1}, []float64{3}, ""},
		{"ceil, larger by a stride", "MaxPool", 12, attrs{"kernel_shape": []int{3}, "strides": []int{1}, "ceil_mode": 1}, []*tensor.Tensor{ramp(1, 1, 2)}, nil, nil, "only 2"},
		{"larger than the image", "MaxPool", 12, attrs{"kernel_shape": []int{3}, "strides": []int{2}}, []*tensor.Tensor{ramp(1, 1, 2)}, nil, nil, "only 2"},
		{"pads do not count", "AveragePool", 7, attrs{"kernel_shape": []int{3}, "pads": []int{1, 1}}, []*tensor.Tensor{ramp(1, 1, 3)}, []int{1, 1, 3}, []float64{0.5, 1, 1.5}, ""},
		{"no kernel", "AveragePool", 7, nil, []*tensor.Tensor{ramp(1, 1, 3)}, nil, nil, "kernel_shape"},

		{"7 scales for 2 channels", "BatchNormalization", 15, nil, []*tensor.Tensor{ramp(1, 2, 1), ramp(7), ramp(2), ramp(2), ramp(2)}, nil, nil, "input 1"},
		{"per pixel", "BatchNormalization", 7, attrs{"spatial": 0, "epsilon": float32(0)},
			[]*tensor.Tensor{ramp(1, 1, 2), tensor.Of([]float32{1, 2}, 1, 2), tensor.Of([]float32{0, 1}, 1, 2), tensor.Of([]float32{1, 2}, 1, 2), tensor.Of([]float32{4, 1}, 1, 2)},
			[]int{1, 1, 2}, []float64{-0.5, -1}, ""},
		{"wide window", "LRN", 13, attrs{"size": math.MaxInt}, []*tensor.Tensor{ramp(1, 3, 1)}, []int{1, 3, 1}, []float64{0, 1, 2}, ""},
	})
}

// A pool's kernel may be larger than the picture, but not by so much that a plan would
// list taps by the million.
func TestPictureWindows(t *testing.T) {
	for _, c := range []struct {
		kernel int
		want   bool
	}{{1280, true}, {1 << 28, false}} {
		for _, a := range []attrs{{"strides": []int{c.kernel, c.kernel}, "ceil_mode": 1}, {"auto_pad": "SAME_LOWER"}} {
			a["kernel_shape"] = []int{c.kernel, c.kernel}
			if _, ok := PictureWindowOf(testNode("MaxPool", 12, 1, 1, a), 7, 7, nil); ok != c.want {
				t.Errorf("%v: a window is planned: %t", a, ok)
			}
		}
	}
}

func TestMaxPoolPlaces(t *testing.T) {
	for _, c := range []struct {
		order int
		want  []int64
	}{{0, []int64{5, 11, 17, 23}}, {1, []int64{5, 11, 17, 23}}} {
		out, err := evaluate("MaxPool", 12, 2, attrs{"kernel_shape": []int{2, 3}, "storage_order": c.order}, ramp(2, 2, 2, 3))
		if err != nil {
			t.Fatal(err)
		}
		if got := tensor.Data[int64](out[1]); !slices.Equal(got, c.want) {
			t.Errorf("storage_order %d gave %v, want %v", c.order, got, c.want)
		}
	}
	out, err := evaluate("MaxPool", 12, 2, attrs{"kernel_shape": []int{1, 1}, "storage_order": 1}, ramp(1, 1, 2, 3))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := tensor.Data[int64](out[1]), []int64{0, 2, 4, 1, 3, 5}; !slices.Equal(got, want) {
		t.Errorf("column by column gave %v, want %v", got, want)
	}
}

func TestSoftmaxLines(t *testing.T) {
	inf := float32(math.Inf(1))
	half := []float64{0.5, 0.5, 0.5, 0.5}
	x := tensor.New(tensor.Float32, 2, 1, 2)
	checkRows(t, []evalRow{
		{"axis", "Softmax", 13, attrs{"axis": -3}, []*tensor.Tensor{x}, []int{2, 1, 2}, half, ""},
		{"matrix", "Softmax", 11, attrs{"axis": 0}, []*tensor.Tensor{x}, []int{2, 1, 2}, []float64{0.25, 0.25, 0.25, 0.25}, ""},
		{"axis of rank", "Softmax", 1, attrs{"axis": 3}, []*tensor.Tensor{x}, []int{2, 1, 2}, []float64{1, 1, 1, 1}, ""},
		{"large", "Softmax", 13, nil, []*tensor.Tensor{f32s(1e30, 1e30)}, []int{2}, []float64{0.5, 0.5}, ""},
		{"masked", "Softmax", 13, nil, []*tensor.Tensor{f32s(-inf, 0)}, []int{2}, []float64{0, 1}, ""},
		{"all masked", "Softmax", 13, nil, []*tensor.Tensor{f32s(-inf, -inf)}, []int{2}, []float64{math.NaN(), math.NaN()}, ""},
		{"empty", "Softmax", 13, nil, []*tensor.Tensor{ramp(2, 0)}, []int{2, 0}, nil, ""},
		{"outside", "Softmax", 13, attrs{"axis": -5}, []*tensor.Tensor{x}, nil, nil, "axis -5"},
		{"scalar", "LogSoftmax", 13, nil, []*tensor.Tensor{tensor.Scalar(float32(3))}, []int{}, []float64{0}, ""},
		{"tie", "Hardmax", 13, nil, []*tensor.Tensor{f32s(1, 3, 3)}, []int{3}, []float64{0, 1, 0}, ""},
	})
}

func TestProducts(t *testing.T) {
	checkRows(t, []evalRow{
		{"vector by vector", "MatMul", 13, nil, []*tensor.Tensor{ramp(3), ramp(3)}, []int{}, []float64{5}, ""},
		{"vector by matrix", "MatMul", 13, nil, []*tensor.Tensor{ramp(2), ramp(2, 2)}, []int{2}, []float64{2, 3}, ""},
		{"batches broadcast", "MatMul", 13, nil, []*tensor.Tensor{ramp(2, 1, 1, 2), ramp(2, 2, 1)}, []int{2, 2, 1, 1}, []float64{1, 3, 3, 13}, ""},
		{"nothing to sum", "MatMul", 13, nil, []*tensor.Tensor{ramp(2, 0), ramp(0, 1)}, []int{2, 1}, []float64{0, 0}, ""},
		{"integers wrap", "MatMul", 9, nil, []*tensor.Tensor{tensor.Of([]int32{1 << 30, 1}), tensor.Of([]int32{4, 7})}, []int{}, []float64{7}, ""},
		{"scalar", "MatMul", 13, nil, []*tensor.Tensor{tensor.Scalar(float32(1)), ramp(1)}, nil, nil, "rank 1 or more"},
		{"inner", "MatMul", 13, nil, []*tensor.Tensor{ramp(3, 4), ramp(5, 6)}, nil, nil, "inner dimensions"},
		{"all", "Gemm", 7, attrs{"transA": 1, "transB": 1, "alpha": float32(0.5), "beta": float32(2)},
			[]*tensor.Tensor{ramp(2, 1), ramp(2, 2), f32s(1, 2)}, []int{1, 2}, []float64{2.5, 5.5}, ""},
		{"column", "Gemm", 11, nil, []*tensor.Tensor{ramp(2, 1), ramp(1, 2), tensor.Of([]float32{10, 20}, 2, 1)}, []int{2, 2}, []float64{10, 10, 20, 21}, ""},
		{"C grows Y", "Gemm", 11, nil, []*tensor.Tensor{ramp(1, 1), ramp(1, 2), ramp(3, 2)}, nil, nil, "broadcast"},
	})
}
