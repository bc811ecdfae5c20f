package tensor

import "slices"

// Owner is what a memory budget notes of the memory behind a tensor. Views
// share it; clones and tensors over memory of the caller's have none.
type Owner struct {
	By    any // whose budget; nil: nobody's
	Bytes int64
	Uses  int // values that hold the memory
	End   int // of memory with room to spare: the bytes that tensors lie in
}

// Owner is nil, or belongs to whoever it says.
func (t *Tensor) Owner() *Owner { return t.owner }

// Own puts the memory of a new tensor on a budget.
func (t *Tensor) Own(by any, bytes int64) *Owner {
	if t.owner == nil {
		t.owner = &Owner{}
	}
	t.owner.By, t.owner.Bytes = by, bytes
	return t.owner
}

// header is a tensor with what most tensors need, in one piece.
type header struct {
	Tensor
	own  Owner
	dims [4]int
}

// small is a header with room for a number or two.
type small struct {
	header
	words [2]uint64
}

// smallBytes is the room in small.
const smallBytes = 16

// blank makes a tensor of bytes zeros, which fit its shape.
func blank(dtype DType, shape []int, bytes int) *Tensor {
	var h *header
	if bytes > 0 && bytes <= smallBytes {
		s := &small{}
		h = &s.header
		h.data = bytesOf(s.words[:])[:bytes:bytes]
	} else {
		h = &header{}
		h.data = alignedBytes(bytes)
	}
	h.dtype, h.owner = dtype, &h.own
	if len(shape) <= len(h.dims) {
		h.shape = h.dims[:len(shape):len(shape)]
		copy(h.shape, shape)
	} else {
		h.shape = slices.Clone(shape)
	}
	return &h.Tensor
}

// NewWithRoom is New in memory of room bytes, which Extended may use.
func NewWithRoom(room int, dtype DType, shape ...int) *Tensor {
	n := MustCount(shape) * dtype.Size()
	t := &Tensor{dtype: dtype, shape: slices.Clone(shape), data: alignedBytes(max(room, n))[:n], owner: &Owner{}}
	t.owner.End = n
	return t
}

// Extended is a tensor of another shape that begins with the elements of t and
// lies in the same memory; nil where there is no room behind t, or another
// tensor lies there. What comes behind the elements of t was never written.
func (t *Tensor) Extended(shape ...int) *Tensor {
	n := MustCount(shape) * t.dtype.Size()
	if o := t.owner; o == nil || o.End == 0 || o.End != len(t.data) || n > cap(t.data) {
		return nil
	}
	t.owner.End = n
	return &Tensor{dtype: t.dtype, shape: slices.Clone(shape), data: t.data[:n], owner: t.owner}
}
