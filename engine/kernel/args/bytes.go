package args

import "unsafe"

// ByteRow is one call of a kernel on a row of 8-bit codes. A kernel reads only the
// fields that its description names, and Count.
//
//	Add       Dst = code(p·RatioA + (q·RatioB + Fixed)), both multiply-adds fused
//	Mul       Dst = code(float32(p·q)·RatioA + Fixed)
//	Quantize  Dst = code(x / RatioA), x float32 at A
//	Pixels    Quantize of three planes at A, A+Plane and A+2·Plane; pixels of Dst have 4 bytes, the last one 0
//	Widen     Dst = p·RatioA, in float32
//	Max       Dst, pixels of 64 codes: the maxima of the Taps pixels at A+First+Offsets, where First advances by PixelStride
//	Sum       Dst, 64 int32: Count pixels of 64 codes at A, PixelStride apart, are added to it
//	Table     Dst, pixels of 64 codes: Table[code at A]; Chain has the same 16 rows of 16, of which all but the
//	          first and the ninth are XORed with the row before
//	Columns   the 16·Taps codes of pixels of 64 at A, in rows of Count that begin Plane apart at Dst; Count is 8 at least
//
// p and q are the codes at A and B minus OffA and OffB; code(v) is v clipped to
// [Low, High], rounded half to even, plus OffOut. Count is in numbers, but in pixels
// for Pixels, Max, Sum and Columns.
type ByteRow struct {
	Dst, A, B          unsafe.Pointer
	Count, Plane       int
	OffA, OffB, OffOut int32
	RatioA, RatioB     float32
	Fixed, Low, High   float32
	Offsets            *int
	Taps, PixelStride  int
	First              int // an offset and not added to A, because it may point before the plane
	Table, Chain       *[256]uint8
}

// WideTile is one call of NEON's kernels of integer convolutions: they compute the
// int32 sums of six pixels or of one, by 16 outputs, from codes of 16 bits, or those
// of one pixel by 64 depthwise channels, from codes of 8 bits.
type WideTile struct {
	In, Weights, Sums unsafe.Pointer
	Offsets           *int // bytes from In to the input of each step
	Steps             int  // of 64 channels or, if depthwise, taps
	RowStride         int  // bytes between the inputs of neighbouring pixels
}
