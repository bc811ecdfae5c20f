package arm64

import "unsafe"

// WideTile is one call of a kernel of integer convolutions. See wideTile in package
// kernel, field by field the same, for what the fields mean.
type WideTile struct {
	In, Weights, Sums unsafe.Pointer
	Offsets           *int
	Steps             int
	RowStride         int
}
