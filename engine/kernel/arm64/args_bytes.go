package arm64

import "unsafe"

// ByteRow is one call of a kernel on rows of bytes. See byteRow in package
// kernel, field by field the same, for what the fields mean.
type ByteRow struct {
	Dst, A, B          unsafe.Pointer
	Count, Plane       int
	OffA, OffB, OffOut int32
	RatioA, RatioB     float32
	Fixed, Low, High   float32
	Offsets            *int
	Taps, PixelStride  int
	First              int
}

// WideTile is one call of a kernel of integer convolutions. See wideTile in package
// kernel, field by field the same, for what the fields mean.
type WideTile struct {
	In, Weights, Sums unsafe.Pointer
	Offsets           *int
	Steps             int
	RowStride         int
}
