//go:build !purego

package amd64

import "unsafe"

// ByteTileArgs is one call of a kernel of dense integer convolutions: it computes
// tiles of pixels for 16 or 32 outputs. The kernel writes to Count and its own fields.
// Magnitudes of scales must be below 1, so that scaled sums fit int32, unless outputs are
// float32.
type ByteTileArgs struct {
	In, Out    unsafe.Pointer
	Weights    unsafe.Pointer // packed as for TilesU8, or with 16 bits
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
	Floats     int     // not 0: outputs are float32, clipped to [Low, High]
	SecondOut  int     // of these: bytes from the first vector of outputs to the second; 0 if there is none
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

// TilesVNNI computes tiles of up to 14 pixels for 32 outputs, with VPDPBUSD.
//
//go:noescape
func TilesVNNI(a *ByteTileArgs)

// TilesWide512 is TilesVNNI for AVX-512 without VNNI: inputs and weights have 16 bits,
// and VPMADDWD multiplies them.
//
//go:noescape
func TilesWide512(a *ByteTileArgs)

// TilesWide256 is TilesWide512 with AVX2, for tiles of up to 6 pixels and 16 outputs.
//
//go:noescape
func TilesWide256(a *ByteTileArgs)

// DepthwiseArgs is one call of a kernel of depthwise integer convolutions: it computes
// Pixels neighbouring outputs of one block of 64 channels. Channels of weights, bias
// and scales are in the order into which VPUNPCK instructions bring them (see
// depthwisePlace in package kernel). Magnitudes of scales must be below 1.
type DepthwiseArgs struct {
	In, Out     unsafe.Pointer // In: the first tap of the first output
	Weights     unsafe.Pointer // 256 bytes for each group of taps
	Bias        unsafe.Pointer // 64 int32 biases, 64 float32 scales
	Offsets     *int           // bytes from the first tap to each
	Groups      int            // of four taps, or of two for DepthwisePairs
	PixelStride int            // bytes between the inputs of neighbouring outputs
	Pixels      int
	Zero        int16 // zero point of the output
}

// DepthwiseVNNI computes kernels of any size, with VPDPBUSD.
//
//go:noescape
func DepthwiseVNNI(a *DepthwiseArgs)

// DepthwisePairs512 and DepthwisePairs256 are DepthwiseVNNI for AVX-512 without VNNI,
// and for AVX2: weights are pairs of taps with 16 bits, and VPMADDWD multiplies them.
//
//go:noescape
func DepthwisePairs512(a *DepthwiseArgs)

//go:noescape
func DepthwisePairs256(a *DepthwiseArgs)

// Depthwise3Stride1VNNI and Depthwise3Stride2VNNI are DepthwiseVNNI for 3x3 kernels
// that are not dilated, with horizontal strides of 1 and 2. A group is a column of the
// kernel; its fourth weight is 0.
//
//go:noescape
func Depthwise3Stride1VNNI(a *DepthwiseArgs)

//go:noescape
func Depthwise3Stride2VNNI(a *DepthwiseArgs)
