//go:build !linux

package kernel

import "testing"

// fenced and fencedFloats: guard pages are asked for on Linux only.
func fenced(_ testing.TB, n int) []byte                  { return alignedBytes(n) }
func fencedFloats(_ testing.TB, src []float32) []float32 { return src }
