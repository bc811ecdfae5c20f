package ops

import (
	"fmt"
	"math"
	"slices"

	"github.com/visionzoo/vision/engine/ir"
	"github.com/visionzoo/vision/engine/tensor"
)

// quantizedTypes are the output types of QuantizeLinear.
var quantizedTypes = tensor.Types(tensor.Uint8, tensor.Int8, tensor.Uint16, tensor.Int16) | tensor.NibbleTypes |
	tensor.Float8Types&^tensor.Types(tensor.Float8E8M0)

// Version 13 adds axis, 19 the 8-bit floats, 21 blocks and output_dtype, 23
// precision.
var quantizers = []Def{
	{Name: "QuantizeLinear", Since: 13, Types: tensor.FloatTypes | tensor.Types(tensor.Int32), In: Arity{2, 3}, Out: Exactly(1), New: newQuantize},
	{Name: "QuantizeLinear", Since: 10, Until: 12, Types: tensor.Types(tensor.Float32, tensor.Int32), In: Arity{2, 3}, Out: Exactly(1), New: newQuantize10},
	{Name: "DequantizeLinear", Since: 13, Types: quantizedTypes | tensor.Types(tensor.Int32), In: Arity{2, 3}, Out: Exactly(1), New: newDequantize},
	{Name: "DequantizeLinear", Since: 10, Until: 12, Types: tensor.Types(tensor.Uint8, tensor.Int8, tensor.Int32), In: Arity{2, 3}, Out: Exactly(1), New: newDequantize10},
	{Domain: Microsoft, Name: "QuantizeLinear", Since: 1, Types: tensor.FloatTypes | tensor.Types(tensor.Int32), In: Arity{2, 3}, Out: Exactly(1), New: newQuantize},
	{Domain: Microsoft, Name: "DequantizeLinear", Since: 1, Types: quantizedTypes | tensor.Types(tensor.Int32), In: Arity{2, 3}, Out: Exactly(1), New: newDequantize},
}

// granularity tells which elements share a scale and a zero point: all, those with the same index
// along axis, or those of a block along axis. For x [2 6 4] and axis 1, scale may be [] or [1],
// [6], or with block_size 3 [2 2 4], in which element (i, j, k) has scale (i, j/3, k).
type granularity struct {
	whole bool // opsets 10 to 12: always one scale
	axis  int
	block int // 0: no blocks
}

func readGranularity(a *ir.Attrs) granularity {
	g := granularity{axis: a.Int("axis", 1), block: a.Int("block_size", 0)}
	if g.block < 0 {
		a.Fail("attribute \"block_size\" is %d, it must not be negative", g.block)
	}
	return g
}

// check rejects scales and zero points that do not match the shape of x.
func (g granularity) check(x, scale, zero ir.Fact) error {
	n, ok := scale.Shape.Count()
	if z, known := zero.Shape.Count(); zero.Given() && ok && known && n != z {
		return fmt.Errorf("scale has shape %s, zero point %s; they must be equal", scale.Shape, zero.Shape)
	}
	if !x.Shape.Ranked || !ok {
		return nil
	}
	sizes, _ := x.Shape.Ints()
	if _, known := x.Shape.Count(); !known {
		if sizes = nil; n != 1 || scale.Shape.Rank() > 1 {
			return nil // one scale for all: only the axis is to be checked
		}
	}
	scales, _ := scale.Shape.Ints()
	_, err := g.scaleMap(sizes, scales, x.Shape.Rank())
	return err
}

// scaleMap maps elements of x, seen as [outer n inner], to their scales: that of element (o, i, k) has
// index o·outerStep + i/block·step + k·innerStep.
type scaleMap struct {
	outer, n, inner            int
	outerStep, step, innerStep int
	block                      int
}

// scaleAt returns the index of the scale of element (outer, k, 0).
func (s scaleMap) scaleAt(outer, k int) int { return outer*s.outerStep + k/s.block*s.step }

// scaleMap returns the mapping for the given shapes. x is nil if only its rank is
// known.
func (g granularity) scaleMap(x, scale []int, rank int) (scaleMap, error) {
	count := tensor.MustCount(scale)
	// An axis out of range is an error even with a single scale, except for the
	// default of 1.
	if g.axis != 1 && (g.axis < -max(rank, 1) || g.axis >= max(rank, 1)) {
		return scaleMap{}, fmt.Errorf("axis %d is outside [%d, %d] of a tensor of rank %d", g.axis, -rank, rank-1, rank)
	}
	if count == 1 && len(scale) <= 1 {
		return scaleMap{outer: 1, n: 1, inner: tensor.MustCount(x), block: 1}, nil
	}
	if g.whole {
		return scaleMap{}, fmt.Errorf("scale must have one element before opset 13, its shape is %v", scale)
	}
	axis, err := tensor.Axis(g.axis, rank)
	if err != nil {
		return scaleMap{}, err
	}
	s := scaleMap{outer: tensor.MustCount(x[:axis]), n: x[axis], inner: tensor.MustCount(x[axis+1:]), block: 1}
	if g.block == 0 {
		if len(scale) != 1 || scale[0] != x[axis] {
			return scaleMap{}, fmt.Errorf("scale must have one element or shape [%d] for axis %d, its shape is %v", x[axis], axis, scale)
		}
		s.step = 1
		return s.lengthened(), nil
	}
	want := slices.Clone(x)
	if want[axis] = x[axis] / g.block; x[axis]%g.block != 0 {
		want[axis]++
	}
	if !slices.Equal(scale, want) {
		return scaleMap{}, fmt.Errorf("scale must have shape %v with blocks of %d along axis %d, its shape is %v", want, g.block, axis, scale)
	}
	s.block, s.innerStep, s.step, s.outerStep = g.block, 1, s.inner, s.inner*want[axis]
	return s.lengthened(), nil
}

// lengthened is the same mapping with a longer inner dimension where axis is the last: its blocks, or
// all of it.
func (s scaleMap) lengthened() scaleMap {
	switch {
	case s.inner != 1 || s.n == 0 || s.n%s.block != 0:
	case s.block > 1:
		s.n, s.inner, s.innerStep, s.block = s.n/s.block, s.block, 0, 1
	default:
		s.n, s.inner, s.innerStep, s.step = 1, s.n, s.step, 0
	}
	return s
}

// lines calls line for contiguous runs of x, of at most rowLength: n elements from element at on, with
// scales from index k on, step apart.
func (s scaleMap) lines(r *Run, line func(at, n, k, step int)) error {
	if s.n == 0 || s.inner == 0 {
		return nil // nothing to compute, whatever the number of outer indices
	}
	for o := range s.outer {
		for i := range s.n {
			k := s.scaleAt(o, i)
			for from := 0; from < s.inner; from += rowLength {
				line((o*s.n+i)*s.inner+from, min(rowLength, s.inner-from), k+from*s.innerStep, s.innerStep)
			}
			if i%256 == 0 || s.inner > 256 {
				if err := r.Check(); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// quantize is y = saturate(round(x/scale) + zero), rounded half to even. To floats of 8 and 4 bits,
// x/scale is rounded to the type itself. ONNX QuantizeLinear-25.
type quantize struct {
	granularity
	to  tensor.DType // Invalid: that of the zero point, or uint8 without one
	how tensor.Rounding
}

func newQuantize(n *ir.Node) (Op, error) {
	a := n.ReadAttrs()
	op := quantize{granularity: readGranularity(a), how: tensor.Rounding{Saturate: a.Bool("saturate", true)}}
	if a.Int("output_dtype", 0) != 0 {
		op.to = a.DType("output_dtype", tensor.Uint8)
		if !quantizedTypes.Is(op.to) {
			a.Fail("attribute \"output_dtype\" is %s, it must be one of %s", op.to, quantizedTypes)
		}
	}
	if a.Int("precision", 0) != 0 {
		a.DType("precision", tensor.Float32) // float32 is at least as precise as requested
	}
	return op, a.Err()
}

func newQuantize10(n *ir.Node) (Op, error) {
	return quantize{granularity: granularity{whole: true, axis: 1}, how: tensor.Rounding{Saturate: true}}, nil
}

func (op quantize) target(zero tensor.DType) tensor.DType {
	switch {
	case op.to != tensor.Invalid:
		return op.to
	case zero != tensor.Invalid:
		return zero
	}
	return tensor.Uint8
}

// Infer: x, scale, zero point → y with the zero point's dtype.
func (op quantize) Infer(in []ir.Fact) ([]ir.Fact, error) {
	zero := fact(in, 2)
	to := op.target(zero.DType)
	if err := wantType(in, 1, tensor.FloatTypes|tensor.Types(tensor.Float8E8M0, tensor.Int32)); err != nil {
		return nil, err
	}
	if err := wantType(in, 2, quantizedTypes); err != nil {
		return nil, err
	}
	if zero.Given() && zero.DType != to {
		return nil, fmt.Errorf("zero point is %s, attribute \"output_dtype\" is %s; they must be equal", zero.DType, to)
	}
	return []ir.Fact{ir.Tensor(to, in[0].Shape)}, op.check(in[0], in[1], zero)
}

// Eval divides in float32 and rounds halves to even.
func (op quantize) Eval(c *Call) error {
	to := op.target(tensor.Invalid)
	if zero := c.input(2); zero != nil {
		to = op.target(zero.DType())
	}
	low, high, whole := integerRange(to)
	return op.eval(c, to, op.how, func(x, scale, zero []float64) {
		for i := range x {
			v := float64(float32(x[i]) / float32(scale[i]))
			if whole {
				if v = min(math.RoundToEven(v)+zero[i], high); !(v > low) { // NaN has the lowest code, as in the kernels
					v = low
				}
			} else if zero[i] != 0 { // -0 + 0 would be 0
				v += zero[i]
			}
			x[i] = v
		}
	})
}

// eval computes output 0, of type to, row by row: each replaces numbers of x, which have a scale and a
// zero point each.
func (g granularity) eval(c *Call, to tensor.DType, how tensor.Rounding, each func(x, scale, zero []float64)) error {
	x, scale, zero := c.In[0], c.In[1], c.input(2)
	if zero != nil && zero.Len() != scale.Len() {
		return fmt.Errorf("scale has shape %v, zero point %v; they must be equal", scale.Shape(), zero.Shape())
	}
	s, err := g.scaleMap(x.Shape(), scale.Shape(), x.Rank())
	if err != nil {
		return err
	}
	y, err := c.zeroed(to, x.Shape()...)
	if err != nil {
		return err
	}
	var row, scales, zeros [rowLength]float64
	return s.lines(c.Run, func(at, n, k, step int) {
		tensor.Load(row[:n], x, at, 1)
		tensor.Load(scales[:n], scale, k, step)
		if zero != nil {
			tensor.Load(zeros[:n], zero, k, step)
		}
		each(row[:n], scales[:n], zeros[:n])
		tensor.StoreBy(y, at, 1, row[:n], how)
	})
}

// integerRange returns the smallest and largest number of an integer type.
func integerRange(d tensor.DType) (low, high float64, whole bool) {
	bits := d.BitsInFile()
	switch arithmeticOf(d) {
	case inSigned:
		return -math.Ldexp(1, bits-1), math.Ldexp(1, bits-1) - 1, true
	case inUnsigned:
		return 0, math.Ldexp(1, bits) - 1, true
	}
	return 0, 0, false
}

// dequantize is y = (x - zero)·scale. ONNX DequantizeLinear-25.
type dequantize struct {
	granularity
	to tensor.DType // Invalid: that of the scale
}

func newDequantize(n *ir.Node) (Op, error) {
	a := n.ReadAttrs()
	op := dequantize{granularity: readGranularity(a)}
	if a.Int("output_dtype", 0) != 0 {
		op.to = a.DType("output_dtype", tensor.Float32)
		if !tensor.FloatTypes.Is(op.to) {
			a.Fail("attribute \"output_dtype\" is %s, it must be one of %s", op.to, tensor.FloatTypes)
		}
	}
	return op, a.Err()
}

func newDequantize10(n *ir.Node) (Op, error) {
	return dequantize{granularity: granularity{whole: true, axis: 1}}, nil
}

func (op dequantize) target(scale tensor.DType) tensor.DType {
	switch {
	case op.to != tensor.Invalid:
		return op.to
	case scale == tensor.Float8E8M0:
		return tensor.Float32
	}
	return scale
}

// Infer: x, scale, zero point → y with the scale's dtype.
func (op dequantize) Infer(in []ir.Fact) ([]ir.Fact, error) {
	if err := wantType(in, 1, tensor.FloatTypes|tensor.Types(tensor.Float8E8M0)); err != nil {
		return nil, err
	}
	if zero := fact(in, 2); zero.Given() && zero.DType != in[0].DType {
		return nil, fmt.Errorf("zero point is %s, x is %s; they must have the same type", zero.DType, in[0].DType)
	}
	return []ir.Fact{ir.Tensor(op.target(in[1].DType), in[0].Shape)}, op.check(in[0], in[1], fact(in, 2))
}

// Eval subtracts exactly and rounds the product once.
func (op dequantize) Eval(c *Call) error {
	return op.eval(c, op.target(c.In[1].DType()), tensor.Rounding{Saturate: true}, func(x, scale, zero []float64) {
		for i := range x {
			x[i] = (x[i] - zero[i]) * scale[i]
		}
	})
}
