//go:build !purego

package amd64

import "unsafe"

// DepthwiseArgs is one call of DepthwiseVNNI: Pixels neighbouring outputs of one
// block of 64 channels.
type DepthwiseArgs struct {
	In, Out     unsafe.Pointer // input of the first output's first tap
	Weights     unsafe.Pointer // for every quad of taps 4 registers, see the kernel
	Bias        unsafe.Pointer // 64 int32, then 64 float32 scales, in the kernel's order
	Offsets     *int           // bytes from the first tap to each; a multiple of 4
	Quads       int
	PixelStride int // bytes from an output's input to the next one's
	Pixels      int
	Zero        int32
	Low, High   float32 // bounds less the zero point
}

//go:noescape
func DepthwiseVNNI(a *DepthwiseArgs)
