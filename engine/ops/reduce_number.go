package ops

import (
	"github.com/visionzoo/vision/engine/kernel/num"
	"github.com/visionzoo/vision/engine/tensor"
)

// reduceNumber is a reduction of integers and float64 in their own type. Sums and products of integers
// wrap around there as they do in 64 bits.
type reduceNumber struct {
	op    num.Pair
	types tensor.TypeSet
	mean  bool // the sum is divided by the number of elements
}

var reduceNumbers = map[string]*reduceNumber{
	"ReduceMax":  {op: num.Max, types: tensor.IntTypes | tensor.Types(tensor.Float64)},
	"ReduceMin":  {op: num.Min, types: tensor.IntTypes | tensor.Types(tensor.Float64)},
	"ReduceSum":  {op: num.Add, types: tensor.Types(tensor.Int32, tensor.Int64, tensor.Float64)},
	"ReduceProd": {op: num.Mul, types: tensor.Types(tensor.Int32, tensor.Int64, tensor.Float64)},
	"ReduceMean": {op: num.Add, types: tensor.Types(tensor.Float64), mean: true},
}

func (r *reduceNumber) reduce(c *Call, y, x *tensor.Tensor, outer, length, inner int) error {
	switch x.DType() {
	case tensor.Int8:
		return foldNumbers[int8](c, r.op, y, x, outer, length, inner)
	case tensor.Int16:
		return foldNumbers[int16](c, r.op, y, x, outer, length, inner)
	case tensor.Int32:
		return foldNumbers[int32](c, r.op, y, x, outer, length, inner)
	case tensor.Int64:
		return foldNumbers[int64](c, r.op, y, x, outer, length, inner)
	case tensor.Uint16:
		return foldNumbers[uint16](c, r.op, y, x, outer, length, inner)
	case tensor.Uint32:
		return foldNumbers[uint32](c, r.op, y, x, outer, length, inner)
	case tensor.Uint64:
		return foldNumbers[uint64](c, r.op, y, x, outer, length, inner)
	case tensor.Float64:
		if err := foldNumbers[float64](c, r.op, y, x, outer, length, inner); err != nil || !r.mean {
			return err
		}
		return c.joinTo(num.Div, y, y, tensor.Scalar(float64(length)))
	}
	return foldNumbers[uint8](c, r.op, y, x, outer, length, inner)
}

// foldNumbers joins the numbers of each row, or rows of them.
func foldNumbers[T num.Number](c *Call, op num.Pair, y, x *tensor.Tensor, outer, length, inner int) error {
	src, dst, u := tensor.Data[T](x), tensor.Data[T](y), c.Run.Kernel.Num
	if inner == 1 {
		return c.share(outer, 0.5*float64(length)+10, func(from, to int) {
			for i := from; i < to; i++ {
				dst[i] = num.Fold(u, op, src[i*length:(i+1)*length])
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
