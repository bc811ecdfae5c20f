package ops

import (
	"fmt"
	"math"

	"github.com/visionzoo/vision/engine/ir"
	"github.com/visionzoo/vision/engine/tensor"
)

var integerProducts = []Def{
	{Name: "ConvInteger", Since: 10, Types: byteTypes, In: Arity{2, 4}, Out: Exactly(1), New: newConvInteger},
	{Name: "MatMulInteger", Since: 10, Types: byteTypes, In: Arity{2, 4}, Out: Exactly(1), New: noAttributes(matMulInteger{})},
	{Name: "QLinearConv", Since: 10, Types: byteTypes, In: Arity{8, 9}, Out: Exactly(1), New: newQLinearConv},
	{Name: "QLinearMatMul", Since: 10, Types: byteTypes | tensor.Float8Types, In: Exactly(8), Out: Exactly(1), New: noAttributes(qlinearMatMul{})},
	{Domain: Microsoft, Name: "QLinearConv", Since: 1, Types: byteTypes, In: Arity{8, 9}, Out: Exactly(1), New: eitherLayout(newQLinearConv)},
}

// integerConv is a convolution of 8-bit integers with their zero points subtracted. It is computed in
// float64, which holds all sums exactly.
type integerConv struct{ conv }

func newIntegerConv(n *ir.Node) (integerConv, error) {
	a := n.ReadAttrs()
	op := integerConv{conv{readWindow(a), readGroup(a)}}
	op.ceil = false
	return op, a.Err()
}

// shapes infers the output's shape from those of x, w and the bias.
func (op integerConv) shapes(x, w, bias ir.Fact) (ir.Shape, error) {
	as := func(f ir.Fact) ir.Fact {
		if !f.Given() {
			return f
		}
		return ir.Tensor(tensor.Float64, f.Shape)
	}
	out, err := op.conv.Infer([]ir.Fact{as(x), as(w), as(bias)})
	if err != nil {
		return ir.Shape{}, err
	}
	return out[0].Shape, nil
}

// sums returns the exact sums of products plus the bias, as float64.
func (op integerConv) sums(c *Call, x, xZero, w, wZero, bias *tensor.Tensor) (*tensor.Tensor, error) {
	if xZero != nil && xZero.Len() != 1 {
		return nil, fmt.Errorf("the zero point of x must have one element, its shape is %v", xZero.Shape())
	}
	xs, err := centred(c, x, xZero, 0)
	if err != nil {
		return nil, err
	}
	ws, err := centred(c, w, wZero, 0)
	if err != nil {
		return nil, err
	}
	inner := *c
	inner.In, inner.Out = []*tensor.Tensor{xs, ws}, make([]*tensor.Tensor, 1)
	if bias != nil {
		b, err := c.convert(bias, tensor.Float64)
		if err != nil {
			return nil, err
		}
		inner.In = append(inner.In, b)
	}
	err = evalConv[float64](&op.conv, &inner)
	return inner.Out[0], err
}

// centred returns t minus its zero point, as float64. The zero point is a single
// number, one for each index along axis, or of the rank of t and broadcast to it.
func centred(c *Call, t, zero *tensor.Tensor, axis int) (*tensor.Tensor, error) {
	out, err := c.New(tensor.Float64, t.Shape()...)
	if err != nil {
		return nil, err
	}
	steps := make([]int, t.Rank())
	switch {
	case zero == nil:
		zero = tensor.Scalar(uint8(0))
	case zero.Len() == 1:
	case t.Rank() > axis && zero.Len() == t.Dim(axis):
		steps[axis] = 1
	case zero.Rank() == t.Rank() && repeatsTo(zero.Shape(), t.Shape()):
		steps = tensor.BroadcastStrides(zero.Shape(), t.Shape())
	default:
		return nil, fmt.Errorf("zero point has shape %v, it must have one element, one for each index of axis %d of shape %v, or broadcast to that", zero.Shape(), axis, t.Shape())
	}
	dst := tensor.Data[float64](out)
	own := tensor.Strides(t.Shape())
	var zeros [rowLength]float64
	return out, newWalk(t.Shape(), own, steps).rows(c.Run, func(n int, at, step []int) {
		line := dst[at[0] : at[0]+n]
		tensor.Load(line, t, at[0], 1)
		tensor.Load(zeros[:n], zero, at[1], step[1])
		for i := range line {
			line[i] -= zeros[i]
		}
	})
}

// repeatsTo reports whether a tensor of shape from broadcasts to the shape to of as many
// dimensions.
func repeatsTo(from, to []int) bool {
	for i, n := range from {
		if n != 1 && n != to[i] {
			return false
		}
	}
	return true
}

// convInteger is a convolution of 8-bit integers into int32. ONNX ConvInteger-10.
type convInteger struct{ integerConv }

func newConvInteger(n *ir.Node) (Op, error) {
	op, err := newIntegerConv(n)
	return convInteger{op}, err
}

// Infer: x, w, zero points → y int32.
func (op convInteger) Infer(in []ir.Fact) ([]ir.Fact, error) {
	if err := zeroTypes(in, 0, 2, 1, 3); err != nil {
		return nil, err
	}
	s, err := op.shapes(in[0], in[1], ir.Fact{})
	return []ir.Fact{ir.Tensor(tensor.Int32, s)}, err
}

// Eval accumulates exactly.
func (op convInteger) Eval(c *Call) error {
	sums, err := op.sums(c, c.In[0], c.input(2), c.In[1], c.input(3), nil)
	if err != nil {
		return err
	}
	c.Out[0], err = c.convert(sums, tensor.Int32)
	return err
}

// zeroTypes checks pairs of inputs, an 8-bit operand and its zero point, which
// must have the same dtype.
func zeroTypes(in []ir.Fact, pairs ...int) error {
	for i := 0; i < len(pairs); i += 2 {
		if err := wantType(in, pairs[i], byteTypes|tensor.Float8Types); err != nil {
			return err
		}
		if zero := fact(in, pairs[i+1]); zero.Given() && zero.DType != in[pairs[i]].DType {
			return fmt.Errorf("input %d is %s, its zero point is %s; they must have the same type", pairs[i], in[pairs[i]].DType, zero.DType)
		}
	}
	return nil
}

// qlinearConv is a convolution of 8-bit integers, requantised to 8-bit integers: y =
// saturate(round(sum · (x scale · w scale / y scale)) + y zero point). ONNX QLinearConv-10.
type qlinearConv struct{ integerConv }

func newQLinearConv(n *ir.Node) (Op, error) {
	op, err := newIntegerConv(n)
	return qlinearConv{op}, err
}

// Infer: x, its scale and zero point, w, its scale and zero point, scale and zero
// point of y, bias int32 → y with its zero point's dtype.
func (op qlinearConv) Infer(in []ir.Fact) ([]ir.Fact, error) {
	if err := zeroTypes(in, 0, 2, 3, 5); err != nil {
		return nil, err
	}
	if err := wantType(in, 7, byteTypes); err != nil {
		return nil, err
	}
	if err := wantType(in, 8, tensor.Types(tensor.Int32)); err != nil {
		return nil, err
	}
	for _, i := range []int{1, 4, 6} {
		if err := wantType(in, i, tensor.Types(tensor.Float32)); err != nil {
			return nil, err
		}
		if err := checkScale(in[i], i, i == 4); err != nil {
			return nil, err
		}
	}
	s, err := op.shapes(in[0], in[3], fact(in, 8))
	return []ir.Fact{ir.Tensor(in[7].DType, s)}, err
}

// checkScale checks that a scale has one element or, if many is set, is a vector.
func checkScale(f ir.Fact, i int, many bool) error {
	if n, ok := f.Shape.Count(); ok && (n == 0 || n > 1 && (!many || f.Shape.Rank() != 1)) {
		return fmt.Errorf("scale (input %d) must have one element, its shape is %s", i, f.Shape)
	}
	return nil
}

// Eval accumulates exactly and scales in float32, in ONNX Runtime's order of
// operations, so that results are equal to the bit.
func (op qlinearConv) Eval(c *Call) error {
	sums, err := op.sums(c, c.In[0], c.In[2], c.In[3], c.In[5], c.input(8))
	if err != nil {
		return err
	}
	scales, err := productScales(c, c.In[1], c.In[4], c.In[6])
	if err != nil {
		return err
	}
	m := c.In[3].Dim(0)
	if c.In[1].Len() != 1 || len(scales) != 1 && len(scales) != m {
		return fmt.Errorf("there are %d scales of the input and %d for %d output channels; there must be one of the input, and one or one for each channel", c.In[1].Len(), c.In[4].Len(), m)
	}
	s := scaleMap{outer: sums.Dim(0), n: m, inner: tensor.MustCount(sums.Shape()[2:]), block: 1}
	if len(scales) > 1 {
		s.step = 1
	}
	c.Out[0], err = requantize(c, sums, s, scales, c.In[7])
	return err
}

// productScales returns a·b/y for all pairs of a scale of a and one of b, those with the same of a
// side by side.
func productScales(c *Call, a, b, y *tensor.Tensor) ([]float32, error) {
	if y.Len() != 1 || a.Len() == 0 || b.Len() == 0 {
		return nil, fmt.Errorf("scales have shapes %v, %v and %v; none may be empty, and the last must have one element", a.Shape(), b.Shape(), y.Shape())
	}
	n, err := tensor.Count([]int{a.Len(), b.Len()})
	if err == nil {
		err = c.Run.reserveList(n, 4)
	}
	if err != nil {
		return nil, err
	}
	one := func(t *tensor.Tensor, i int) float32 {
		var v [1]float64
		tensor.Load(v[:], t, i, 1)
		return float32(v[0])
	}
	out := make([]float32, n)
	for i := range out {
		product := one(a, i/b.Len()) * one(b, i%b.Len())
		out[i] = product / one(y, 0)
	}
	return out, nil
}

// requantize returns saturate(round(sum·scale) + zero) with the zero point's
// dtype. The sums are exact integers.
func requantize(c *Call, sums *tensor.Tensor, s scaleMap, scales []float32, zero *tensor.Tensor) (*tensor.Tensor, error) {
	if zero.Len() != 1 {
		return nil, fmt.Errorf("the zero point of the output must have one element, its shape is %v", zero.Shape())
	}
	y, err := c.New(zero.DType(), sums.Shape()...)
	if err != nil {
		return nil, err
	}
	low, high, whole := integerRange(y.DType())
	var z [1]float64
	tensor.Load(z[:], zero, 0, 1)
	src := tensor.Data[float64](sums)
	return y, s.lines(c.Run, func(at, n, k, _ int) {
		line := src[at : at+n]
		for i, sum := range line {
			v := float64(float32(sum) * scales[k])
			if whole {
				v = clamp(math.RoundToEven(v)+z[0], low, high)
			}
			line[i] = v
		}
		tensor.Store(y, at, 1, line)
	})
}

// matMulInteger is a matrix product of 8-bit integers into int32. ONNX
// MatMulInteger-10.
type matMulInteger struct{}

// Infer: A […, M, K], B […, K, N], zero points → Y int32 […, M, N].
func (matMulInteger) Infer(in []ir.Fact) ([]ir.Fact, error) {
	if err := zeroTypes(in, 0, 2, 1, 3); err != nil {
		return nil, err
	}
	return productShape(in[0], in[1], tensor.Int32)
}

// productShape infers a matrix product with dtype d.
func productShape(a, b ir.Fact, d tensor.DType) ([]ir.Fact, error) {
	out, err := matMul{}.Infer([]ir.Fact{ir.Tensor(tensor.Float64, a.Shape), ir.Tensor(tensor.Float64, b.Shape)})
	if err != nil {
		return nil, err
	}
	return []ir.Fact{ir.Tensor(d, out[0].Shape)}, nil
}

// Eval accumulates exactly.
func (matMulInteger) Eval(c *Call) error {
	sums, err := integerProduct(c, c.In[0], c.input(2), c.In[1], c.input(3))
	if err != nil {
		return err
	}
	c.Out[0], err = c.convert(sums, tensor.Int32)
	return err
}

// integerProduct returns the exact product of two matrices with their zero points
// subtracted: one number each, or one for each row of a and each column of b, of each
// matrix or of all.
func integerProduct(c *Call, a, aZero, b, bZero *tensor.Tensor) (*tensor.Tensor, error) {
	as, err := centred(c, a, aZero, max(a.Rank()-2, 0))
	if err != nil {
		return nil, err
	}
	bs, err := centred(c, b, bZero, max(b.Rank()-1, 0))
	if err != nil {
		return nil, err
	}
	inner := *c
	inner.In, inner.Out = []*tensor.Tensor{as, bs}, make([]*tensor.Tensor, 1)
	err = matMul{}.Eval(&inner)
	return inner.Out[0], err
}

// qlinearMatMul is a matrix product of 8-bit integers, requantised to 8-bit integers as in
// qlinearConv. ONNX QLinearMatMul-21, which adds 8-bit floats and 16-bit scales to -10.
type qlinearMatMul struct{}

// Infer: a, its scale and zero point, b, its scale and zero point, scale and zero
// point of y → y with its zero point's dtype.
func (qlinearMatMul) Infer(in []ir.Fact) ([]ir.Fact, error) {
	if err := zeroTypes(in, 0, 2, 3, 5); err != nil {
		return nil, err
	}
	if err := wantType(in, 7, byteTypes|tensor.Float8Types); err != nil {
		return nil, err
	}
	for _, i := range []int{1, 4, 6} {
		if err := wantType(in, i, tensor.FloatTypes); err != nil {
			return nil, err
		}
		if n, ok := in[i].Shape.Count(); ok && n == 0 {
			return nil, fmt.Errorf("scale (input %d) is empty", i)
		}
	}
	return productShape(in[0], in[3], in[7].DType)
}

// Eval accumulates exactly and scales in float32.
func (qlinearMatMul) Eval(c *Call) error {
	sums, err := integerProduct(c, c.In[0], c.In[2], c.In[3], c.In[5])
	if err != nil {
		return err
	}
	a, b := c.In[0], c.In[3]
	rows, columns := c.In[1].Len(), c.In[4].Len()
	if rows != 1 && (a.Rank() < 2 || rows != a.Dim(-2)) || columns != 1 && columns != b.Dim(-1) {
		return fmt.Errorf("there are %d and %d scales for matrices of shapes %v and %v; there must be one, or one for each row of the first and each column of the second", rows, columns, a.Shape(), b.Shape())
	}
	scales, err := productScales(c, c.In[1], c.In[4], c.In[6])
	if err != nil {
		return err
	}
	s := scaleMap{outer: 1, n: 1, inner: sums.Len(), block: 1}
	if len(scales) > 1 {
		s = scaleMap{n: len(scales), inner: 1, step: 1, block: 1}
		if columns == 1 {
			s.inner = sums.Dim(-1)
		}
		s.outer = sums.Len() / max(s.n*s.inner, 1)
	}
	c.Out[0], err = requantize(c, sums, s, scales, c.In[7])
	return err
}
