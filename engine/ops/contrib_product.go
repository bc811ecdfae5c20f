package ops

import (
	"fmt"

	"github.com/visionzoo/vision/engine/ir"
	"github.com/visionzoo/vision/engine/tensor"
)

// contributedProducts lists matrix products of ONNX Runtime
// (docs/ContribOperators.md).
var contributedProducts = []Def{
	{Domain: Microsoft, Name: "FusedMatMul", Since: 1, Types: tensor.FloatTypes, In: Exactly(2), Out: Exactly(1), New: newFusedMatMul},
	{Domain: Microsoft, Name: "TransposeMatMul", Since: 1, Types: tensor.FloatTypes, In: Exactly(2), Out: Exactly(1), New: newFusedMatMul},
	{Domain: Microsoft, Name: "MatMulIntegerToFloat", Since: 1, Types: byteTypes, In: Arity{4, 7}, Out: Exactly(1), New: noAttributes(matMulToFloat{})},
	{Domain: Microsoft, Name: "DynamicQuantizeMatMul", Since: 1, Types: tensor.Types(tensor.Float32), In: Arity{3, 5}, Out: Exactly(1), New: noAttributes(dynamicMatMul{})},
	{Domain: Microsoft, Name: "MatMulNBits", Since: 1, Types: tensor.FloatTypes, In: Arity{3, 6}, Out: Exactly(1), New: newMatMulNBits},
}

// FusedMatMul is alpha·A'·B', where A' and B' are A and B with their dimensions permuted. Operators
// FusedMatMul and TransposeMatMul of com.microsoft.
type FusedMatMul struct {
	Alpha float64
	trans [2]bool // transA, transB: the last two dimensions are swapped
	lead  [2]bool // transBatchA, transBatchB: the first dimension moves to the place before the last
}

func newFusedMatMul(n *ir.Node) (Op, error) {
	a := n.ReadAttrs()
	return FusedMatMul{float64(a.Float("alpha", 1)), [2]bool{a.Bool("transA", false), a.Bool("transB", false)},
		[2]bool{a.Bool("transBatchA", false), a.Bool("transBatchB", false)}}, a.Err()
}

// Order returns the permutation of dimensions that operand i needs before an
// ordinary MatMul, nil if it needs none.
func (op FusedMatMul) Order(i, rank int) []int {
	if rank < 2 || !op.trans[i] && !op.lead[i] {
		return nil
	}
	p := make([]int, rank)
	for k := range p {
		p[k] = k
	}
	if op.lead[i] { // [1 … r-2, 0, r-1]
		for k := range rank - 2 {
			p[k] = k + 1
		}
		p[rank-2] = 0
	}
	if op.trans[i] {
		p[rank-2], p[rank-1] = p[rank-1], p[rank-2]
	}
	return p
}

// Infer: A, B → as MatMul of the permuted operands.
func (op FusedMatMul) Infer(in []ir.Fact) ([]ir.Fact, error) {
	operands := make([]ir.Fact, 2)
	for i, f := range in {
		operands[i] = ir.Tensor(f.DType, f.Shape)
		if p := op.Order(i, f.Shape.Rank()); p != nil {
			dims := make([]ir.Dim, len(p))
			for k, from := range p {
				dims[k] = f.Shape.Dims[from]
			}
			operands[i].Shape = ir.ShapeOf(dims...)
		}
	}
	return matMul{}.Infer(operands)
}

func (op FusedMatMul) Eval(c *Call) error {
	inner := *c
	inner.In, inner.Out = make([]*tensor.Tensor, 2), make([]*tensor.Tensor, 1)
	for i, t := range c.In {
		if p := op.Order(i, t.Rank()); p != nil {
			var err error
			if t, err = permuted(&inner, t, p); err != nil {
				return err
			}
		}
		inner.In[i] = t
	}
	if err := (matMul{}).Eval(&inner); err != nil {
		return err
	}
	y := inner.Out[0]
	if op.Alpha != 1 {
		if err := mapElements(c, y, y, func(v float64) float64 { return op.Alpha * v }); err != nil {
			return err
		}
	}
	c.Out[0] = y
	return nil
}

// permuted returns a copy of t with dimension i taken from dimension p[i].
func permuted(c *Call, t *tensor.Tensor, p []int) (*tensor.Tensor, error) {
	shape, steps := reordered(t.Shape(), p), reordered(tensor.Strides(t.Shape()), p)
	y, err := c.New(t.DType(), shape...)
	if err != nil {
		return nil, err
	}
	return y, newWalk(shape, tensor.Strides(shape), steps).move(c.Run, y, t)
}

// matMulToFloat multiplies 8-bit matrices exactly, zero points subtracted, scales the sums by both
// scales and adds a bias. Operator MatMulIntegerToFloat of com.microsoft.
type matMulToFloat struct{}

// Infer: A […, M, K], B […, K, N], scales of A and of B (one or [N]), their zero
// points, bias [N] → float32 […, M, N].
func (matMulToFloat) Infer(in []ir.Fact) ([]ir.Fact, error) {
	if err := firstError(zeroTypes(in, 0, 4, 1, 5), wantType(in, 2, tensor.FloatTypes), wantType(in, 3, tensor.FloatTypes),
		wantType(in, 6, tensor.FloatTypes), oneElement(in, 2)); err != nil {
		return nil, err
	}
	out, err := productShape(in[0], in[1], in[2].DType)
	if err != nil {
		return nil, err
	}
	return out, scaledColumns(out[0].Shape, fact(in, 3), fact(in, 6))
}

// scaledColumns checks inputs with one number for all columns, or one for each.
func scaledColumns(y ir.Shape, list ...ir.Fact) error {
	for _, f := range list {
		if k, ok := f.Shape.Count(); ok && f.Given() && k != 1 && lastDim(y).Known() && k != lastDim(y).N {
			return fmt.Errorf("scales and bias must have 1 or %s elements, one has shape %s", lastDim(y), f.Shape)
		}
	}
	return nil
}

func (op matMulToFloat) Eval(c *Call) error {
	if _, err := op.Infer(factsOf(c.In)); err != nil {
		return err
	}
	return scaledProduct(c, [2]*tensor.Tensor{c.In[0], c.input(4)}, [2]*tensor.Tensor{c.In[1], c.input(5)}, tensor.ToFloat64(c.In[2])[0], c.In[3], c.input(6))
}

// scaledProduct sets output 0 to (a - zero point)·(b - zero point)·scale·scales + bias. a and b are
// each a matrix and its zero point; scale is that of a, scales and bias have one number or one for
// each column.
func scaledProduct(c *Call, a, b [2]*tensor.Tensor, scale float64, scales, bias *tensor.Tensor) error {
	sums, err := integerProduct(c, a[0], a[1], b[0], b[1])
	if err != nil {
		return err
	}
	v, n := tensor.Data[float64](sums), 1
	if sums.Rank() > 0 {
		n = sums.Dim(-1)
	}
	y, err := c.New(tensor.Float32, sums.Shape()...)
	if err != nil {
		return err
	}
	if err := scaleSums(tensor.Data[float32](y), v, 1, max(n, 1), float32(scale), scales, bias); err != nil {
		return err
	}
	if c.Out[0] = y; scales.DType() != tensor.Float32 {
		c.Out[0], err = c.convert(y, scales.DType())
	}
	return err
}

// dynamicMatMul is matMulToFloat of a float matrix A that is quantised at run time, as
// DynamicQuantizeLinear does. Operator DynamicQuantizeMatMul of com.microsoft.
type dynamicMatMul struct{}

// Infer: A float32 […, M, K], B […, K, N], its scale and zero point, bias →
// float32 […, M, N].
func (dynamicMatMul) Infer(in []ir.Fact) ([]ir.Fact, error) {
	if err := firstError(wantType(in, 1, byteTypes), wantType(in, 2, tensor.Types(tensor.Float32)),
		wantType(in, 4, tensor.FloatTypes), zeroTypes(in, 1, 3)); err != nil {
		return nil, err
	}
	out, err := productShape(in[0], in[1], tensor.Float32)
	if err != nil {
		return nil, err
	}
	return out, scaledColumns(out[0].Shape, fact(in, 2), fact(in, 4))
}

func (op dynamicMatMul) Eval(c *Call) error {
	if _, err := op.Infer(factsOf(c.In)); err != nil {
		return err
	}
	q, err := quantised(c, c.In[0])
	if err != nil {
		return err
	}
	return scaledProduct(c, [2]*tensor.Tensor{q[0], q[2]}, [2]*tensor.Tensor{c.In[1], c.input(3)}, tensor.ToFloat64(q[1])[0], c.In[2], c.input(4))
}

// MatMulNBits is A·Bᵀ + bias, where B is weights of a few bits: each row of B consists of blocks of
// codes, packed into bytes from the least significant bit on, with a scale and a zero point for each
// block. Operator MatMulNBits of com.microsoft.
type MatMulNBits struct {
	k, n        int // columns and rows of B
	bits, block int // bits of a code, codes of a block
}

func newMatMulNBits(n *ir.Node) (Op, error) {
	a := n.ReadAttrs().Need("K", "N", "block_size")
	op := MatMulNBits{a.Int("K", 0), a.Int("N", 0), a.Int("bits", 4), a.Int("block_size", 0)}
	if op.k < 1 || op.n < 1 || op.k > maxSpan || op.n > maxSpan || op.block < 8 || op.block > maxSpan || op.block%8 != 0 || op.bits != 2 && op.bits != 4 && op.bits != 8 {
		a.Fail("K %d, N %d, bits %d and block_size %d: sizes must be 1 or more, blocks a multiple of 8, bits 2, 4 or 8", op.k, op.n, op.bits, op.block)
	}
	if a.Int("weight_prepacked", 0) != 0 {
		a.Fail("attribute %q is set, which is not supported", "weight_prepacked")
	}
	return op, a.Err()
}

func (op MatMulNBits) blocks() int { return (op.k + op.block - 1) / op.block }

// Infer: A […, M, K], B uint8 [N blocks bytes], scales [N·blocks], zero points
// packed like B or one number each, group index of each k, bias [N] → […, M, N].
func (op MatMulNBits) Infer(in []ir.Fact) ([]ir.Fact, error) {
	if err := firstError(wantType(in, 1, tensor.Types(tensor.Uint8)), wantType(in, 2, tensor.FloatTypes),
		wantType(in, 3, tensor.FloatTypes|tensor.Types(tensor.Uint8)), wantType(in, 4, tensor.Types(tensor.Int32)), wantType(in, 5, tensor.FloatTypes)); err != nil {
		return nil, err
	}
	b := op.blocks()
	zeros := op.n * ((b*op.bits + 7) / 8)
	if fact(in, 3).Given() && in[3].DType != tensor.Uint8 {
		zeros = op.n * b
	}
	for i, want := range []int{1: op.n * b * (op.block * op.bits / 8), 2: op.n * b, 3: zeros, 4: op.k, 5: op.n} {
		if n, ok := fact(in, i).Shape.Count(); i > 0 && ok && fact(in, i).Given() && n != want {
			if padded := i == 4 && n == b*op.block; !padded {
				return nil, fmt.Errorf("input %d must have %d elements, it has shape %s", i, want, in[i].Shape)
			}
		}
	}
	s := in[0].Shape
	if !s.Ranked {
		return []ir.Fact{ir.Tensor(in[0].DType, s)}, nil
	}
	if d := lastDim(s); s.Rank() < 1 || d.Known() && d.N != op.k {
		return nil, fmt.Errorf("input 0 must have rows of %d elements, its shape is %s", op.k, s)
	}
	dims := append(append([]ir.Dim{}, s.Dims[:s.Rank()-1]...), ir.Dim{N: op.n})
	return []ir.Fact{ir.Tensor(in[0].DType, ir.ShapeOf(dims...))}, nil
}

// Eval unpacks one row of B at a time and accumulates in float64.
func (op MatMulNBits) Eval(c *Call) error {
	f, err := op.Infer(factsOf(c.In))
	if err != nil {
		return err
	}
	shape, _ := f[0].Shape.Ints()
	y, err := c.New(tensor.Float64, shape...)
	if err != nil {
		return err
	}
	x, err := c.convert(c.In[0], tensor.Float64)
	if err != nil {
		return err
	}
	if err := c.Run.reserveList(op.k+op.n*op.blocks(), 8); err != nil {
		return err
	}
	unpack, err := op.unpacking(c.In)
	if err != nil {
		return err
	}
	row := make([]float64, op.k)
	for j := range op.n {
		if err := c.Run.Check(); err != nil {
			return err
		}
		unpack(j, row)
		plus := 0.0
		if b := c.input(5); b != nil {
			var v [1]float64
			tensor.Load(v[:], b, j, 1)
			plus = v[0]
		}
		for m := range x.Len() / op.k {
			tensor.Data[float64](y)[m*op.n+j] = dot(row, tensor.Data[float64](x)[m*op.k:]) + plus
		}
	}
	c.Out[0], err = c.convert(y, c.In[0].DType())
	return err
}

// Weights returns B as the second operand of a MatMul, float32 [K N]; in are the node's inputs, of which
// the first may be nil.
func (op MatMulNBits) Weights(in []*tensor.Tensor) (*tensor.Tensor, error) {
	unpack, err := op.unpacking(in)
	if err != nil {
		return nil, err
	}
	w, row := tensor.New(tensor.Float32, op.k, op.n), make([]float64, op.k)
	for j := range op.n {
		unpack(j, row)
		for k, v := range row {
			tensor.Data[float32](w)[k*op.n+j] = float32(v)
		}
	}
	return w, nil
}

// Size is the number of elements of B.
func (op MatMulNBits) Size() int { return op.k * op.n }

// unpacking returns a function that writes row j of B, given the node's inputs.
func (op MatMulNBits) unpacking(in []*tensor.Tensor) (unpack func(j int, row []float64), err error) {
	input := func(i int) *tensor.Tensor {
		if i < len(in) {
			return in[i]
		}
		return nil
	}
	var groups []float64
	if t := input(4); t != nil {
		groups = tensor.ToFloat64(t)
	}
	for _, g := range groups {
		if g < 0 || g >= float64(op.blocks()) {
			return nil, fmt.Errorf("group index %v is outside the %d blocks", g, op.blocks())
		}
	}
	codes, scales, zeros := input(1).Bytes(), tensor.ToFloat64(input(2)), op.zeros(input(3))
	per := op.blocks() * (op.block * op.bits / 8)
	return func(j int, row []float64) {
		for k := range row {
			g := k / op.block
			if groups != nil {
				g = int(groups[k])
			}
			row[k] = (float64(packedCode(codes[j*per:], k, op.bits)) - zeros(j, g)) * scales[j*op.blocks()+g]
		}
	}, nil
}

// zeros returns a function for the zero point of a block: packed like the codes, a number, or by
// default the middle of the range.
func (op MatMulNBits) zeros(t *tensor.Tensor) func(row, block int) float64 {
	switch {
	case t == nil:
		return func(int, int) float64 { return float64(int(1) << (op.bits - 1)) }
	case t.DType() == tensor.Uint8:
		per := (op.blocks()*op.bits + 7) / 8
		return func(row, block int) float64 { return float64(packedCode(t.Bytes()[row*per:], block, op.bits)) }
	}
	v := tensor.ToFloat64(t)
	return func(row, block int) float64 { return v[row*op.blocks()+block] }
}

// packedCode returns code i of packed codes of a few bits each.
func packedCode(data []byte, i, bits int) byte {
	at := i * bits
	return data[at/8] >> (at % 8) & byte(1<<bits-1)
}

// qlinearWhere selects elements of X or Y by a condition and requantises them with the scale and zero
// point of Z. Operator QLinearWhere of com.microsoft.
type qlinearWhere struct{}

// Infer: condition, X, its scale and zero point, Y, its scale and zero point,
// scale and zero point of Z → Z of X's dtype and the broadcast shape.
func (qlinearWhere) Infer(in []ir.Fact) ([]ir.Fact, error) {
	d := fact(in, 1).DType
	err := firstError(wantType(in, 1, byteTypes), wantType(in, 4, tensor.Types(d)), checkScaled(in, d, 2, 5, 7))
	if err != nil {
		return nil, err
	}
	s, err := broadcastShape(in[0].Shape, in[1].Shape, in[4].Shape)
	return []ir.Fact{ir.Tensor(d, s)}, err
}

func (op qlinearWhere) Eval(c *Call) error {
	if _, err := op.Infer(factsOf(c.In)); err != nil {
		return err
	}
	x, y := c.In[1], c.In[4]
	var codes [3]quantization
	for k, i := range []int{2, 5, 7} {
		var err error
		if codes[k], err = readQuantization(c, i); err != nil {
			return err
		}
	}
	z, err := c.zeroedBroadcast(x.DType(), c.In[0], x, y)
	if err != nil {
		return err
	}
	low, high, _ := integerRange(x.DType())
	var which, a, b, out [rowLength]float64
	return broadcastWalk(z.Shape(), c.In[0].Shape(), x.Shape(), y.Shape()).rows(c.Run, func(n int, at, step []int) {
		tensor.Load(which[:n], c.In[0], at[1], step[1])
		tensor.Load(a[:n], x, at[2], step[2])
		tensor.Load(b[:n], y, at[3], step[3])
		for i, w := range which[:n] {
			v := codes[1].dequantize(b[i])
			if w != 0 {
				v = codes[0].dequantize(a[i])
			}
			out[i] = codes[2].quantize(v, low, high)
		}
		tensor.Store(z, at[0], step[0], out[:n])
	})
}
