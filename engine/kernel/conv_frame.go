package kernel

import (
	"sync"
	"unsafe"
)

// frame is the working memory of one chunk: arguments that assembly reads, and
// room for a unit of two vectors of channels. Frames are kept for the next
// chunk, so that runs allocate nothing.
type frame struct {
	conv    convArgs
	scratch [2*16*maxUnit + 16]float32
}

var frames = sync.Pool{New: func() any { return new(frame) }}

// room is the scratch from its first cache line on, and the bytes from the
// first vector's pixels to the second's.
func (f *frame) room() (p unsafe.Pointer, block int) {
	p = unsafe.Pointer(&f.scratch)
	return unsafe.Add(p, -uintptr(p)&63), 64 * maxUnit
}
