package amd64

import "unsafe"

// ConvF32 is one call of a convolution kernel. See convArgs in package kernel,
// field by field the same, for what the fields mean.
type ConvF32 struct {
	In, Weights, Bias, Out, Residual    unsafe.Pointer
	OutBlock, ResidualBlock             int
	Positions                           unsafe.Pointer
	Count                               int
	Steps                               unsafe.Pointer
	StepCount, BlockSteps               int
	PixelStride                         int
	SecondIn, SecondOut, SecondResidual int
	Low, High                           float32
	Limits                              int
	Ahead                               unsafe.Pointer
	AheadEach, NextIn                   int
}

// Window is one call of a window kernel. See windowArgs in package kernel, field
// by field the same, for what the fields mean.
type Window struct {
	In, Out     unsafe.Pointer
	First       int
	Offsets     unsafe.Pointer
	Taps        int
	Count       int
	PixelStride int
	Weights     unsafe.Pointer
	Bias        unsafe.Pointer
	Scale       float32
	Low, High   float32
	Rows        int
	RowBytes    int

	SecondIn, SecondWeights int
}

// Winograd is one call of a transform of Winograd's form. See winogradArgs in
// package kernel, field by field the same, for what the fields mean.
type Winograd struct {
	In, Out, Residual, Positions unsafe.Pointer
	Count, Plane                 int
	Scratch, Bias                unsafe.Pointer
	Rows, Columns                [6]int
	OutRow, ResidualRow          int
	Height, Width                int
	Low, High                    float32
}
