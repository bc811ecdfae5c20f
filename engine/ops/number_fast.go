package ops

import (
	"github.com/visionzoo/vision/engine/kernel"
	"github.com/visionzoo/vision/engine/kernel/num"
	"github.com/visionzoo/vision/engine/tensor"
)

// This file combines and compares operands that broadcast in their own types, row by row with
// the kernels of packages num and, for sums and the like of float32, vec, without Eval's
// conversions.

// joins lists the operators whose result is of the operands' type.
var joins = map[string]num.Pair{
	"Add": num.Add, "Sub": num.Sub, "Mul": num.Mul, "Div": num.Div, "Max": num.Max, "Min": num.Min,
	"Sum": num.Add, "Mean": num.Add,
	"And": num.And, "Or": num.Or, "Xor": num.Xor, "BitwiseAnd": num.And, "BitwiseOr": num.Or, "BitwiseXor": num.Xor,
}

// join sets output 0 to a ∘ b; false if it has no loop for their type.
func (c *Call) join(op num.Pair, a, b *tensor.Tensor) (bool, error) {
	if !c.inOwnType(a, b) {
		return false, nil
	}
	y, err := c.broadcast(a.DType(), a, b)
	if err != nil {
		return true, err
	}
	return true, c.joinTo(op, y, a, b)
}

// broadcast returns output 0, of the shape to which a and b are broadcast.
func (c *Call) broadcast(d tensor.DType, a, b *tensor.Tensor) (*tensor.Tensor, error) {
	shape, err := tensor.Broadcast(a.Shape(), b.Shape())
	if err != nil {
		return nil, err
	}
	return c.output(d, shape...)
}

// inOwnType reports whether there are loops for both operands in their own type.
func (c *Call) inOwnType(a, b *tensor.Tensor) bool {
	d := a.DType()
	return c.Run.Kernel != nil && c.Node.Domain == "" && d == b.DType() && ownTypes.Is(d)
}

var ownTypes = tensor.Types(tensor.Int8, tensor.Int16, tensor.Int32, tensor.Int64, tensor.Uint8, tensor.Uint16, tensor.Uint32, tensor.Uint64,
	tensor.Float32, tensor.Float64, tensor.Bool)

// joinTo sets y = a ∘ b for operands of which inOwnType is true, broadcast to the shape of y; y may
// be a.
func (c *Call) joinTo(op num.Pair, y, a, b *tensor.Tensor) error {
	switch a.DType() {
	case tensor.Int8:
		return joinRows[int8](c, op, y, a, b)
	case tensor.Int16:
		return joinRows[int16](c, op, y, a, b)
	case tensor.Int32:
		return joinRows[int32](c, op, y, a, b)
	case tensor.Int64:
		return joinRows[int64](c, op, y, a, b)
	case tensor.Uint16:
		return joinRows[uint16](c, op, y, a, b)
	case tensor.Uint32:
		return joinRows[uint32](c, op, y, a, b)
	case tensor.Uint64:
		return joinRows[uint64](c, op, y, a, b)
	case tensor.Float32:
		return c.zip(op, y, a, b)
	case tensor.Float64:
		return joinRows[float64](c, op, y, a, b)
	}
	return joinRows[uint8](c, op, y, a, b)
}

func joinRows[T num.Number](c *Call, op num.Pair, y, a, b *tensor.Tensor) error {
	return pairRows(c, 0.3, y.Shape(), words[T](y), a, b, func(dst, x, z []T) { num.Join(c.Run.Kernel.Num, op, dst, x, z) })
}

// compare sets output 0 to whether a relation holds; false if it has no loop for the operands' type.
func (c *Call) compare(r num.Relation, a, b *tensor.Tensor) (bool, error) {
	if !c.inOwnType(a, b) {
		return false, nil
	}
	y, err := c.broadcast(tensor.Bool, a, b)
	if err != nil {
		return true, err
	}
	switch a.DType() {
	case tensor.Int8:
		return true, compareRows[int8](c, r, y, a, b)
	case tensor.Int16:
		return true, compareRows[int16](c, r, y, a, b)
	case tensor.Int32:
		return true, compareRows[int32](c, r, y, a, b)
	case tensor.Int64:
		return true, compareRows[int64](c, r, y, a, b)
	case tensor.Uint16:
		return true, compareRows[uint16](c, r, y, a, b)
	case tensor.Uint32:
		return true, compareRows[uint32](c, r, y, a, b)
	case tensor.Uint64:
		return true, compareRows[uint64](c, r, y, a, b)
	case tensor.Float32:
		return true, compareRows[float32](c, r, y, a, b)
	case tensor.Float64:
		return true, compareRows[float64](c, r, y, a, b)
	}
	return true, compareRows[uint8](c, r, y, a, b)
}

func compareRows[T num.Number](c *Call, r num.Relation, y, a, b *tensor.Tensor) error {
	return pairRows(c, 0.3, y.Shape(), tensor.Data[bool](y), a, b, func(dst []bool, x, z []T) { num.Compare(c.Run.Kernel.Num, r, dst, x, z) })
}

// pairRows calls row for rows of an output and of two operands that are broadcast to its shape: a
// row of an operand is as long as that of dst, or a single element. unit is the time of an element in
// nanoseconds.
func pairRows[T num.Number, R any](c *Call, unit float64, shape []int, dst []R, a, b *tensor.Tensor, row func(dst []R, x, z []T)) error {
	x, z := words[T](a), words[T](b)
	if len(dst) == 1 { // such as a loop's counter: not worth the walk
		row(dst, x, z)
		return nil
	}
	w := broadcastWalk(shape, a.Shape(), b.Shape())
	stepX, stepZ := w.step(1), w.step(2)
	return c.rows(w, unit, func(n int, at []int) {
		row(dst[at[0]:at[0]+n], x[at[1]:][:max(1, n*stepX)], z[at[2]:][:max(1, n*stepZ)])
	})
}

// joinRow sets dst = a ∘ b, which may be sum, product, least or largest, with the kernels for the type.
func joinRow[T num.Number](k *kernel.Rung, op num.Pair, dst, a, b []T) {
	if to, ok := any(dst).([]float32); ok {
		k.Vec.Zip(floatPairs[op], to, any(a).([]float32), any(b).([]float32))
		return
	}
	num.Join(k.Num, op, dst, a, b)
}

var floatPairs = [...]num.Pair{num.Add: num.Add, num.Mul: num.Mul, num.Min: num.Min, num.Max: num.Max}
