// Package args declares the arguments that kernels in assembly read: one struct for
// each family of kernels, with the same layout for every processor and for the
// twins in Go.
//
// This package changes with package kernel.
package args

import "unsafe"

// Conv is one call of a convolution kernel: for each position a register tile of
// output pixels by one to three vectors of output channels. The first part of a
// tile's pixels begins at its position, the second SecondIn bytes after it, and
// likewise in the output and the residual.
type Conv struct {
	In, Weights, Bias, Out, Residual    unsafe.Pointer // Residual may be nil
	OutBlock, ResidualBlock             int            // bytes from one vector of channels to the next
	Positions                           unsafe.Pointer // *convPosition
	Count                               int            // of them, at least 1
	Steps                               unsafe.Pointer // *convStep
	StepCount                           int            // of them, at least 1
	BlockSteps                          int            // number of first steps with as many inputs as a vector has lanes; one more step follows them
	PixelStride                         int            // bytes between the inputs of neighbouring output pixels
	SecondIn, SecondOut, SecondResidual int
	Low, High                           float32 // the sum is clipped to these
	Limits                              int     // 0: Low and High limit nothing; 1: only Low may
	Ahead                               uintptr // weights to prefetch; may pass their end
	AheadEach                           int     // bytes by which Ahead moves after each prefetched line; 0: nothing to prefetch
	NextIn                              int     // not 0: each of the BlockSteps prefetches the inputs of the next
	Narrow                              int     // not 0: Out and Residual are BF16x32; only for tiles of two vectors on BF16x32
}

// Window is one call of a window kernel: it computes a row of output pixels, each
// from the pixels at given offsets from its own, lane by lane.
type Window struct {
	In, Out     unsafe.Pointer
	First       int            // bytes from In to the input of the first pixel; may be negative
	Offsets     unsafe.Pointer // *int: bytes from a pixel's input to each tap
	Taps        int            // of them, at least 1
	Count       int            // pixels, at least 1
	PixelStride int            // bytes between the inputs of neighbouring pixels
	Weights     unsafe.Pointer // a vector for each tap (windowDot), else unused
	Bias        unsafe.Pointer // a vector (windowDot)
	Scale       float32        // of the sum (windowSum)
	Low, High   float32        // the result is clipped to these (windowDot)
	Rows        int            // kernel rows (depthRow), RowBytes apart
	RowBytes    int

	SecondIn, SecondWeights int // bytes from the first strip's to the second's (depthSplit)

	Lines           int // rows of output pixels (depthLines), at least 1
	LineIn, LineOut int // bytes between the inputs and between the outputs of neighbouring rows
}

// Winograd is one call of a transform of Winograd's form, over tiles of one vector of channels.
// Element (y, x) of a tile lies in transformed plane 6x+y, or 4x+y for tiles of 2x2
// outputs.
type Winograd struct {
	In, Out, Residual, Positions unsafe.Pointer // Positions are *winogradPosition; Residual may be nil
	Count, Plane                 int            // number of positions, at least 1; bytes between transformed planes
	Scratch, Bias                unsafe.Pointer // 36 vectors; a vector; of products of codes as Ends in ByteTileArgs
	Rows, Columns                [6]int         // bytes from a tile's first input pixel to each row and column of it; Columns[0] is 0
	OutRow, ResidualRow          int            // bytes between the tile's rows
	OutColumn                    int            // bytes between its columns, in the output and in the residual
	Height, Width                int            // size of the wanted part of the output, at least 1
	Low, High                    float32        // the sum is clipped to these
	Zero                         int16          // of outputs that are codes: their zero point
	Floats                       int            // of products of codes: what the outputs are, as in ByteTileArgs
}

// WinogradFew is one call of a kernel for the products of few tiles: it computes a
// column of planes of at most four tiles for one vector of output channels.
type WinogradFew struct {
	In           unsafe.Pointer // the first tile in the first of the planes
	Plane, Block int            // bytes between planes, between blocks of channels
	Blocks, Rest int            // complete blocks of channels; number of channels after these
	Weights      unsafe.Pointer // in the layout of the direct form
	Step         int            // bytes from the weights of one channel to those of the next
	Out          unsafe.Pointer // the place among the products that corresponds to In
	Scales       unsafe.Pointer // factors for the sums of each of the planes
	Ahead        uintptr        // weights to prefetch, two lines per channel; may pass their end
	AheadEach    int            // bytes by which Ahead moves after each line
}

// Gemm is one call of a matrix kernel: it computes a register tile of Rows rows by
// two vectors of columns, the width of a panel. Row strides are in bytes.
type Gemm struct {
	A, B, C, Bias, Residual       unsafe.Pointer // Bias and Residual may be nil
	RowA, RowB, RowC, RowResidual int
	Rows, K                       int
	MaskA, MaskB                  uint32         // one bit per column of each vector, set if it exists
	Scale, Low, High              float32        // the sum is multiplied by Scale; the result is clipped
	Ahead                         unsafe.Pointer // weights to prefetch, two lines per four steps of K
	AheadEach                     int            // bytes by which Ahead moves after each line
}
