package ops

import "github.com/visionzoo/vision/engine/tensor"

// EvalFast pads row by row, on several threads.
func (op pad) EvalFast(c *Call) (bool, error) {
	x := c.In[0]
	size := x.DType().Size()
	if x.Rank() == 0 || size == 0 || size > 8 {
		return false, nil
	}
	p, err := op.read(c)
	if err != nil {
		return true, err
	}
	y, err := c.output(x.DType(), p.shape...)
	if err != nil || y.Len() == 0 {
		return true, err
	}
	r, err := op.rows(c, p)
	if err != nil {
		return true, err
	}
	switch size {
	case 1:
		return true, padWith(c, r, y.Bytes(), x.Bytes(), p.value.Bytes()[0])
	case 2:
		return true, padWith(c, r, words[uint16](y), words[uint16](x), words[uint16](p.value)[0])
	case 4:
		return true, padWith(c, r, words[uint32](y), words[uint32](x), words[uint32](p.value)[0])
	}
	return true, padWith(c, r, words[uint64](y), words[uint64](x), words[uint64](p.value)[0])
}

// padRows says where the rows of an output come from. A row is along the last
// dimension with pads; the dimensions after it are one long element.
type padRows struct {
	outer [][]int // origins along each dimension before
	steps []int   // of the input in those, in numbers
	row   []int   // origins along the row
	unit  int     // numbers of an element
	lo    int     // elements lo to hi of the row are neighbours in the input
	hi    int
}

// longElement is the number of numbers from which on an element is a row of its own,
// so that even a single row can be divided among threads.
const longElement = 256

func (op pad) rows(c *Call, p padding) (*padRows, error) {
	dims := c.In[0].Shape()
	last := len(dims) - 1
	for last > 0 && p.before[last] == 0 && p.after[last] == 0 {
		last--
	}
	origins, err := op.origins(c, p, last+1)
	if err != nil {
		return nil, err
	}
	r := &padRows{outer: origins[:last], row: origins[last], steps: tensor.Strides(dims), unit: tensor.MustCount(dims[last+1:])}
	if r.unit >= longElement {
		r.outer, r.row = origins, []int{0}
	}
	for i := 0; i < len(r.row); {
		end := i + 1
		for end < len(r.row) && r.row[i] >= 0 && r.row[end] == r.row[end-1]+1 {
			end++
		}
		if r.row[i] >= 0 && end-i > r.hi-r.lo {
			r.lo, r.hi = i, end
		}
		i = end
	}
	return r, nil
}

// padWith writes dst, with value where nothing of src is.
func padWith[T any](c *Call, r *padRows, dst, src []T, value T) error {
	width := len(r.row) * r.unit
	return c.share(len(dst)/width, 0.2*float64(width)+20, func(from, to int) {
		index, rest := make([]int, len(r.outer)), from
		for d := len(index) - 1; d >= 0; d-- {
			index[d] = rest % len(r.outer[d])
			rest /= len(r.outer[d])
		}
		for i := from; i < to; i++ {
			at := 0
			for d, k := range index {
				if o := r.outer[d][k]; o < 0 {
					at = -1
					break
				} else {
					at += o * r.steps[d]
				}
			}
			if row := dst[i*width : (i+1)*width]; at < 0 {
				fillWith(row, value)
			} else {
				padRow(r, row, src[at:], value)
			}
			for d := len(index) - 1; d >= 0; d-- {
				if index[d]++; index[d] < len(r.outer[d]) {
					break
				}
				index[d] = 0
			}
		}
	})
}

func padRow[T any](r *padRows, dst, src []T, value T) {
	n := r.unit
	for i := 0; i < len(r.row); i++ {
		if i == r.lo && i < r.hi {
			copy(dst[i*n:r.hi*n], src[r.row[i]*n:])
			i = r.hi - 1
			continue
		}
		switch o := r.row[i]; {
		case o < 0:
			fillWith(dst[i*n:(i+1)*n], value)
		case n == 1:
			dst[i] = src[o]
		default:
			copy(dst[i*n:(i+1)*n], src[o*n:])
		}
	}
}

func fillWith[T any](dst []T, value T) {
	for i := range dst {
		dst[i] = value
	}
}
