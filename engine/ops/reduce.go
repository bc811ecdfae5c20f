package ops

import (
	"fmt"
	"math"
	"slices"

	"github.com/visionzoo/vision/engine/ir"
	"github.com/visionzoo/vision/engine/tensor"
)

var (
	sumTypes     = tensor.FloatTypes | wordTypes
	extremeTypes = sumTypes | byteTypes
)

var reductions = append(reduceDefs(
	axisReduction{name: "ReduceSum", axesInput: 13, f64: sumOf[float64], i64: sumOf[int64], u64: sumOf[uint64]},
	axisReduction{name: "ReduceMean", f64: meanOf, i64: intMean[int64], u64: intMean[uint64]},
	axisReduction{name: "ReduceProd", f64: productOf[float64], i64: productOf[int64], u64: productOf[uint64]},
	axisReduction{name: "ReduceSumSquare", f64: squareSum[float64], i64: squareSum[int64], u64: squareSum[uint64]},
	axisReduction{name: "ReduceL1", f64: absSum[float64], i64: absSum[int64], u64: sumOf[uint64]},
	axisReduction{name: "ReduceL2", f64: func(x []float64) float64 { return math.Sqrt(squareSum(x)) }},
	axisReduction{name: "ReduceLogSum", f64: func(x []float64) float64 { return math.Log(sumOf(x)) }},
	axisReduction{name: "ReduceLogSumExp", f64: logSumExp},
),
	Def{Name: "ReduceMax", Since: 20, Types: extremeTypes | boolType, In: Arity{1, 2}, Out: Exactly(1), New: reduceMax.of},
	Def{Name: "ReduceMax", Since: 18, Until: 19, Types: extremeTypes, In: Arity{1, 2}, Out: Exactly(1), New: reduceMax.of},
	Def{Name: "ReduceMax", Since: 1, Until: 17, Types: extremeTypes, In: Exactly(1), Out: Exactly(1), New: reduceMax.of},
	Def{Name: "ReduceMin", Since: 20, Types: extremeTypes | boolType, In: Arity{1, 2}, Out: Exactly(1), New: reduceMin.of},
	Def{Name: "ReduceMin", Since: 18, Until: 19, Types: extremeTypes, In: Arity{1, 2}, Out: Exactly(1), New: reduceMin.of},
	Def{Name: "ReduceMin", Since: 1, Until: 17, Types: extremeTypes, In: Exactly(1), Out: Exactly(1), New: reduceMin.of},
	Def{Name: "ArgMax", Since: 1, Types: tensor.NumericTypes, In: Exactly(1), Out: Exactly(1), New: newArgMax},
	Def{Name: "ArgMin", Since: 1, Types: tensor.NumericTypes, In: Exactly(1), Out: Exactly(1), New: newArgMin},
)

var (
	reduceMax = axisReduction{name: "ReduceMax", clamps: true, f64: func(x []float64) float64 { return extreme(x, math.Inf(-1), above[float64]) },
		i64: func(x []int64) int64 { return extreme(x, math.MinInt64, above[int64]) },
		u64: func(x []uint64) uint64 { return extreme(x, 0, above[uint64]) }}
	reduceMin = axisReduction{name: "ReduceMin", clamps: true, f64: func(x []float64) float64 { return extreme(x, math.Inf(1), below[float64]) },
		i64: func(x []int64) int64 { return extreme(x, math.MaxInt64, below[int64]) },
		u64: func(x []uint64) uint64 { return extreme(x, math.MaxUint64, below[uint64]) }}
)

// reduceDefs lists both definitions of each reduction: with axes as an attribute,
// and from version 18 (or axesInput) on as an input.
func reduceDefs(all ...axisReduction) []Def {
	var out []Def
	for _, r := range all {
		since := 18
		if r.axesInput != 0 {
			since = r.axesInput
		}
		out = append(out,
			Def{Name: r.name, Since: since, Types: sumTypes, In: Arity{1, 2}, Out: Exactly(1), New: r.of},
			Def{Name: r.name, Since: 1, Until: since - 1, Types: sumTypes, In: Exactly(1), Out: Exactly(1), New: r.of})
	}
	return out
}

// axisReduction reduces all elements along some axes to one number. If i64 or u64
// is nil, integers are computed in float64.
type axisReduction struct {
	name      string
	axesInput int  // the version from which on axes are an input; 0: 18
	clamps    bool // the result saturates; otherwise it wraps around
	f64       func([]float64) float64
	i64       func([]int64) int64
	u64       func([]uint64) uint64
}

// reduce is an axisReduction with its attributes. ONNX ReduceSum-13 and the others' -18 have the
// axes as an input, the versions before them as an attribute, of which -11 allows negative ones.
type reduce struct {
	axisReduction
	axes        []int // the attribute
	keepDims    bool
	noneIsEmpty bool // noop_with_empty_axes: without axes nothing is reduced; otherwise everything
}

func (r axisReduction) of(n *ir.Node) (Op, error) {
	a := n.ReadAttrs()
	return &reduce{r, a.Ints("axes"), a.Bool("keepdims", true), a.Bool("noop_with_empty_axes", false)}, a.Err()
}

// resolve returns, for each dimension, whether it is reduced. An axis may occur twice,
// which the standard leaves open and ONNX Runtime allows.
func (op *reduce) resolve(axes []int, rank int) ([]bool, error) {
	if len(axes) == 0 && !op.noneIsEmpty {
		along := make([]bool, rank)
		for i := range along {
			along[i] = true
		}
		return along, nil
	}
	return namedAxes(axes, rank)
}

// Infer: X [any shape], axes → Y without the axes, or with dimensions of 1 there.
func (op *reduce) Infer(in []ir.Fact) ([]ir.Fact, error) {
	axes, known, err := op.axes, true, error(nil)
	if len(in) > 1 && in[1].Given() {
		if axes, known, err = knownInts(in, 1); err != nil {
			return nil, err
		}
	}
	x := in[0]
	y := ir.Tensor(x.DType, ir.Shape{})
	switch {
	case !x.Shape.Ranked:
	case known:
		along, err := op.resolve(axes, x.Shape.Rank())
		if err != nil {
			return nil, err
		}
		y.Shape = reducedShape(x.Shape, along, op.keepDims)
	case op.keepDims:
		y.Shape = ir.AnyOfRank(x.Shape.Rank())
	}
	return []ir.Fact{y}, nil
}

// reducedShape returns a shape without the reduced dimensions, or with 1 there.
func reducedShape(s ir.Shape, along []bool, keepDims bool) ir.Shape {
	dims := []ir.Dim{}
	for i, d := range s.Dims {
		switch {
		case !along[i]:
			dims = append(dims, d)
		case keepDims:
			dims = append(dims, ir.Dim{N: 1})
		}
	}
	return ir.ShapeOf(dims...)
}

func (op *reduce) Eval(c *Call) error {
	x, axes := c.In[0], op.axes
	if c.input(1) != nil {
		var err error
		if axes, err = callInts(c, 1); err != nil {
			return err
		}
	}
	along, err := op.resolve(axes, x.Rank())
	if err != nil {
		return err
	}
	shape, _ := reducedShape(ir.Dims(x.Shape()...), along, op.keepDims).Ints()
	y, err := c.zeroed(x.DType(), shape...)
	if err != nil {
		return err
	}
	var list []int
	for i, yes := range along {
		if yes {
			list = append(list, i)
		}
	}
	kind := arithmeticOf(x.DType())
	switch {
	case kind == inSigned && op.clamps:
		top := int64(uint64(math.MaxUint64) >> (65 - 8*x.DType().Size()))
		return reduceGroups(c, y, list, tensor.Int64, func(x []int64) int64 { return max(-top-1, min(op.i64(x), top)) })
	case kind == inUnsigned && op.clamps:
		top := uint64(1)
		if x.DType() != tensor.Bool {
			top = uint64(math.MaxUint64) >> (64 - 8*x.DType().Size())
		}
		return reduceGroups(c, y, list, tensor.Uint64, func(x []uint64) uint64 { return min(op.u64(x), top) })
	case kind == inSigned && op.i64 != nil:
		return reduceGroups(c, y, list, tensor.Int64, op.i64)
	case kind == inUnsigned && op.u64 != nil:
		return reduceGroups(c, y, list, tensor.Uint64, op.u64)
	}
	return reduceGroups(c, y, list, tensor.Float64, op.f64)
}

// reduceGroups sets each element of y to f of a group of elements of input 0, computed in T, which
// wide is the dtype of.
func reduceGroups[T wideNumber](c *Call, y *tensor.Tensor, axes []int, wide tensor.DType, f func([]T) T) error {
	return eachGroup(c, c.In[0], axes, wide, func(o int, group []T, _ *walk) error {
		tensor.Store(y, o, 1, []T{f(group)})
		return nil
	})
}

// eachGroup calls f with each group of elements of x that differ only in their index along the
// given axes, in row-major order of the remaining axes; o is the group's number. The elements are
// converted to T, which wide is the dtype of. at walks their positions in x; f may overwrite group.
func eachGroup[T wideNumber](c *Call, x *tensor.Tensor, axes []int, wide tensor.DType, f func(o int, group []T, at *walk) error) error {
	strides := tensor.Strides(x.Shape())
	inAxes := map[int]bool{}
	var size, sizeStrides []int
	for _, a := range axes {
		inAxes[a] = true
	}
	var outer, outerStrides []int
	for i, n := range x.Shape() {
		if inAxes[i] {
			size, sizeStrides = append(size, n), append(sizeStrides, strides[i])
		} else {
			outer, outerStrides = append(outer, n), append(outerStrides, strides[i])
		}
	}
	groups := tensor.MustCount(outer)
	if groups == 0 {
		return nil
	}
	scratch, err := c.New(wide, size...)
	if err != nil {
		return err
	}
	group := tensor.Data[T](scratch)
	inner := newWalk(size, sizeStrides)
	for o := range groups {
		at, rest := 0, o
		for d := len(outer) - 1; d >= 0; d-- {
			at += rest % outer[d] * outerStrides[d]
			rest /= outer[d]
		}
		inner.start[0] = at
		done := 0
		if err := inner.rows(c.Run, func(n int, at, step []int) {
			tensor.Load(group[done:done+n], x, at[0], step[0])
			done += n
		}); err != nil {
			return err
		}
		if err := c.Run.Check(); o&63 == 0 && err != nil {
			return err
		}
		if err := f(o, group, inner); err != nil {
			return err
		}
	}
	return nil
}

func sumOf[T tensor.Number](x []T) T {
	var sum T
	for _, v := range x {
		sum += v
	}
	return sum
}

func productOf[T tensor.Number](x []T) T {
	p := T(1)
	for _, v := range x {
		p *= v
	}
	return p
}

func squareSum[T tensor.Number](x []T) T {
	var sum T
	for _, v := range x {
		sum += v * v
	}
	return sum
}

func absSum[T float64 | int64](x []T) T {
	var sum T
	for _, v := range x {
		sum += max(v, -v)
	}
	return sum
}

// meanOf an empty slice is NaN, 0/0.
func meanOf(x []float64) float64 { return sumOf(x) / float64(len(x)) }

// intMean truncates toward zero; of an empty slice it is 0.
func intMean[T int64 | uint64](x []T) T { return sumOf(x) / T(max(len(x), 1)) }

// logSumExp subtracts the maximum first to avoid overflow.
func logSumExp(x []float64) float64 {
	top := lineTop(x)
	if math.IsInf(top, 0) && !slices.ContainsFunc(x, math.IsNaN) {
		return top
	}
	sum := 0.0
	for _, v := range x {
		sum += math.Exp(v - top)
	}
	return top + math.Log(sum)
}

func above[T tensor.Number](a, b T) bool { return a > b }
func below[T tensor.Number](a, b T) bool { return a < b }

// extreme returns the first element that beats all others, or NaN if there is
// one; none if x is empty.
func extreme[T tensor.Number](x []T, none T, beats func(a, b T) bool) T {
	best := none
	for _, v := range x {
		if v != v {
			return v
		}
		if beats(v, best) {
			best = v
		}
	}
	return best
}

// argExtreme is the index of the maximum or minimum along an axis: the first one,
// or the last with select_last_index. NaN beats every number. ONNX ArgMax-1,
// ArgMin-1; -11 allows negative axes, -12 adds select_last_index.
type argExtreme struct {
	axis           int
	keepDims, last bool
	f64            func(a, b float64) bool
	i64            func(a, b int64) bool
	u64            func(a, b uint64) bool
}

func newArgMax(n *ir.Node) (Op, error) {
	return readArg(n, &argExtreme{f64: above[float64], i64: above[int64], u64: above[uint64]})
}

func newArgMin(n *ir.Node) (Op, error) {
	return readArg(n, &argExtreme{f64: below[float64], i64: below[int64], u64: below[uint64]})
}

func readArg(n *ir.Node, op *argExtreme) (Op, error) {
	a := n.ReadAttrs()
	op.axis, op.keepDims, op.last = a.Int("axis", 0), a.Bool("keepdims", true), a.Bool("select_last_index", false)
	return op, a.Err()
}

// Infer: X [any shape] → int64, without the axis, or with a dimension of 1 there.
func (op *argExtreme) Infer(in []ir.Fact) ([]ir.Fact, error) {
	y := ir.Tensor(tensor.Int64, ir.Shape{})
	if s := in[0].Shape; s.Ranked {
		axis, err := tensor.Axis(op.axis, s.Rank())
		if err != nil {
			return nil, err
		}
		if s.Dims[axis].N == 0 {
			return nil, fmt.Errorf("needs at least one element along axis %d, the input has shape %s", axis, s)
		}
		along := make([]bool, s.Rank())
		along[axis] = true
		y.Shape = reducedShape(s, along, op.keepDims)
	}
	return []ir.Fact{y}, nil
}

func (op *argExtreme) Eval(c *Call) error {
	y, err := c.inferred(op)
	if err != nil {
		return err
	}
	axis, err := tensor.Axis(op.axis, c.In[0].Rank())
	if err != nil {
		return err
	}
	dst := tensor.Data[int64](y)
	switch arithmeticOf(c.In[0].DType()) {
	case inSigned:
		return eachGroup(c, c.In[0], []int{axis}, tensor.Int64, func(o int, x []int64, _ *walk) error {
			dst[o] = argOf(x, op.i64, op.last)
			return nil
		})
	case inUnsigned:
		return eachGroup(c, c.In[0], []int{axis}, tensor.Uint64, func(o int, x []uint64, _ *walk) error {
			dst[o] = argOf(x, op.u64, op.last)
			return nil
		})
	}
	return eachGroup(c, c.In[0], []int{axis}, tensor.Float64, func(o int, x []float64, _ *walk) error {
		dst[o] = argOf(x, op.f64, op.last)
		return nil
	})
}

// argOf returns the index of the element that beats all others.
func argOf[T tensor.Number](x []T, beats func(a, b T) bool, last bool) int64 {
	at := 0
	for i, v := range x {
		best := x[at]
		switch {
		case best != best: // NaN stays, but the last one is returned if last is set
			if last && v != v {
				at = i
			}
		case v != v || beats(v, best) || last && v == best:
			at = i
		}
	}
	return int64(at)
}
