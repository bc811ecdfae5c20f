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

// ByteTileArgs is one call of a kernel of dense integer convolutions: it computes
// tiles of pixels for 16 or 32 outputs. The kernel writes to Count and its own fields.
// Magnitudes of scales must be below 1, so that scaled sums fit int32, unless outputs have
// 32 bits.
type ByteTileArgs struct {
	In, Out    unsafe.Pointer
	Weights    unsafe.Pointer // of 32 outputs, or with 16 bits of 16
	Second     unsafe.Pointer // with 16 bits: weights of the second 16 outputs
	Ends       unsafe.Pointer // 32 int32 biases, 32 float32 scales; for float32, 32 biases of the scaled sums
	Tiles      *ByteTile
	Count      int  // of them, at least 1
	Offsets    *int // bytes from a pixel's first channel to that of each step
	Steps      int
	RowStride  int     // bytes from one pixel of a tile to the next
	Rows       int     // of a tile
	ShortSteps int     // number of last steps that end after Quads
	Quads      int     // of the 16 quads of channels of a step, at least 1
	Ahead      uintptr // weights to prefetch; may pass their end
	AheadEach  int     // bytes by which Ahead moves after four quads
	Zero       int16   // zero point of the output
	Floats     int     // 1: outputs are float32, clipped to [Low, High]; 2: they are the int32 sums
	SecondOut  int     // of both: bytes from the first vector of outputs to the second; 0 if there is none
	Low, High  float32

	//lint:ignore U1000 used by the assembly
	tile int
}

// ByteTile describes a tile: the byte offset of its first pixel in the input, and
// that of each pixel in the output, negative if the pixel is not stored.
type ByteTile struct {
	In  int
	Out [14]int
}

// DepthwiseArgs is one call of a kernel of depthwise integer convolutions: it computes
// Pixels neighbouring outputs of one block of 64 channels. Channels of weights, bias
// and scales are in the order into which interleaving brings them (see
// depthwisePlace in package kernel). Magnitudes of scales must be below 1.
type DepthwiseArgs struct {
	In, Out     unsafe.Pointer // In: the first tap of the first output
	Weights     unsafe.Pointer // 256 bytes for each group of taps
	Bias        unsafe.Pointer // 64 int32 biases, 64 float32 scales
	Offsets     *int           // bytes from the first tap to each
	Groups      int            // of four taps, or of two where weights have 16 bits
	PixelStride int            // bytes between the inputs of neighbouring outputs
	Pixels      int
	Zero        int16 // zero point of the output
}
