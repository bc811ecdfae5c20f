package kernel

import "golang.org/x/sys/unix"

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
