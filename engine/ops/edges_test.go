package ops

import (
	"context"
	"math"
	"math/bits"
	"slices"
	"testing"

	"github.com/visionzoo/vision/engine/tensor"
)

// Expected values are those of ONNX Runtime 1.30 on the same numbers.
func TestEdges(t *testing.T) {
	inf, nan := math.Inf(1), float32(math.NaN())
	image := tensor.Of([]float64{0.75536234, 6.47634566, 0.98260448, -1.56419258, -1.9533322, 1.46400771}, 1, 1, 2, 3)
	grid := tensor.Of([]float64{3, -8.5, 0, -3, 1, 1.5, 1.5, -1.5, 0.5, -3.5}, 1, 1, 5, 2)
	query, keys := tensor.Of([]float32{1, 1}, 1, 1, 1, 2), tensor.Of([]float32{2, 3, 4, 5}, 1, 1, 2, 2)
	past, mask := tensor.Of([]float32{0, 1}, 1, 1, 1, 2), tensor.Of([]bool{true}, 1, 1)
	half, gain := as(tensor.Float16, ramp(2, 8)), f32s(1, 1.1428572, 1.2857143, 1.4285715, 1.5714285, 1.7142857, 1.8571428, 2)
	bytes := func(t *tensor.Tensor) *tensor.Tensor { return as(tensor.Uint8, t) }
	normed := []float64{0, 0.27319503, 0.61468881, 1.0244813, 1.5025727, 2.0489626, 2.6636515, 3.3466392,
		0.68224227, 0.87716872, 1.0964607, 1.3401188, 1.6081424, 1.9005320, 2.2172873, 2.5584085}
	checkRows(t, []evalRow{
		{"type of the scale", "SimplifiedLayerNormalization", 17, nil, []*tensor.Tensor{half, gain}, []int{2, 8}, normed, ""},
		{"type of the scale", "RMSNormalization", 23, nil, []*tensor.Tensor{half, gain}, []int{2, 8}, normed, ""},
		{"zero points of each matrix's columns", "MatMulInteger", 10, nil, []*tensor.Tensor{bytes(tensor.Of([]float32{0, 5, 10, 1, 6, 11}, 2, 3)), bytes(ramp(2, 3, 4)), tensor.Scalar(uint8(0)), bytes(tensor.Of([]float32{1, 2, 3, 4, 5, 6, 7, 8}, 2, 1, 4))},
			[]int{2, 2, 4}, []float64{85, 85, 85, 85, 94, 94, 94, 94, 205, 205, 205, 205, 238, 238, 238, 238}, ""},
		{"zero points of each matrix's rows", "MatMulInteger", 10, nil, []*tensor.Tensor{bytes(ramp(2, 2, 2)), bytes(tensor.Of([]float32{1, 10}, 2, 1)), bytes(tensor.Of([]float32{1, 2, 3, 4}, 2, 2, 1))},
			[]int{2, 2, 1}, []float64{-1, 10, 21, 32}, ""}, // as numpy has it; ONNX Runtime refuses it
		{"zero points of another batch", "MatMulInteger", 10, nil, []*tensor.Tensor{bytes(ramp(2, 2, 2)), bytes(ramp(2, 1)), bytes(ramp(3, 2, 1))}, nil, nil, "zero point"},
		{"empty axes", "Resize", 19, attrs{"axes": []int{}}, []*tensor.Tensor{ramp(1, 1, 1, 2), nil, f32s(1, 1, 1, 2)}, []int{1, 1, 1, 4}, []float64{0, 0, 1, 1}, ""},
		{"empty axes", "Squeeze", 11, attrs{"axes": []int{}}, []*tensor.Tensor{ramp(1, 2, 1)}, []int{2}, []float64{0, 1}, ""},
		{"empty axes", "Squeeze", 1, attrs{"axes": []int{}}, []*tensor.Tensor{ramp(1, 2, 1)}, []int{2}, []float64{0, 1}, ""},
		{"axis named twice", "Squeeze", 11, attrs{"axes": []int{0, -3}}, []*tensor.Tensor{ramp(1, 2, 1)}, []int{2, 1}, []float64{0, 1}, ""},
		{"axis named twice", "ReduceSum", 11, attrs{"axes": []int{0, -2}, "keepdims": 0}, []*tensor.Tensor{ramp(2, 2)}, []int{2}, []float64{2, 4}, ""},
		{"empty auto_pad", "Conv", 11, attrs{"auto_pad": "", "pads": []int{0, 0, 1, 0}}, []*tensor.Tensor{ramp(1, 1, 2, 2), ramp(1, 1, 2, 2)}, []int{1, 1, 2, 1}, []float64{14, 3}, ""},
		{"of NaN", "ThresholdedRelu", 10, nil, []*tensor.Tensor{f32s(-2, nan, 2)}, []int{3}, []float64{0, 0, 2}, ""},
		{"of NaN", "Shrink", 9, attrs{"bias": float32(1)}, []*tensor.Tensor{f32s(-2, nan, 2)}, []int{3}, []float64{-1, 0, 1}, ""},
		{"infinite slope", "PRelu", 9, nil, []*tensor.Tensor{f32s(2, 0, -3), f32s(float32(-inf))}, []int{3}, []float64{2, 0, inf}, ""},
		{"beyond the border", "GridSample", 20, attrs{"mode": "cubic", "padding_mode": "border", "align_corners": 1},
			[]*tensor.Tensor{image, grid}, []int{1, 1, 1, 5}, []float64{0.98260448, 6.47634566, 1.51478071, 0.3286832, 4.26581726}, ""},
		{"of NaN", "QuantizeLinear", 19, nil, []*tensor.Tensor{f32s(nan, float32(inf)), tensor.Scalar[float32](1), tensor.Scalar(int8(7))},
			[]int{2}, []float64{-128, 127}, ""},
		{"period of one", "HammingWindow", 17, nil, []*tensor.Tensor{tensor.Scalar(int64(1))}, []int{1}, []float64{4.0 / 46}, ""},
		{"bounds that are NaN", "Clip", 13, nil, []*tensor.Tensor{f32s(-3, 1, 5, nan), tensor.Scalar(nan), tensor.Scalar[float32](2)}, []int{4}, []float64{-3, 1, 2, math.NaN()}, ""},
		{"bounds that are NaN", "Clip", 13, nil, []*tensor.Tensor{f32s(-3, 1, 5, nan), tensor.Scalar[float32](0), tensor.Scalar(nan)}, []int{4}, []float64{0, 1, 5, math.NaN()}, ""},
		{"infinite numbers without a bound", "Clip", 13, nil, []*tensor.Tensor{f32s(float32(-inf), 1, float32(inf), nan)}, []int{4}, []float64{-math.MaxFloat32, 1, math.MaxFloat32, math.NaN()}, ""},
		{"infinite numbers without a bound", "Clip", 13, nil, []*tensor.Tensor{as(tensor.Float16, f32s(float32(-inf), 1)), nil, as(tensor.Float16, f32s(0.5))}, []int{2}, []float64{-65504, 0.5}, ""},
		{"infinite numbers and a bound that is one", "Clip", 13, nil, []*tensor.Tensor{f32s(float32(-inf), float32(inf)), f32s(float32(-inf))}, []int{2}, []float64{-inf, math.MaxFloat32}, ""},
		{"axes beyond the rank", "MeanVarianceNormalization", 13, nil, []*tensor.Tensor{ramp(2, 3)}, []int{2, 3}, []float64{-1, -1, -1, 1, 1, 1}, ""},
		{"default axes of rank 3", "MeanVarianceNormalization", 9, nil, []*tensor.Tensor{ramp(2, 1, 2)}, []int{2, 1, 2}, []float64{-1.3416407, -0.4472136, 0.4472136, 1.3416407}, ""},
		{"index of a fraction below 0", "OneHot", 11, nil, []*tensor.Tensor{f32s(-0.5, -1.5), ints(4), f32s(0, 1)}, []int{2, 4}, []float64{1, 0, 0, 0, 0, 0, 0, 1}, ""}, // as the specification has it: cast to int64 first
		{"mask of the first key", "Attention", 24, nil, []*tensor.Tensor{query, keys, keys, mask, past, past}, []int{1, 1, 1, 2}, []float64{0, 1}, ""},
	})
}

// Rows of the first matrix and columns of the second may have scales and zero points
// of their own, which ONNX Runtime refuses. ONNX QLinearMatMul-10.
func TestScalesOfRows(t *testing.T) {
	codes := func(v ...uint8) *tensor.Tensor { return tensor.Of(v, 2, 2) }
	one, zero := tensor.Scalar[float32](1), tensor.Scalar[uint8](0)
	a, b := codes(1, 2, 3, 4), codes(1, 2, 3, 4) // a·b is 7 10 15 22
	for _, r := range []struct {
		name           string
		rows, rowZeros *tensor.Tensor
		columns        *tensor.Tensor
		want           []uint8
	}{
		{"one scale", one, zero, one, []uint8{7, 10, 15, 22}},
		{"columns", one, zero, f32s(1, 2), []uint8{7, 20, 15, 44}},
		{"rows", f32s(1, 2), zero, one, []uint8{7, 10, 30, 44}},
		{"rows with zero points", f32s(1, 2), tensor.Of([]uint8{0, 1}), one, []uint8{7, 10, 22, 32}},
		{"rows and columns", f32s(1, 2), zero, f32s(1, 2), []uint8{7, 20, 30, 88}},
	} {
		out, err := evaluate("QLinearMatMul", 10, 1, nil, a, r.rows, r.rowZeros, b, r.columns, zero, one, zero)
		if err != nil {
			t.Errorf("%s: %v", r.name, err)
		} else if got := tensor.Data[uint8](out[0]); !slices.Equal(got, r.want) {
			t.Errorf("%s: %v, want %v", r.name, got, r.want)
		}
	}
	if _, err := evaluate("QLinearMatMul", 10, 1, nil, a, f32s(1, 2, 3), zero, b, one, zero, one, zero); err == nil {
		t.Error("3 scales of 2 rows are taken")
	}
}

// Integers that float64 does not have are taken as they are.
func TestLargeIntegers(t *testing.T) {
	if bits.UintSize < 64 {
		t.Skip("attributes beyond 32 bits; run it where int has 64")
	}
	large := int64(1<<53 + 1)
	for _, r := range []evalRow{
		{op: "Imputer", version: 1, attrs: attrs{"imputed_value_int64s": []int{int(large + 2)}, "replaced_value_int64": int(large - 1)}, in: []*tensor.Tensor{tensor.Of([]int64{large, large - 1}, 1, 2)}},
		{op: "GridSample", version: 20, attrs: attrs{"mode": "nearest"}, in: []*tensor.Tensor{tensor.Of([]int64{large, large + 2}, 1, 1, 1, 2), tensor.Of([]float32{-0.5, 0, 0.5, 0}, 1, 1, 2, 2)}},
	} {
		n := testNode(r.op, r.version, len(r.in), 1, r.attrs)
		if r.op == "Imputer" {
			n.Domain = mlDomain
		}
		if err := BindNode(n, Find(n.Domain, r.op, r.version)); err != nil {
			t.Fatal(err)
		}
		c := &Call{In: r.in, Out: make([]*tensor.Tensor, 1), Node: n, Run: NewRun(context.Background(), 1<<20, 1)}
		if err := n.Operator.(Op).Eval(c); err != nil {
			t.Fatal(err)
		}
		if got := tensor.Data[int64](c.Out[0]); !slices.Equal(got, []int64{large, large + 2}) {
			t.Errorf("%s gave %d", r.op, got)
		}
	}
}

// DynamicQuantizeLinear has scale 1 where all numbers are 0, and QuantizeLinear to
// float8 keeps the sign of 0, in ONNX Runtime 1.30 and in ONNX's reference.
func TestQuantizeZero(t *testing.T) {
	for _, x := range []*tensor.Tensor{f32s(0, 0), f32s()} {
		out, err := evaluate("DynamicQuantizeLinear", 11, 3, nil, x)
		if err != nil {
			t.Fatal(err)
		}
		if s, z := tensor.Data[float32](out[1])[0], tensor.Data[uint8](out[2])[0]; s != 1 || z != 0 {
			t.Errorf("%v: scale %v, zero point %d; want 1 and 0", x.Shape(), s, z)
		}
	}
	out, err := evaluate("QuantizeLinear", 19, 1, nil, f32s(float32(math.Copysign(0, -1))), tensor.Scalar[float32](1), tensor.New(tensor.Float8E4M3FN))
	if err != nil {
		t.Fatal(err)
	}
	if b := out[0].Bytes()[0]; b != 0x80 {
		t.Errorf("-0 has code %#x, want 0x80", b)
	}
}

// In training, the statistics keep their type and precision, whatever that of X. The
// values are those of ONNX Runtime 1.30.
func TestBatchNormTypes(t *testing.T) {
	x, half := tensor.Of([]float32{1, 2, 3, 5}, 1, 2, 2), tensor.Float16
	out, err := evaluate("BatchNormalization", 15, 3, attrs{"training_mode": 1}, as(half, x), as(half, f32s(1, 1)), as(half, f32s(0, 0)), f32s(0.1, 0.2), f32s(1, 1.5))
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range [][]float64{{-1, 1, -1, 1}, {0.24, 0.58}, {0.925, 1.45}} {
		for j, v := range tensor.ToFloat64(out[i]) {
			if math.Abs(v-want[j]) > 1e-6 {
				t.Errorf("output %d is %v, want %v", i, tensor.ToFloat64(out[i]), want)
				break
			}
		}
	}
	if out, err = evaluate("BatchNormalization", 15, 1, nil, x, as(half, f32s(1, 1)), as(half, f32s(0, 0)), f32s(0, 0), f32s(1, 1)); err != nil || out[0].DType() != tensor.Float32 {
		t.Errorf("gave %v, %v, want float32", out, err)
	}
}

// as returns numbers in another type.
func as(d tensor.DType, t *tensor.Tensor) *tensor.Tensor {
	y := tensor.New(d, t.Shape()...)
	tensor.Store(y, 0, 1, tensor.ToFloat64(t))
	return y
}

// DictVectorizer of an empty map has the type of the values that it would have.
func TestDictVectorizerOfNothing(t *testing.T) {
	n := testNode("DictVectorizer", 1, 1, 1, attrs{"int64_vocabulary": []int{1, 2}})
	n.Domain, n.Outputs[0].Fact.DType = mlDomain, tensor.Int64
	if err := BindNode(n, Find(mlDomain, n.Op, 1)); err != nil {
		t.Fatal(err)
	}
	c := &Call{In: []*tensor.Tensor{tensor.NewContainer(tensor.Map, ints(), tensor.NewContainer(tensor.Sequence))}, Out: make([]*tensor.Tensor, 1), Node: n, Run: NewRun(context.Background(), 1<<20, 1)}
	if err := n.Operator.(Op).Eval(c); err != nil {
		t.Fatal(err)
	}
	if y := c.Out[0]; y.DType() != tensor.Int64 || !slices.Equal(tensor.ToFloat64(y), []float64{0, 0}) {
		t.Errorf("gave %v", y)
	}
}
