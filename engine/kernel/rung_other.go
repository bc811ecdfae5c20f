//go:build purego || (!amd64 && !arm64)

package kernel

// native lists the rungs above purego: here there are none.
func native() []Rung { return nil }
