package kernel

import (
	"runtime"
	"sync"
	"unsafe"
)

// Packed weights are read once a run, from end to end: on small pages the
// processor would wait for a translation every 4 KiB. So they share slabs that
// the system is asked to put on huge pages, one behind the other: each that had
// huge pages of its own would leave half of one empty. Slabs lie outside the heap:
// they stay as long as the session does, and counted as heap they would let
// garbage grow to their size before it is collected.
const (
	hugePage  = 2 << 20
	smallPage = 4 << 10
	slabFrom  = smallPage // smaller pieces stand alone
)

// slab is a run of addresses that goes back to the system once nothing holds it.
type slab struct {
	memory []byte
	used   int // bytes
}

// piece is some pages of a slab, which go back before the slab does.
type piece struct {
	slab   *slab
	memory []byte
}

// keeper is part of what has memory in slabs: it holds the pieces. Who hands on
// an address in that memory keeps the keeper reachable.
type keeper struct{ pieces []*piece }

var current struct {
	sync.Mutex
	slab *slab
}

// bytes returns n zero bytes that start a cache line, and a page where they fill
// one: what is prefetched goes by pages.
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

// take makes the next n bytes of a slab a piece.
func (k *keeper) take(s *slab, n int) []byte {
	at := s.used
	s.used += roundUp(n, smallPage)
	p := &piece{s, s.memory[at : at+n : at+n]}
	runtime.AddCleanup(p, func(s *slab) { vacate(s.memory[at : at+n]) }, s) // the slab outlives its pieces
	k.pieces = append(k.pieces, p)
	return p.memory
}

// Blocks is how many calls of Populate give all memory its pages.
func (k *keeper) Blocks() (n int) {
	for _, p := range k.pieces {
		n += PopulateBlocks(p.memory)
	}
	return n
}

// Populate gives memory its pages before it is packed: calls for different
// blocks may run at once, which packing cannot do as evenly. It may be left out.
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

// ends reports whether a slab is used up to somewhere in the huge page that b is a
// part of, so that a good part of that page would be there in vain.
func (s *slab) ends(b []byte) bool {
	current.Lock()
	defer current.Unlock()
	const enough = hugePage / 4 * 3
	from := uintptr(unsafe.Pointer(unsafe.SliceData(b))) - uintptr(unsafe.Pointer(unsafe.SliceData(s.memory)))
	return s.used-int(from/hugePage*hugePage) < enough
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
func PopulateBlock(memory []byte, block int) { populate(withinPage(memory, block), false) }

// withinPage is what some memory has of a huge page, the first of which is number 0.
func withinPage(memory []byte, block int) []byte {
	before := int(uintptr(unsafe.Pointer(unsafe.SliceData(memory))) % hugePage)
	return memory[max(0, block*hugePage-before):min((block+1)*hugePage-before, len(memory))]
}

// floats returns n zeros that start a cache line.
func (k *keeper) floats(n int) []float32 { return asFloats(k.bytes(max(4*n, 1)), n) }

// newSlab returns n zero bytes that start a huge page.
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
