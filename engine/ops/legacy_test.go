package ops

import (
	"math"
	"testing"

	"github.com/visionzoo/vision/engine/tensor"
)

func TestLegacy(t *testing.T) {
	checkRows(t, []evalRow{
		{"scales channels", "ImageScaler", 1, attrs{"scale": float32(2), "bias": []float32{10, 20}}, []*tensor.Tensor{ramp(1, 2, 1, 2)}, []int{1, 2, 1, 2}, []float64{10, 12, 24, 26}, ""},
		{"bias per channel", "ImageScaler", 1, attrs{"bias": []float32{1, 2, 3}}, []*tensor.Tensor{ramp(1, 2, 1, 2)}, nil, nil, "channel"},
		{"border", "Crop", 1, attrs{"border": []int{1, 0, 0, 1}}, []*tensor.Tensor{ramp(1, 1, 2, 3)}, []int{1, 1, 1, 2}, []float64{1, 2}, ""},
		{"border and size", "Crop", 1, attrs{"border": []int{1, 1, 0, 0}, "scale": []int{1, 1}}, []*tensor.Tensor{ramp(1, 1, 2, 3)}, []int{1, 1, 1, 1}, []float64{4}, ""},
		{"border too large", "Crop", 1, attrs{"border": []int{2, 0, 2, 0}}, []*tensor.Tensor{ramp(1, 1, 2, 3)}, nil, nil, "do not fit"},
		{"line", "Affine", 1, attrs{"alpha": float32(2), "beta": float32(1)}, []*tensor.Tensor{ramp(3)}, []int{3}, []float64{1, 3, 5}, ""},
		{"axis 1", "Add", 6, attrs{"broadcast": 1, "axis": 1}, []*tensor.Tensor{ramp(1, 2, 2), f32s(10, 20)}, []int{1, 2, 2}, []float64{10, 11, 22, 23}, ""},
		{"no broadcast", "Add", 6, nil, []*tensor.Tensor{ramp(2, 2), f32s(10, 20)}, nil, nil, "broadcast"},
		{"suffix", "Mul", 6, attrs{"broadcast": 1}, []*tensor.Tensor{ramp(2, 2), f32s(10, 100)}, []int{2, 2}, []float64{0, 100, 20, 300}, ""},
	})
}

func TestArithmeticEdges(t *testing.T) {
	checkRows(t, []evalRow{
		{"by zero and least by -1", "Div", 14, nil, []*tensor.Tensor{tensor.Of([]int32{5, -1 << 31}), tensor.Of([]int32{0, -1})}, []int{2}, []float64{0, -1 << 31}, ""},
		{"modulo zero", "Mod", 13, nil, []*tensor.Tensor{ints(5, -7), ints(0, 3)}, []int{2}, []float64{0, 2}, ""},
		{"shift past the width", "BitShift", 11, attrs{"direction": "LEFT"}, []*tensor.Tensor{tensor.Of([]uint8{3}), tensor.Of([]uint8{200})}, []int{1}, []float64{0}, ""},
		{"empty", "Add", 14, nil, []*tensor.Tensor{ramp(0, 3), ramp(3)}, []int{0, 3}, nil, ""},
		{"rank 1 or more", "Max", 13, nil, []*tensor.Tensor{ramp(), tensor.Scalar[float32](4)}, []int{}, []float64{4}, ""},
		{"types differ", "Add", 14, nil, []*tensor.Tensor{ramp(2), ints(1, 2)}, nil, nil, "same type"},
		{"shapes differ", "Add", 14, nil, []*tensor.Tensor{ramp(3), ramp(4)}, nil, nil, "broadcast"},
		{"high wins", "Clip", 13, nil, []*tensor.Tensor{ramp(3), tensor.Scalar[float32](2), tensor.Scalar[float32](1)}, []int{3}, []float64{1, 1, 1}, ""},
		{"from the end", "CumSum", 14, attrs{"reverse": 1, "exclusive": 1}, []*tensor.Tensor{ramp(4), ints(-1)}, []int{4}, []float64{6, 5, 3, 0}, ""},
		{"text", "Cast", 13, attrs{"to": int(tensor.Float32)}, []*tensor.Tensor{tensor.OfStrings([]string{"-1e-2", "+INF"})}, []int{2}, []float64{-0.01, math.Inf(1)}, ""},
		{"no number", "Cast", 13, attrs{"to": int(tensor.Float32)}, []*tensor.Tensor{tensor.OfStrings([]string{"no number"})}, nil, nil, "no number"},
	})
}

// Expected values are those of numpy.random.RandomState(0).rand(4) and randn(4).
func TestSeededNumbersAreThoseOfNumpy(t *testing.T) {
	checkRows(t, []evalRow{
		{"uniform", "RandomUniform", 1, attrs{"seed": float32(0), "shape": []int{4}}, nil, []int{4}, []float64{0.5488135, 0.71518937, 0.60276338, 0.54488318}, ""},
		{"normal", "RandomNormal", 1, attrs{"seed": float32(0), "shape": []int{4}}, nil, []int{4}, []float64{1.76405235, 0.40015721, 0.97873798, 2.2408932}, ""},
	})
}

func TestLegacyFills(t *testing.T) {
	checkRows(t, []evalRow{
		{"shape of an attribute", "ConstantFill", 1, attrs{"shape": []int{2, 1}, "value": float32(3)}, nil, []int{2, 1}, []float64{3, 3}, ""},
		{"shape of the input, and more", "ConstantFill", 9, attrs{"value": float32(1), "extra_shape": []int{2}}, []*tensor.Tensor{f32s(5)}, []int{1, 2}, []float64{1, 1}, ""},
		{"shape that the input holds", "GivenTensorFill", 1, attrs{"values": []float32{1, 2}, "input_as_shape": 1}, []*tensor.Tensor{ints(1, 2)}, []int{1, 2}, []float64{1, 2}, ""},
		{"values that do not fit", "GivenTensorFill", 1, attrs{"values": []float32{1, 2}, "shape": []int{3}}, nil, nil, nil, "needs one or 3"},
		{"no shape", "GivenTensorFill", 1, attrs{"values": []float32{1}}, nil, nil, nil, "one of the two"},
		{"a negative shape", "ConstantFill", 1, attrs{"input_as_shape": 1}, []*tensor.Tensor{ints(-1, 2)}, nil, nil, "negative"},
	})
}

// TestTypesOfAllOperands checks that operators reject operands, other than the
// first, of types that their kernels cannot read.
func TestTypesOfAllOperands(t *testing.T) {
	x, text := ramp(2, 3), tensor.OfStrings([]string{"a", "b", "c"})
	q := ramp(1, 1, 2, 4)
	complexes := tensor.New(tensor.Complex64, 1, 1, 2, 4)
	checkRows(t, []evalRow{
		{"scale of another float", "LayerNormalization", 17, nil, []*tensor.Tensor{x, tensor.Of([]float64{1, 1, 1})}, []int{2, 3},
			[]float64{-1.2247356, 0, 1.2247356, -1.2247356, 0, 1.2247356}, ""},
		{"scale of strings", "LayerNormalization", 17, nil, []*tensor.Tensor{x, text}, nil, nil, "it must be"},
		{"scale of strings", "RMSNormalization", 23, nil, []*tensor.Tensor{x, text}, nil, nil, "it must be"},
		{"mean of strings", "BatchNormalization", 15, nil, []*tensor.Tensor{x, f32s(1, 1, 1), f32s(1, 1, 1), text, f32s(1, 1, 1)}, nil, nil, "it must be"},
		{"complex keys", "Attention", 23, nil, []*tensor.Tensor{q, complexes, q}, nil, nil, "it must be"},
		{"output that ends before the kernel", "ConvTranspose", 11, attrs{"output_shape": []int{1, 1}, "strides": []int{1, 1}},
			[]*tensor.Tensor{ramp(1, 1, 1, 1), ramp(1, 1, 31, 31)}, []int{1, 1, 1, 1}, []float64{0}, ""},
	})
}
