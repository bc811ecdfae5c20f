package kernel

import (
	"runtime"
	"sync"
	"unsafe"
)

// Packed weights are read once a run, from end to end: on small pages the
// processor would wait for a translation every 4 KiB. So they share slabs that
// the system is asked to put on huge pages. Slabs lie outside the heap: they stay
// as long as the session does, and counted as heap they would let garbage grow to
// their size before it is collected.
const (
	hugePage  = 2 << 20
	slabBytes = 4 * hugePage
	smallPage = 4 << 10
	slabFrom  = smallPage // smaller pieces stand alone
)

// slab is a piece of memory that goes back to the system once nothing holds it.
type slab struct{ memory []byte }

// keeper is part of what has memory in slabs: it holds them. Who hands on an
// address in that memory keeps the keeper reachable.
type keeper struct{ slabs []*slab }

var current struct {
	sync.Mutex
	slab *slab
	free []byte
}

// bytes returns n zero bytes that start a cache line, and a page where they fill
// one: what is prefetched goes by pages.
func (k *keeper) bytes(n int) []byte {
	switch {
	case n < slabFrom:
		return alignTo(make([]byte, n+64), 64)[:n:n]
	case n > slabBytes/2:
		s := newSlab(n)
		k.slabs = append(k.slabs, s)
		return s.memory[:n:n]
	}
	c := &current
	c.Lock()
	defer c.Unlock()
	if len(c.free) < n {
		c.slab = newSlab(slabBytes)
		c.free = c.slab.memory
	}
	k.slabs = append(k.slabs, c.slab)
	taken := c.free[:n:n]
	c.free = c.free[min(roundUp(n, smallPage), len(c.free)):]
	return taken
}

// floats returns n zeros that start a cache line.
func (k *keeper) floats(n int) []float32 { return asFloats(k.bytes(max(4*n, 1)), n) }

// newSlab returns n zero bytes that start a huge page.
func newSlab(n int) *slab {
	mapped, free := mapMemory(roundUp(n, smallPage) + hugePage)
	if mapped == nil {
		mapped = make([]byte, n+hugePage)
	}
	s := &slab{alignTo(mapped, hugePage)[:n]}
	if free != nil {
		runtime.AddCleanup(s, func(free func()) { free() }, free)
	}
	return s
}

// alignTo drops the bytes before the first multiple of to.
func alignTo(b []byte, to uintptr) []byte {
	return b[-uintptr(unsafe.Pointer(unsafe.SliceData(b)))&(to-1):]
}

// alignedFloats returns n zeros of the heap that start a cache line.
func alignedFloats(n int) []float32 {
	return asFloats(alignTo(make([]byte, 4*n+1+64), 64), n)
}

func asFloats(b []byte, n int) []float32 {
	return unsafe.Slice((*float32)(unsafe.Pointer(unsafe.SliceData(b))), n)
}
