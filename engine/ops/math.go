package ops

import (
	"fmt"
	"math"
	"slices"

	"github.com/visionzoo/vision/engine/ir"
	"github.com/visionzoo/vision/engine/tensor"
)

// Functions of one number, as ONNX defines them: Neg-6, Round-11 (halves to even), Sin-7 and so on.
// Versions differ only by their types; those up to 5 have an attribute consumed_inputs, a hint that is
// ignored.
var functions = []Def{
	{Name: "Neg", Since: 1, Types: tensor.FloatTypes | tensor.SignedTypes, In: Exactly(1), Out: Exactly(1),
		New: unary{f64: negative[float64], i64: negative[int64]}.of},
	{Name: "Abs", Since: 1, Types: tensor.NumericTypes, In: Exactly(1), Out: Exactly(1),
		New: unary{f64: math.Abs, i64: absolute, u64: itself[uint64]}.of},
	{Name: "Sign", Since: 9, Types: tensor.NumericTypes, In: Exactly(1), Out: Exactly(1),
		New: unary{f64: sign[float64], i64: sign[int64], u64: sign[uint64]}.of},
	{Name: "Reciprocal", Since: 1, Types: tensor.FloatTypes, In: Exactly(1), Out: Exactly(1),
		New: floatFunc(func(x float64) float64 { return 1 / x })},
	{Name: "Sqrt", Since: 1, Types: tensor.FloatTypes, In: Exactly(1), Out: Exactly(1), New: floatFunc(math.Sqrt)},
	{Name: "Exp", Since: 1, Types: tensor.FloatTypes, In: Exactly(1), Out: Exactly(1), New: floatFunc(math.Exp)},
	{Name: "Log", Since: 1, Types: tensor.FloatTypes, In: Exactly(1), Out: Exactly(1), New: floatFunc(math.Log)},
	{Name: "Floor", Since: 1, Types: tensor.FloatTypes, In: Exactly(1), Out: Exactly(1), New: floatFunc(math.Floor)},
	{Name: "Ceil", Since: 1, Types: tensor.FloatTypes, In: Exactly(1), Out: Exactly(1), New: floatFunc(math.Ceil)},
	{Name: "Round", Since: 11, Types: tensor.FloatTypes, In: Exactly(1), Out: Exactly(1), New: floatFunc(math.RoundToEven)},
	{Name: "Erf", Since: 9, Types: tensor.NumericTypes, In: Exactly(1), Out: Exactly(1), New: throughFloat(math.Erf).of},
	{Name: "Sin", Since: 7, Types: tensor.FloatTypes, In: Exactly(1), Out: Exactly(1), New: floatFunc(math.Sin)},
	{Name: "Cos", Since: 7, Types: tensor.FloatTypes, In: Exactly(1), Out: Exactly(1), New: floatFunc(math.Cos)},
	{Name: "Tan", Since: 7, Types: tensor.FloatTypes, In: Exactly(1), Out: Exactly(1), New: floatFunc(math.Tan)},
	{Name: "Asin", Since: 7, Types: tensor.FloatTypes, In: Exactly(1), Out: Exactly(1), New: floatFunc(math.Asin)},
	{Name: "Acos", Since: 7, Types: tensor.FloatTypes, In: Exactly(1), Out: Exactly(1), New: floatFunc(math.Acos)},
	{Name: "Atan", Since: 7, Types: tensor.FloatTypes, In: Exactly(1), Out: Exactly(1), New: floatFunc(math.Atan)},
	{Name: "Sinh", Since: 9, Types: tensor.FloatTypes, In: Exactly(1), Out: Exactly(1), New: floatFunc(math.Sinh)},
	{Name: "Cosh", Since: 9, Types: tensor.FloatTypes, In: Exactly(1), Out: Exactly(1), New: floatFunc(math.Cosh)},
	{Name: "Tanh", Since: 1, Types: tensor.FloatTypes, In: Exactly(1), Out: Exactly(1), New: floatFunc(math.Tanh)},
	{Name: "Asinh", Since: 9, Types: tensor.FloatTypes, In: Exactly(1), Out: Exactly(1), New: floatFunc(math.Asinh)},
	{Name: "Acosh", Since: 9, Types: tensor.FloatTypes, In: Exactly(1), Out: Exactly(1), New: floatFunc(math.Acosh)},
	{Name: "Atanh", Since: 9, Types: tensor.FloatTypes, In: Exactly(1), Out: Exactly(1), New: floatFunc(math.Atanh)},

	{Name: "Clip", Since: 11, Types: tensor.NumericTypes, In: Arity{1, 3}, Out: Exactly(1), New: noAttributes(clip{})},
	{Name: "Clip", Since: 1, Until: 10, Types: tensor.FloatTypes, In: Exactly(1), Out: Exactly(1), New: newClip1},
	{Name: "CumSum", Since: 11, Types: tensor.NumericTypes, In: Exactly(2), Out: Exactly(1), New: cumulativeOf(add, 0)},
	{Name: "CumProd", Since: 26, Types: tensor.NumericTypes, In: Exactly(2), Out: Exactly(1), New: cumulativeOf(mul, 1)},
}

func negative[T float64 | int64](x T) T { return -x }

func itself[T any](x T) T { return x }

func absolute(x int64) int64 {
	if x < 0 {
		return -x
	}
	return x
}

func sign[T tensor.Number](x T) T {
	switch {
	case x > 0:
		return 1
	case x < 0:
		var one T = 1
		return -one
	}
	return x // 0 or NaN
}

// newClip1 has its bounds as attributes. ONNX Clip-1, Clip-6.
func newClip1(n *ir.Node) (Op, error) {
	a := n.ReadAttrs()
	low, high := float64(a.Float("min", -math.MaxFloat32)), float64(a.Float("max", math.MaxFloat32))
	return floats(func(x float64) float64 { return clamp(x, low, high) }), a.Err()
}

// clamp is min(max(x, low), high): if low > high, the result is high. NaN stays
// NaN, and bounds that are NaN bound nothing, as in ONNX Runtime.
func clamp[T tensor.Number](x, low, high T) T {
	if x < low {
		x = low
	}
	if x > high {
		x = high
	}
	return x
}

// clip has its bounds as optional inputs with one element, by default the smallest and
// the largest finite number of the type: infinite numbers are clipped too. ONNX Clip-11.
type clip struct{}

// Infer: input, min, max → same shape and dtype as the input.
func (clip) Infer(in []ir.Fact) ([]ir.Fact, error) {
	if err := sameType(in); err != nil {
		return nil, err
	}
	for i := 1; i < len(in); i++ {
		if n, ok := in[i].Shape.Count(); ok && n != 1 {
			return nil, fmt.Errorf("input %d must have one element, its shape is %v", i, in[i].Shape)
		}
	}
	return []ir.Fact{ir.Tensor(in[0].DType, in[0].Shape)}, nil
}

// Eval sets y = min(max(x, min), max).
func (clip) Eval(c *Call) error {
	y, err := c.zeroedLike(c.In[0])
	if err != nil {
		return err
	}
	switch arithmeticOf(y.DType()) {
	case inSigned:
		return clipElements[int64](c, y, math.MinInt64, math.MaxInt64)
	case inUnsigned:
		return clipElements[uint64](c, y, 0, math.MaxUint64)
	}
	top := LargestFinite(y.DType())
	return clipElements(c, y, -top, top)
}

// LargestFinite is the largest finite number of a float type.
func LargestFinite(d tensor.DType) float64 {
	switch d {
	case tensor.Float16:
		return 65504
	case tensor.BFloat16:
		return 0x1.fep127
	case tensor.Float32:
		return math.MaxFloat32
	}
	return math.MaxFloat64
}

func clipElements[T tensor.Number](c *Call, y *tensor.Tensor, low, high T) error {
	for i, bound := range []*T{&low, &high} {
		if t := c.input(i + 1); t != nil {
			if t.Len() != 1 {
				return fmt.Errorf("input %d must have one element, its shape is %v", i+1, t.Shape())
			}
			var v [1]T
			tensor.Load(v[:], t, 0, 1)
			*bound = v[0]
		}
	}
	return mapElements(c, y, c.In[0], func(x T) T { return clamp(x, low, high) })
}

// cumulative is y[i] = x[0]∘…∘x[i] along an axis; without x[i] itself if
// exclusive, from the end if reverse. ONNX CumSum-11, CumProd-26.
type cumulative struct {
	binary
	first              float64 // the neutral element
	exclusive, reverse bool
}

func cumulativeOf(f binary, first float64) func(n *ir.Node) (Op, error) {
	return func(n *ir.Node) (Op, error) {
		a := n.ReadAttrs()
		return cumulative{f, first, a.Bool("exclusive", false), a.Bool("reverse", false)}, a.Err()
	}
}

// Infer: x, axis (one int32 or int64) → y like x.
func (op cumulative) Infer(in []ir.Fact) ([]ir.Fact, error) {
	if err := wantType(in, 1, tensor.Types(tensor.Int32, tensor.Int64)); err != nil {
		return nil, err
	}
	if t := in[1].Const; t != nil && in[0].Shape.Ranked {
		if _, err := axisInput(t, len(in[0].Shape.Dims)); err != nil {
			return nil, err
		}
	}
	return []ir.Fact{ir.Tensor(in[0].DType, in[0].Shape)}, nil
}

// axisInput reads an axis given as a tensor with one element.
func axisInput(t *tensor.Tensor, rank int) (int, error) {
	if t.Len() != 1 {
		return 0, fmt.Errorf("axis must have one element, its shape is %v", t.Shape())
	}
	var v [1]int64
	tensor.Load(v[:], t, 0, 1)
	if v[0] < -int64(rank) || v[0] >= int64(rank) {
		return 0, fmt.Errorf("axis %d is outside [%d, %d] of a tensor of rank %d", v[0], -rank, rank-1, rank)
	}
	return tensor.Axis(int(v[0]), rank)
}

// Eval computes y[i] = y[i-1] ∘ x[i].
func (op cumulative) Eval(c *Call) error {
	x := c.In[0]
	axis, err := axisInput(c.In[1], x.Rank())
	if err != nil {
		return err
	}
	y, err := c.zeroedLike(x)
	if err != nil {
		return err
	}
	switch arithmeticOf(x.DType()) {
	case inSigned:
		return cumulate(c, op, y, axis, op.i64)
	case inUnsigned:
		return cumulate(c, op, y, axis, op.u64)
	}
	return cumulate(c, op, y, axis, op.f64)
}

func cumulate[T tensor.Number](c *Call, op cumulative, y *tensor.Tensor, axis int, f func(a, b T) T) error {
	x := c.In[0]
	n, inner := x.Dim(axis), tensor.MustCount(x.Shape()[axis+1:])
	if x.Len() == 0 {
		return nil
	}
	if err := c.Run.reserveList(n, 8); err != nil {
		return err
	}
	line := make([]T, n)
	for start := 0; start < x.Len(); start += n * inner {
		for i := range inner {
			tensor.Load(line, x, start+i, inner)
			if op.reverse {
				slices.Reverse(line)
			}
			total := T(op.first)
			for k, v := range line {
				next := f(total, v)
				if op.exclusive {
					line[k] = total
				} else {
					line[k] = next
				}
				total = next
			}
			if op.reverse {
				slices.Reverse(line)
			}
			tensor.Store(y, start+i, inner, line)
			if err := c.Run.Check(); err != nil {
				return err
			}
		}
	}
	return nil
}
