package ops

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/visionzoo/vision/engine/ir"
	"github.com/visionzoo/vision/engine/onnx"
	"github.com/visionzoo/vision/engine/tensor"
)

// Cast-6 names the target type by number, Cast-1 by name; 9 adds strings, 13 bfloat16, 19 the 8-bit
// floats and saturate, 21 integers of 4 bits, 24 round_mode.
var casts = []Def{
	{Name: "Cast", Since: 6, Types: tensor.AllTypes, In: Exactly(1), Out: Exactly(1), New: newCast},
	{Name: "Cast", Since: 1, Until: 5, Types: tensor.NumericTypes | boolType, In: Exactly(1), Out: Exactly(1), New: newCast1},
	{Name: "CastLike", Since: 15, Types: tensor.AllTypes, In: Exactly(2), Out: Exactly(1), New: newCastLike},
}

// cast converts elements. Floats are rounded to nearest, halves to even; on the way to an integer
// they lose their fraction, and as bools they are true unless 0. Integers wrap around. Strings are
// parsed and formatted as decimal numbers. ONNX Cast-25, CastLike-25.
type cast struct {
	to  tensor.DType    // Invalid: that of the second input (CastLike)
	how tensor.Rounding // to floats of 8 and 4 bits
}

func newCast(n *ir.Node) (Op, error) {
	a := n.ReadAttrs().Need("to")
	op := cast{to: a.DType("to", tensor.Float32), how: castRounding(a)}
	return op, a.Err()
}

func newCast1(n *ir.Node) (Op, error) {
	a := n.ReadAttrs().Need("to")
	word := a.Str("to", "FLOAT")
	for d := tensor.Float32; d.IsElement(); d++ {
		if word == dtypeWord(d) {
			return cast{to: d, how: tensor.Rounding{Saturate: true}}, a.Err()
		}
	}
	a.Fail("attribute \"to\" names element type %s, which does not exist", onnx.Quote(word))
	return nil, a.Err()
}

// dtypeWord returns the name of a type in the enumeration TensorProto.DataType: "FLOAT", "INT64".
func dtypeWord(d tensor.DType) string {
	switch d {
	case tensor.Float32:
		return "FLOAT"
	case tensor.Float64:
		return "DOUBLE"
	}
	return strings.ToUpper(d.String())
}

func newCastLike(n *ir.Node) (Op, error) {
	a := n.ReadAttrs()
	return cast{how: castRounding(a)}, a.Err()
}

// castRounding reads saturate and round_mode.
func castRounding(a *ir.Attrs) tensor.Rounding {
	how := tensor.Rounding{Saturate: a.Bool("saturate", true)}
	switch a.OneOf("round_mode", "up", "down", "nearest") {
	case "down":
		how.E8M0 = tensor.RoundDown
	case "nearest":
		how.E8M0 = tensor.RoundNearest
	}
	return how
}

// check rejects conversions that the specification does not define.
func (op cast) check(from, to tensor.DType) error {
	if tensor.ComplexTypes.Is(from) && !tensor.ComplexTypes.Is(to) || from == tensor.String && tensor.ComplexTypes.Is(to) {
		return fmt.Errorf("%s cannot be cast to %s", from, to)
	}
	return nil
}

func (op cast) target(in []ir.Fact) tensor.DType {
	if op.to == tensor.Invalid {
		return in[1].DType
	}
	return op.to
}

// Infer: any shape → the same, with the target type.
func (op cast) Infer(in []ir.Fact) ([]ir.Fact, error) {
	to := op.target(in)
	if !to.IsElement() {
		return nil, fmt.Errorf("input 1 is %s, it must be a tensor", to)
	}
	f := ir.Tensor(to, in[0].Shape)
	if integerTypes.Is(to) && integerTypes.Is(in[0].DType) {
		f.Ints = in[0].Ints // the known elements of shape arithmetic
		if to == tensor.Int32 && slices.ContainsFunc(f.Ints, func(d ir.Dim) bool { return d.N > math.MaxInt32 }) {
			f.Ints = nil // they wrap around
		}
	}
	return []ir.Fact{f}, op.check(in[0].DType, to)
}

// Eval converts element by element.
func (op cast) Eval(c *Call) error {
	x, to := c.In[0], op.to
	if to == tensor.Invalid {
		to = c.In[1].DType()
	}
	if err := op.check(x.DType(), to); err != nil {
		return err
	}
	if x.DType() == to {
		c.Out[0] = x
		return nil
	}
	y, err := c.zeroed(to, x.Shape()...)
	if err != nil {
		return err
	}
	switch {
	case to == tensor.String:
		return formatElements(c, y, x)
	case x.DType() == tensor.String:
		return parseElements(c, y, x, op.how)
	case tensor.ComplexTypes.Is(to):
		return castComplex(c, y, x)
	}
	return convertElements(c, y, x, op.how)
}

// convertElements converts numbers to numbers, by way of the arithmetic of x.
func convertElements(c *Call, y, x *tensor.Tensor, how tensor.Rounding) error {
	switch arithmeticOf(x.DType()) {
	case inSigned:
		return convertBy[int64](c, y, x, how)
	case inUnsigned:
		return convertBy[uint64](c, y, x, how)
	}
	return convertBy[float64](c, y, x, how)
}

func convertBy[T tensor.Number](c *Call, y, x *tensor.Tensor, how tensor.Rounding) error {
	var line [rowLength]T
	return newWalk([]int{x.Len()}, []int{1}).rows(c.Run, func(n int, at, _ []int) {
		tensor.Load(line[:n], x, at[0], 1)
		tensor.StoreBy(y, at[0], 1, line[:n], how)
	})
}

// castComplex converts the real and imaginary parts.
func castComplex(c *Call, y, x *tensor.Tensor) error {
	if !tensor.ComplexTypes.Is(x.DType()) {
		var re [rowLength]float64
		return newWalk([]int{x.Len()}, []int{1}).rows(c.Run, func(n int, at, _ []int) {
			tensor.Load(re[:n], x, at[0], 1)
			for i, v := range re[:n] {
				if y.DType() == tensor.Complex64 {
					tensor.Data[complex64](y)[at[0]+i] = complex(float32(v), 0)
				} else {
					tensor.Data[complex128](y)[at[0]+i] = complex(v, 0)
				}
			}
		})
	}
	if y.DType() == tensor.Complex64 {
		for i, v := range tensor.Data[complex128](x) {
			tensor.Data[complex64](y)[i] = complex64(v)
		}
		return nil
	}
	for i, v := range tensor.Data[complex64](x) {
		tensor.Data[complex128](y)[i] = complex128(v)
	}
	return nil
}

// parseElements parses decimal numbers: "3.14", "1e-5", "INF", "NaN" in any case. Integers are
// parsed as such, since float64 does not hold all of 64 bits.
func parseElements(c *Call, y, x *tensor.Tensor, how tensor.Rounding) error {
	whole := arithmeticOf(y.DType()) != inFloat && y.DType() != tensor.Bool
	for i, s := range x.Strings() {
		if i%rowLength == 0 {
			if err := c.Run.Check(); err != nil {
				return err
			}
		}
		s = strings.TrimSpace(s)
		if whole {
			if v, err := strconv.ParseInt(s, 10, 64); err == nil {
				tensor.StoreBy(y, i, 1, []int64{v}, how)
				continue
			}
			if v, err := strconv.ParseUint(s, 10, 64); err == nil {
				tensor.StoreBy(y, i, 1, []uint64{v}, how)
				continue
			}
		}
		v, err := strconv.ParseFloat(s, 64)
		if err != nil && !math.IsInf(v, 0) { // numbers that overflow become infinities
			return fmt.Errorf("string %d, %s, is not a number", i, onnx.Quote(s))
		}
		tensor.StoreBy(y, i, 1, []float64{v}, how)
	}
	return nil
}

// formatElements writes each number with the fewest digits that parse to the same
// value, like numpy: floats have a point or an exponent. Floats of 16 or fewer bits
// have the digits of float32, as in ONNX Runtime.
func formatElements(c *Call, y, x *tensor.Tensor) error {
	out := y.Strings()
	if tensor.ComplexTypes.Is(x.DType()) {
		for i, v := range tensor.ToFloat64(x) {
			if i%2 == 0 {
				out[i/2] = "(" + formatFloat(v, 64)
			} else {
				out[i/2] += strings.TrimSuffix(fmt.Sprintf("%+v", v), "i") + "j)"
			}
		}
		return nil
	}
	switch arithmeticOf(x.DType()) {
	case inSigned:
		return formatBy(c, out, x, func(v int64) string { return strconv.FormatInt(v, 10) })
	case inUnsigned:
		if x.DType() == tensor.Bool {
			return formatBy(c, out, x, func(v uint64) string { return []string{"False", "True"}[v&1] })
		}
		return formatBy(c, out, x, func(v uint64) string { return strconv.FormatUint(v, 10) })
	}
	bits := 32
	if x.DType() == tensor.Float64 {
		bits = 64
	}
	return formatBy(c, out, x, func(v float64) string { return formatFloat(v, bits) })
}

func formatBy[T tensor.Number](c *Call, out []string, x *tensor.Tensor, f func(T) string) error {
	var line [rowLength]T
	return newWalk([]int{x.Len()}, []int{1}).rows(c.Run, func(n int, at, _ []int) {
		tensor.Load(line[:n], x, at[0], 1)
		for i, v := range line[:n] {
			out[at[0]+i] = f(v)
		}
	})
}

// formatFloat is numpy's str: positional from 1e-4 to below 1e16, otherwise with
// an exponent of at least two digits.
func formatFloat(v float64, bits int) string {
	switch a := math.Abs(v); {
	case v != v:
		return "nan"
	case math.IsInf(v, 1):
		return "inf"
	case math.IsInf(v, -1):
		return "-inf"
	case a != 0 && (a < 1e-4 || a >= 1e16):
		return strconv.FormatFloat(v, 'e', -1, bits)
	}
	s := strconv.FormatFloat(v, 'f', -1, bits)
	if !strings.Contains(s, ".") {
		s += ".0"
	}
	return s
}
