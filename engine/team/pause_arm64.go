//go:build !purego

package team

// pause tells the processor that the caller is spinning.
//
//go:noescape
func pause()
