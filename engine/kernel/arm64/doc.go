// Package arm64 holds the assembly of the kernels for NEON, which internal/asm/neon
// generates. Package kernel has their twins in Go.
//
// This package may change without notice.
package arm64
