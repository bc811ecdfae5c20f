package ops

import (
	"fmt"

	"github.com/visionzoo/vision/engine/ir"
	"github.com/visionzoo/vision/engine/tensor"
)

// An elementwise operator is written once for each of three arithmetics, not for each element type:
// all floats are computed in float64, all signed integers in int64, all unsigned ones and bools in
// uint64 (see tensor.Number for why nothing is lost). tensor.Load and tensor.Store convert a row of
// elements at a time. Neg, for example, is
//
//	unary{f64: negative[float64], i64: negative[int64]}

// unary is a function of one element, for each arithmetic; nil where it is not
// defined. Results are rounded to the element type (to those of 16 bits and fewer
// once, whatever lies between).
type unary struct {
	f64 func(x float64) float64
	i64 func(x int64) int64
	u64 func(x uint64) uint64
}

// binary is a function of two elements, for each arithmetic.
type binary struct {
	f64 func(a, b float64) float64
	i64 func(a, b int64) int64
	u64 func(a, b uint64) uint64
}

// relation is a predicate on two elements, for each arithmetic.
type relation struct {
	f64 func(a, b float64) bool
	i64 func(a, b int64) bool
	u64 func(a, b uint64) bool
}

// arithmetic is the Go type in which elements of a dtype are computed.
type arithmetic uint8

const (
	inFloat arithmetic = iota
	inSigned
	inUnsigned
)

func arithmeticOf(d tensor.DType) arithmetic {
	switch d {
	case tensor.Int8, tensor.Int16, tensor.Int32, tensor.Int64, tensor.Int4, tensor.Int2:
		return inSigned
	case tensor.Uint8, tensor.Uint16, tensor.Uint32, tensor.Uint64, tensor.Uint4, tensor.Uint2, tensor.Bool:
		return inUnsigned
	}
	return inFloat
}

// apply sets y[i] = f(x[i]).
func (f unary) apply(c *Call, y, x *tensor.Tensor) error {
	switch arithmeticOf(x.DType()) {
	case inSigned:
		return mapElements(c, y, x, f.i64)
	case inUnsigned:
		return mapElements(c, y, x, f.u64)
	}
	return mapElements(c, y, x, f.f64)
}

// mapElements sets y[i] = f(x[i]). Both tensors have the same length.
func mapElements[T, R tensor.Number](c *Call, y, x *tensor.Tensor, f func(T) R) error {
	var in [rowLength]T
	var out [rowLength]R
	return newWalk([]int{x.Len()}, []int{1}).rows(c.Run, func(n int, at, _ []int) {
		tensor.Load(in[:n], x, at[0], 1)
		for i, v := range in[:n] {
			out[i] = f(v)
		}
		tensor.Store(y, at[0], 1, out[:n])
	})
}

// apply sets y = f(a, b), with a and b broadcast to the shape of y.
func (f binary) apply(c *Call, y, a, b *tensor.Tensor) error {
	w := broadcastWalk(y.Shape(), a.Shape(), b.Shape())
	switch arithmeticOf(a.DType()) {
	case inSigned:
		return zipElements(c, w, y, a, b, f.i64)
	case inUnsigned:
		return zipElements(c, w, y, a, b, f.u64)
	}
	return zipElements(c, w, y, a, b, f.f64)
}

// apply sets y = f(a, b) as bools, with a and b broadcast to the shape of y.
func (f relation) apply(c *Call, y, a, b *tensor.Tensor) error {
	w := broadcastWalk(y.Shape(), a.Shape(), b.Shape())
	switch arithmeticOf(a.DType()) {
	case inSigned:
		return zipElements(c, w, y, a, b, asNumber(f.i64))
	case inUnsigned:
		return zipElements(c, w, y, a, b, asNumber(f.u64))
	}
	return zipElements(c, w, y, a, b, asNumber(f.f64))
}

// asNumber turns a predicate into a function with the result 1 or 0.
func asNumber[T tensor.Number](f func(a, b T) bool) func(a, b T) uint64 {
	return func(a, b T) uint64 {
		if f(a, b) {
			return 1
		}
		return 0
	}
}

// zipElements sets y = f(a, b) along a walk of y, a and b.
func zipElements[A, B, R tensor.Number](c *Call, w *walk, y, a, b *tensor.Tensor, f func(A, B) R) error {
	var left [rowLength]A
	var right [rowLength]B
	var out [rowLength]R
	return w.rows(c.Run, func(n int, at, step []int) {
		tensor.Load(left[:n], a, at[1], step[1])
		tensor.Load(right[:n], b, at[2], step[2])
		for i, v := range left[:n] {
			out[i] = f(v, right[i])
		}
		tensor.Store(y, at[0], step[0], out[:n])
	})
}

// broadcastShape returns the shape of operands under ONNX's multidirectional
// broadcasting, as far as it is known.
func broadcastShape(shapes ...ir.Shape) (ir.Shape, error) {
	rank := 0
	for _, s := range shapes {
		if !s.Ranked {
			return ir.Shape{}, nil
		}
		rank = max(rank, len(s.Dims))
	}
	out := ir.AnyOfRank(rank)
	for i := range out.Dims {
		d := ir.Dim{N: 1}
		for _, s := range shapes {
			j := i - rank + len(s.Dims)
			if j < 0 {
				continue
			}
			var ok bool
			if d, ok = broadcastDim(d, s.Dims[j]); !ok {
				return ir.Shape{}, fmt.Errorf("shapes %v do not broadcast", shapes)
			}
		}
		out.Dims[i] = d
	}
	return out, nil
}

// broadcastDim returns what two dimensions broadcast to; ok is false if they cannot. Where one is not
// known, the other decides if it is a number above 1: the unknown one is equal to it, or 1.
func broadcastDim(a, b ir.Dim) (d ir.Dim, ok bool) {
	switch {
	case a.Same(b) || b.N == 1:
		return a, true
	case a.N == 1:
		return b, true
	case a.Known() && b.Known():
		return ir.Unknown, false
	case a.Known(): // above 1: b is 1 or equal to a
		return a, true
	case b.Known():
		return b, true
	}
	return ir.Unknown, true
}

// zeroedBroadcast is zeroed for an output of dtype d and the operands' broadcast shape.
func (c *Call) zeroedBroadcast(d tensor.DType, operands ...*tensor.Tensor) (*tensor.Tensor, error) {
	var shape []int
	for _, t := range operands {
		var err error
		if shape, err = tensor.Broadcast(shape, t.Shape()); err != nil {
			return nil, err
		}
	}
	return c.zeroed(d, shape...)
}

// elementwise is an operator that applies one function to each element of its
// input.
type elementwise struct{ unary }

// Infer: X [any shape] → Y, same shape and dtype.
func (op elementwise) Infer(in []ir.Fact) ([]ir.Fact, error) {
	return []ir.Fact{ir.Tensor(in[0].DType, in[0].Shape)}, nil
}

// Eval sets y[i] = f(x[i]).
func (op elementwise) Eval(c *Call) error {
	y, err := c.zeroedLike(c.In[0])
	if err != nil {
		return err
	}
	return op.apply(c, y, c.In[0])
}

// of is the constructor (Def.New) of an elementwise operator without attributes.
func (f unary) of(*ir.Node) (Op, error) { return elementwise{f}, nil }

// floats makes an elementwise operator that is defined for floats only.
func floats(f func(float64) float64) elementwise { return elementwise{unary{f64: f}} }

// viaFloat32 evaluates an operator that is written for float32 on floats of 16 or
// 8 bits. Those inputs are widened, and float32 outputs are rounded once, to the
// type of the first input that was widened. Inputs of other types are passed on
// unchanged.
func viaFloat32(c *Call, eval func(c *Call) error) error {
	narrow := tensor.Invalid
	wide := *c
	wide.In = make([]*tensor.Tensor, len(c.In))
	for i, t := range c.In {
		wide.In[i] = t
		if t == nil || !isNarrow(t.DType()) {
			continue
		}
		if narrow == tensor.Invalid {
			narrow = t.DType()
		}
		var err error
		if wide.In[i], err = wide.convert(t, tensor.Float32); err != nil {
			return err
		}
	}
	if narrow == tensor.Invalid {
		return eval(c)
	}
	wide.Out = make([]*tensor.Tensor, len(c.Out))
	if err := eval(&wide); err != nil {
		return err
	}
	c.taken = wide.taken
	for i, t := range wide.Out {
		c.Out[i] = t
		if t == nil || t.DType() != tensor.Float32 {
			continue
		}
		var err error
		if c.Out[i], err = c.convert(t, narrow); err != nil {
			return err
		}
	}
	return nil
}

// isNarrow reports whether d is a float of 16 bits or fewer.
func isNarrow(d tensor.DType) bool {
	return d == tensor.Float16 || d == tensor.BFloat16 || tensor.Float8Types.Is(d)
}

// convert returns a copy of a numeric tensor in another numeric dtype.
func (c *Call) convert(t *tensor.Tensor, d tensor.DType) (*tensor.Tensor, error) {
	out, err := c.New(d, t.Shape()...)
	if err != nil {
		return nil, err
	}
	if d == tensor.Float64 || isNarrow(d) || d == tensor.Float32 || arithmeticOf(t.DType()) == inFloat {
		return out, mapElements(c, out, t, func(v float64) float64 { return v })
	}
	return out, mapElements(c, out, t, func(v int64) int64 { return v })
}
