// Package kernel has the fast code of the engine: kernels, and planned steps on packed
// operands. It deals with memory and sizes, and does not know tensors or nodes.
//
// This package may change without notice.
package kernel
