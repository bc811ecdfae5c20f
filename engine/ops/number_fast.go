package ops

import (
	"slices"
	"sync"
	"unsafe"

	"github.com/visionzoo/vision/engine/kernel"
	"github.com/visionzoo/vision/engine/kernel/num"
	"github.com/visionzoo/vision/engine/kernel/vec"
	"github.com/visionzoo/vision/engine/tensor"
)

// This file combines and compares operands that broadcast, in their own types: row by row with the
// kernels of packages num and, for float32, vec, without Eval's conversions.

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

// ownTypes are the types in joinLoops and compareLoops.
var ownTypes = tensor.Types(tensor.Int8, tensor.Int16, tensor.Int32, tensor.Int64, tensor.Uint8, tensor.Uint16, tensor.Uint32, tensor.Uint64,
	tensor.Float32, tensor.Float64, tensor.Bool)

var joinLoops = map[tensor.DType]func(c *Call, op num.Pair, y, a, b *tensor.Tensor) error{
	tensor.Int8: joinRows[int8], tensor.Int16: joinRows[int16], tensor.Int32: joinRows[int32], tensor.Int64: joinRows[int64],
	tensor.Uint8: joinRows[uint8], tensor.Uint16: joinRows[uint16], tensor.Uint32: joinRows[uint32], tensor.Uint64: joinRows[uint64],
	tensor.Float32: (*Call).zip, tensor.Float64: joinRows[float64], tensor.Bool: joinRows[uint8],
}

var compareLoops = map[tensor.DType]func(c *Call, r num.Relation, y, a, b *tensor.Tensor) error{
	tensor.Int8: compareRows[int8], tensor.Int16: compareRows[int16], tensor.Int32: compareRows[int32], tensor.Int64: compareRows[int64],
	tensor.Uint8: compareRows[uint8], tensor.Uint16: compareRows[uint16], tensor.Uint32: compareRows[uint32], tensor.Uint64: compareRows[uint64],
	tensor.Float32: compareRows[float32], tensor.Float64: compareRows[float64], tensor.Bool: compareRows[uint8],
}

// joinTo sets y = a ∘ b for operands of which inOwnType is true, broadcast to the shape of y; y may
// be a.
func (c *Call) joinTo(op num.Pair, y, a, b *tensor.Tensor) error {
	return joinLoops[a.DType()](c, op, y, a, b)
}

func joinRows[T num.Number](c *Call, op num.Pair, y, a, b *tensor.Tensor) error {
	return pairRows(c, 0.3, y.Shape(), words[T](y), a, b, func(dst, x, z []T) { num.Join(c.Run.Kernel.Num, op, dst, x, z) })
}

// zip is joinRows of float32, for which op may be vec.Pow too.
func (c *Call) zip(op num.Pair, y, a, b *tensor.Tensor) error {
	unit := 0.25
	if op == vec.Pow {
		unit = powerTime
	}
	return pairRows(c, unit, y.Shape(), tensor.Data[float32](y), a, b, func(dst, x, z []float32) { c.vec().Zip(op, dst, x, z) })
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
	return true, compareLoops[a.DType()](c, r, y, a, b)
}

func compareRows[T num.Number](c *Call, r num.Relation, y, a, b *tensor.Tensor) error {
	return pairRows(c, 0.3, y.Shape(), tensor.Data[bool](y), a, b, func(dst []bool, x, z []T) { num.Compare(c.Run.Kernel.Num, r, dst, x, z) })
}

// pairRows calls row for rows of an output and of two operands that are broadcast to its shape: a
// row of an operand is as long as that of dst, or a single element. unit is the time of an element in
// nanoseconds.
func pairRows[T num.Number, R any](c *Call, unit float64, shape []int, dst []R, a, b *tensor.Tensor, row func(dst []R, x, z []T)) error {
	x, z := words[T](a), words[T](b)
	if n := len(dst); max(len(x), len(z)) == n && min(len(x), len(z)) == 1 || len(x) == n && len(z) == n { // one row
		return c.share(n, unit, func(from, to int) {
			left, right := x, z
			if len(x) == n {
				left = x[from:to]
			}
			if len(z) == n {
				right = z[from:to]
			}
			row(dst[from:to], left, right)
		})
	}
	w := broadcastWalk(shape, a.Shape(), b.Shape())
	for k, operand := range []*[]T{&x, &z} {
		if err := unroll(c, w, k+1, operand); err != nil {
			return err
		}
	}
	stepX, stepZ := w.step(1), w.step(2)
	last := len(w.dims) - 1
	if last < 1 || w.dims[last] > shortRow || len(dst) == 0 {
		return c.rows(w, unit, func(n int, at []int) {
			row(dst[at[0]:at[0]+n], x[at[1]:][:max(1, n*stepX)], z[at[2]:][:max(1, n*stepZ)])
		})
	}
	// Rows as short as those of points [768 1 2] + [49 2] are joined to longer ones.
	length := w.dims[last]
	w.dims = w.dims[:last]
	outX, outZ := w.step(1), w.step(2)
	return c.rows(w, (unit+1)*float64(length), func(n int, at []int) {
		rooms := oneRowRooms.Get().(*[2][oneRow]uint64)
		for i := 0; i < n; i += oneRow / length {
			rows := min(n-i, oneRow/length)
			row(dst[at[0]+i*length:][:rows*length],
				inOneRow(&rooms[0], x[at[1]+i*outX:], rows, length, outX, stepX),
				inOneRow(&rooms[1], z[at[2]+i*outZ:], rows, length, outZ, stepZ))
		}
		oneRowRooms.Put(rooms)
	})
}

const (
	shortRow = 16  // numbers of a row that is joined with its neighbours, at most: longer ones are worth a call
	oneRow   = 256 // numbers of rows that are joined, at most
)

var oneRowRooms = sync.Pool{New: func() any { return new([2][oneRow]uint64) }}

// inOneRow returns rows of length numbers one after the other, a single number if all are the same. The
// rows are out from each other in x, their numbers step. It copies them to room, unless they lie so.
func inOneRow[T num.Number](room *[oneRow]uint64, x []T, rows, length, out, step int) []T {
	switch {
	case out == 0 && step == 0:
		return x[:1]
	case out == length && step == 1:
		return x[:rows*length]
	}
	to := unsafe.Slice((*T)(unsafe.Pointer(room)), rows*length)
	switch {
	case step == 0:
		for i := range rows {
			for k := range length {
				to[i*length+k] = x[i*out]
			}
		}
	case out == 0 && step == 1:
		for done := copy(to, x[:length]); done < len(to); {
			done += copy(to[done:], to[:done])
		}
	default:
		for i := range rows {
			for k := range length {
				to[i*length+k] = x[i*out+k*step]
			}
		}
	}
	return to
}

// unroll makes the rows of a walk longer where they are short and operand k, with the numbers x, repeats
// along the first dimensions: it becomes a copy of what repeats, as one row. Weights [256 256 3 3]
// times [1 256 1 1] are 256 rows of 2304 numbers then, not 65,536 of 9.
func unroll[T num.Number](c *Call, w *walk, k int, x *[]T) error {
	const short, most = 48, 1 << 14
	last, d, repeats := len(w.dims)-1, 0, 1
	for d < last && w.strides[k][d] == 0 {
		repeats *= w.dims[d]
		d++
	}
	if repeats < 4 || w.dims[last] > short {
		return nil
	}
	dims := w.dims[d:]
	size, own := tensor.MustCount(dims), tensor.Strides(dims)
	if size > most {
		return nil
	}
	for j, s := range w.strides {
		if j != k && !slices.Equal(s[d:], own) {
			return nil
		}
	}
	inner := *c
	inner.Planned = nil
	to, err := inner.New(tensor.DTypeOf[T](), size)
	if err != nil {
		return err
	}
	if err := c.move(newWalk(dims, own, w.strides[k][d:]), to, tensor.Of(*x)); err != nil {
		return err
	}
	*x = tensor.Data[T](to)
	w.dims = append(w.dims[:d:d], size)
	for j := range w.strides {
		w.strides[j] = append(w.strides[j][:d:d], 1)
	}
	return nil
}

// joinRow sets dst = a ∘ b with the kernels for the type.
func joinRow[T num.Number](k *kernel.Rung, op num.Pair, dst, a, b []T) {
	if to, ok := any(dst).([]float32); ok {
		k.Vec.Zip(op, to, any(a).([]float32), any(b).([]float32))
		return
	}
	num.Join(k.Num, op, dst, a, b)
}
