//go:build purego || (!amd64 && !arm64)

package team

import "runtime"

// pause lets others run: without an instruction for spinning, a goroutine that
// waits should yield its processor.
func pause() { runtime.Gosched() }
