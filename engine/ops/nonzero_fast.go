package ops

import (
	"math"

	"github.com/visionzoo/vision/engine/tensor"
)

// EvalFast compares bits: a number is zero if all of them but its sign are. The
// coordinates along all dimensions but the last are the same for a whole line.
func (nonZero) EvalFast(c *Call) (bool, error) {
	x := c.In[0]
	if x.Rank() == 0 {
		return false, nil
	}
	switch x.DType() {
	case tensor.Bool, tensor.Uint8, tensor.Int8:
		return true, nonZeroLines(c, x.Bytes(), math.MaxUint8)
	case tensor.Uint16, tensor.Int16:
		return true, nonZeroLines(c, words[uint16](x), math.MaxUint16)
	case tensor.Float16, tensor.BFloat16:
		return true, nonZeroLines(c, words[uint16](x), math.MaxInt16)
	case tensor.Uint32, tensor.Int32:
		return true, nonZeroLines(c, words[uint32](x), math.MaxUint32)
	case tensor.Float32:
		return true, nonZeroLines(c, words[uint32](x), math.MaxInt32)
	case tensor.Uint64, tensor.Int64:
		return true, nonZeroLines(c, words[uint64](x), math.MaxUint64)
	case tensor.Float64:
		return true, nonZeroLines(c, words[uint64](x), math.MaxInt64)
	}
	return false, nil
}

// nonZeroLines finds the elements of which a bit of the mask is set.
func nonZeroLines[T uint8 | uint16 | uint32 | uint64](c *Call, x []T, mask T) error {
	const part = 1 << 18
	found := 0
	for from := 0; from < len(x); from += part {
		for _, v := range x[from:min(from+part, len(x))] {
			if v&mask != 0 {
				found++
			}
		}
		if err := c.Run.Check(); err != nil {
			return err
		}
	}
	shape := c.In[0].Shape()
	y, err := c.output(tensor.Int64, len(shape), found)
	if err != nil || found == 0 {
		return err
	}
	at, steps, last := tensor.Data[int64](y), tensor.Strides(shape), len(shape)-1
	columns, k, work := at[last*found:], 0, 0
	for from := 0; from < len(x); from += shape[last] {
		if work += shape[last] + 8; work > part {
			work = 0
			if err := c.Run.Check(); err != nil {
				return err
			}
		}
		first := k
		for j, v := range x[from : from+shape[last]] {
			if v&mask != 0 {
				columns[k] = int64(j)
				k++
			}
		}
		for d := range last {
			repeatValue(at[d*found+first:d*found+k], int64(from/steps[d]%shape[d]))
		}
	}
	return c.Run.Check()
}

// repeatValue sets all elements to v.
func repeatValue[T any](s []T, v T) {
	for i := range s {
		s[i] = v
	}
}
