package ops

import (
	"math"
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

// EvalFast quantises float32 to integers of 8 and 16 bits, with a scale for all or for
// each index along an axis that has enough numbers.
func (op quantize) EvalFast(c *Call) (bool, error) {
	x, scale, zero := c.In[0], c.In[1], c.input(2)
	to := op.target(tensor.Invalid)
	if zero != nil {
		to = op.target(zero.DType())
	}
	wide := to == tensor.Uint16 || to == tensor.Int16
	if c.vec(x, scale) == nil || !wide && to != tensor.Uint8 && to != tensor.Int8 || op.block > 0 || zero != nil && zero.Len() != scale.Len() {
		return false, nil
	}
	s, err := op.scaleMap(x.Shape(), scale.Shape(), x.Rank())
	if err != nil || s.inner < 32 {
		return false, nil
	}
	y, err := c.output(to, x.Shape()...)
	if err != nil {
		return true, err
	}
	src, scales := tensor.Data[float32](x), tensor.Data[float32](scale)
	low, high, _ := integerRange(to)
	pieces := (s.inner + codePiece - 1) / codePiece
	return true, c.share(s.outer*s.n*pieces, codeTime*float64(min(s.inner, codePiece))+20, func(from, end int) {
		for i := from; i < end; i++ {
			line, first := i/pieces, i%pieces*codePiece
			at, n, k := line*s.inner+first, min(codePiece, s.inner-first), line%s.n*s.step
			var z [1]float64
			if zero != nil {
				tensor.Load(z[:], zero, k, 1)
			}
			if wide {
				codes16(c.vec(), words[uint16](y)[at:at+n], src[at:], scales[k:k+1], z[0], low, high)
			} else {
				c.Run.Kernel.QuantizeRow(y.Bytes()[at:at+n], src[at:at+n], scales[k], uint8(z[0]-low), uint8(-low))
			}
		}
	})
}

var codeRows = sync.Pool{New: func() any { return new([codePiece]float32) }}

// codes16 quantises a row to codes from low to high. Added to 1.5·2^23, a number is
// rounded to an integer, ties to even, which the low bits of the sum are.
func codes16(v *vec.Unit, dst []uint16, src, scale []float32, zero, low, high float64) {
	const whole = 3 << 22
	row := codeRows.Get().(*[codePiece]float32)
	defer codeRows.Put(row)
	part, least := row[:len(dst)], float32(low-zero)
	v.Zip(num.Div, part, src, scale)
	v.Apply(vec.Clip, part, part, least, float32(high-zero))
	for i, x := range part {
		if x != x {
			x = least
		}
		dst[i] = uint16(math.Float32bits(x+whole)) + uint16(int(zero))
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
