//go:build !linux

package kernel

// mapMemory has no memory but the heap's.
func mapMemory(int) (memory []byte, free func()) { return nil, nil }

func populate([]byte) {}
