//go:build !linux && !darwin && !dragonfly && !freebsd && !netbsd && !openbsd && !windows && !wasm

package engine

// physicalMemory is the machine's memory in bytes, 0 where unknown: then only
// GOMEMLIMIT bounds a run.
func physicalMemory() int64 { return 0 }
