// Package kernel is the fast code: pure functions and planned steps over
// packed operands. It sees memory and integers, never a tensor or a node.
//
// No promise: the package changes with the processors it knows.
package kernel
