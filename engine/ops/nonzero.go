package ops

import (
	"github.com/visionzoo/vision/engine/ir"
	"github.com/visionzoo/vision/engine/tensor"
)

// nonZero returns the positions of the nonzero elements, one in each column. ONNX NonZero-9; -13
// extends the types.
type nonZero struct{}

// Infer: X [d0…dn] → int64 [n, found].
func (nonZero) Infer(in []ir.Fact) ([]ir.Fact, error) {
	s := ir.AnyOfRank(2)
	if in[0].Shape.Ranked {
		s.Dims[0].N = in[0].Shape.Rank()
	}
	return []ir.Fact{ir.Tensor(tensor.Int64, s)}, nil
}

func (nonZero) Eval(c *Call) error {
	x := c.In[0]
	count := 0
	if err := eachNonZero(c.Run, x, func(int) { count++ }); err != nil {
		return err
	}
	y, err := c.zeroed(tensor.Int64, x.Rank(), count)
	if err != nil {
		return err
	}
	at, steps, shape := tensor.Data[int64](y), tensor.Strides(x.Shape()), x.Shape()
	k := 0
	return eachNonZero(c.Run, x, func(i int) {
		for d, step := range steps {
			at[d*count+k] = int64(i / step % shape[d])
		}
		k++
	})
}

// eachNonZero calls found with the index of each nonzero element.
func eachNonZero(run *Run, x *tensor.Tensor, found func(i int)) error {
	if x.DType() == tensor.String {
		for i, s := range x.Strings() {
			if s != "" {
				found(i)
			}
		}
		return run.Check()
	}
	switch arithmeticOf(x.DType()) {
	case inSigned:
		return scanNonZero[int64](run, x, found)
	case inUnsigned:
		return scanNonZero[uint64](run, x, found)
	}
	return scanNonZero[float64](run, x, found)
}

func scanNonZero[T tensor.Number](run *Run, x *tensor.Tensor, found func(i int)) error {
	var row [rowLength]T
	for from, n := 0, x.Len(); from < n; from += rowLength {
		k := min(rowLength, n-from)
		tensor.Load(row[:k], x, from, 1)
		for i, v := range row[:k] {
			if v != 0 {
				found(from + i)
			}
		}
		if from%(64*rowLength) == 0 {
			if err := run.Check(); err != nil {
				return err
			}
		}
	}
	return nil
}
