package kernel

import (
	"sync"
	"unsafe"
)

// Packed weights are read once a run, from end to end: on small pages the
// processor would wait for a translation every 4 KiB. So they share slabs that
// the system is asked to put on huge pages. A slab is the garbage collector's:
// it goes with the last weights in it.
const (
	hugePage  = 2 << 20
	slabBytes = 4 * hugePage
	slabFrom  = 4 << 10 // smaller pieces stand alone
)

var slab struct {
	sync.Mutex
	free []byte
}

// lineBytes returns n zero bytes that start a cache line.
func lineBytes(n int) []byte {
	switch {
	case n < slabFrom:
		return alignTo(make([]byte, n+64), 64)[:n:n]
	case n > slabBytes/2:
		return newSlab(n)[:n:n]
	}
	slab.Lock()
	defer slab.Unlock()
	if len(slab.free) < n {
		slab.free = newSlab(slabBytes)
	}
	taken := slab.free[:n:n]
	slab.free = slab.free[min(roundUp(n, 64), len(slab.free)):]
	return taken
}

// newSlab returns n zero bytes that start a huge page.
func newSlab(n int) []byte {
	b := alignTo(make([]byte, roundUp(n, hugePage)+hugePage), hugePage)
	adviseHuge(b[:roundUp(n, hugePage)])
	return b[:n]
}

// alignTo drops the bytes before the first multiple of to.
func alignTo(b []byte, to uintptr) []byte {
	return b[-uintptr(unsafe.Pointer(unsafe.SliceData(b)))&(to-1):]
}

// alignedFloats returns n zeros that start a cache line.
func alignedFloats(n int) []float32 {
	b := lineBytes(max(4*n, 1))
	return unsafe.Slice((*float32)(unsafe.Pointer(unsafe.SliceData(b))), n)
}
