// Package amd64 holds the assembly of the kernels for amd64, which the programs in
// internal/asm generate. Package kernel has their twins in Go.
//
// This package may change without notice.
package amd64
