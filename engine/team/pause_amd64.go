//go:build !purego

package team

// pause tells the processor that the caller is spinning. It takes tens of
// nanoseconds.
//
//go:noescape
func pause()
