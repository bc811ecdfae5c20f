package detect

import (
	"errors"
	"fmt"
	"slices"

	"github.com/visionzoo/vision/engine/tensor"
)

// Output is one of a network's outputs by name.
type Output struct {
	Name   string
	Tensor *tensor.Tensor
}

// array is an output as heads read it: float32 numbers, without a batch axis of 1.
type array struct {
	name  string
	shape []int
	data  []float32
	dtype tensor.DType
}

// arrays reads the outputs for one picture. A batch axis of 1 is dropped if other
// axes follow it.
func arrays(out []Output) ([]array, error) {
	if len(out) == 0 {
		return nil, errors.New("the network has no outputs")
	}
	all := make([]array, 0, len(out))
	for _, o := range out {
		t := o.Tensor
		if t == nil || t.DType() >= tensor.Sequence || t.DType() == tensor.String {
			return nil, fmt.Errorf("output %q is not an array of numbers", o.Name)
		}
		a := array{name: o.Name, shape: slices.Clone(t.Shape()), dtype: t.DType()}
		if t.DType() == tensor.Float32 {
			a.data = tensor.Data[float32](t)
		} else {
			a.data = make([]float32, t.Len())
			for i, v := range tensor.ToFloat64(t) {
				a.data[i] = float32(v)
			}
		}
		all = append(all, a)
	}
	return all, nil
}

// integer reports whether the output has an integer type, and so holds classes, not
// scores.
func (a array) integer() bool {
	switch a.dtype {
	case tensor.Int64, tensor.Int32, tensor.Uint8, tensor.Int8, tensor.Int16, tensor.Uint16, tensor.Uint32, tensor.Uint64:
		return true
	}
	return false
}

// squeeze drops a first axis of 1 from an array that has more than rank axes.
func (a array) squeeze(rank int) array {
	for len(a.shape) > rank && a.shape[0] == 1 {
		a.shape = a.shape[1:]
	}
	return a
}

// rows checks that the array is a matrix of the given width (0: any) and returns
// the number of its rows.
func (a array) rows(width int) (int, error) {
	if len(a.shape) != 2 || width > 0 && a.shape[1] != width {
		return 0, fmt.Errorf("output %q is %v; the head needs rows of %s", a.name, a.shape, widthText(width))
	}
	return a.shape[0], nil
}

func widthText(width int) string {
	if width == 0 {
		return "any width"
	}
	return fmt.Sprint(width)
}

// width is the size of the last axis, -1 of a number without axes.
func (a array) width() int {
	if len(a.shape) == 0 {
		return -1
	}
	return a.shape[len(a.shape)-1]
}

// row is row i of a matrix.
func (a array) row(i int) []float32 {
	w := a.width()
	return a.data[i*w : (i+1)*w]
}

// best is the index of the largest number, the lower of equal ones; NaN never wins.
// ok is false if there is no number.
func best(v []float32) (index int, ok bool) {
	index = -1
	var most float32
	for i, x := range v {
		if x == x && (index < 0 || x > most) {
			index, most = i, x
		}
	}
	return index, index >= 0
}
