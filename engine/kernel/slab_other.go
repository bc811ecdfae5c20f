//go:build !linux

package kernel

// slabBytes is the size of a slab that several share.
const slabBytes = 4 * hugePage

// mapMemory has no memory but the heap's.
func mapMemory(int) (memory []byte, free func()) { return nil, nil }

func populate([]byte, bool) {}

func vacate([]byte) {}
