package ops

import (
	"slices"
	"unsafe"

	"github.com/visionzoo/vision/engine/tensor"
)

// move copies elements of any type along a walk of y (operand 0) and x, on several threads: contiguous
// runs by copying, transposed matrices in blocks that stay in the cache.
func (c *Call) move(w *walk, y, x *tensor.Tensor) error {
	if d := w.repeated(); d >= 0 && y.DType().Size() > 0 {
		return c.replicate(w, d, y, x)
	}
	switch y.DType().Size() {
	case 1:
		dst, src := y.Bytes(), x.Bytes()
		if s := w.squares(); s != nil && min(s.rows, s.columns) >= 8 {
			return s.move(c, 0.3, func(y, x, rows, columns int) { transposeBytes(dst[y:], src[x:], s.dstRow, s.srcRow, rows, columns) })
		}
		return moveRows(c, w, dst, src)
	case 2:
		dst, src := words[uint16](y), words[uint16](x)
		if s := w.squares(); s != nil && min(s.rows, s.columns) > 4 {
			return s.move(c, 0.4, func(y, x, rows, columns int) { transposeHalves(dst[y:], src[x:], s.dstRow, s.srcRow, rows, columns) })
		}
		return moveRows(c, w, dst, src)
	case 4:
		dst, src := words[uint32](y), words[uint32](x)
		if c.Run.Kernel != nil {
			s := w.squares()
			switch {
			case s != nil && min(s.rows, s.columns) > 4:
				return s.move(c, 0.3, func(y, x, rows, columns int) {
					c.Run.Kernel.Vec.TransposeMatrix(dst[y:], src[x:], s.dstRow, s.srcRow, rows, columns)
				})
			case s != nil && s.columns == 2 && s.srcRow == 2 && s.rows >= 8:
				dst, src := words[float32](y), words[float32](x)
				return s.move(c, 0.2, func(y, x, rows, _ int) {
					c.Run.Kernel.Vec.Pairs(dst[y:][:rows], dst[y+s.dstRow:][:rows], src[x:][:2*rows])
				})
			}
		}
		return moveRows(c, w, dst, src)
	case 8:
		return moveRows(c, w, words[uint64](y), words[uint64](x))
	}
	return w.move(c.Run, y, x)
}

// repeated returns the outermost dimension along which all that is in it repeats, -1 if
// there is none in a dense destination.
func (w *walk) repeated() int {
	last := len(w.dims) - 1
	d := slices.Index(w.strides[1], 0)
	if d < 0 || d == last || w.start[0] != 0 || slices.Contains(w.dims, 0) || !slices.Equal(w.strides[0], tensor.Strides(w.dims)) {
		return -1
	}
	return d
}

// replicate moves what is in dimension d once and copies it from there.
func (c *Call) replicate(w *walk, d int, y, x *tensor.Tensor) error {
	rest := &walk{dims: slices.Delete(slices.Clone(w.dims), d, d+1), start: w.start}
	for _, s := range w.strides {
		rest.strides = append(rest.strides, slices.Delete(slices.Clone(s), d, d+1))
	}
	if err := c.move(rest, y, x); err != nil {
		return err
	}
	n, block, dst := w.dims[d], w.strides[0][d]*y.DType().Size(), y.Bytes()
	if block < 512 {
		return c.share(len(dst)/block/n, 0.05*float64(n*block)+20, func(from, to int) {
			for o := from; o < to; o++ {
				repeat(dst[o*n*block:][:n*block], block)
			}
		})
	}
	return c.share(len(dst)/block/n*(n-1), 0.05*float64(block)+5, func(from, to int) {
		for i := from; i < to; i++ {
			o := i / (n - 1) * n
			copy(dst[(o+1+i%(n-1))*block:][:block], dst[o*block:])
		}
	})
}

func moveRows[T any](c *Call, w *walk, dst, src []T) error {
	stepY, stepX := w.step(0), w.step(1)
	size := float64(unsafe.Sizeof(*new(T)))
	switch {
	case stepY == 1 && stepX == 1:
		return c.rows(w, 0.05*size, func(n int, at []int) { copy(dst[at[0]:at[0]+n], src[at[1]:]) })
	case stepY == 1 && stepX == 0:
		return c.rows(w, 0.1*size, func(n int, at []int) {
			out := dst[at[0] : at[0]+n]
			head := out[:min(n, 32)]
			for i := range head {
				head[i] = src[at[1]]
			}
			repeat(out, len(head))
		})
	}
	if s := w.squares(); s != nil {
		return s.move(c, 1, func(y, x, rows, columns int) {
			transposeEach(dst[y:], src[x:], s.dstRow, s.srcRow, rows, columns)
		})
	}
	return c.rows(w, 1.5, func(n int, at []int) {
		d, s := at[0], at[1]
		for range n {
			dst[d] = src[s]
			d += stepY
			s += stepX
		}
	})
}

// squares is a walk of two operands that transposes matrices: the innermost dimension is contiguous
// in the first (dst), and another dimension is contiguous in the second (src). Element by element,
// one of the two would be read or written with large steps, which waste most of each cache line.
// Transpose(0 3 1 2) of [8 20 30 64], for instance, is 8 transpositions of matrices of 600 rows and
// 64 columns.
type squares struct {
	rest           *walk // the remaining dimensions, one step for each matrix
	rows, columns  int   // of src
	dstRow, srcRow int   // distances of the rows of dst and src
}

// squares returns the transposition in a walk, nil if there is none.
func (w *walk) squares() *squares {
	last := len(w.dims) - 1
	if last < 1 || w.strides[0][last] != 1 || w.strides[1][last] < 1 || slices.Contains(w.dims, 0) {
		return nil
	}
	d := slices.Index(w.strides[1], 1)
	if d < 0 || d == last || w.strides[0][d] < 1 {
		return nil
	}
	s := &squares{rows: w.dims[last], columns: w.dims[d], dstRow: w.strides[0][d], srcRow: w.strides[1][last]}
	s.rest = &walk{strides: make([][]int, 2), start: w.start}
	for i, n := range w.dims {
		if i != d && i != last {
			s.rest.dims = append(s.rest.dims, n)
			for k := range 2 {
				s.rest.strides[k] = append(s.rest.strides[k], w.strides[k][i])
			}
		}
	}
	// A last dimension of 1, so that each row of the walk rest is a single element: one matrix.
	s.rest.dims = append(s.rest.dims, 1)
	for k := range 2 {
		s.rest.strides[k] = append(s.rest.strides[k], 0)
	}
	return s
}

// bandWidth and bandRows are the numbers of columns and rows of src that are
// transposed at a time: a block stays in the cache. Of few rows, as many more columns do. Where rows of
// dst are a multiple of bandSets elements apart, few sets of the cache hold them, and only bandNarrow
// columns stay.
const (
	bandWidth  = 64
	bandNarrow = 16
	bandSets   = 256
	bandRows   = 512
	bandFew    = 4
)

// move transposes in bands of columns: block transposes rows and columns of
// src from element x on, to element y of dst on, in unit nanoseconds for each element.
func (s *squares) move(c *Call, unit float64, block func(y, x, rows, columns int)) error {
	width := bandWidth
	switch {
	case s.rows <= bandFew:
		width *= bandRows / bandFew
	case s.dstRow%bandSets == 0:
		width = bandNarrow
	}
	bands := (s.columns + width - 1) / width
	// The bands are another dimension of the shared walk.
	w := &walk{start: s.rest.start, strides: make([][]int, 3)}
	last := len(s.rest.dims) - 1
	w.dims = append(append(w.dims, s.rest.dims[:last]...), bands, 1)
	w.start = append(slices.Clone(w.start), 0)
	for k := range 2 {
		w.strides[k] = append(append(w.strides[k], s.rest.strides[k][:last]...), 0, 0)
	}
	w.strides[0][last], w.strides[1][last] = width*s.dstRow, width
	w.strides[2] = make([]int, len(w.dims))
	w.strides[2][last] = width // the band's first column
	return c.rows(w, unit*float64(min(s.columns, width)*s.rows), func(_ int, at []int) {
		columns := min(width, s.columns-at[2])
		for i := 0; i < s.rows; i += bandRows {
			block(at[0]+i, at[1]+i*s.srcRow, min(bandRows, s.rows-i), columns)
		}
	})
}

// joinRuns copies runs of n elements: run i from element i·from+skip of x to
// element i·to+at of y.
func (c *Call) joinRuns(y, x *tensor.Tensor, runs, n, at, to, from, skip int) error {
	cp := newCopier(y, x)
	size := max(1, cp.size)
	return c.share(runs, 0.05*float64(n*size)+5, func(first, end int) {
		for i := first; i < end; i++ {
			cp.copy(i*to+at, i*from+skip, n)
		}
	})
}

// pick copies, from each of before slices of x, the elements that index selects
// along the next dimension. index has been checked.
func (c *Call) pick(y, x *tensor.Tensor, index []int, before, along int) (bool, error) {
	switch y.DType().Size() {
	case 1:
		return true, pickElements(c, y.Bytes(), x.Bytes(), index, before, along)
	case 4:
		return true, pickElements(c, words[uint32](y), words[uint32](x), index, before, along)
	case 8:
		return true, pickElements(c, words[uint64](y), words[uint64](x), index, before, along)
	}
	return false, nil
}

func pickElements[T any](c *Call, dst, src []T, index []int, before, along int) error {
	n := len(index)
	return c.share(before, 2*float64(n)+2, func(from, to int) {
		for i := from; i < to; i++ {
			out, in := dst[i*n:(i+1)*n], src[i*along:(i+1)*along]
			for j, v := range index {
				out[j] = in[fromEnd(v, along)]
			}
		}
	})
}
