//go:build !linux

package kernel

import "testing"

// fenced and fencedFloats have guard pages on Linux only.
func fenced(_ testing.TB, n int) []byte                  { return alignedBytes(n) }
func fencedFloats(_ testing.TB, src []float32) []float32 { return src }
