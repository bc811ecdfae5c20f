package ops

import (
	"fmt"
	"math"
	"slices"

	"github.com/visionzoo/vision/engine/ir"
	"github.com/visionzoo/vision/engine/tensor"
)

// qlinears lists the quantised operators of ONNX Runtime (docs/ContribOperators.md). Their arithmetic
// follows its CPU kernels, so that results are equal to the bit where those are exact: which steps are
// rounded to float32 is part of an operator's meaning, and why conversions to float32 stand where they
// seem to do nothing.
var qlinears = []Def{
	{Domain: Microsoft, Name: "QLinearAdd", Since: 1, Types: byteTypes, In: Arity{7, 8}, Out: Exactly(1), New: newQLinearAdd},
	{Domain: Microsoft, Name: "QLinearMul", Since: 1, Types: byteTypes, In: Arity{7, 8}, Out: Exactly(1), New: newQLinearMul},
	{Domain: Microsoft, Name: "QLinearSigmoid", Since: 1, Types: byteTypes, In: Arity{4, 5}, Out: Exactly(1), New: newQLinearSigmoid},
	{Domain: Microsoft, Name: "QLinearLeakyRelu", Since: 1, Types: byteTypes, In: Arity{4, 5}, Out: Exactly(1), New: newQLinearLeakyRelu},
	{Domain: Microsoft, Name: "QLinearGlobalAveragePool", Since: 1, Types: byteTypes, In: Exactly(5), Out: Exactly(1), New: newQLinearGlobalPool},
	{Domain: Microsoft, Name: "QLinearAveragePool", Since: 1, Types: byteTypes, In: Arity{4, 5}, Out: Exactly(1), New: eitherLayout(newQLinearPool)},
	{Domain: Microsoft, Name: "QLinearConcat", Since: 1, Types: tensor.Types(tensor.Float32), In: Arity{5, Many}, Out: Exactly(1), New: newQLinearConcat},
	{Domain: Microsoft, Name: "QLinearSoftmax", Since: 1, Types: byteTypes, In: Exactly(5), Out: Exactly(1), New: newQLinearSoftmax},
	{Domain: Microsoft, Name: "QLinearWhere", Since: 1, Types: tensor.Types(tensor.Bool), In: Exactly(9), Out: Exactly(1), New: noAttributes(qlinearWhere{})},
	{Domain: Microsoft, Name: "QGemm", Since: 1, Types: byteTypes, In: Arity{6, 9}, Out: Exactly(1), New: newQGemm},
}

// quantization is the quantisation of an 8-bit tensor: q stands for (q -
// zero)·scale.
type quantization struct {
	scale, zero float32
}

// readQuantization reads a scale, input i, and an optional zero point, input i+1,
// of one element each.
func readQuantization(c *Call, i int) (quantization, error) {
	s := quantization{}
	if c.input(i) == nil {
		return s, fmt.Errorf("scale (input %d) is missing", i)
	}
	for k, dst := range []*float32{&s.scale, &s.zero} {
		t := c.input(i + k)
		if t == nil {
			continue
		}
		if t.Len() != 1 {
			return s, fmt.Errorf("input %d must have one element, its shape is %v", i+k, t.Shape())
		}
		var v [1]float64
		tensor.Load(v[:], t, 0, 1)
		*dst = float32(v[0])
	}
	return s, nil
}

// readQuantizations reads the quantisation of input and output of an operator
// whose inputs are X, its scale and zero point, and those of Y.
func readQuantizations(c *Call) (from, to quantization, err error) {
	if from, err = readQuantization(c, 1); err == nil {
		to, err = readQuantization(c, 3)
	}
	return from, to, err
}

// dequantize dequantises q.
func (s quantization) dequantize(q float64) float32 { return (float32(q) - s.zero) * s.scale }

// quantize quantises v and clamps the result to [low, high].
func (s quantization) quantize(v float32, low, high float64) float64 {
	return clamp(math.RoundToEven(float64(v/s.scale))+float64(s.zero), low, high)
}

// checkScaled checks the dtypes of operands, scales and zero points; scales are
// the indices of the scale inputs, between operand and zero point.
func checkScaled(in []ir.Fact, d tensor.DType, scales ...int) error {
	for _, i := range scales {
		if err := wantType(in, i, tensor.Types(tensor.Float32)); err != nil {
			return err
		}
		if err := checkScale(fact(in, i), i, false); err != nil {
			return err
		}
		if zero := fact(in, i+1); zero.Given() && zero.DType != d {
			return fmt.Errorf("zero point (input %d) is %s, it must be %s", i+1, zero.DType, d)
		}
	}
	return nil
}

// qlinearBinary is C = quantised(f(A, B)). Inputs 0 to 2 are A, its scale and
// zero point, 3 to 5 those of B, 6 and 7 the scale and zero point of C.
type qlinearBinary struct {
	// prepare returns f on codes p of A and q of B, for their quantisations a and b and that of C, y. Its
	// result is rounded, with the zero point of C added, but not clamped to its type.
	prepare func(a, b, y quantization) func(p, q float64) float64
	mul     bool // as the kernels are told
}

// newQLinearAdd adds with fused multiply-adds, A·(a/y) + (B·(b/y) + k), where k holds
// the terms of the zero points, zero - (zeroA·(a/y) + zeroB·(b/y)), the sum fused too.
func newQLinearAdd(*ir.Node) (Op, error) {
	return qlinearBinary{prepare: func(a, b, y quantization) func(p, q float64) float64 {
		ra, rb := a.scale/y.scale, b.scale/y.scale
		fused := func(q float64, ratio, v float32) float32 { return float32(q*float64(ratio) + float64(v)) }
		k := y.zero - fused(float64(a.zero), ra, rb*b.zero)
		return func(p, q float64) float64 { return math.RoundToEven(float64(fused(p, ra, fused(q, rb, k)))) }
	}}, nil
}

// newQLinearMul scales the exact product by a·b/y and adds the zero point.
func newQLinearMul(*ir.Node) (Op, error) {
	return qlinearBinary{prepare: func(a, b, y quantization) func(p, q float64) float64 {
		product := a.scale * b.scale
		ratio := product / y.scale
		za, zb := float64(a.zero), float64(b.zero)
		return func(p, q float64) float64 {
			v := float32((p-za)*(q-zb)) * ratio
			return math.RoundToEven(float64(float32(v) + y.zero))
		}
	}, mul: true}, nil
}

// Infer: A, B → C with A's dtype and the broadcast shape.
func (op qlinearBinary) Infer(in []ir.Fact) ([]ir.Fact, error) {
	if fact(in, 3).DType != in[0].DType {
		return nil, fmt.Errorf("input 3 is %s, input 0 is %s; they must have the same type", fact(in, 3).DType, in[0].DType)
	}
	if err := checkScaled(in, in[0].DType, 1, 4, 6); err != nil {
		return nil, err
	}
	s, err := broadcastShape(in[0].Shape, in[3].Shape)
	return []ir.Fact{ir.Tensor(in[0].DType, s)}, err
}

// quantizations are those of A, B and C.
func (qlinearBinary) quantizations(c *Call) (of [3]quantization, err error) {
	for i := range of {
		if of[i], err = readQuantization(c, 1+3*i-i/2); err != nil {
			return of, err
		}
	}
	return of, nil
}

// Eval combines element by element.
func (op qlinearBinary) Eval(c *Call) error {
	of, err := op.quantizations(c)
	if err != nil {
		return err
	}
	y, err := c.zeroedBroadcast(c.In[0].DType(), c.In[0], c.In[3])
	if err != nil {
		return err
	}
	low, high, _ := integerRange(y.DType())
	f := op.prepare(of[0], of[1], of[2])
	w := broadcastWalk(y.Shape(), c.In[0].Shape(), c.In[3].Shape())
	return zipElements(c, w, y, c.In[0], c.In[3], func(p, q float64) float64 { return clamp(f(p, q), low, high) })
}

// qlinearMap is an elementwise function of dequantised numbers. Inputs: X, its
// scale and zero point, those of Y.
type qlinearMap struct{ f func(float32) float32 }

func newQLinearSigmoid(*ir.Node) (Op, error) {
	return qlinearMap{func(x float32) float32 { return float32(sigmoid(float64(x))) }}, nil
}

func newQLinearLeakyRelu(n *ir.Node) (Op, error) {
	a := n.ReadAttrs()
	alpha := a.Float("alpha", 0.01)
	return qlinearMap{func(x float32) float32 {
		if x < 0 {
			return alpha * x
		}
		return x
	}}, a.Err()
}

// Infer: X → Y like X.
func (op qlinearMap) Infer(in []ir.Fact) ([]ir.Fact, error) {
	return []ir.Fact{ir.Tensor(in[0].DType, in[0].Shape)}, checkScaled(in, in[0].DType, 1, 3)
}

// Eval applies the function to the 256 codes once and looks up each element.
func (op qlinearMap) Eval(c *Call) error {
	x, y, err := readQuantizations(c)
	if err != nil {
		return err
	}
	out, err := c.zeroedLike(c.In[0])
	if err != nil {
		return err
	}
	return mapCodes(c, out, c.In[0], x, y, op.f)
}

// mapCodes sets dst to f of the numbers in src; x is the quantisation of src, y
// that of dst.
func mapCodes(c *Call, dst, src *tensor.Tensor, x, y quantization, f func(float32) float32) error {
	low, high, _ := integerRange(src.DType())
	table := tensor.New(dst.DType(), 256)
	var codes [256]float64
	for i := range codes {
		codes[i] = y.quantize(f(x.dequantize(low+float64(i))), low, high)
	}
	tensor.Store(table, 0, 1, codes[:])
	shift := byte(int(low)) // the first int8 is -128
	d, s := dst.Bytes(), src.Bytes()
	return newWalk([]int{len(s)}, []int{1}).rows(c.Run, func(n int, at, _ []int) {
		for i := at[0]; i < at[0]+n; i++ {
			d[i] = table.Bytes()[s[i]-shift]
		}
	})
}

// qlinearGlobalPool is the mean over all spatial dimensions.
type qlinearGlobalPool struct{ channelsLast bool }

func newQLinearGlobalPool(n *ir.Node) (Op, error) {
	a := n.ReadAttrs()
	return qlinearGlobalPool{a.Bool("channels_last", false)}, a.Err()
}

// Infer: X [N C spatial…] → Y [N C 1…].
func (op qlinearGlobalPool) Infer(in []ir.Fact) ([]ir.Fact, error) {
	s := in[0].Shape
	if s.Ranked {
		if s.Rank() < 3 {
			return nil, fmt.Errorf("needs an input of rank 3 or more (batch, channels, spatial), it has %s", s)
		}
		s = ir.ShapeOf(slices.Clone(s.Dims)...)
		first, last := op.spatial(s.Rank())
		for i := first; i < last; i++ {
			s.Dims[i] = ir.Dim{N: 1}
		}
	}
	return []ir.Fact{ir.Tensor(in[0].DType, s)}, checkScaled(in, in[0].DType, 1, 3)
}

func (op qlinearGlobalPool) spatial(rank int) (first, last int) {
	if op.channelsLast {
		return 1, rank - 1
	}
	return 2, rank
}

// Eval accumulates exactly and scales once.
func (op qlinearGlobalPool) Eval(c *Call) error {
	x := c.In[0]
	if x.Rank() < 3 {
		return fmt.Errorf("needs an input of rank 3 or more, its shape is %v", x.Shape())
	}
	from, to, err := readQuantizations(c)
	if err != nil {
		return err
	}
	first, last := op.spatial(x.Rank())
	shape := slices.Clone(x.Shape())
	n, inner := tensor.MustCount(shape[first:last]), tensor.MustCount(shape[last:])
	for i := first; i < last; i++ {
		shape[i] = 1
	}
	sums, err := c.New(tensor.Float64, shape...)
	if err != nil {
		return err
	}
	total := tensor.Data[float64](sums)
	var line [rowLength]float64
	s := scaleMap{outer: tensor.MustCount(shape[:first]), n: n, inner: inner, block: 1, innerStep: 1, outerStep: inner}
	err = s.lines(c.Run, func(at, n, k, _ int) {
		tensor.Load(line[:n], x, at, 1)
		for i, v := range line[:n] {
			total[k+i] += v - float64(from.zero)
		}
	})
	if err != nil {
		return err
	}
	c.Out[0], err = op.requantized(c, sums, n, from, to)
	return err
}

// requantized are the means of n codes each, given their sums.
func (qlinearGlobalPool) requantized(c *Call, sums *tensor.Tensor, n int, from, to quantization) (*tensor.Tensor, error) {
	per := to.scale * float32(n)
	return requantize(c, sums, scaleMap{outer: 1, n: 1, inner: sums.Len(), block: 1}, []float32{from.scale / per}, c.In[4])
}

// viaDequantized applies a float32 operator to dequantised numbers. Inputs: X, its
// scale and zero point, those of Y.
type viaDequantized struct{ Op }

// newQLinearPool averages windows in float32.
func newQLinearPool(n *ir.Node) (Op, error) {
	op, err := newAveragePool(n)
	return viaDequantized{op}, err
}

// newQLinearSoftmax has an attribute for the opset of Softmax: before opset 13,
// the dimensions from axis on are one.
func newQLinearSoftmax(n *ir.Node) (Op, error) {
	a := n.ReadAttrs().Need("opset")
	make := alongAxis(softmaxLine)
	if a.Int("opset", 13) < 13 {
		make = alongRest(softmaxLine)
	}
	op, err := make(n)
	if err != nil {
		return nil, err
	}
	return viaDequantized{op}, a.Err()
}

// Infer: X → Y with X's dtype.
func (op viaDequantized) Infer(in []ir.Fact) ([]ir.Fact, error) {
	if err := checkScaled(in, in[0].DType, 1, 3); err != nil {
		return nil, err
	}
	out, err := op.Op.Infer([]ir.Fact{ir.Tensor(tensor.Float32, in[0].Shape)})
	if err != nil {
		return nil, err
	}
	return []ir.Fact{ir.Tensor(in[0].DType, out[0].Shape)}, nil
}

// Eval dequantises, computes and quantises.
func (op viaDequantized) Eval(c *Call) error {
	from, to, err := readQuantizations(c)
	if err != nil {
		return err
	}
	x, err := c.New(tensor.Float32, c.In[0].Shape()...)
	if err != nil {
		return err
	}
	if err := mapElements(c, x, c.In[0], func(q float64) float64 { return float64(from.dequantize(q)) }); err != nil {
		return err
	}
	inner := *c
	inner.In, inner.Out = []*tensor.Tensor{x}, make([]*tensor.Tensor, 1)
	if err := op.Op.Eval(&inner); err != nil {
		return err
	}
	y, err := c.zeroed(c.In[0].DType(), inner.Out[0].Shape()...)
	if err != nil {
		return err
	}
	low, high, _ := integerRange(y.DType())
	return mapElements(c, y, inner.Out[0], func(v float64) float64 { return to.quantize(float32(v), low, high) })
}

// qlinearConcat concatenates tensors with different scales. Inputs: scale and
// zero point of Y, then each X with its own.
type qlinearConcat struct{ axis int }

func newQLinearConcat(n *ir.Node) (Op, error) {
	a := n.ReadAttrs().Need("axis")
	if len(n.Inputs)%3 != 2 {
		a.Fail("has %d inputs; after the scale and zero point of the output they come in threes", len(n.Inputs))
	}
	return qlinearConcat{a.Int("axis", 1)}, a.Err()
}

// Infer: X… → Y with their dtype and the sum of their sizes along axis.
func (op qlinearConcat) Infer(in []ir.Fact) ([]ir.Fact, error) {
	if err := wantType(in, 1, byteTypes); err != nil {
		return nil, err
	}
	d := in[1].DType
	out := in[2].Shape
	if out.Ranked {
		out = ir.ShapeOf(slices.Clone(out.Dims)...)
	}
	for i := 2; i < len(in); i += 3 {
		if in[i].DType != d {
			return nil, fmt.Errorf("input %d is %s, it must be %s like the zero point of the output", i, in[i].DType, d)
		}
		if err := checkScaled(in, d, i+1); err != nil {
			return nil, err
		}
		if !out.Ranked || !in[i].Shape.Ranked {
			out = ir.Shape{}
			continue
		}
		axis, err := tensor.Axis(op.axis, len(out.Dims))
		if err != nil {
			return nil, err
		}
		if len(in[i].Shape.Dims) != len(out.Dims) {
			return nil, fmt.Errorf("input %d has shape %v, input 2 has %v; they may differ only along axis %d", i, in[i].Shape, in[2].Shape, axis)
		}
		for k, dim := range in[i].Shape.Dims {
			switch {
			case k != axis && dim.Known() && out.Dims[k].Known() && dim.N != out.Dims[k].N:
				return nil, fmt.Errorf("input %d has shape %v, input 2 has %v; they may differ only along axis %d", i, in[i].Shape, in[2].Shape, axis)
			case k == axis && i > 2 && dim.Known() && out.Dims[k].Known():
				out.Dims[k].N += dim.N
			case k == axis && i > 2:
				out.Dims[k] = ir.Unknown
			}
		}
	}
	return []ir.Fact{ir.Tensor(d, out)}, nil
}

// Eval copies inputs with the scale and zero point of the output, and requantises
// the others.
func (op qlinearConcat) Eval(c *Call) error {
	facts, err := op.Infer(factsOf(c.In))
	if err != nil {
		return err
	}
	to, err := readQuantization(c, 0)
	if err != nil {
		return err
	}
	shape, _ := facts[0].Shape.Ints()
	axis, err := tensor.Axis(op.axis, len(shape))
	if err != nil {
		return err
	}
	y, err := c.zeroed(facts[0].DType, shape...)
	if err != nil {
		return err
	}
	start, step := 0, tensor.Strides(shape)[axis]
	for i := 2; i < len(c.In); i += 3 {
		from, err := readQuantization(c, i+1)
		if err != nil {
			return err
		}
		x := c.In[i]
		if from != to {
			if x, err = c.like(x); err != nil {
				return err
			}
			if err := mapCodes(c, x, c.In[i], from, to, itself[float32]); err != nil {
				return err
			}
		}
		w := newWalk(x.Shape(), tensor.Strides(shape), tensor.Strides(x.Shape()))
		w.start[0] = start
		if err := w.move(c.Run, y, x); err != nil {
			return err
		}
		start += x.Dim(axis) * step
	}
	return nil
}
