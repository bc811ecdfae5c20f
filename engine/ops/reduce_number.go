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

var foldLoops = map[tensor.DType]func(c *Call, op num.Pair, y, x *tensor.Tensor, outer, length, inner int) error{
	tensor.Int8: foldNumbers[int8], tensor.Int16: foldNumbers[int16], tensor.Int32: foldNumbers[int32], tensor.Int64: foldNumbers[int64],
	tensor.Uint8: foldNumbers[uint8], tensor.Uint16: foldNumbers[uint16], tensor.Uint32: foldNumbers[uint32], tensor.Uint64: foldNumbers[uint64],
	tensor.Float64: foldNumbers[float64],
}

func (r *reduceNumber) reduce(c *Call, y, x *tensor.Tensor, outer, length, inner int) error {
	if err := foldLoops[x.DType()](c, r.op, y, x, outer, length, inner); err != nil || !r.mean {
		return err
	}
	return c.joinTo(num.Div, y, y, tensor.Scalar(float64(length)))
}

// foldNumbers joins the numbers of each row of x [outer length], or rows of them of x [outer length inner].
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
