//go:build !linux

package kernel

// adviseHuge does nothing: elsewhere there is no such hint.
func adviseHuge(b []byte) {}
