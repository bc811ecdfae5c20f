package plan

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// mapFrom is the size from which on memory is the kernel's, to which it can go
// back at once.
const mapFrom = 256 << 10

// allocate returns zeroed memory that starts a cache line, and what gives it
// back. Large pieces come from the kernel on huge pages: a network's
// activations span more small pages than the translation caches hold. A rest of
// at most a quarter of one is on small pages: few of them hold it.
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
