//go:build !linux

package kernel

// slabBytes is the size of a shared slab.
const slabBytes = 4 * hugePage

// mapMemory fails: slabs are in Go's heap.
func mapMemory(int) (memory []byte, free func()) { return nil, nil }

func populate([]byte, bool) {}

func vacate([]byte) {}
