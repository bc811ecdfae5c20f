package ops

import (
	"errors"
	"fmt"
	"math"

	"github.com/visionzoo/vision/engine/ir"
	"github.com/visionzoo/vision/engine/tensor"
	"github.com/visionzoo/vision/internal/limit"
)

var constants = []Def{
	{Name: "Constant", Since: 12, In: Exactly(0), Out: Exactly(1), New: newConstant},
	{Name: "Constant", Since: 11, Until: 11, In: Exactly(0), Out: Exactly(1), New: newConstant11},
	{Name: "Constant", Since: 1, Until: 10, In: Exactly(0), Out: Exactly(1), New: newConstant1},
	{Name: "ConstantOfShape", Since: 9, Types: tensor.Types(tensor.Int64), In: Exactly(1), Out: Exactly(1), New: newConstantOfShape},
	{Name: "EyeLike", Since: 9, Types: tensor.NumericTypes | tensor.Types(tensor.Bool), In: Exactly(1), Out: Exactly(1), New: newEyeLike},
	{Name: "Range", Since: 11, Types: rangeTypes, In: Exactly(3), Out: Exactly(1), New: newRange},
	{Name: "OneHot", Since: 11, Types: tensor.NumericTypes, In: Exactly(3), Out: Exactly(1), New: newOneHot},
	{Name: "OneHot", Since: 9, Until: 10, Types: tensor.NumericTypes, In: Exactly(3), Out: Exactly(1), New: newOneHot9},
}

// constant is a value stored in the model. ONNX Constant.
type constant struct{ value *tensor.Tensor }

// newConstant accepts one of eight attributes. ONNX Constant-12.
func newConstant(n *ir.Node) (Op, error) {
	a := n.ReadAttrs()
	found := constantTensors(a)
	if a.Has("value_float") {
		found = append(found, tensor.Scalar(a.Float("value_float", 0)))
	}
	if a.Has("value_floats") {
		found = append(found, tensor.Of(a.Floats("value_floats")))
	}
	if a.Has("value_int") {
		found = append(found, tensor.Scalar(a.Int64("value_int", 0)))
	}
	if a.Has("value_ints") {
		found = append(found, tensor.Of(a.Int64s("value_ints")))
	}
	if a.Has("value_string") {
		found = append(found, tensor.OfStrings([]string{a.Str("value_string", "")}, []int{}...))
	}
	if a.Has("value_strings") {
		found = append(found, tensor.OfStrings(a.Strs("value_strings")))
	}
	return oneConstant(a, found)
}

// newConstant11 accepts a tensor or a sparse tensor. ONNX Constant-11.
func newConstant11(n *ir.Node) (Op, error) {
	a := n.ReadAttrs()
	return oneConstant(a, constantTensors(a))
}

// constantTensors returns the values given as tensors.
func constantTensors(a *ir.Attrs) (found []*tensor.Tensor) {
	if t := a.Tensor("value"); t != nil {
		found = append(found, t)
	}
	if t := a.Sparse("sparse_value"); t != nil {
		found = append(found, t)
	}
	return found
}

// newConstant1 accepts a tensor. ONNX Constant-1.
func newConstant1(n *ir.Node) (Op, error) {
	a := n.ReadAttrs().Need("value")
	return constant{a.Tensor("value")}, a.Err()
}

func oneConstant(a *ir.Attrs, found []*tensor.Tensor) (Op, error) {
	if a.Err() != nil {
		return nil, a.Err()
	}
	if len(found) != 1 {
		return nil, fmt.Errorf("needs exactly one of the attributes value, value_float, value_int and the like, it has %d", len(found))
	}
	return constant{found[0]}, nil
}

func (op constant) Infer([]ir.Fact) ([]ir.Fact, error) { return []ir.Fact{ir.FactOf(op.value)}, nil }

func (op constant) Eval(c *Call) error {
	c.Out[0] = op.value
	return nil
}

// constantOfShape fills a shape with one element. ONNX ConstantOfShape-9; newer versions extend the
// types.
type constantOfShape struct{ value *tensor.Tensor }

func newConstantOfShape(n *ir.Node) (Op, error) {
	a := n.ReadAttrs()
	v := a.Tensor("value")
	switch {
	case v == nil:
		v = tensor.Scalar(float32(0))
	case v.Len() != 1:
		a.Fail("attribute \"value\" has %d elements where one is needed", v.Len())
	}
	return constantOfShape{v}, a.Err()
}

// Infer: int64 shape [r] → [shape...] with the value's dtype.
func (op constantOfShape) Infer(in []ir.Fact) ([]ir.Fact, error) {
	if err := wantRank(in, 0, 1); err != nil {
		return nil, err
	}
	out := ir.Fact{DType: op.value.DType()}
	sizes, ok, _ := knownInts(in, 0)
	switch n := in[0].Shape; {
	case ok:
		for _, d := range sizes {
			if d < 0 {
				return nil, fmt.Errorf("shape %v has a negative dimension", sizes)
			}
		}
		out.Shape = ir.Dims(sizes...)
	case in[0].Ints != nil:
		out.Shape = ir.ShapeOf(in[0].Ints...)
	case n.Rank() == 1 && n.Dims[0].Known() && n.Dims[0].N <= maxRank:
		out.Shape = ir.AnyOfRank(n.Dims[0].N)
	}
	return []ir.Fact{out}, nil
}

func (op constantOfShape) Eval(c *Call) error {
	shape, err := callInts(c, 0)
	if err != nil {
		return err
	}
	y, err := c.zeroed(op.value.DType(), shape...)
	if err != nil {
		return err
	}
	cp := newCopier(y, op.value)
	cp.fill(0, 0, y.Len())
	return nil
}

// eyeLike is a matrix of the input's shape with ones on the k-th diagonal (k > 0: above the main one),
// zeros elsewhere. ONNX EyeLike-9; -22 extends the types.
type eyeLike struct {
	dtype tensor.DType // Invalid: that of the input
	k     int
}

func newEyeLike(n *ir.Node) (Op, error) {
	a := n.ReadAttrs()
	op := eyeLike{a.DType("dtype", tensor.Invalid), a.Int("k", 0)}
	if d := op.dtype; d != tensor.Invalid && !(tensor.NumericTypes | tensor.Types(tensor.Bool)).Is(d) {
		a.Fail("attribute \"dtype\" is %s, which has no one", d)
	}
	return op, a.Err()
}

func (op eyeLike) typeFor(d tensor.DType) tensor.DType {
	if op.dtype != tensor.Invalid {
		return op.dtype
	}
	return d
}

// Infer: [m, n] → [m, n].
func (op eyeLike) Infer(in []ir.Fact) ([]ir.Fact, error) {
	if err := wantRank(in, 0, 2); err != nil {
		return nil, err
	}
	s := in[0].Shape
	if !s.Ranked {
		s = ir.AnyOfRank(2)
	}
	return []ir.Fact{ir.Tensor(op.typeFor(in[0].DType), s)}, nil
}

func (op eyeLike) Eval(c *Call) error {
	x := c.In[0]
	if x.Rank() != 2 {
		return fmt.Errorf("input 0 has shape %v; its rank must be 2", x.Shape())
	}
	y, err := c.zeroed(op.typeFor(x.DType()), x.Shape()...)
	if err != nil {
		return err
	}
	one := oneOf(y.DType())
	cp := newCopier(y, one)
	rows, cols := x.Dim(0), x.Dim(1)
	if op.k > -rows && op.k < cols {
		for i := max(0, -op.k); i < rows && i+op.k < cols; i++ {
			cp.copy(i*cols+i+op.k, 0, 1)
		}
	}
	return nil
}

// oneOf returns the number 1 in a numeric dtype.
func oneOf(d tensor.DType) *tensor.Tensor {
	one := tensor.New(d, 1)
	switch d {
	case tensor.Float32:
		tensor.Data[float32](one)[0] = 1
	case tensor.Float64:
		tensor.Data[float64](one)[0] = 1
	case tensor.Float16:
		tensor.Data[tensor.Float16Bits](one)[0] = tensor.ToFloat16(1)
	case tensor.BFloat16:
		tensor.Data[tensor.BFloat16Bits](one)[0] = tensor.ToBFloat16(1)
	case tensor.Int16, tensor.Uint16:
		tensor.Data[uint16](one.As(tensor.Uint16))[0] = 1
	case tensor.Int32, tensor.Uint32:
		tensor.Data[uint32](one.As(tensor.Uint32))[0] = 1
	case tensor.Int64, tensor.Uint64:
		tensor.Data[uint64](one.As(tensor.Uint64))[0] = 1
	default: // bool and the 8-bit integers
		one.Bytes()[0] = 1
	}
	return one
}

// rangeTypes are the types of Range-27; version 11 lacks the 16-bit floats.
var rangeTypes = tensor.FloatTypes | tensor.Types(tensor.Int16, tensor.Int32, tensor.Int64)

// numberRange is start, start+delta, … up to but excluding limit. ONNX Range-11; -27 adds 16-bit
// floats and stash_type, which is at most as precise as what is computed here.
type numberRange struct{}

func newRange(n *ir.Node) (Op, error) {
	a := n.ReadAttrs()
	if d := a.DType("stash_type", tensor.Float32); d != tensor.Float32 && d != tensor.Float64 && !tensor.FloatTypes.Is(d) {
		a.Fail("attribute \"stash_type\" is %s, it must be a float", d)
	}
	return numberRange{}, a.Err()
}

// Infer: three scalars of the same dtype → [max(⌈(limit-start)/delta⌉, 0)].
func (numberRange) Infer(in []ir.Fact) ([]ir.Fact, error) {
	if err := sameType(in); err != nil {
		return nil, err
	}
	for i := range in {
		if err := wantRank(in, i, 0, 1); err != nil {
			return nil, err
		}
	}
	out := ir.Tensor(in[0].DType, ir.AnyOfRank(1))
	if in[0].Const != nil && in[1].Const != nil && in[2].Const != nil {
		n, err := rangeLength(in[0].Const, in[1].Const, in[2].Const)
		if err != nil {
			return nil, err
		}
		out.Shape = ir.Dims(n)
	} else if limit := in[1].Ints; len(limit) == 1 && isOne(in[2]) && isZero(in[0]) {
		out.Shape = ir.ShapeOf(limit[0])
	}
	return []ir.Fact{out}, nil
}

func isOne(f ir.Fact) bool  { return len(f.Ints) == 1 && f.Ints[0].N == 1 }
func isZero(f ir.Fact) bool { return len(f.Ints) == 1 && f.Ints[0].N == 0 }

// rangeLength returns the number of elements of a range.
func rangeLength(start, end, delta *tensor.Tensor) (int, error) {
	for _, t := range []*tensor.Tensor{start, end, delta} {
		if t.Len() != 1 {
			return 0, fmt.Errorf("start, limit and delta must be scalars, one has shape %v", t.Shape())
		}
	}
	if d := start.DType(); d == tensor.Int64 || d == tensor.Int32 || d == tensor.Int16 {
		return intRange(asInt64(start), asInt64(end), asInt64(delta))
	}
	from, to, by := tensor.ToFloat64(start)[0], tensor.ToFloat64(end)[0], tensor.ToFloat64(delta)[0]
	n := math.Ceil((to - from) / by)
	switch {
	case by == 0:
		return 0, errors.New("delta is 0")
	case math.IsNaN(n) || math.IsInf(from, 0) || math.IsInf(to, 0) || math.IsInf(by, 0):
		return 0, fmt.Errorf("the range from %v to %v by %v has no finite length", from, to, by)
	case n >= 1<<62 || n > math.MaxInt/2:
		return 0, limit.Errorf("memory: the range from %v to %v by %v has too many elements", from, to, by)
	}
	return max(int(n), 0), nil
}

// intRange is rangeLength for integers, whose differences may exceed int64.
func intRange(from, to, by int64) (int, error) {
	var span, step uint64 // distances: as uint64, differences of int64 cannot overflow
	switch {
	case by == 0:
		return 0, errors.New("delta is 0")
	case by > 0 && to > from:
		span, step = uint64(to)-uint64(from), uint64(by)
	case by < 0 && to < from:
		span, step = uint64(from)-uint64(to), -uint64(by)
	default:
		return 0, nil
	}
	n := (span-1)/step + 1
	if n > math.MaxInt {
		return 0, limit.Errorf("memory: the range from %d to %d by %d has too many elements", from, to, by)
	}
	return int(n), nil
}

func asInt64(t *tensor.Tensor) int64 {
	switch t.DType() {
	case tensor.Int64:
		return tensor.Data[int64](t)[0]
	case tensor.Int32:
		return int64(tensor.Data[int32](t)[0])
	}
	return int64(tensor.Data[int16](t)[0])
}

func (numberRange) Eval(c *Call) error {
	n, err := rangeLength(c.In[0], c.In[1], c.In[2])
	if err != nil {
		return err
	}
	y, err := c.zeroed(c.In[0].DType(), n)
	if err != nil {
		return err
	}
	switch y.DType() {
	case tensor.Int16:
		count(tensor.Data[int16](y), tensor.Data[int16](c.In[0])[0], tensor.Data[int16](c.In[2])[0])
	case tensor.Int32:
		count(tensor.Data[int32](y), tensor.Data[int32](c.In[0])[0], tensor.Data[int32](c.In[2])[0])
	case tensor.Int64:
		count(tensor.Data[int64](y), tensor.Data[int64](c.In[0])[0], tensor.Data[int64](c.In[2])[0])
	case tensor.Float64:
		countFloats(tensor.Data[float64](y), tensor.Data[float64](c.In[0])[0], tensor.Data[float64](c.In[2])[0])
	case tensor.Float32:
		countFloats(tensor.Data[float32](y), tensor.Data[float32](c.In[0])[0], tensor.Data[float32](c.In[2])[0])
	case tensor.Float16:
		dst := tensor.Data[tensor.Float16Bits](y)
		start, delta := tensor.Data[tensor.Float16Bits](c.In[0])[0].Float32(), tensor.Data[tensor.Float16Bits](c.In[2])[0].Float32()
		for i := range dst {
			dst[i] = tensor.ToFloat16(start + float32(i)*delta)
		}
	default:
		dst := tensor.Data[tensor.BFloat16Bits](y)
		start, delta := tensor.Data[tensor.BFloat16Bits](c.In[0])[0].Float32(), tensor.Data[tensor.BFloat16Bits](c.In[2])[0].Float32()
		for i := range dst {
			dst[i] = tensor.ToBFloat16(start + float32(i)*delta)
		}
	}
	return nil
}

func count[T int16 | int32 | int64](dst []T, start, delta T) {
	for i := range dst {
		dst[i] = start
		start += delta
	}
}

// countFloats computes start + i·delta; repeated addition would accumulate
// rounding errors.
func countFloats[T float32 | float64](dst []T, start, delta T) {
	for i := range dst {
		dst[i] = start + T(i)*delta
	}
}
