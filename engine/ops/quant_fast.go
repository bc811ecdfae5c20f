package ops

import (
	"slices"
	"sync"

	"github.com/visionzoo/vision/engine/kernel"
	"github.com/visionzoo/vision/engine/kernel/num"
	"github.com/visionzoo/vision/engine/kernel/vec"
	"github.com/visionzoo/vision/engine/tensor"
)

// codePiece is how many numbers are quantised at a time, and codeTime how long one
// takes in nanoseconds.
const (
	codePiece = 2048
	codeTime  = 0.3
)

// EvalFast quantises float32, and floats of 16 bits by way of it, to integers of 8 and 16 bits.
func (op quantize) EvalFast(c *Call) (bool, error) {
	x, scale, zero := c.In[0], c.In[1], c.input(2)
	to := op.target(tensor.Invalid)
	if zero != nil {
		to = op.target(zero.DType())
	}
	if c.Run.Kernel == nil || !codeTypes.Is(to) || !quantizedFloats.Is(x.DType()) || !quantizedFloats.Is(scale.DType()) {
		return false, nil
	}
	rows, err := op.rows(c, x, scale, zero)
	if rows == nil {
		return err != nil, err
	}
	y, err := c.output(to, x.Shape()...)
	if err != nil {
		return true, err
	}
	switch to {
	case tensor.Uint8:
		return true, quantizeRows[uint8](c, rows, y, x)
	case tensor.Int8:
		return true, quantizeRows[int8](c, rows, y, x)
	case tensor.Uint16:
		return true, quantizeRows[uint16](c, rows, y, x)
	}
	return true, quantizeRows[int16](c, rows, y, x)
}

// codeTypes are the integers of 8 and 16 bits, and quantizedFloats the types that kernels make them of.
var (
	codeTypes       = tensor.Types(tensor.Uint8, tensor.Int8, tensor.Uint16, tensor.Int16)
	quantizedFloats = tensor.Types(tensor.Float32, tensor.Float16, tensor.BFloat16)
)

func quantizeRows[D int8 | uint8 | int16 | uint16](c *Call, rows *scaledRows, y, x *tensor.Tensor) error {
	k, v, dst := c.Run.Kernel, c.vec(), tensor.Data[D](y)
	low, high, _ := integerRange(y.DType())
	return rows.share(c, codeTime, func(at, n int, scale, zero []float32) {
		row := codeRows.Get().(*[codePiece]float32)
		defer codeRows.Put(row)
		src, part, codes := row[:n], row[:n], dst[at:at+n]
		if x.DType() == tensor.Float32 {
			src = tensor.Data[float32](x)[at : at+n]
		} else {
			c.widen16(x.DType(), src, words[uint16](x)[at:])
		}
		if y.DType().Size() == 1 && len(scale) == 1 {
			k.QuantizeRow(y.Bytes()[at:at+n], src, scale[0], uint8(zero[0]-float32(low)), uint8(-low))
			return
		}
		v.Zip(num.Div, part, src, scale)
		v.Apply(vec.Round, part, part, 0, 0)
		if rows.shifted {
			v.Zip(num.Add, part, part, zero)
		}
		v.Apply(vec.Clip, part, part, float32(low), float32(high))
		for i := num.Convert(k.Num, codes, part); i < n; i++ {
			if part[i] != part[i] { // NaN, before which kernels stop
				part[i] = float32(low)
			}
			codes[i] = D(int32(part[i]))
		}
	})
}

var codeRows = sync.Pool{New: func() any { return new([codePiece]float32) }}

// EvalFast computes float32 from integers of up to 16 bits and from int32, and float16 from those of up
// to 8 bits, whose products float32 holds exactly.
func (op dequantize) EvalFast(c *Call) (bool, error) {
	x, scale := c.In[0], c.In[1]
	to, from := op.target(scale.DType()), x.DType()
	halves := to == tensor.Float16 && scale.DType() == to && from.Size() == 1
	if c.Run.Kernel == nil || !halves && (to != tensor.Float32 || scale.DType() != to) {
		return false, nil
	}
	if !(codeTypes | tensor.NibbleTypes | tensor.Types(tensor.Int32)).Is(from) {
		return false, nil
	}
	rows, err := op.rows(c, x, scale, c.input(2))
	if rows == nil {
		return err != nil, err
	}
	y, err := c.output(to, x.Shape()...)
	if err != nil {
		return true, err
	}
	switch from {
	case tensor.Int32:
		return true, dequantizeSums(c, rows, tensor.Data[float32](y), tensor.Data[int32](x))
	case tensor.Int16:
		return true, dequantizeRows[int16](c, rows, y, x)
	case tensor.Uint16:
		return true, dequantizeRows[uint16](c, rows, y, x)
	}
	if arithmeticOf(from) == inSigned {
		return true, dequantizeRows[int8](c, rows, y, x.As(tensor.Int8))
	}
	return true, dequantizeRows[uint8](c, rows, y, x.As(tensor.Uint8))
}

func dequantizeRows[S int8 | uint8 | int16 | uint16](c *Call, rows *scaledRows, y, x *tensor.Tensor) error {
	v, src, widen := c.vec(), tensor.Data[S](x), through(c, convert[S, float32])
	part := func(dst []float32, at int, scale, zero []float32) {
		widen(dst, src[at:at+len(dst)])
		if rows.shifted {
			v.Zip(num.Sub, dst, dst, zero)
		}
		v.Zip(num.Mul, dst, dst, scale)
	}
	if y.DType() == tensor.Float32 {
		dst := tensor.Data[float32](y)
		return rows.share(c, codeTime, func(at, n int, scale, zero []float32) { part(dst[at:at+n], at, scale, zero) })
	}
	dst := tensor.Data[tensor.Float16Bits](y)
	return rows.share(c, codeTime, func(at, n int, scale, zero []float32) {
		row := codeRows.Get().(*[codePiece]float32)
		defer codeRows.Put(row)
		part(row[:n], at, scale, zero)
		c.halves16(dst[at:at+n], row[:n])
	})
}

// dequantizeSums multiplies in float64, as float32 does not hold all of int32.
func dequantizeSums(c *Call, rows *scaledRows, dst []float32, src []int32) error {
	widen, narrow, widenScale := through(c, convert[int32, float64]), through(c, convert[float64, float32]), through(c, convert[float32, float64])
	return rows.share(c, 2*codeTime, func(at, n int, scale, _ []float32) {
		product, by := doubleRows.Get().(*[codePiece]float64), doubleRows.Get().(*[codePiece]float64)
		defer doubleRows.Put(product)
		defer doubleRows.Put(by)
		widen(product[:n], src[at:at+n])
		widenScale(by[:len(scale)], scale)
		num.Join(c.Run.Kernel.Num, num.Mul, product[:n], product[:n], by[:len(scale)])
		narrow(dst[at:at+n], product[:n])
	})
}

var doubleRows = sync.Pool{New: func() any { return new([codePiece]float64) }}

// scaledRows are the elements of a tensor with their scales and zero points in float32. (Zero points of
// int32 are 0.)
type scaledRows struct {
	scaleMap
	scale, zero []float32
	shifted     bool // some zero point is not 0
}

// rows returns the elements of x with scales and zero points; nil if these do not match, which Eval then
// says, or need more than float32.
func (g granularity) rows(c *Call, x, scale, zero *tensor.Tensor) (*scaledRows, error) {
	m, err := g.scaleMap(x.Shape(), scale.Shape(), x.Rank())
	if err != nil || zero != nil && zero.Len() != scale.Len() {
		return nil, nil
	}
	if scale.DType() != tensor.Float32 {
		if scale, err = c.convert(scale, tensor.Float32); err != nil {
			return nil, err
		}
	}
	rows := &scaledRows{scaleMap: m, scale: tensor.Data[float32](scale)}
	if zero == nil {
		zero, err = c.New(tensor.Float32, scale.Len())
	} else {
		zero, err = c.convert(zero, tensor.Float32)
	}
	if err != nil {
		return nil, err
	}
	rows.zero = tensor.Data[float32](zero)
	rows.shifted = slices.ContainsFunc(rows.zero, func(z float32) bool { return z != 0 })
	if rows.shifted && x.DType() == tensor.Int32 {
		return nil, nil
	}
	return rows, nil
}

// share calls part for the n elements from element at on, at most codePiece and at least one, until all
// are done, on several threads. Their scales and zero points are one each for all, or one each for each.
// unit is the time of an element in nanoseconds.
func (r *scaledRows) share(c *Call, unit float64, part func(at, n int, scale, zero []float32)) error {
	const long = 256 // worth a part for itself; shorter runs of elements are taken together
	lines := r.outer * r.n
	if r.inner == 0 {
		return nil
	}
	if r.inner >= long || lines == 1 {
		pieces := (r.inner + codePiece - 1) / codePiece
		return c.share(lines*pieces, unit*float64(min(r.inner, codePiece))+20, func(from, to int) {
			for i := from; i < to; i++ {
				line, first := i/pieces, i%pieces*codePiece
				n, k := min(codePiece, r.inner-first), r.scaleAt(line/r.n, line%r.n)
				end := k + 1
				if r.innerStep == 1 {
					k, end = k+first, k+first+n
				}
				part(line*r.inner+first, n, r.scale[k:end], r.zero[k:end])
			}
		})
	}
	each := codePiece / r.inner // lines
	return c.share((lines+each-1)/each, (unit+0.3)*float64(each*r.inner)+20, func(from, to int) {
		scale, zero := codeRows.Get().(*[codePiece]float32), codeRows.Get().(*[codePiece]float32)
		defer codeRows.Put(scale)
		defer codeRows.Put(zero)
		for i := from; i < to; i++ {
			first, end := i*each, min((i+1)*each, lines)
			r.spread(scale[:], r.scale, first, end)
			if i == from || r.shifted {
				r.spread(zero[:], r.zero, first, end)
			}
			n := (end - first) * r.inner
			part(first*r.inner, n, scale[:n], zero[:n])
		}
	})
}

// spread writes the scale or zero point of each element of some lines.
func (r *scaledRows) spread(dst, of []float32, first, end int) {
	for line := first; line < end; line++ {
		k := r.scaleAt(line/r.n, line%r.n)
		row := dst[(line-first)*r.inner:][:r.inner]
		if r.innerStep == 1 {
			copy(row, of[k:])
			continue
		}
		for j, value := 0, of[k]; j < len(row); j++ {
			row[j] = value
		}
	}
}

// EvalFast finds the range and quantises in parts.
func (dynamicQuantize) EvalFast(c *Call) (bool, error) {
	if c.vec(c.In[0]) == nil {
		return false, nil
	}
	x, k := tensor.Data[float32](c.In[0]), c.Run.Kernel
	y, err := c.output(tensor.Uint8, c.In[0].Shape()...)
	if err != nil {
		return true, err
	}
	pieces := (len(x) + codePiece - 1) / codePiece
	if err := c.Run.reserveList(pieces, 8); err != nil {
		return true, err
	}
	piece := func(i int) []float32 { return x[i*codePiece : min((i+1)*codePiece, len(x))] }
	ranges := make([][2]float32, pieces)
	err = c.share(pieces, 0.1*codePiece, func(from, to int) {
		for i := from; i < to; i++ {
			ranges[i][0], ranges[i][1] = k.Widened(piece(i), 0, 0)
		}
	})
	if err != nil {
		return true, err
	}
	var low, high float32
	for _, r := range ranges {
		low, high = min(low, r[0]), max(high, r[1])
	}
	scale, zero := kernel.DynamicScale(low, high)
	c.Out[1], c.Out[2] = tensor.Scalar(scale), tensor.Scalar(zero)
	return true, c.share(pieces, codeTime*codePiece, func(from, to int) {
		for i := from; i < to; i++ {
			k.QuantizeRow(y.Bytes()[i*codePiece:], piece(i), scale, zero, 0)
		}
	})
}
