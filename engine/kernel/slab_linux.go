package kernel

import (
	"sync/atomic"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// slabBytes is the size of a slab that several share: of addresses, since only
// what is used of it gets memory.
const slabBytes = 16 * hugePage

// mapMemory returns n zero bytes outside the heap, on huge pages where the system
// follows the hint, and how to give them back; nil where it has none.
func mapMemory(n int) (memory []byte, free func()) {
	p, err := unix.Mmap(-1, 0, n, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
	if err != nil {
		return nil, nil
	}
	_ = unix.Madvise(p, unix.MADV_HUGEPAGE)
	return p, func() { _ = unix.Munmap(p) }
}

// vacate gives the pages back that a piece of mapped memory begins.
func vacate(b []byte) {
	_ = unix.Madvise(unsafe.Slice(unsafe.SliceData(b), roundUp(len(b), smallPage)), unix.MADV_DONTNEED)
}

// A virtual machine may have handed its free memory back to the host. It does so
// in large pieces, so that huge pages come without memory behind them, ten times
// as slowly as others, while small ones are still there. Where a huge page took
// dearPage, the next dearBytes go on small pages; the system puts them together
// later, in its own time.
const (
	dearPage  = 3 * time.Millisecond // elsewhere 0.2 to 0.8
	dearBytes = 48 << 20
)

// dear is how many bytes are to go on small pages.
var dear atomic.Int64

// populate gives mapped memory its pages, small ones where a huge one is not
// wanted: now and later, for the system makes huge pages of those that are mostly
// empty too. Old systems do not know how: there packing finds them missing one by
// one.
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
