package ops

import (
	"fmt"
	"slices"
	"unsafe"

	"github.com/visionzoo/vision/engine/tensor"
)

// walk visits the elements of several operands in row-major order of one shape, one row along the
// innermost dimension at a time. Every operand has its own strides, so that a walk also broadcasts
// (stride 0), transposes, slices and reverses. Dimensions of 1 are dropped, and neighbouring
// dimensions that follow each other without a gap in all operands are merged into one, which makes
// rows long. For y[2 3 4] = a[2 3 4] + b[4]:
//
//	        shape   y         a         b
//	given   2 3 4   12 4 1    12 4 1    0 0 1
//	merged  6 4      4 1       4 1      0 1      six rows of four elements
type walk struct {
	dims    []int   // empty: a single element
	strides [][]int // strides[k][d] of operand k in dimension d, in elements
	start   []int   // start[k] is the first element of operand k
}

// newWalk walks the given shape. Each operand has its strides, in elements, and
// starts at its element 0, unless the caller sets start.
func newWalk(shape []int, strides ...[]int) *walk {
	w := &walk{strides: make([][]int, len(strides)), start: make([]int, len(strides))}
	for d, n := range shape {
		if n == 1 {
			continue
		}
		last := len(w.dims) - 1
		joins := last >= 0 && n != 0
		for k := range strides {
			joins = joins && w.strides[k][last] == strides[k][d]*n
		}
		for k := range strides {
			if joins {
				w.strides[k][last] = strides[k][d]
			} else {
				w.strides[k] = append(w.strides[k], strides[k][d])
			}
		}
		if joins {
			w.dims[last] *= n
		} else {
			w.dims = append(w.dims, n)
		}
	}
	return w
}

// broadcastWalk walks an output and its operands under ONNX's multidirectional
// broadcasting. Operand 0 is the output.
func broadcastWalk(out []int, operands ...[]int) *walk {
	strides := [][]int{tensor.Strides(out)}
	for _, shape := range operands {
		strides = append(strides, tensor.BroadcastStrides(shape, out))
	}
	return newWalk(out, strides...)
}

// rowLength bounds the elements of the rows that walk.rows hands out, so that buffers of that length
// on the stack hold one, and stay in the L1 cache. Longer rows come in pieces.
const rowLength = 1024

// rows calls row for each row, or piece of one, of n elements: operand k starts at element at[k],
// and its elements are step[k] apart. at is overwritten between calls. It checks for cancellation.
func (w *walk) rows(r *Run, row func(n int, at, step []int)) error {
	if slices.Contains(w.dims, 0) {
		return nil
	}
	at, step := slices.Clone(w.start), make([]int, len(w.strides))
	inner, last := 1, len(w.dims)-1
	if last >= 0 {
		inner = w.dims[last]
		for k := range step {
			step[k] = w.strides[k][last]
		}
	}
	index := make([]int, max(last, 0))
	cut, done := make([]int, len(at)), 0
	for {
		for from := 0; from < inner; from += rowLength {
			n := min(inner-from, rowLength)
			for k := range at {
				cut[k] = at[k] + from*step[k]
			}
			row(n, cut, step)
			if done += n + 16; done > 1<<16 {
				if err := r.Check(); err != nil {
					return err
				}
				done = 0
			}
		}
		if !w.next(index, at) {
			return nil
		}
	}
}

// next advances index (by dimension, without the innermost) and at (by operand) to the next row; it
// returns false after the last.
func (w *walk) next(index, at []int) bool {
	for d := len(index) - 1; d >= 0; d-- {
		index[d]++
		for k := range at {
			at[k] += w.strides[k][d]
		}
		if index[d] < w.dims[d] {
			return true
		}
		for k := range at {
			at[k] -= w.dims[d] * w.strides[k][d]
		}
		index[d] = 0
	}
	return false
}

// move copies elements of any type along a walk of two operands: 0 is dst, 1 is
// src.
func (w *walk) move(r *Run, dst, src *tensor.Tensor) error {
	if dst.DType() == tensor.String {
		return moveElements(r, w, dst.Strings(), src.Strings())
	}
	switch dst.DType().Size() {
	case 1:
		return moveElements(r, w, dst.Bytes(), src.Bytes())
	case 2:
		return moveElements(r, w, words[uint16](dst), words[uint16](src))
	case 4:
		return moveElements(r, w, words[uint32](dst), words[uint32](src))
	case 8:
		return moveElements(r, w, words[uint64](dst), words[uint64](src))
	}
	return moveElements(r, w, words[complex128](dst), words[complex128](src))
}

func moveElements[T any](r *Run, w *walk, dst, src []T) error {
	return w.rows(r, func(n int, at, step []int) {
		d, s := at[0], at[1]
		if step[0] == 1 && step[1] == 1 {
			copy(dst[d:d+n], src[s:s+n])
			return
		}
		for range n {
			dst[d] = src[s]
			d += step[0]
			s += step[1]
		}
	})
}

// words views the elements of any tensor except strings as numbers of the same size, for operators
// that only move elements, and bools as bytes.
func words[T tensor.Element](t *tensor.Tensor) []T {
	data, size := t.Bytes(), int(unsafe.Sizeof(*new(T)))
	if t.DType().Size() != size {
		panic(fmt.Sprintf("BUG: words of %d bytes of %s", size, t.DType()))
	}
	return unsafe.Slice((*T)(unsafe.Pointer(unsafe.SliceData(data))), len(data)/size)
}
