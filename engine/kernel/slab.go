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
type keeper struct {
	slabs  []*slab
	pieces [][]byte // what was taken of them
}

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
		return k.hold(s, s.memory[:n:n])
	}
	c := &current
	c.Lock()
	defer c.Unlock()
	if len(c.free) < n {
		c.slab = newSlab(slabBytes)
		c.free = c.slab.memory
	}
	taken := c.free[:n:n]
	c.free = c.free[min(roundUp(n, smallPage), len(c.free)):]
	return k.hold(c.slab, taken)
}

func (k *keeper) hold(s *slab, piece []byte) []byte {
	k.slabs, k.pieces = append(k.slabs, s), append(k.pieces, piece)
	return piece
}

// Blocks is how many calls of Populate give all memory its pages.
func (k *keeper) Blocks() (n int) {
	for _, p := range k.pieces {
		n += PopulateBlocks(p)
	}
	return n
}

// Populate gives memory its pages before it is packed: calls for different
// blocks may run at once, which packing cannot do as evenly. It may be left out.
func (k *keeper) Populate(block int) {
	for _, p := range k.pieces {
		n := PopulateBlocks(p)
		if block < n {
			PopulateBlock(p, block)
			return
		}
		block -= n
	}
}

// PopulateBlocks is how many huge pages some memory has a part of.
func PopulateBlocks(memory []byte) int {
	if len(memory) == 0 {
		return 0
	}
	at := uintptr(unsafe.Pointer(unsafe.SliceData(memory)))
	return int((at+uintptr(len(memory))+hugePage-1)/hugePage - at/hugePage)
}

// PopulateBlock has the system give a block of mapped memory its pages.
func PopulateBlock(memory []byte, block int) {
	before := int(uintptr(unsafe.Pointer(unsafe.SliceData(memory))) % hugePage)
	from, to := max(0, block*hugePage-before), min((block+1)*hugePage-before, len(memory))
	populate(memory[from:to])
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
