package kernel

import (
	"sync"
	"unsafe"
)

// frame is the working memory of one chunk: the arguments that assembly reads, and two
// rooms of maxUnit pixels by 32 channels. Frames are reused, so that runs do not
// allocate: local arguments would escape to the heap, since kernels are called through
// function values.
type frame struct {
	conv     convArgs
	window   windowArgs
	winograd winogradArgs
	few      winogradFewArgs
	memory   Memory
	more     [1]unsafe.Pointer // for Memory.More
	scratch  [rooms*2*16*maxUnit + 16]float32
}

const rooms = 2

var frames = sync.Pool{New: func() any { return new(frame) }}

// room returns the first room, and the distance in bytes from the first vector's pixels to
// the second's.
func (f *frame) room() (p unsafe.Pointer, block int) { return f.strips(0)[0], 64 * maxUnit }

// strips returns the two halves of room i: maxUnit pixels of 16 channels each.
func (f *frame) strips(i int) strips {
	p := unsafe.Pointer(&f.scratch)
	p = unsafe.Add(p, int(-uintptr(p)&63)+i*2*64*maxUnit)
	return strips{p, unsafe.Add(p, 64*maxUnit)}
}

// newRoom returns n bytes, aligned to a cache line, for a pool of rooms larger than
// those of a frame.
func newRoom(n int) unsafe.Pointer {
	return unsafe.Pointer(unsafe.SliceData(alignTo(make([]byte, n+64), 64)))
}
