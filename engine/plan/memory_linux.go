package plan

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// mapFrom is the size from which memory is mapped directly from the operating
// system, to which it can be returned at once.
const mapFrom = 256 << 10

// allocate returns zeroed memory, aligned to a cache line, and a function that
// frees it. Large pieces are on huge pages, because a network's activations span
// more small pages than the TLBs hold. An end of at most a quarter of a huge page
// is on small pages, since few of those suffice.
func allocate(n int) (memory []byte, free func()) {
	if n < mapFrom {
		return heap(n), func() {}
	}
	p, err := unix.Mmap(-1, 0, (n+2*hugePage-1)&^(hugePage-1), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
	if err != nil {
		return heap(n), func() {}
	}
	off := int(-uintptr(unsafe.Pointer(&p[0])) & (hugePage - 1))
	huge := 0
	if n >= hugePage {
		huge = (n + hugePage*3/4 - 1) &^ (hugePage - 1)
		_ = unix.Madvise(p[off:off+huge], unix.MADV_HUGEPAGE) // hints
	}
	if rest := p[off+huge:]; len(rest) > 0 {
		_ = unix.Madvise(rest, unix.MADV_NOHUGEPAGE)
	}
	return p[off : off+n], func() { _ = unix.Munmap(p) }
}
