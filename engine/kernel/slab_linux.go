package kernel

import (
	"sync/atomic"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// slabBytes is the size of the address range of a shared slab; only used pages take
// memory.
const slabBytes = 16 * hugePage

// mapMemory returns n zero bytes outside Go's heap, on huge pages if the system follows
// the advice, and a function that unmaps them; nil if it fails.
func mapMemory(n int) (memory []byte, free func()) {
	p, err := unix.Mmap(-1, 0, n, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
	if err != nil {
		return nil, nil
	}
	_ = unix.Madvise(p, unix.MADV_HUGEPAGE)
	return p, func() { _ = unix.Munmap(p) }
}

// vacate returns the pages of a piece, which begins at a page, to the system.
func vacate(b []byte) {
	_ = unix.Madvise(unsafe.Slice(unsafe.SliceData(b), roundUp(len(b), smallPage)), unix.MADV_DONTNEED)
}

// A virtual machine may have reported its free memory to the host. It does so in large
// pieces, so huge pages are then not backed by memory and come ten times as slowly as
// usual, while the guest still has small ones. If a huge page took dearPage, the next
// dearBytes are allocated on small pages, which the system merges later.
const (
	dearPage  = 3 * time.Millisecond // usually 0.2 to 0.8
	dearBytes = 48 << 20
)

// dear is the number of bytes that will still be allocated on small pages.
var dear atomic.Int64

// populate allocates the pages of mapped memory. With small, these are small pages for
// good: otherwise the system would merge them to a huge page even if it is mostly empty.
// Linux before 5.14 has no MADV_POPULATE_WRITE: there, packing causes page faults.
func populate(b []byte, small bool) {
	before := int(uintptr(unsafe.Pointer(unsafe.SliceData(b))) % smallPage)
	b = unsafe.Slice((*byte)(unsafe.Add(unsafe.Pointer(unsafe.SliceData(b)), -before)), roundUp(len(b)+before, smallPage))
	if dear := dear.Add(-int64(len(b))) > 0; dear || small {
		_ = unix.Madvise(b, unix.MADV_NOHUGEPAGE)
		_ = unix.Madvise(b, unix.MADV_POPULATE_WRITE)
		if !small {
			_ = unix.Madvise(b, unix.MADV_HUGEPAGE)
		}
		return
	}
	start := time.Now()
	if unix.Madvise(b, unix.MADV_POPULATE_WRITE) == nil && time.Since(start) > dearPage {
		dear.Store(dearBytes)
	}
}
