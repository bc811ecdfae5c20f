//go:build !purego

package amd64

import "unsafe"

// ByteTileArgs is one call of a kernel of dense convolutions: some tiles of pixels
// for some outputs, see the kernel. It writes to its own fields and to Count. Scales
// are below 1.
type ByteTileArgs struct {
	In, Out    unsafe.Pointer
	Weights    unsafe.Pointer // as TilesU8 has them, or in 16 bits
	Second     unsafe.Pointer // in 16 bits: those of the second 16 outputs
	Ends       unsafe.Pointer // 32 int32 of bias, 32 float32 scales
	Tiles      *ByteTile
	Count      int  // of them, at least 1
	Offsets    *int // bytes from a pixel's first channel to that of each step
	Steps      int
	RowStride  int     // bytes from a pixel of a tile to the next
	Rows       int     // of a tile
	ShortSteps int     // how many of the last steps have only so many
	Quarters   int     // of their four quarters of 16 channels, at least 1
	Ahead      uintptr // weights to prefetch; past their end does no harm
	AheadEach  int     // bytes that each quarter moves it
	Zero       int16   // zero point of the output

	//lint:ignore U1000 the assembly's
	tile int
}

// ByteTile places a tile: byte offsets of its first pixel in the input, and of
// each in the output; below 0 is one that is not wanted.
type ByteTile struct {
	In  int
	Out [14]int
}

// TilesVNNI computes tiles of up to 14 pixels for 32 outputs.
//
//go:noescape
func TilesVNNI(a *ByteTileArgs)

// TilesWide512 is TilesVNNI for processors without products of bytes: inputs and
// weights come in 16 bits.
//
//go:noescape
func TilesWide512(a *ByteTileArgs)

// TilesWide256 computes tiles of up to 6 pixels for 16 outputs in AVX2.
//
//go:noescape
func TilesWide256(a *ByteTileArgs)

// DepthwiseArgs is one call of a kernel of depthwise convolutions: Pixels neighbouring
// outputs of one block of 64 channels. Scales are below 1.
type DepthwiseArgs struct {
	In, Out     unsafe.Pointer // input of the first output's first tap
	Weights     unsafe.Pointer // for every group of taps 4 registers, see the kernel
	Bias        unsafe.Pointer // 64 int32, then 64 float32 scales, in the kernel's order
	Offsets     *int           // bytes from the first tap to each
	Groups      int            // of four taps; of two for DepthwisePairs
	PixelStride int            // bytes from an output's input to the next one's
	Pixels      int
	Zero        int16
}

//go:noescape
func DepthwiseVNNI(a *DepthwiseArgs)

// DepthwisePairs512 and DepthwisePairs256 do so without products of bytes: weights
// come in 16 bits, as pairs of taps.
//
//go:noescape
func DepthwisePairs512(a *DepthwiseArgs)

//go:noescape
func DepthwisePairs256(a *DepthwiseArgs)

// Depthwise3Stride1VNNI and Depthwise3Stride2VNNI do so for kernels of three by
// three, not dilated, whose pixels are as many apart. A group is a column of the
// kernel; its fourth weight is 0.
//
//go:noescape
func Depthwise3Stride1VNNI(a *DepthwiseArgs)

//go:noescape
func Depthwise3Stride2VNNI(a *DepthwiseArgs)
