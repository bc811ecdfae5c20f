package ops

import (
	"math"

	"github.com/visionzoo/vision/engine/ir"
	"github.com/visionzoo/vision/engine/tensor"
)

// Add, Sub, Mul and Div broadcast like numpy from version 7 on; version 14 adds
// the 8- and 16-bit integers. Versions 1 and 6 broadcast as attributes say. Max,
// Min, Sum and Mean broadcast from version 8 on.
var arithmetics = []Def{
	{Name: "Add", Since: 7, Types: tensor.NumericTypes, In: Exactly(2), Out: Exactly(1), New: binaryOp{add}.new},
	{Name: "Sub", Since: 7, Types: tensor.NumericTypes, In: Exactly(2), Out: Exactly(1), New: binaryOp{sub}.new},
	{Name: "Mul", Since: 7, Types: tensor.NumericTypes, In: Exactly(2), Out: Exactly(1), New: binaryOp{mul}.new},
	{Name: "Div", Since: 7, Types: tensor.NumericTypes, In: Exactly(2), Out: Exactly(1), New: binaryOp{div}.new},
	{Name: "Add", Since: 1, Until: 6, Types: tensor.NumericTypes, In: Exactly(2), Out: Exactly(1), New: withBroadcast(binaryOp{add})},
	{Name: "Sub", Since: 1, Until: 6, Types: tensor.NumericTypes, In: Exactly(2), Out: Exactly(1), New: withBroadcast(binaryOp{sub})},
	{Name: "Mul", Since: 1, Until: 6, Types: tensor.NumericTypes, In: Exactly(2), Out: Exactly(1), New: withBroadcast(binaryOp{mul})},
	{Name: "Div", Since: 1, Until: 6, Types: tensor.NumericTypes, In: Exactly(2), Out: Exactly(1), New: withBroadcast(binaryOp{div})},

	{Name: "Max", Since: 8, Types: tensor.NumericTypes, In: Arity{1, Many}, Out: Exactly(1), New: variadic{binary: larger}.new},
	{Name: "Min", Since: 8, Types: tensor.NumericTypes, In: Arity{1, Many}, Out: Exactly(1), New: variadic{binary: smaller}.new},
	{Name: "Sum", Since: 8, Types: tensor.FloatTypes, In: Arity{1, Many}, Out: Exactly(1), New: variadic{binary: add}.new},
	{Name: "Mean", Since: 8, Types: tensor.FloatTypes, In: Arity{1, Many}, Out: Exactly(1), New: variadic{binary: add, finish: divideBy}.new},
	{Name: "Max", Since: 1, Until: 7, Types: tensor.FloatTypes, In: Arity{1, Many}, Out: Exactly(1), New: variadic{binary: larger, sameShape: true}.new},
	{Name: "Min", Since: 1, Until: 7, Types: tensor.FloatTypes, In: Arity{1, Many}, Out: Exactly(1), New: variadic{binary: smaller, sameShape: true}.new},
	{Name: "Sum", Since: 1, Until: 7, Types: tensor.FloatTypes, In: Arity{1, Many}, Out: Exactly(1), New: variadic{binary: add, sameShape: true}.new},
	{Name: "Mean", Since: 1, Until: 7, Types: tensor.FloatTypes, In: Arity{1, Many}, Out: Exactly(1), New: variadic{binary: add, sameShape: true, finish: divideBy}.new},

	{Name: "Pow", Since: 7, Types: tensor.NumericTypes, In: Exactly(2), Out: Exactly(1), New: noAttributes(power{})},
	{Name: "Pow", Since: 1, Until: 6, Types: tensor.FloatTypes, In: Exactly(2), Out: Exactly(1), New: withBroadcast(power{})},
	{Name: "Mod", Since: 10, Types: tensor.NumericTypes, In: Exactly(2), Out: Exactly(1), New: newMod},
}

func (op binaryOp) new(*ir.Node) (Op, error) { return op, nil }
func (op variadic) new(*ir.Node) (Op, error) { return op, nil }

var (
	add = binary{plus[float64], plus[int64], plus[uint64]}
	sub = binary{minus[float64], minus[int64], minus[uint64]}
	mul = binary{times[float64], times[int64], times[uint64]}
	div = binary{func(a, b float64) float64 { return a / b }, quotient[int64], quotient[uint64]}

	larger  = binary{largest[float64], largest[int64], largest[uint64]}
	smaller = binary{smallest[float64], smallest[int64], smallest[uint64]}
)

func plus[T tensor.Number](a, b T) T  { return a + b }
func minus[T tensor.Number](a, b T) T { return a - b }
func times[T tensor.Number](a, b T) T { return a * b }

// quotient truncates toward zero. Division by zero, which the specification
// leaves undefined, gives 0.
func quotient[T int64 | uint64](a, b T) T {
	if b == 0 {
		return 0
	}
	return a / b
}

// largest and smallest are NaN if one operand is, as in numpy.
func largest[T tensor.Number](a, b T) T  { return max(a, b) }
func smallest[T tensor.Number](a, b T) T { return min(a, b) }

// divideBy is the last step of Mean.
func divideBy(n int) unary {
	return unary{f64: func(x float64) float64 { return x / float64(n) }}
}

// power is z = xʸ with the dtype of x; y may have another. ONNX Pow-15; before -12 both have the same.
type power struct{}

// Infer: X, Y → Z with X's dtype and the broadcast shape.
func (power) Infer(in []ir.Fact) ([]ir.Fact, error) {
	if err := wantType(in, 1, tensor.NumericTypes); err != nil {
		return nil, err
	}
	s, err := broadcastShape(in[0].Shape, in[1].Shape)
	return []ir.Fact{ir.Tensor(in[0].DType, s)}, err
}

// Eval computes integer powers of integers modulo 2^64, all others in float64.
func (power) Eval(c *Call) error {
	x, y := c.In[0], c.In[1]
	z, err := c.zeroedBroadcast(x.DType(), x, y)
	if err != nil {
		return err
	}
	w := broadcastWalk(z.Shape(), x.Shape(), y.Shape())
	if tensor.IntTypes.Is(x.DType()) && tensor.IntTypes.Is(y.DType()) {
		return zipElements(c, w, z, x, y, intPower)
	}
	return zipElements(c, w, z, x, y, math.Pow)
}

// intPower is xⁿ modulo 2^64; negative powers are truncated toward zero.
func intPower(x, n int64) int64 {
	if n < 0 {
		switch {
		case x == 1 || x == -1 && n%2 == 0:
			return 1
		case x == -1:
			return -1
		}
		return 0
	}
	p := int64(1)
	for ; n > 0; n >>= 1 {
		if n&1 != 0 {
			p *= x
		}
		x *= x
	}
	return p
}

// newMod makes the remainder with the sign of b (fmod 0, as in Python) or of a (fmod 1, as in C). ONNX
// Mod-10.
func newMod(n *ir.Node) (Op, error) {
	a := n.ReadAttrs()
	if a.Bool("fmod", false) {
		return binaryOp{binary{modulo, remainder[int64], remainder[uint64]}}, a.Err()
	}
	return binaryOp{binary{floorMod, floorModInt, remainder[uint64]}}, a.Err()
}

// modulo is math.Mod, which takes a step for each bit of the quotient. That is not needed where the
// quotient is an integer in float64: truncated, it is at most one too large, and what it leaves is exact.
func modulo(a, b float64) float64 {
	q := math.Trunc(a / b)
	switch {
	case !(math.Abs(q) < 1<<50): // also 0 and NaN as b, and infinities and NaN as a
		return math.Mod(a, b)
	case q == 0:
		return a
	}
	r := math.FMA(-q, b, a)
	if r != 0 && math.Signbit(r) != math.Signbit(a) {
		r += math.Copysign(b, a)
	}
	return math.Copysign(r, a)
}

func floorMod(a, b float64) float64 {
	r := modulo(a, b)
	if r != 0 && (r < 0) != (b < 0) {
		r += b
	}
	return r
}

// remainder has the sign of a. The remainder by zero, which the specification
// leaves undefined, is 0.
func remainder[T int64 | uint64](a, b T) T {
	if b == 0 {
		return 0
	}
	return a % b
}

func floorModInt(a, b int64) int64 {
	r := remainder(a, b)
	if r != 0 && (r < 0) != (b < 0) {
		r += b
	}
	return r
}
