// Package box has kernels on many boxes at a time for the suppression of
// overlapping boxes: they compute in which cell of a grid each box lies, in which
// cells boxes lie that it may overlap, and which of those it does overlap.
//
// This package may change without notice.
package box

import "unsafe"

// Unit holds the box kernels of one class of processors.
type Unit struct {
	lay   func(task unsafe.Pointer)                     // Lay for a multiple of 16 boxes
	near  func(queries unsafe.Pointer)                  // Near
	sweep func(sweep unsafe.Pointer)                    // continues a Sweep
	ious  func(sums, box, blocks unsafe.Pointer, n int) // AddSquareIoUs for n blocks, at least 1
}

// Plain is the unit in Go, with which the others are compared.
var Plain = Unit{lay: layBoxes, near: findNear, sweep: sweep, ious: addSquareIoUs}
