package kernel

import (
	"syscall"
	"testing"
	"unsafe"
)

// fenced returns n bytes just before a page without access, so that kernels that read or
// write too far fault.
func fenced(tb testing.TB, n int) []byte {
	tb.Helper()
	page := syscall.Getpagesize()
	size := roundUp(n, page) + page
	m, err := syscall.Mmap(-1, 0, size, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { syscall.Munmap(m) })
	if err := syscall.Mprotect(m[size-page:], syscall.PROT_NONE); err != nil {
		tb.Fatal(err)
	}
	return m[size-page-n : size-page : size-page]
}

// fencedFloats copies src to an unaligned address before the fence, as in a mapped file.
func fencedFloats(tb testing.TB, src []float32) []float32 {
	tb.Helper()
	if len(src) == 0 {
		return src
	}
	b := fenced(tb, 4*len(src)+1)
	copy(b, unsafe.Slice((*byte)(unsafe.Pointer(&src[0])), 4*len(src)))
	return unsafe.Slice((*float32)(unsafe.Pointer(&b[0])), len(src))
}
