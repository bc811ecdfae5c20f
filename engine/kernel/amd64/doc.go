// Package amd64 holds the assembly of the kernels for amd64. The programs that
// write it are in internal/asm.
//
// No promise: package kernel is its only user.
package amd64
