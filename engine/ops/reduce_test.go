package ops

import (
	"math"
	"testing"

	"github.com/visionzoo/vision/engine/tensor"
)

// Expected values are numpy's on the same numbers.
func TestReductions(t *testing.T) {
	inf, nan := math.Inf(1), math.NaN()
	none := tensor.New(tensor.Int64, 0)
	i32 := func(v ...int32) *tensor.Tensor { return tensor.Of(v) }
	checkRows(t, []evalRow{
		{"all", "ReduceSum", 13, nil, []*tensor.Tensor{ramp(2, 3)}, []int{1, 1}, []float64{15}, ""},
		{"middle", "ReduceSum", 11, attrs{"axes": []int{-2}, "keepdims": 0}, []*tensor.Tensor{ramp(2, 3, 2)}, []int{2, 2}, []float64{6, 9, 24, 27}, ""},
		{"two apart", "ReduceSum", 13, attrs{"keepdims": 0}, []*tensor.Tensor{ramp(2, 3, 2), ints(2, 0)}, []int{3}, []float64{14, 22, 30}, ""},
		{"no axes, nothing reduced", "ReduceSumSquare", 18, attrs{"noop_with_empty_axes": 1}, []*tensor.Tensor{ramp(3), none}, []int{3}, []float64{0, 1, 4}, ""},
		{"no axes, all reduced", "ReduceSumSquare", 18, nil, []*tensor.Tensor{ramp(3), none}, []int{1}, []float64{5}, ""},
		{"of nothing", "ReduceSum", 13, nil, []*tensor.Tensor{ramp(2, 0), ints(1)}, []int{2, 1}, []float64{0, 0}, ""},
		{"of nothing", "ReduceProd", 18, nil, []*tensor.Tensor{ramp(2, 0), ints(1)}, []int{2, 1}, []float64{1, 1}, ""},
		{"of nothing", "ReduceMax", 18, nil, []*tensor.Tensor{ramp(1, 0), ints(1)}, []int{1, 1}, []float64{-inf}, ""},
		{"of nothing", "ReduceMin", 18, nil, []*tensor.Tensor{tensor.New(tensor.Int32, 1, 0), ints(1)}, []int{1, 1}, []float64{math.MaxInt32}, ""},
		{"of nothing", "ReduceMean", 18, nil, []*tensor.Tensor{ramp(1, 0), ints(1)}, []int{1, 1}, []float64{nan}, ""},
		{"of nothing", "ReduceLogSumExp", 18, nil, []*tensor.Tensor{ramp(1, 0), ints(1)}, []int{1, 1}, []float64{-inf}, ""},
		{"no rows", "ReduceSum", 13, nil, []*tensor.Tensor{ramp(0, 2), ints(1)}, []int{0, 1}, nil, ""},
		{"bools", "ReduceMax", 20, nil, []*tensor.Tensor{tensor.Of([]bool{false, true})}, []int{1}, []float64{1}, ""},
		{"bools", "ReduceMax", 18, nil, []*tensor.Tensor{tensor.Of([]bool{false, true})}, nil, nil, "input 0 is bool"},
		{"large", "ReduceLogSumExp", 1, nil, []*tensor.Tensor{f32s(1000, 1000)}, []int{1}, []float64{1000 + math.Ln2}, ""},
		{"NaN and infinity", "ReduceLogSumExp", 18, nil, []*tensor.Tensor{f32s(float32(inf), float32(nan), 1)}, []int{1}, []float64{nan}, ""},
		{"infinities", "ReduceLogSumExp", 18, nil, []*tensor.Tensor{f32s(float32(inf), float32(-inf), 1)}, []int{1}, []float64{inf}, ""},
		{"integers", "ReduceMean", 13, nil, []*tensor.Tensor{i32(-3, 0)}, []int{1}, []float64{-1}, ""},
		{"integers", "ReduceL2", 13, nil, []*tensor.Tensor{i32(3, 4)}, []int{1}, []float64{5}, ""},
		{"integers", "ReduceL1", 13, nil, []*tensor.Tensor{i32(-3, 4)}, []int{1}, []float64{7}, ""},
		{"NaN", "ReduceMin", 13, nil, []*tensor.Tensor{f32s(1, float32(nan), 0)}, []int{1}, []float64{nan}, ""},
		{"axis outside", "ReduceSum", 11, attrs{"axes": []int{17}}, []*tensor.Tensor{ramp(2)}, nil, nil, "axis 17"},
		{"axis twice", "ReduceSum", 13, nil, []*tensor.Tensor{ramp(2, 2), ints(0, -2)}, []int{1, 2}, []float64{2, 4}, ""},

		{"first of ties", "ArgMax", 13, nil, []*tensor.Tensor{f32s(2, 5, 5)}, []int{1}, []float64{1}, ""},
		{"last of ties", "ArgMax", 13, attrs{"select_last_index": 1}, []*tensor.Tensor{f32s(2, 5, 5)}, []int{1}, []float64{2}, ""},
		{"columns", "ArgMin", 13, attrs{"keepdims": 0}, []*tensor.Tensor{tensor.Of([]int8{3, -4, 1, 7}, 2, 2)}, []int{2}, []float64{1, 0}, ""},
		{"NaN", "ArgMax", 13, nil, []*tensor.Tensor{f32s(2, float32(nan), 5)}, []int{1}, []float64{1}, ""},
		{"of nothing", "ArgMax", 13, nil, []*tensor.Tensor{ramp(0)}, nil, nil, "at least one"},
	})
}

// Expected values are torch's (layer_norm, group_norm, instance_norm,
// normalize) on the same numbers.
func TestNormalizations(t *testing.T) {
	r := 1 / math.Sqrt(1.25)
	checkRows(t, []evalRow{
		{"rows", "LayerNormalization", 17, attrs{"epsilon": float32(0)}, []*tensor.Tensor{ramp(1, 4), f32s(1, 1, 1, 2), f32s(0, 0, 1, 0)},
			[]int{1, 4}, []float64{-1.5 * r, -0.5 * r, 0.5*r + 1, 3 * r}, ""},
		{"one scale for all", "LayerNormalization", 17, attrs{"epsilon": float32(0), "axis": 0}, []*tensor.Tensor{ramp(2, 2), f32s(2)},
			[]int{2, 2}, []float64{-3 * r, -r, r, 3 * r}, ""},
		{"axis", "LayerNormalization", 17, attrs{"axis": 9}, []*tensor.Tensor{ramp(2, 2), f32s(2)}, nil, nil, "axis 9"},
		{"a scale too long", "LayerNormalization", 17, nil, []*tensor.Tensor{ramp(2, 2), ramp(3)}, nil, nil, "broadcast"},
		{"root mean square", "RMSNormalization", 23, attrs{"epsilon": float32(0)}, []*tensor.Tensor{f32s(3, 4), f32s(1, 2)}, []int{2},
			[]float64{3 / math.Sqrt(12.5), 8 / math.Sqrt(12.5)}, ""},
		{"per channel", "GroupNormalization", 21, attrs{"num_groups": 1, "epsilon": float32(0)}, []*tensor.Tensor{ramp(1, 4, 1), f32s(1, 1, 1, 2), ramp(4)},
			[]int{1, 4, 1}, []float64{-1.5 * r, 1 - 0.5*r, 2 + 0.5*r, 3 + 3*r}, ""},
		{"per group", "GroupNormalization", 18, attrs{"num_groups": 2, "epsilon": float32(0)}, []*tensor.Tensor{ramp(1, 4, 1), f32s(1, 2), f32s(0, 1)},
			[]int{1, 4, 1}, []float64{-1, 1, -1, 3}, ""},
		{"groups that do not divide", "GroupNormalization", 21, attrs{"num_groups": 3}, []*tensor.Tensor{ramp(1, 4, 1), ramp(4), ramp(4)}, nil, nil, "num_groups"},
		{"instance", "InstanceNormalization", 6, attrs{"epsilon": float32(0)}, []*tensor.Tensor{ramp(1, 2, 2), f32s(1, 2), f32s(0, 1)},
			[]int{1, 2, 2}, []float64{-1, 1, -1, 3}, ""},
		{"zeros", "LpNormalization", 1, attrs{"p": 1}, []*tensor.Tensor{tensor.Of([]float32{0, 0, -3, 1}, 2, 2)}, []int{2, 2}, []float64{0, 0, -0.75, 0.25}, ""},
		{"p", "LpNormalization", 1, attrs{"p": 3}, []*tensor.Tensor{ramp(2)}, nil, nil, "1 or 2"},
		{"across channels", "MeanVarianceNormalization", 1, attrs{"across_channels": 1, "normalize_variance": 0}, []*tensor.Tensor{ramp(1, 2, 1, 2)},
			[]int{1, 2, 1, 2}, []float64{-1.5, -0.5, 0.5, 1.5}, ""},
	})
}
