package ops

import (
	"fmt"
	"math"
	"unsafe"

	"github.com/visionzoo/vision/engine/ir"
	"github.com/visionzoo/vision/engine/tensor"
)

// split3 returns the number of elements before, along, and after an axis.
func split3(shape []int, axis int) (before, along, after int) {
	return tensor.MustCount(shape[:axis]), shape[axis], tensor.MustCount(shape[axis+1:])
}

// integers reads an int32 or int64 tensor. The result may be the tensor's own
// memory and must not be written. Values beyond int, where that has 32 bits, are
// clamped.
func integers(t *tensor.Tensor) ([]int, error) {
	switch t.DType() {
	case tensor.Int32:
		return widenInts(tensor.Data[int32](t)), nil
	case tensor.Int64:
		return widenInts(tensor.Data[int64](t)), nil
	}
	return nil, fmt.Errorf("is %s, it must be int32 or int64", t.DType())
}

// widenInts returns integers as int, without a copy if they have the same size,
// and never nil, which would mean that there is no such input.
func widenInts[T int32 | int64](src []T) []int {
	if len(src) == 0 {
		return []int{}
	}
	if unsafe.Sizeof(T(0)) == unsafe.Sizeof(int(0)) {
		return unsafe.Slice((*int)(unsafe.Pointer(unsafe.SliceData(src))), len(src))
	}
	out := make([]int, len(src))
	for i, v := range src {
		out[i] = int(max(math.MinInt, min(int64(v), math.MaxInt)))
	}
	return out
}

// integer reads a tensor with a single integer.
func integer(t *tensor.Tensor) (int, error) {
	v, err := integers(t)
	if err == nil && len(v) != 1 {
		err = fmt.Errorf("has shape %v, it must have one element", t.Shape())
	}
	if err != nil {
		return 0, err
	}
	return v[0], nil
}

// callInts reads input i of a call as integers; nil if it is omitted.
func callInts(c *Call, i int) ([]int, error) {
	t := c.input(i)
	if t == nil {
		return nil, nil
	}
	if err := c.Run.reserveList(t.Len(), 8); err != nil {
		return nil, err
	}
	v, err := integers(t)
	if err != nil {
		return nil, fmt.Errorf("input %d %w", i, err)
	}
	return v, nil
}

// knownInts returns the elements of integer input i if they are constant. It
// returns false if the input is present but not constant.
func knownInts(in []ir.Fact, i int) (v []int, ok bool, err error) {
	f := fact(in, i)
	if !f.Given() {
		return nil, true, nil
	}
	if err := wantType(in, i, integerTypes); err != nil {
		return nil, false, err
	}
	if f.Const == nil {
		return nil, false, nil
	}
	v, err = integers(f.Const)
	return v, err == nil, err
}

// wantRank checks the rank of input i, if it is known.
func wantRank(in []ir.Fact, i int, ranks ...int) error {
	f := fact(in, i)
	if !f.Given() || !f.Shape.Ranked {
		return nil
	}
	for _, r := range ranks {
		if f.Shape.Rank() == r {
			return nil
		}
	}
	return fmt.Errorf("input %d has shape %s; its rank must be %v", i, f.Shape, ranks)
}

// firstError returns the first error that is not nil, so that messages have one
// line.
func firstError(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// axesOf resolves negative axes and checks that all are within the rank and
// distinct.
func axesOf(axes []int, rank int) ([]int, error) {
	named, err := namedAxes(axes, rank)
	if err != nil {
		return nil, err
	}
	out := make([]int, len(axes))
	for i, a := range axes {
		out[i], _ = tensor.Axis(a, rank)
		if !named[out[i]] {
			return nil, fmt.Errorf("axis %d occurs twice in %v", out[i], axes)
		}
		named[out[i]] = false
	}
	return out, nil
}

// namedAxes reports for each dimension whether one of the axes, which may be negative,
// names it.
func namedAxes(axes []int, rank int) ([]bool, error) {
	named := make([]bool, rank)
	for _, a := range axes {
		axis, err := tensor.Axis(a, rank)
		if err != nil {
			return nil, err
		}
		named[axis] = true
	}
	return named, nil
}
