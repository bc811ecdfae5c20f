package ops

import (
	"fmt"

	"github.com/visionzoo/vision/engine/ir"
	"github.com/visionzoo/vision/engine/tensor"
)

var products = []Def{
	{Name: "Det", Since: 11, Types: tensor.FloatTypes, In: Exactly(1), Out: Exactly(1), New: noAttributes(det{})},
	{Name: "Einsum", Since: 12, Types: tensor.NumericTypes, In: Arity{1, Many}, Out: Exactly(1), New: newEinsum},
	{Name: "MatMul", Since: 9, Types: tensor.FloatTypes | wordTypes, In: Exactly(2), Out: Exactly(1), New: noAttributes(matMul{})},
	{Name: "MatMul", Since: 1, Until: 8, Types: tensor.FloatTypes, In: Exactly(2), Out: Exactly(1), New: noAttributes(matMul{})},
	{Name: "Gemm", Since: 11, Types: tensor.FloatTypes | wordTypes, In: Arity{2, 3}, Out: Exactly(1), New: newGemm},
	{Name: "Gemm", Since: 9, Until: 10, Types: tensor.FloatTypes | wordTypes, In: Exactly(3), Out: Exactly(1), New: newGemm},
	{Name: "Gemm", Since: 1, Until: 8, Types: tensor.FloatTypes, In: Exactly(3), Out: Exactly(1), New: newGemm},
}

// matMul is numpy's matmul: the last two dimensions are matrices and the others
// broadcast. A vector is a row as the left operand, a column as the right. ONNX
// MatMul-1; -9 and -13 extend the types.
type matMul struct{}

// Infer: A […, M, K], B […, K, N] → Y […, M, N].
func (matMul) Infer(in []ir.Fact) ([]ir.Fact, error) {
	if err := sameType(in); err != nil {
		return nil, err
	}
	a, b := in[0].Shape, in[1].Shape
	if a.Ranked && a.Rank() == 0 || b.Ranked && b.Rank() == 0 {
		return nil, fmt.Errorf("operands must have rank 1 or more, their shapes are %s and %s", a, b)
	}
	if !a.Ranked || !b.Ranked {
		return []ir.Fact{ir.Tensor(in[0].DType, ir.Shape{})}, nil
	}
	shape, err := matMulShape(a.Dims, b.Dims)
	if err != nil {
		return nil, fmt.Errorf("%w: shapes %s and %s", err, a, b)
	}
	return []ir.Fact{ir.Tensor(in[0].DType, ir.ShapeOf(shape...))}, nil
}

// matMulShape returns the shape of a product of operands of rank 1 or more. Of a vector, the
// dimension of 1 that makes it a matrix does not appear in the result.
func matMulShape(a, b []ir.Dim) ([]ir.Dim, error) {
	var tail []ir.Dim
	ka, kb := a[len(a)-1], b[0]
	if len(a) > 1 {
		tail = append(tail, a[len(a)-2])
	}
	if len(b) > 1 {
		kb = b[len(b)-2]
		tail = append(tail, b[len(b)-1])
	}
	if ka.Known() && kb.Known() && ka.N != kb.N {
		return nil, fmt.Errorf("the inner dimensions must be equal")
	}
	head, err := broadcastShape(ir.ShapeOf(a[:max(len(a)-2, 0)]...), ir.ShapeOf(b[:max(len(b)-2, 0)]...))
	return append(head.Dims, tail...), err
}

func (op matMul) Eval(c *Call) error {
	if _, err := op.Infer(factsOf(c.In)); err != nil {
		return err
	}
	return evalProduct(c, matMulEval[float32, float64], matMulEval[float64, float64],
		matMulEval[int32, int32], matMulEval[int64, int64], matMulEval[uint32, uint32], matMulEval[uint64, uint64])
}

// evalProduct runs the instantiation for the dtype of the first input.
func evalProduct(c *Call, f32, f64, i32, i64, u32, u64 func(c *Call) error) error {
	switch c.In[0].DType() {
	case tensor.Int32:
		return i32(c)
	case tensor.Int64:
		return i64(c)
	case tensor.Uint32:
		return u32(c)
	case tensor.Uint64:
		return u64(c)
	}
	return evalReal(c, f32, f64)
}

// matMulEval multiplies elements of T and accumulates in S.
func matMulEval[T, S number](c *Call) error {
	a, b := c.In[0], c.In[1]
	p, err := newMatrixProduct(a.Shape(), b.Shape())
	if err != nil {
		return err
	}
	y, err := c.zeroed(a.DType(), p.shape...)
	if err != nil {
		return err
	}
	if y.Len() == 0 {
		return nil
	}
	if err := c.Run.reserveList(p.n, 8); err != nil {
		return err
	}
	da, db, dy := tensor.Data[T](a), tensor.Data[T](b), tensor.Data[T](y)
	acc := make([]S, p.n)
	for i := range p.batches() {
		ia, ib := p.operands(i)
		for m := range p.m {
			if err := c.Run.Check(); err != nil {
				return err
			}
			clear(acc)
			for k := range p.k {
				addRow(acc, db[(ib*p.k+k)*p.n:], S(da[(ia*p.m+m)*p.k+k]))
			}
			row := dy[(i*p.m+m)*p.n:]
			for j, v := range acc {
				row[j] = T(v)
			}
		}
	}
	return nil
}

// addRow sets acc[i] += w·x[i].
func addRow[T, S number](acc []S, x []T, w S) {
	x = x[:len(acc)]
	for i, v := range x {
		acc[i] += w * S(v)
	}
}

// dot is Σ a·b.
func dot[T, S number](a []S, b []T) S {
	b = b[:len(a)]
	var sum S
	for i, v := range a {
		sum += v * S(b[i])
	}
	return sum
}

// matrixProduct is a batch of M×K by K×N matrix products.
type matrixProduct struct {
	m, k, n        int
	head           []int // batch dimensions
	shape          []int // of the result
	stepsA, stepsB []int // batch strides in matrices, 0 where an operand is broadcast
}

func newMatrixProduct(a, b []int) (*matrixProduct, error) {
	p := &matrixProduct{m: 1, k: a[len(a)-1], n: 1}
	var tail []int
	headA, headB := []int{}, []int{}
	if len(a) > 1 {
		p.m, headA = a[len(a)-2], a[:len(a)-2]
		tail = append(tail, p.m)
	}
	if len(b) > 1 {
		p.n, headB = b[len(b)-1], b[:len(b)-2]
		tail = append(tail, p.n)
	}
	head, err := tensor.Broadcast(headA, headB)
	if err != nil {
		return nil, err
	}
	p.head, p.shape = head, append(append([]int(nil), head...), tail...)
	p.stepsA, p.stepsB = tensor.BroadcastStrides(headA, head), tensor.BroadcastStrides(headB, head)
	return p, nil
}

func (p *matrixProduct) batches() int { return tensor.MustCount(p.head) }

// operands returns the indices of the matrices of A and B that make matrix i of
// the result.
func (p *matrixProduct) operands(i int) (a, b int) {
	for d := len(p.head) - 1; d >= 0; d-- {
		at := i % p.head[d]
		i /= p.head[d]
		a += at * p.stepsA[d]
		b += at * p.stepsB[d]
	}
	return a, b
}

// gemm is Y = alpha·A'·B' + beta·C, where A' and B' are A and B or their
// transposes and C broadcasts to Y. ONNX Gemm-11, in which C became optional.
// Versions 1 and 6 have an attribute for whether C broadcasts, which its shape
// tells as well; -9 and -13 extend the types.
type gemm struct {
	alpha, beta    float32
	transA, transB bool
}

func newGemm(n *ir.Node) (Op, error) {
	a := n.ReadAttrs()
	return &gemm{a.Float("alpha", 1), a.Float("beta", 1), a.Bool("transA", false), a.Bool("transB", false)}, a.Err()
}

// Infer: A [M K] or [K M], B [K N] or [N K], C broadcast to [M N] → Y [M N].
func (op *gemm) Infer(in []ir.Fact) ([]ir.Fact, error) {
	if err := sameType(in); err != nil {
		return nil, err
	}
	m, ka, err := matrixDims(in[0].Shape, "A", op.transA)
	if err != nil {
		return nil, err
	}
	kb, n, err := matrixDims(in[1].Shape, "B", op.transB)
	if err != nil {
		return nil, err
	}
	if ka.Known() && kb.Known() && ka.N != kb.N {
		return nil, fmt.Errorf("the inner dimensions must be equal: A is %s, B is %s", in[0].Shape, in[1].Shape)
	}
	if c := fact(in, 2); c.Given() && c.Shape.Ranked {
		y, err := broadcastShape(c.Shape, ir.ShapeOf(m, n))
		if err != nil || !fitsShape(y, ir.ShapeOf(m, n)) {
			return nil, fmt.Errorf("input C must broadcast to [%s %s], its shape is %s", m, n, c.Shape)
		}
	}
	return []ir.Fact{ir.Tensor(in[0].DType, ir.ShapeOf(m, n))}, nil
}

// fitsShape reports whether two shapes may be equal.
func fitsShape(a, b ir.Shape) bool {
	if !a.Ranked || !b.Ranked {
		return true
	}
	if len(a.Dims) != len(b.Dims) {
		return false
	}
	for i, d := range a.Dims {
		if d.Known() && b.Dims[i].Known() && d.N != b.Dims[i].N {
			return false
		}
	}
	return true
}

// matrixDims returns the rows and columns of a matrix, swapped if it is used
// transposed.
func matrixDims(s ir.Shape, name string, transposed bool) (rows, cols ir.Dim, err error) {
	if !s.Ranked {
		return ir.Unknown, ir.Unknown, nil
	}
	if s.Rank() != 2 {
		return rows, cols, fmt.Errorf("%s must be a matrix, its shape is %s", name, s)
	}
	if transposed {
		return s.Dims[1], s.Dims[0], nil
	}
	return s.Dims[0], s.Dims[1], nil
}

func (op *gemm) Eval(c *Call) error {
	if _, err := op.Infer(factsOf(c.In)); err != nil {
		return err
	}
	return evalProduct(c, gemmEval[float32, float64](op), gemmEval[float64, float64](op),
		gemmEval[int32, int32](op), gemmEval[int64, int64](op), gemmEval[uint32, uint32](op), gemmEval[uint64, uint64](op))
}

// gemmEval multiplies elements of T and accumulates in S. Integers are scaled in
// float64.
func gemmEval[T, S number](op *gemm) func(c *Call) error {
	return func(c *Call) error {
		a, b := c.In[0], c.In[1]
		m, k, n := a.Dim(0), a.Dim(1), b.Dim(1)
		if op.transA {
			m, k = k, m
		}
		if op.transB {
			n = b.Dim(0)
		}
		y, err := c.New(a.DType(), m, n)
		if err != nil {
			return err
		}
		if c.Out[0] = y; y.Len() == 0 {
			return nil // whatever k is
		}
		if err := firstError(c.Run.reserveList(n, 8), c.Run.reserveList(k, 8)); err != nil {
			return err
		}
		da, db, dy := tensor.Data[T](a), tensor.Data[T](b), tensor.Data[T](y)
		acc, row := make([]S, n), make([]S, k)
		for i := range m {
			if err := c.Run.Check(); err != nil {
				return err
			}
			for p := range row {
				if op.transA {
					row[p] = S(da[p*m+i])
				} else {
					row[p] = S(da[i*k+p])
				}
			}
			clear(acc)
			if op.transB {
				for j := range acc {
					acc[j] = dot(row, db[j*k:])
				}
			} else {
				for p, w := range row {
					addRow(acc, db[p*n:], w)
				}
			}
			for j, v := range acc {
				dy[i*n+j] = T(scaled(v, op.alpha))
			}
		}
		if t := c.input(2); t != nil {
			steps := tensor.BroadcastStrides(t.Shape(), y.Shape())
			dc := tensor.Data[T](t)
			for i := range dy {
				dy[i] += T(scaled(S(dc[i/n*steps[0]+i%n*steps[1]]), op.beta))
			}
		}
		return nil
	}
}

// scaled is v·by, exact if by is 1.
func scaled[S number](v S, by float32) S {
	if by == 1 {
		return v
	}
	return S(float64(v) * float64(by))
}
