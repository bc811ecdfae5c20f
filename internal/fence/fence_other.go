//go:build !linux && !darwin

package fence

import (
	"testing"
	"unsafe"
)

func before(_ testing.TB, n int) []byte { return aligned(n) }
func after(_ testing.TB, n int) []byte  { return aligned(n) }

// aligned returns bytes that begin at a cache line.
func aligned(n int) []byte {
	const line = 64
	m := make([]byte, n+line)
	return m[-uintptr(unsafe.Pointer(&m[0]))&(line-1):][:n:n]
}
