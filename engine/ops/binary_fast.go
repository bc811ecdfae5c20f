package ops

import (
	"math"
	"slices"

	"github.com/visionzoo/vision/engine/ir"
	"github.com/visionzoo/vision/engine/kernel/num"
	"github.com/visionzoo/vision/engine/kernel/vec"
	"github.com/visionzoo/vision/engine/tensor"
)

// EvalFast combines operands in their own types, row by row.
func (op binaryOp) EvalFast(c *Call) (bool, error) {
	return op.fast(c, c.In[0], c.In[1])
}

// fast combines a and b, which need not be the inputs of the call, into output 0.
func (op binaryOp) fast(c *Call, a, b *tensor.Tensor) (bool, error) {
	if pair, ok := joins[c.Node.Op]; ok {
		return c.join(pair, a, b)
	}
	if op.f64 != nil && c.vec(a, b) != nil { // Mod, SwiGLU
		y, err := c.broadcast(tensor.Float32, a, b)
		if err != nil {
			return true, err
		}
		return true, zipRows(c, y, a, b, func(a, b float32) float32 { return float32(op.f64(float64(a), float64(b))) })
	}
	return op.evalInts(c, a, b)
}

// powerTime is the time of a power, and sineTime that of other functions computed in float64, in
// nanoseconds: less with a kernel, more without.
const (
	powerTime = 10
	sineTime  = 5
)

// evalInts combines int64 and int32 operands in their own type by the operator's function.
func (op binaryOp) evalInts(c *Call, a, b *tensor.Tensor) (bool, error) {
	if op.i64 == nil || a.DType() != b.DType() || c.Run.Kernel == nil || a.DType() != tensor.Int64 && a.DType() != tensor.Int32 {
		return false, nil
	}
	y, err := c.broadcast(a.DType(), a, b)
	if err != nil {
		return true, err
	}
	if a.DType() == tensor.Int64 {
		return true, zipRows(c, y, a, b, op.i64)
	}
	return true, zipRows(c, y, a, b, func(a, b int32) int32 { return int32(op.i64(int64(a), int64(b))) })
}

// zipRows sets y = f(a, b), with a and b broadcast to the shape of y.
func zipRows[T, R tensor.Element](c *Call, y, a, b *tensor.Tensor, f func(a, b T) R) error {
	dst, x, z := tensor.Data[R](y), tensor.Data[T](a), tensor.Data[T](b)
	if len(dst) == 1 {
		dst[0] = f(x[0], z[0])
		return nil
	}
	w := broadcastWalk(y.Shape(), a.Shape(), b.Shape())
	stepA, stepB := w.step(1), w.step(2)
	return c.rows(w, 2, func(n int, at []int) {
		i, j := at[1], at[2]
		for k := range dst[at[0] : at[0]+n] {
			dst[at[0]+k] = f(x[i], z[j])
			i += stepA
			j += stepB
		}
	})
}

// EvalFast computes PRelu if the slope is the same within each row of the walk, as one slope for each
// channel is. Other operators with unidirectional broadcasting have no fast path.
func (op unidirectional) EvalFast(c *Call) (bool, error) {
	x, slope := c.In[0], c.input(1)
	if c.Node.Domain != "" || c.Node.Op != "PRelu" || c.vec(x, slope) == nil {
		return false, nil
	}
	if s, err := tensor.Broadcast(x.Shape(), slope.Shape()); err != nil || !slices.Equal(s, x.Shape()) {
		return false, nil
	}
	w := broadcastWalk(x.Shape(), x.Shape(), slope.Shape())
	if w.step(2) != 0 {
		return false, nil
	}
	y, err := c.output(tensor.Float32, x.Shape()...)
	if err != nil {
		return true, err
	}
	v, dst, src, slopes := c.vec(), tensor.Data[float32](y), tensor.Data[float32](x), tensor.Data[float32](slope)
	return true, c.rows(w, 0.25, func(n int, at []int) {
		v.Apply(vec.LeakyRelu, dst[at[0]:at[0]+n], src[at[1]:at[1]+n], slopes[at[2]], 0)
	})
}

// EvalFast reshapes B to align with A, as Eval does, and combines them with a kernel.
func (op aligned) EvalFast(c *Call) (bool, error) {
	one, ok := op.op.(unidirectional)
	if !ok || c.vec(c.In...) == nil {
		return false, nil
	}
	pair, ok := one.Op.(binaryOp)
	if !ok {
		return false, nil
	}
	dims, err := op.alignedShape(ir.Dims(c.In[0].Shape()...).Dims, ir.Dims(c.In[1].Shape()...).Dims)
	if err != nil {
		return false, nil
	}
	shape, _ := ir.ShapeOf(dims...).Ints()
	b, err := c.In[1].Reshape(shape...)
	if err != nil {
		return false, nil
	}
	if s, err := tensor.Broadcast(c.In[0].Shape(), shape); err != nil || !slices.Equal(s, c.In[0].Shape()) {
		return false, nil
	}
	return pair.fast(c, c.In[0], b)
}

// EvalFast combines the operands one after the other.
func (op variadic) EvalFast(c *Call) (bool, error) {
	pair, ok := joins[c.Node.Op]
	if !ok || len(c.In) < 2 {
		return false, nil
	}
	for _, t := range c.In[1:] {
		if !c.inOwnType(c.In[0], t) {
			return false, nil
		}
	}
	var shape []int
	for _, t := range c.In {
		if op.sameShape && !slices.Equal(t.Shape(), c.In[0].Shape()) {
			return false, nil
		}
		var err error
		if shape, err = tensor.Broadcast(shape, t.Shape()); err != nil {
			return true, err
		}
	}
	y, err := c.output(c.In[0].DType(), shape...)
	if err != nil {
		return true, err
	}
	for i, t := range c.In[1:] {
		left := y
		if i == 0 {
			left = c.In[0]
		}
		if err := c.joinTo(pair, y, left, t); err != nil {
			return true, err
		}
	}
	if op.finish != nil { // Mean
		count, err := c.convert(tensor.Scalar(float32(len(c.In))), y.DType())
		if err != nil {
			return true, err
		}
		return true, c.joinTo(num.Div, y, y, count)
	}
	return true, nil
}

// EvalFast computes powers of float32, and those of other numbers by a single exponent.
func (power) EvalFast(c *Call) (bool, error) {
	x, y := c.In[0], c.In[1]
	if c.Run.Kernel == nil {
		return false, nil
	}
	shape, err := tensor.Broadcast(x.Shape(), y.Shape())
	if err != nil {
		return true, err
	}
	if y.Len() == 1 {
		var p [1]float64
		tensor.Load(p[:], y, 0, 1)
		if x, err = x.Reshape(shape...); err != nil {
			return true, err
		}
		return raise(c, x, p[0], tensor.IntTypes.Is(y.DType()))
	}
	if c.vec(x, y) == nil {
		return false, nil
	}
	z, err := c.output(tensor.Float32, shape...)
	if err != nil {
		return true, err
	}
	return true, c.zip(vec.Pow, z, x, y)
}

// raise sets output 0 to x^p, where whole says that p comes from an integer; false if it has no loop.
// Powers with small exponents are products.
func raise(c *Call, x *tensor.Tensor, p float64, whole bool) (bool, error) {
	d := x.DType()
	floating := d == tensor.Float32 || d == tensor.Float64
	f := func(v float64) float64 { return math.Pow(v, p) }
	integer := whole && !floating
	switch {
	case !ownTypes.Is(d) || d == tensor.Bool || math.Abs(p) > 1<<24 || p != p:
		return false, nil
	case p == 2 && (integer || floating), p == 3 && (integer || d == tensor.Float32), p == 4 && d == tensor.Float32:
		return true, multiplied(c, x, int(p))
	case p == 2:
		f = func(v float64) float64 { return v * v }
	case p == -1 && d == tensor.Float32:
		return true, c.mapTo(mapping{f: vec.Reciprocal}, x)
	}
	switch {
	case d == tensor.Float32:
		if float64(float32(p)) != p {
			return false, nil
		}
		z, err := c.output(d, x.Shape()...)
		if err != nil {
			return true, err
		}
		return true, c.zip(vec.Pow, z, x, tensor.Scalar(float32(p)))
	case d == tensor.Float64:
		return true, mapRows(c, x, 40, f)
	case d == tensor.Int64 && integer:
		return true, mapRows(c, x, 10, func(v int64) int64 { return intPower(v, int64(p)) })
	case d == tensor.Int32 && integer:
		return true, mapRows(c, x, 10, func(v int32) int32 { return int32(intPower(int64(v), int64(p))) })
	case d == tensor.Int64:
		return true, mapRows(c, x, 40, func(v int64) int64 { return tensor.Truncate[int64](f(float64(v))) })
	case d == tensor.Int32:
		return true, mapRows(c, x, 40, func(v int32) int32 { return tensor.Truncate[int32](f(float64(v))) })
	}
	return false, nil
}

// multiplied sets output 0 to x to the power of 2, 3 or 4.
func multiplied(c *Call, x *tensor.Tensor, n int) error {
	times := func(z, a, b *tensor.Tensor) error { return c.joinTo(num.Mul, z, a, b) }
	z, err := c.output(x.DType(), x.Shape()...)
	if err == nil {
		err = times(z, x, x)
	}
	switch {
	case err != nil || n == 2:
		return err
	case n == 3:
		return times(z, z, x)
	}
	return times(z, z, z)
}
