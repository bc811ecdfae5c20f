package arm64

import (
	"unsafe"

	"github.com/visionzoo/vision/engine/kernel/args"
)

// ConvF32 is one call of a convolution kernel.
type ConvF32 args.Conv

// Window is one call of a window kernel.
type Window args.Window

// Winograd is one call of a transform of Winograd's form. Its fields are those of
// winogradArgs in package kernel.
type Winograd struct {
	In, Out, Residual, Positions unsafe.Pointer
	Count, Plane                 int
	Scratch, Bias                unsafe.Pointer
	Rows, Columns                [6]int
	OutRow, ResidualRow          int
	Height, Width                int
	Low, High                    float32
}

// GemmArgs is one call of the matrix kernel, which ignores the masks.
type GemmArgs args.Gemm
