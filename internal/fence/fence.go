// Package fence gives tests memory beside a page that must not be accessed, so that
// kernels that read or write outside their operands fault:
//
//	Before:  |   .......operand| no access |     reading past the end faults
//	After:   | no access |operand.......   |     reading before the beginning does
//
// On systems other than Linux and macOS the memory is ordinary.
package fence

import (
	"testing"
	"unsafe"
)

// Before returns n zero elements that end where the page begins. T has no pointers.
func Before[T any](tb testing.TB, n int) []T { return place[T](tb, n, before) }

// After returns n zero elements that begin where the page ends. T has no pointers.
func After[T any](tb testing.TB, n int) []T { return place[T](tb, n, after) }

func place[T any](tb testing.TB, n int, beside func(tb testing.TB, n int) []byte) []T {
	tb.Helper()
	if n == 0 {
		return nil
	}
	var t T
	return unsafe.Slice((*T)(unsafe.Pointer(&beside(tb, n*int(unsafe.Sizeof(t)))[0])), n)
}
