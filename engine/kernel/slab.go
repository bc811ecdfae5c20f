package kernel

import (
	"runtime"
	"sync"
	"unsafe"
)

// Packed weights are read once per run, from end to end; on small pages each 4 KiB would
// cost a TLB miss. So they lie on huge pages, in slabs that several layers share: a layer
// with huge pages of its own would leave half of its last one empty. On Linux, slabs are
// outside Go's heap. They live as long as the session, and as a part of the heap they would
// let as much garbage accumulate before it is collected.
//
// A slab is a range of addresses, of 32 MiB on Linux. Layers take pieces of it, each where
// the last one of any session ends:
//
//	| conv1 | conv2      | conv3           | free, not backed by memory |
//
// When a piece is garbage, its pages go back to the system; when all are, so do the addresses.
const (
	hugePage  = 2 << 20
	smallPage = 4 << 10
	slabFrom  = smallPage // smaller pieces are allocated in Go's heap
)

// slab is a range of addresses that is unmapped once nothing refers to it.
type slab struct {
	memory []byte
	used   int // bytes
}

// piece is a run of pages of a slab, which are returned to the system before the slab is.
type piece struct {
	slab   *slab
	memory []byte
}

// keeper is embedded in types with memory in slabs, and refers to its pieces. It must stay
// reachable as long as addresses in that memory are in use.
type keeper struct{ pieces []*piece }

// current is the slab from which pieces are taken.
var current struct {
	sync.Mutex
	slab *slab
}

// bytes returns n zero bytes: aligned to a cache line, or to a page if there is at least a
// page of them, because the prefetches of some kernels go through pages in turn.
func (k *keeper) bytes(n int) []byte {
	switch {
	case n < slabFrom:
		return alignTo(make([]byte, n+64), 64)[:n:n]
	case n > slabBytes/2:
		return k.take(newSlab(n), n)
	}
	c := &current
	c.Lock()
	defer c.Unlock()
	if c.slab == nil || len(c.slab.memory)-c.slab.used < n {
		c.slab = newSlab(slabBytes)
	}
	return k.take(c.slab, n)
}

// take returns the next n bytes of a slab, as a piece.
func (k *keeper) take(s *slab, n int) []byte {
	at := s.used
	s.used += roundUp(n, smallPage)
	p := &piece{s, s.memory[at : at+n : at+n]}
	runtime.AddCleanup(p, func(s *slab) { vacate(s.memory[at : at+n]) }, s) // the slab outlives its pieces
	k.pieces = append(k.pieces, p)
	return p.memory
}

// Blocks returns the number of blocks for Populate.
func (k *keeper) Blocks() (n int) {
	for _, p := range k.pieces {
		n += PopulateBlocks(p.memory)
	}
	return n
}

// Populate allocates the pages of a block of the memory. It is optional, before packing:
// calls for different blocks may run concurrently, and share the work more evenly than
// page faults during packing.
func (k *keeper) Populate(block int) {
	for _, p := range k.pieces {
		n := PopulateBlocks(p.memory)
		if block < n {
			b := withinPage(p.memory, block)
			populate(b, p.slab.ends(b))
			return
		}
		block -= n
	}
}

// ends reports whether the used part of a slab ends within the huge page of b, so that a
// large part of that page would be wasted.
func (s *slab) ends(b []byte) bool {
	current.Lock()
	defer current.Unlock()
	const enough = hugePage / 4 * 3
	from := uintptr(unsafe.Pointer(unsafe.SliceData(b))) - uintptr(unsafe.Pointer(unsafe.SliceData(s.memory)))
	return s.used-int(from/hugePage*hugePage) < enough
}

// PopulateBlocks returns the number of huge pages that memory overlaps.
func PopulateBlocks(memory []byte) int {
	if len(memory) == 0 {
		return 0
	}
	at := uintptr(unsafe.Pointer(unsafe.SliceData(memory)))
	return int((at+uintptr(len(memory))+hugePage-1)/hugePage - at/hugePage)
}

// PopulateBlock makes the system allocate the pages of a block of mapped memory: the part
// in one huge page.
func PopulateBlock(memory []byte, block int) { populate(withinPage(memory, block), false) }

// withinPage returns the part of memory in its block-th huge page, counted from 0.
func withinPage(memory []byte, block int) []byte {
	before := int(uintptr(unsafe.Pointer(unsafe.SliceData(memory))) % hugePage)
	return memory[max(0, block*hugePage-before):min((block+1)*hugePage-before, len(memory))]
}

// floats returns n zeros, aligned to a cache line.
func (k *keeper) floats(n int) []float32 { return asFloats(k.bytes(max(4*n, 1)), n) }

// newSlab returns a slab of n zero bytes, aligned to a huge page.
func newSlab(n int) *slab {
	mapped, free := mapMemory(roundUp(n, smallPage) + hugePage)
	if mapped == nil {
		mapped = make([]byte, n+hugePage)
	}
	s := &slab{memory: alignTo(mapped, hugePage)[:n]}
	if free != nil {
		runtime.AddCleanup(s, func(free func()) { free() }, free)
	}
	return s
}

// alignTo drops the bytes before the first address that is a multiple of to.
func alignTo(b []byte, to uintptr) []byte {
	return b[-uintptr(unsafe.Pointer(unsafe.SliceData(b)))&(to-1):]
}

// alignedFloats returns n zeros in Go's heap, aligned to a cache line.
func alignedFloats(n int) []float32 {
	return asFloats(alignTo(make([]byte, 4*n+1+64), 64), n)
}

// asFloats returns the n float32 at the beginning of b.
func asFloats(b []byte, n int) []float32 {
	return unsafe.Slice((*float32)(unsafe.Pointer(unsafe.SliceData(b))), n)
}
