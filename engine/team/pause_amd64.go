//go:build !purego

package team

// pause tells the processor that the caller spins: tens of nanoseconds.
//
//go:noescape
func pause()
