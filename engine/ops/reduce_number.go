package ops

import (
	"github.com/visionzoo/vision/engine/kernel/num"
	"github.com/visionzoo/vision/engine/tensor"
)

// reduceInteger is a reduction of integers in their own type. Sums wrap around there as they do in 64
// bits.
type reduceInteger struct {
	op    num.Pair
	types tensor.TypeSet
}

var reduceIntegers = map[string]*reduceInteger{
	"ReduceMax": {num.Max, tensor.IntTypes}, "ReduceMin": {num.Min, tensor.IntTypes},
	"ReduceSum": {num.Add, tensor.Types(tensor.Int32, tensor.Int64)},
}

// of returns r if it has loops for this type, else nil. r may be nil.
func (r *reduceInteger) of(d tensor.DType) *reduceInteger {
	if r == nil || !r.types.Is(d) || !ownTypes.Is(d) {
		return nil
	}
	return r
}

// reduce reduces x, seen as [outer length inner], along its middle.
func (r *reduceInteger) reduce(c *Call, y, x *tensor.Tensor, outer, length, inner int) error {
	switch x.DType() {
	case tensor.Int8:
		return reduceNumbers[int8, int64](c, r.op, y, x, outer, length, inner)
	case tensor.Int16:
		return reduceNumbers[int16, int64](c, r.op, y, x, outer, length, inner)
	case tensor.Int32:
		return reduceNumbers[int32, int64](c, r.op, y, x, outer, length, inner)
	case tensor.Int64:
		return reduceNumbers[int64, int64](c, r.op, y, x, outer, length, inner)
	case tensor.Uint16:
		return reduceNumbers[uint16, int64](c, r.op, y, x, outer, length, inner)
	case tensor.Uint32:
		return reduceNumbers[uint32, int64](c, r.op, y, x, outer, length, inner)
	case tensor.Uint64:
		return reduceNumbers[uint64, uint64](c, r.op, y, x, outer, length, inner)
	}
	return reduceNumbers[uint8, int64](c, r.op, y, x, outer, length, inner)
}

// reduceNumbers reduces numbers of type T, and rows of them in W, which holds them.
func reduceNumbers[T num.Number, W int64 | uint64](c *Call, op num.Pair, y, x *tensor.Tensor, outer, length, inner int) error {
	src, dst, u := tensor.Data[T](x), tensor.Data[T](y), c.Run.Kernel.Num
	if inner == 1 {
		return c.share(outer, 0.5*float64(length)+10, func(from, to int) {
			for i := from; i < to; i++ {
				dst[i] = T(foldRow[T, W](op, src[i*length:(i+1)*length]))
			}
		})
	}
	strips := (inner + rowLength - 1) / rowLength
	return c.share(outer*strips, 0.2*float64(length*min(inner, rowLength))+20, func(from, to int) {
		for i := from; i < to; i++ {
			first := i % strips * rowLength
			n, at := min(rowLength, inner-first), i/strips*length*inner+first
			best := dst[i/strips*inner+first:][:n]
			copy(best, src[at:])
			for j := 1; j < length; j++ {
				num.Join(u, op, best, best, src[at+j*inner:][:n])
			}
		}
	})
}

// foldRow joins the numbers of a row, of which there is at least one, in four chains: the next number
// of one would wait for the last. Go compares 8 and 16 bits by branches, so it is done in W.
func foldRow[T num.Number, W int64 | uint64](op num.Pair, x []T) W {
	if op == num.Add {
		var a, b, c, d W
		for ; len(x) >= 4; x = x[4:] {
			a, b, c, d = a+W(x[0]), b+W(x[1]), c+W(x[2]), d+W(x[3])
		}
		for _, v := range x {
			a += W(v)
		}
		return a + b + c + d
	}
	a := W(x[0])
	b, c, d := a, a, a
	if op == num.Max {
		for ; len(x) >= 4; x = x[4:] {
			a, b, c, d = max(a, W(x[0])), max(b, W(x[1])), max(c, W(x[2])), max(d, W(x[3]))
		}
		for _, v := range x {
			a = max(a, W(v))
		}
		return max(a, b, c, d)
	}
	for ; len(x) >= 4; x = x[4:] {
		a, b, c, d = min(a, W(x[0])), min(b, W(x[1])), min(c, W(x[2])), min(d, W(x[3]))
	}
	for _, v := range x {
		a = min(a, W(v))
	}
	return min(a, b, c, d)
}
