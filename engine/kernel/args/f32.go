// Package args is what kernels in assembly read beside slices: one struct a family of
// kernels, of the same layout for every processor and for the twins in Go.
//
// No promise: the package changes with package kernel.
package args

import "unsafe"

// Conv is one call of a convolution kernel: for each position a register
// tile of output pixels by one to three vectors of output channels. The first
// part of a tile's pixels lies from its position on, the other from there plus
// SecondIn and so on.
type Conv struct {
	In, Weights, Bias, Out, Residual    unsafe.Pointer // Residual may be nil
	OutBlock, ResidualBlock             int            // bytes from one vector of channels to the next
	Positions                           unsafe.Pointer // *convPosition
	Count                               int            // of them, at least 1
	Steps                               unsafe.Pointer // *convStep
	StepCount                           int            // of them, at least 1
	BlockSteps                          int            // so many of the first are of as many inputs as a vector has; one more step follows these
	PixelStride                         int            // bytes between the inputs of neighbouring output pixels
	SecondIn, SecondOut, SecondResidual int
	Low, High                           float32 // the sum is clipped to these
	Limits                              int     // 0: these limit nothing; 1: Low only may
	Ahead                               unsafe.Pointer
	AheadEach                           int // bytes that each prefetch of a line from Ahead on moves it; 0: there is nothing to fetch
	NextIn                              int // not 0: each of BlockSteps prefetches the inputs of the next
}

// Window is one call of a window kernel: a row of output pixels, each made
// from the pixels at some offsets from its own, lane by lane.
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
}

// WinogradFew is one call of a kernel for the products of few tiles: a column of
// planes of at most four tiles, and a vector of output channels.
type WinogradFew struct {
	In           unsafe.Pointer // the first tile in the first of the planes
	Plane, Block int            // bytes between planes, between blocks of channels
	Blocks, Rest int            // whole blocks of channels; channels after these
	Weights      unsafe.Pointer // as the direct form has them
	Step         int            // bytes from the weights of a channel to those of the next
	Out          unsafe.Pointer // where In is in the products
	Scales       unsafe.Pointer // what the sums of each of the planes are multiplied with
	Ahead        unsafe.Pointer // weights to prefetch, two lines a channel
	AheadEach    int            // bytes that each of these moves it
}

// Gemm is one call of a matrix kernel: rows rows by up to the two vectors of
// columns that a panel has. RowA and its like are bytes.
type Gemm struct {
	A, B, C, Bias, Residual       unsafe.Pointer // Bias and Residual may be nil
	RowA, RowB, RowC, RowResidual int
	Rows, K                       int
	MaskA, MaskB                  uint32 // columns of each vector that exist
	Scale, Low, High              float32
}
