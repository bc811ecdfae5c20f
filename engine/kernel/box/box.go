// Package box is kernels over many boxes at once, for suppression of those that
// overlap: in which cell of a grid each lies, where those lie that it may
// overlap, and which of them it does.
//
// No promise: the package changes with the processors it knows.
package box

import "unsafe"

// Unit is what one class of processors has for boxes.
type Unit struct {
	lay   func(task unsafe.Pointer)                     // Lay, of a multiple of 16 boxes
	near  func(queries unsafe.Pointer)                  // Near
	sweep func(sweep unsafe.Pointer)                    // Sweep from where it stands on
	ious  func(sums, box, blocks unsafe.Pointer, n int) // AddSquareIoUs, of n blocks, at least 1
}

// Plain is in Go: what the others are held to.
var Plain = Unit{lay: layBoxes, near: findNear, sweep: sweep, ious: addSquareIoUs}
