//go:build !purego

package team

// pause tells the processor that the caller spins.
//
//go:noescape
func pause()
