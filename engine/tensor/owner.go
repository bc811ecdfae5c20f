package tensor

import "slices"

// Owner records the memory behind a tensor for a memory budget. Views share it;
// clones and tensors over memory of the caller's have none.
type Owner struct {
	By    any   // the budget; nil: none
	Bytes int64 // what the budget counts
	Uses  int   // number of values that use the memory
	End   int   // of memory with spare room (NewWithRoom): the bytes that tensors use so far; else 0
}

// Owner returns the record of the tensor's memory, nil if there is none.
func (t *Tensor) Owner() *Owner { return t.owner }

// Own charges the memory of a new tensor to a budget.
func (t *Tensor) Own(by any, bytes int64) *Owner {
	if t.owner == nil {
		t.owner = &Owner{}
	}
	t.owner.By, t.owner.Bytes = by, bytes
	return t.owner
}

// header is a tensor with the owner and dimensions that most tensors need, in one allocation: loops
// make many small tensors.
type header struct {
	Tensor
	own  Owner
	dims [4]int
}

// small is a header with room for one or two elements.
type small struct {
	header
	words [2]uint64
}

// smallBytes is the room in small.
const smallBytes = 16

// blank makes a tensor of zeros whose elements take the given number of bytes.
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

// NewWithRoom is New with memory for room bytes, into which Extended may grow.
func NewWithRoom(room int, dtype DType, shape ...int) *Tensor {
	n := MustCount(shape) * dtype.Size()
	t := &Tensor{dtype: dtype, shape: slices.Clone(shape), data: alignedBytes(max(room, n))[:n], owner: &Owner{}}
	t.owner.End = n
	return t
}

// Extended returns a tensor of another shape in the same memory, which begins with
// the elements of t; nil if there is no room after t, or another tensor uses it.
// The elements after those of t have never been written.
func (t *Tensor) Extended(shape ...int) *Tensor {
	n := MustCount(shape) * t.dtype.Size()
	if o := t.owner; o == nil || o.End == 0 || o.End != len(t.data) || n > cap(t.data) {
		return nil
	}
	t.owner.End = n
	return &Tensor{dtype: t.dtype, shape: slices.Clone(shape), data: t.data[:n], owner: t.owner}
}
