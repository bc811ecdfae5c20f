//go:build linux || darwin

package fence

import (
	"os"
	"syscall"
	"testing"
)

func before(tb testing.TB, n int) []byte {
	m, page := pages(tb, n)
	forbid(tb, m[len(m)-page:])
	return m[len(m)-page-n : len(m)-page : len(m)-page]
}

func after(tb testing.TB, n int) []byte {
	m, page := pages(tb, n)
	forbid(tb, m[:page])
	return m[page : page+n : page+n]
}

// pages returns as many pages as n bytes take, and one more, and the size of a page. They are
// unmapped at the end of the test.
func pages(tb testing.TB, n int) (m []byte, page int) {
	page = os.Getpagesize()
	m, err := syscall.Mmap(-1, 0, (n+page-1)/page*page+page, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { syscall.Munmap(m) })
	return m, page
}

func forbid(tb testing.TB, page []byte) {
	if err := syscall.Mprotect(page, syscall.PROT_NONE); err != nil {
		tb.Fatal(err)
	}
}
