package ops

import (
	"testing"

	"github.com/visionzoo/vision/engine/tensor"
)

// TestFastNumbers compares what is computed in the operands' own types with Eval, over broadcasts and
// empty tensors.
func TestFastNumbers(t *testing.T) {
	shapes := [][2][]int{
		{{}, {}}, {{0}, {1}}, {{3, 0}, {1, 1}}, {{7}, {7}}, {{1}, {33}}, {{65}, {1}}, {{3, 1}, {1, 5}}, {{9, 40}, {40}}, {{9, 40}, {9, 1}},
		{{2, 17, 33}, {17, 1}}, {{2, 1, 4, 1}, {1, 3, 1, 70}}, {{70001}, {1}}, {{70001}, {70001}},
	}
	for _, d := range []tensor.DType{tensor.Int8, tensor.Int16, tensor.Int32, tensor.Int64, tensor.Uint8, tensor.Uint16, tensor.Uint32, tensor.Uint64, tensor.Float64} {
		for i, s := range shapes {
			a, b := numbersOf(d, int64(i), s[0]...), numbersOf(d, int64(i+50), s[1]...)
			for _, op := range []string{"Equal", "Greater", "Less", "GreaterOrEqual", "LessOrEqual"} {
				fastRow{op: op, version: 19, in: list(a, b)}.check(t)
			}
			for _, op := range []string{"Add", "Sub", "Mul", "Div", "Max", "Min"} {
				fastRow{op: op, version: 14, in: list(a, b)}.check(t)
			}
			fastRow{op: "Max", version: 13, in: list(a, b, a)}.check(t)
			unary := []string{"Sign", "Abs"}
			if arithmeticOf(d) != inUnsigned {
				unary = append(unary, "Neg", "Relu")
			}
			for _, op := range unary {
				fastRow{op: op, version: 14, in: list(a)}.check(t)
			}
			low, high := numbersOf(d, 3), numbersOf(d, 4)
			for _, in := range [][]*tensor.Tensor{list(a, low), list(a, nil, high), list(a, low, high), list(a, high, low)} {
				fastRow{op: "Clip", version: 13, in: in, plain: d == tensor.Float64}.check(t)
			}
			if d == tensor.Float64 {
				fastRow{op: "Sum", version: 13, in: list(a, b, b)}.check(t)
				for _, op := range []string{"Floor", "Ceil", "Round", "Sqrt", "Sign", "Sin"} {
					fastRow{op: op, version: 13, in: list(as(d, special(int64(i), s[0]...)))}.check(t)
				}
				continue
			}
			for _, op := range []string{"BitwiseAnd", "BitwiseOr", "BitwiseXor"} {
				fastRow{op: op, version: 18, in: list(a, b)}.check(t)
			}
			fastRow{op: "BitwiseNot", version: 18, in: list(a)}.check(t)
			if arithmeticOf(d) == inUnsigned {
				for _, to := range []string{"LEFT", "RIGHT"} {
					fastRow{op: "BitShift", version: 11, attrs: attrs{"direction": to}, in: list(a, b)}.check(t)
				}
			}
		}
	}
	for i, s := range shapes {
		cond := as(tensor.Bool, numbersOf(tensor.Uint8, int64(i), s[0]...))
		for _, d := range []tensor.DType{tensor.Uint8, tensor.Float16, tensor.Int32, tensor.Float64} {
			a, b, one := numbersOf(d, 5, s[1]...), numbersOf(d, 6, s[1]...), numbersOf(d, 7, 1)
			for _, in := range [][]*tensor.Tensor{list(cond, a, b), list(cond, a, one), list(cond, one, b), list(cond, one, numbersOf(d, 8))} {
				fastRow{op: "Where", version: 16, in: in}.check(t)
			}
		}
	}
}

func TestFastReducedIntegers(t *testing.T) {
	for _, d := range []tensor.DType{tensor.Int8, tensor.Uint8, tensor.Int16, tensor.Uint16, tensor.Int32, tensor.Int64, tensor.Uint32, tensor.Uint64} {
		for i, shape := range [][]int{{3, 5, 7}, {2, 40, 1100}, {1, 1, 1}, {4, 300, 9}} {
			for _, axes := range []*tensor.Tensor{ints64(2), ints64(1), ints64(0), ints64(1, 2), ints64(0, 1, 2), ints64(0, 2)} {
				for _, op := range []string{"ReduceMax", "ReduceMin", "ReduceSum", "ReduceProd"} {
					if d.Size() > 2 || op == "ReduceMax" || op == "ReduceMin" {
						x := numbersOf(d, int64(i), shape...)
						fastRow{op: op, version: 20, in: list(x, axes), plain: op == "ReduceSum" || op == "ReduceProd"}.check(t)
					}
				}
			}
		}
	}
}

func TestFastReducedFloat64(t *testing.T) {
	for i, shape := range [][]int{{3, 5, 7}, {2, 40, 1100}, {1, 1, 1}, {4, 300, 9}} {
		for _, axes := range []*tensor.Tensor{ints64(2), ints64(1), ints64(0), ints64(1, 2), ints64(0, 1, 2), ints64(0, 2)} {
			for _, op := range []string{"ReduceMax", "ReduceMin", "ReduceSum", "ReduceProd", "ReduceMean"} {
				x := as(tensor.Float64, random(int64(i), shape...))
				fastRow{op: op, version: 20, in: list(x, axes), relative: 1e-14, absolute: 1e-13}.check(t)
			}
			for _, op := range []string{"ReduceMax", "ReduceMin"} {
				fastRow{op: op, version: 20, in: list(as(tensor.Float64, special(int64(i), shape...)), axes)}.check(t)
			}
		}
	}
}

func TestFastTests(t *testing.T) {
	for _, d := range []tensor.DType{tensor.Float16, tensor.BFloat16, tensor.Float32, tensor.Float64} {
		for _, x := range list(as(d, special(1, 70, 41)), as(d, special(2, 5)), as(d, special(3, 0))) {
			fastRow{op: "IsNaN", version: 20, in: list(x)}.check(t)
			for _, a := range []attrs{nil, {"detect_negative": 0}, {"detect_positive": 0}} {
				fastRow{op: "IsInf", version: 20, attrs: a, in: list(x)}.check(t)
			}
		}
	}
}

// TestFastCasts converts every type to every other.
func TestFastCasts(t *testing.T) {
	types := []tensor.DType{tensor.Bool, tensor.Int8, tensor.Int16, tensor.Int32, tensor.Int64, tensor.Uint8, tensor.Uint16, tensor.Uint32, tensor.Uint64, tensor.Float32, tensor.Float64}
	halves := tensor.Types(tensor.Float16, tensor.BFloat16)
	types = append(types, tensor.Float16, tensor.BFloat16)
	for _, from := range types {
		for _, to := range types {
			for _, x := range list(numbersOf(from, 3, 2500), numbersOf(from, 0, 0), as(from, special(1, 1999)), as(from, counted[int64](90, 3, 50, 41))) {
				fastRow{op: "Cast", version: 13, attrs: attrs{"to": int(to)}, in: list(x), plain: from == to || halves.Is(to) || halves.Is(from) && to == tensor.Bool}.check(t)
			}
		}
	}
}

// numbersOf returns numbers around 0, and others from the ends of the type's range.
func numbersOf(d tensor.DType, seed int64, shape ...int) *tensor.Tensor {
	x := counted[int64](17, 8, shape...)
	v := tensor.Data[int64](x)
	for i := range v {
		switch v[i] += seed; (int64(i) + seed) % 7 {
		case 3:
			v[i] <<= 60
		case 5:
			v[i] = int64(uint64(i) * 0x9e3779b97f4a7c15)
		}
	}
	return as(d, x)
}
