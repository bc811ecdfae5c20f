//go:build !linux

package plan

// allocate returns zeroed memory, aligned to a cache line, and a function that
// frees it; here that is left to the garbage collector.
func allocate(n int) (memory []byte, free func()) { return heap(n), func() {} }
