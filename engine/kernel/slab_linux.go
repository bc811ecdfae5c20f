package kernel

import (
	"sync/atomic"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

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

// A virtual machine may have handed its free memory back to the host. It does so
// in large pieces, so that huge pages come without memory behind them, ten times
// as slowly as others, while small ones are still there. Where two huge pages in
// a row took dearPage, the next dearBytes go on small pages; the system puts
// them together later, in its own time.
const (
	dearPage  = 2 * time.Millisecond // elsewhere 0.2 to 0.8, with interruptions
	dearBytes = 48 << 20
)

var dear struct {
	row   atomic.Int64 // huge pages that were dear, one after the other
	bytes atomic.Int64 // to go on small pages
}

// populate gives mapped memory its pages. Old systems do not know how: there
// packing finds them missing one by one.
func populate(b []byte) {
	const page = 4 << 10
	before := uintptr(unsafe.Pointer(unsafe.SliceData(b))) % page
	b = unsafe.Slice((*byte)(unsafe.Add(unsafe.Pointer(unsafe.SliceData(b)), -int(before))), roundUp(len(b)+int(before), page))
	if dear.bytes.Load() > 0 {
		dear.bytes.Add(-int64(len(b)))
		_ = unix.Madvise(b, unix.MADV_NOHUGEPAGE)
		_ = unix.Madvise(b, unix.MADV_POPULATE_WRITE)
		_ = unix.Madvise(b, unix.MADV_HUGEPAGE)
		return
	}
	start := time.Now()
	if unix.Madvise(b, unix.MADV_POPULATE_WRITE) != nil {
		return
	}
	switch took := time.Since(start); {
	case took > dearPage && dear.row.Add(1) >= 2:
		dear.bytes.Store(dearBytes)
	case took < dearPage && took > dearPage/32: // else the page was there
		dear.row.Store(0)
	}
}
