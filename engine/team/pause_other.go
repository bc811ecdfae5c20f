//go:build purego || (!amd64 && !arm64)

package team

import "runtime"

// pause lets others run: without an instruction for it, a spinning goroutine
// had better give its processor away.
func pause() { runtime.Gosched() }
