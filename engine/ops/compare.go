package ops

import (
	"fmt"
	"math"

	"github.com/visionzoo/vision/engine/ir"
	"github.com/visionzoo/vision/engine/kernel/num"
	"github.com/visionzoo/vision/engine/tensor"
)

var (
	equalable = tensor.NumericTypes | boolType | stringType
	anyFloats = tensor.FloatTypes | tensor.Float8Types
)

// Comparisons and logical operators broadcast like numpy from version 7 on, as attributes say
// before; later versions differ only in element types. Logical operators are bitwise ones on bools,
// which are 0 or 1.
var comparisons = []Def{
	{Name: "Equal", Since: 7, Types: equalable, In: Exactly(2), Out: Exactly(1), New: equality{compareOp{equal}}.new},
	{Name: "Greater", Since: 7, Types: tensor.NumericTypes, In: Exactly(2), Out: Exactly(1), New: compareOp{greater}.new},
	{Name: "Less", Since: 7, Types: tensor.NumericTypes, In: Exactly(2), Out: Exactly(1), New: compareOp{less}.new},
	{Name: "GreaterOrEqual", Since: 12, Types: tensor.NumericTypes, In: Exactly(2), Out: Exactly(1), New: compareOp{greaterOrEqual}.new},
	{Name: "LessOrEqual", Since: 12, Types: tensor.NumericTypes, In: Exactly(2), Out: Exactly(1), New: compareOp{lessOrEqual}.new},
	{Name: "Equal", Since: 1, Until: 6, Types: tensor.IntTypes | boolType, In: Exactly(2), Out: Exactly(1), New: withBroadcast(compareOp{equal})},
	{Name: "Greater", Since: 1, Until: 6, Types: tensor.FloatTypes, In: Exactly(2), Out: Exactly(1), New: withBroadcast(compareOp{greater})},
	{Name: "Less", Since: 1, Until: 6, Types: tensor.FloatTypes, In: Exactly(2), Out: Exactly(1), New: withBroadcast(compareOp{less})},

	{Name: "And", Since: 7, Types: boolType, In: Exactly(2), Out: Exactly(1), New: binaryOp{bitAnd}.new},
	{Name: "Or", Since: 7, Types: boolType, In: Exactly(2), Out: Exactly(1), New: binaryOp{bitOr}.new},
	{Name: "Xor", Since: 7, Types: boolType, In: Exactly(2), Out: Exactly(1), New: binaryOp{bitXor}.new},
	{Name: "And", Since: 1, Until: 6, Types: boolType, In: Exactly(2), Out: Exactly(1), New: withBroadcast(binaryOp{bitAnd})},
	{Name: "Or", Since: 1, Until: 6, Types: boolType, In: Exactly(2), Out: Exactly(1), New: withBroadcast(binaryOp{bitOr})},
	{Name: "Xor", Since: 1, Until: 6, Types: boolType, In: Exactly(2), Out: Exactly(1), New: withBroadcast(binaryOp{bitXor})},
	{Name: "Not", Since: 1, Types: boolType, In: Exactly(1), Out: Exactly(1), New: unary{u64: func(x uint64) uint64 { return x ^ 1 }}.of},

	{Name: "BitwiseAnd", Since: 18, Types: tensor.IntTypes, In: Exactly(2), Out: Exactly(1), New: binaryOp{bitAnd}.new},
	{Name: "BitwiseOr", Since: 18, Types: tensor.IntTypes, In: Exactly(2), Out: Exactly(1), New: binaryOp{bitOr}.new},
	{Name: "BitwiseXor", Since: 18, Types: tensor.IntTypes, In: Exactly(2), Out: Exactly(1), New: binaryOp{bitXor}.new},
	{Name: "BitwiseNot", Since: 18, Types: tensor.IntTypes, In: Exactly(1), Out: Exactly(1),
		New: unary{i64: func(x int64) int64 { return ^x }, u64: func(x uint64) uint64 { return ^x }}.of},
	{Name: "BitShift", Since: 11, Types: tensor.UnsignedTypes, In: Exactly(2), Out: Exactly(1), New: newBitShift},
	{Name: "BitCast", Since: 26, Types: tensor.AllTypes &^ tensor.Types(tensor.String), In: Exactly(1), Out: Exactly(1), New: newBitCast},

	{Name: "IsNaN", Since: 9, Types: anyFloats, In: Exactly(1), Out: Exactly(1), New: test{math.IsNaN, &bitTest{relation: num.Greater}}.new},
	{Name: "IsInf", Since: 10, Types: anyFloats, In: Exactly(1), Out: Exactly(1), New: newIsInf},
	{Name: "Where", Since: 9, Types: boolType, In: Exactly(3), Out: Exactly(1), New: noAttributes(where{})},
}

func (op compareOp) new(*ir.Node) (Op, error) { return op, nil }

var (
	equal          = relation{eq[float64], eq[int64], eq[uint64]}
	greater        = relation{gt[float64], gt[int64], gt[uint64]}
	less           = relation{lt[float64], lt[int64], lt[uint64]}
	greaterOrEqual = relation{ge[float64], ge[int64], ge[uint64]}
	lessOrEqual    = relation{le[float64], le[int64], le[uint64]}

	bitAnd = binary{i64: and[int64], u64: and[uint64]}
	bitOr  = binary{i64: or[int64], u64: or[uint64]}
	bitXor = binary{i64: xor[int64], u64: xor[uint64]}
)

func eq[T tensor.Number](a, b T) bool { return a == b }
func gt[T tensor.Number](a, b T) bool { return a > b }
func lt[T tensor.Number](a, b T) bool { return a < b }
func ge[T tensor.Number](a, b T) bool { return a >= b }
func le[T tensor.Number](a, b T) bool { return a <= b }

func and[T int64 | uint64](a, b T) T { return a & b }
func or[T int64 | uint64](a, b T) T  { return a | b }
func xor[T int64 | uint64](a, b T) T { return a ^ b }

// equality also compares strings. ONNX Equal-19.
type equality struct{ compareOp }

func (op equality) new(*ir.Node) (Op, error) { return op, nil }

// Eval sets c = (a == b).
func (op equality) Eval(c *Call) error {
	if c.In[0].DType() != tensor.String {
		return op.compareOp.Eval(c)
	}
	y, err := c.zeroedBroadcast(tensor.Bool, c.In[0], c.In[1])
	if err != nil {
		return err
	}
	a, b, out := c.In[0].Strings(), c.In[1].Strings(), tensor.Data[bool](y)
	return broadcastWalk(y.Shape(), c.In[0].Shape(), c.In[1].Shape()).rows(c.Run, func(n int, at, step []int) {
		for i := range n {
			out[at[0]+i] = a[at[1]+i*step[1]] == b[at[2]+i*step[2]]
		}
	})
}

// newBitShift makes z = x shifted by y bits; 0 if y is at least the width, as Go's shifts give. ONNX
// BitShift-11.
func newBitShift(n *ir.Node) (Op, error) {
	a := n.ReadAttrs().Need("direction")
	if a.OneOf("direction", "LEFT", "RIGHT") == "LEFT" {
		return bitShift{binaryOp{binary{u64: func(x, y uint64) uint64 { return x << y }}}, num.Left}, a.Err()
	}
	return bitShift{binaryOp{binary{u64: func(x, y uint64) uint64 { return x >> y }}}, num.Right}, a.Err()
}

type bitShift struct {
	binaryOp
	to num.Pair
}

// bitCast reinterprets the bits of elements as another type of the same width.
// ONNX BitCast-26.
type bitCast struct{ to tensor.DType }

func newBitCast(n *ir.Node) (Op, error) {
	a := n.ReadAttrs().Need("to")
	op := bitCast{a.DType("to", tensor.Float32)}
	if op.to == tensor.String {
		a.Fail("strings have no bits to cast to")
	}
	return op, a.Err()
}

func (op bitCast) check(from tensor.DType) error {
	if from.BitsInFile() != op.to.BitsInFile() {
		return fmt.Errorf("%s has %d bits, %s has %d", from, from.BitsInFile(), op.to, op.to.BitsInFile())
	}
	return nil
}

// Infer: any shape → the same, of dtype to.
func (op bitCast) Infer(in []ir.Fact) ([]ir.Fact, error) {
	return []ir.Fact{ir.Tensor(op.to, in[0].Shape)}, op.check(in[0].DType)
}

// Eval views the memory; elements of fewer than 8 bits are sign- or zero-extended
// again.
func (op bitCast) Eval(c *Call) error {
	x := c.In[0]
	if err := op.check(x.DType()); err != nil {
		return err
	}
	view := x.As(op.to)
	if op.to.BitsInFile() >= 8 && op.to != tensor.Bool {
		c.Out[0] = view
		return nil
	}
	y, err := c.zeroed(op.to, x.Shape()...)
	if err != nil {
		return err
	}
	if op.to == tensor.Bool { // any nonzero byte reads as true
		return mapElements(c, y, x.As(tensor.Uint8), itself[uint64])
	}
	if op.to == tensor.Float4E2M1 {
		return mapElements(c, y.As(tensor.Uint4), x, itself[uint64])
	}
	if x.DType() == tensor.Float4E2M1 {
		x = x.As(tensor.Uint4)
	}
	return mapElements(c, y, x, itself[int64])
}

// test is an elementwise predicate.
type test struct {
	f    func(float64) bool
	bits *bitTest // the same on bits; nil: none
}

func (op test) new(*ir.Node) (Op, error) { return op, nil }

// newIsInf tests for infinities of either or both signs. ONNX IsInf-10.
func newIsInf(n *ir.Node) (Op, error) {
	a := n.ReadAttrs()
	negative, positive := a.Bool("detect_negative", true), a.Bool("detect_positive", true)
	bits := &bitTest{num.Equal, negative != positive, negative}
	if !negative && !positive {
		bits = nil
	}
	return test{func(x float64) bool {
		return positive && math.IsInf(x, 1) || negative && math.IsInf(x, -1)
	}, bits}, a.Err()
}

// Infer: X → Y bool, same shape.
func (op test) Infer(in []ir.Fact) ([]ir.Fact, error) {
	return []ir.Fact{ir.Tensor(tensor.Bool, in[0].Shape)}, nil
}

// Eval sets y[i] = f(x[i]).
func (op test) Eval(c *Call) error {
	y, err := c.zeroed(tensor.Bool, c.In[0].Shape()...)
	if err != nil {
		return err
	}
	return mapElements(c, y, c.In[0], func(x float64) uint64 {
		if op.f(x) {
			return 1
		}
		return 0
	})
}

// where is x if the condition holds, else y. ONNX Where-9.
type where struct{}

// Infer: condition bool, X, Y of the same dtype → their broadcast shape.
func (where) Infer(in []ir.Fact) ([]ir.Fact, error) {
	if err := firstError(wantType(in, 1, tensor.AllTypes), sameType(in[1:])); err != nil {
		return nil, err
	}
	s, err := broadcastShape(in[0].Shape, in[1].Shape, in[2].Shape)
	if err != nil {
		return nil, err
	}
	f := ir.Tensor(in[1].DType, s)
	if cond := in[0].Const; cond != nil && in[1].Ints != nil && in[2].Ints != nil && cond.Rank() <= 1 {
		f.Ints = choose(tensor.Data[bool](cond), in[1].Ints, in[2].Ints)
	}
	return []ir.Fact{f}, nil
}

// choose computes Where on the known elements of small integer vectors.
func choose(cond []bool, x, y []ir.Dim) []ir.Dim {
	if len(cond) == 0 || len(x) == 0 || len(y) == 0 {
		return nil
	}
	out := make([]ir.Dim, max(len(cond), len(x), len(y)))
	for i := range out {
		from := y
		if cond[min(i, len(cond)-1)] {
			from = x
		}
		out[i] = from[min(i, len(from)-1)]
	}
	return out
}

// Eval takes each element from X or Y.
func (where) Eval(c *Call) error {
	cond, a, b := c.In[0], c.In[1], c.In[2]
	y, err := c.zeroedBroadcast(a.DType(), cond, a, b)
	if err != nil {
		return err
	}
	w := broadcastWalk(y.Shape(), cond.Shape(), a.Shape(), b.Shape())
	if a.DType() == tensor.String {
		return chooseElements(c, w, y.Strings(), a.Strings(), b.Strings())
	}
	switch a.DType().Size() {
	case 1:
		return chooseElements(c, w, y.Bytes(), a.Bytes(), b.Bytes())
	case 2:
		return chooseElements(c, w, words[uint16](y), words[uint16](a), words[uint16](b))
	case 4:
		return chooseElements(c, w, words[uint32](y), words[uint32](a), words[uint32](b))
	case 8:
		return chooseElements(c, w, words[uint64](y), words[uint64](a), words[uint64](b))
	}
	return chooseElements(c, w, words[complex128](y), words[complex128](a), words[complex128](b))
}

func chooseElements[T any](c *Call, w *walk, y, a, b []T) error {
	cond := tensor.Data[bool](c.In[0])
	return w.rows(c.Run, func(n int, at, step []int) {
		k, p, q := at[1], at[2], at[3]
		for i := range y[at[0] : at[0]+n] {
			v := b[q]
			if cond[k] {
				v = a[p]
			}
			y[at[0]+i] = v
			k, p, q = k+step[1], p+step[2], q+step[3]
		}
	})
}
