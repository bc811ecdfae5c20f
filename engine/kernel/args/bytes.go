package args

import "unsafe"

// ByteRow is one call of a kernel that goes along a row of 8-bit codes. What a
// kernel does not name it does not read.
//
//	Add       Dst = code(p·RatioA + (q·RatioB + Fixed)), two fused steps
//	Mul       Dst = code(float32(p·q)·RatioA + Fixed)
//	Quantize  Dst = code(x / RatioA), x float32 at A
//	Pixels    the same for three planes at A, A+Plane and A+2·Plane; Dst has 4 bytes a pixel, the last 0
//	Widen     Dst, float32, is p·RatioA
//	Max       Dst, pixels of 64, is the maximum of the Taps pixels at A+First+Offsets, First moving by PixelStride
//	Sum       Dst, 64 int32, grows by Count pixels of 64 at A, PixelStride apart
//	Table     Dst, pixels of 64, is what Table says of A; Chain has its rows of 16, but for
//	          the first and the ninth XORed with the row before
//
// p and q are the codes at A and B less OffA and OffB; code(v) is v clipped to
// [Low, High], rounded half to even, plus OffOut. Count is in numbers for all
// but Pixels, Max and Sum, where it is in pixels.
type ByteRow struct {
	Dst, A, B          unsafe.Pointer
	Count, Plane       int
	OffA, OffB, OffOut int32
	RatioA, RatioB     float32
	Fixed, Low, High   float32
	Offsets            *int
	Taps, PixelStride  int
	First              int // an offset, since it may point before the plane
	Table, Chain       *[256]uint8
}

// WideTile is one call of the kernels of a processor: sums of six pixels, or of one, by
// 16 outputs; or those of 64 channels of one pixel of bytes.
type WideTile struct {
	In, Weights, Sums unsafe.Pointer
	Offsets           *int // bytes from In to the input of each step
	Steps             int
	RowStride         int // bytes from an output's input to the next one's
}
