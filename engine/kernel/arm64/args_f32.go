package arm64

import "github.com/visionzoo/vision/engine/kernel/args"

// ConvF32 is one call of a convolution kernel.
type ConvF32 args.Conv

// Window is one call of a window kernel.
type Window args.Window

// Winograd is one call of a transform of Winograd's form.
type Winograd args.Winograd

// GemmArgs is one call of the matrix kernel, which ignores the masks.
type GemmArgs args.Gemm
