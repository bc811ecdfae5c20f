package amd64

import "github.com/visionzoo/vision/engine/kernel/args"

// ConvF32 is one call of a convolution kernel.
type ConvF32 args.Conv

// Window is one call of a window kernel.
type Window args.Window

// Winograd is one call of a transform of Winograd's form.
type Winograd args.Winograd

// WinogradFew is one call of a kernel for the products of few tiles.
type WinogradFew args.WinogradFew
