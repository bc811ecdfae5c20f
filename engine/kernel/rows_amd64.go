//go:build amd64 && !purego

package kernel

import (
	"unsafe"

	"github.com/visionzoo/vision/engine/kernel/amd64"
)

func windowRowAVX2(op windowOp, a *windowArgs) {
	switch b := (*amd64.Window)(a); op {
	case windowMax:
		amd64.WindowMaxAVX2(b)
	case windowSum:
		amd64.WindowSumAVX2(b)
	case windowDot:
		amd64.WindowDotAVX2(b)
	}
}

func windowRowAVX512(op windowOp, a *windowArgs) {
	switch b := (*amd64.Window)(a); op {
	case windowMax:
		amd64.WindowMaxAVX512(b)
	case windowSum:
		amd64.WindowSumAVX512(b)
	case windowDot:
		amd64.WindowDotAVX512(b)
	}
}

func broadcastAVX2(op PointOp, dst, a, b unsafe.Pointer, pixels int, low, high float32) {
	switch op {
	case Add:
		amd64.AddPixelsAVX2(dst, a, b, pixels, low, high)
	case Sub:
		amd64.SubPixelsAVX2(dst, a, b, pixels, low, high)
	case Mul:
		amd64.MulPixelsAVX2(dst, a, b, pixels, low, high)
	}
}

func broadcastAVX512(op PointOp, dst, a, b unsafe.Pointer, pixels int, low, high float32) {
	switch op {
	case Add:
		amd64.AddPixelsAVX512(dst, a, b, pixels, low, high)
	case Sub:
		amd64.SubPixelsAVX512(dst, a, b, pixels, low, high)
	case Mul:
		amd64.MulPixelsAVX512(dst, a, b, pixels, low, high)
	}
}

// The AVX2 transpositions take whole squares; the twins do the rest.

func interleaveAVX2(dst, src unsafe.Pointer, plane, channels, pixels int) {
	n := 0
	if channels == 8 && pixels >= 8 {
		n = pixels &^ 7
		amd64.InterleaveAVX2(dst, src, plane, n)
	}
	if n < pixels {
		interleave8(unsafe.Add(dst, 32*n), unsafe.Add(src, 4*n), plane, channels, pixels-n)
	}
}

func deinterleaveAVX2(dst, src unsafe.Pointer, plane, channels, pixels int) {
	n := 0
	if channels == 8 && pixels >= 8 {
		n = pixels &^ 7
		amd64.DeinterleaveAVX2(dst, src, plane, n)
	}
	if n < pixels {
		deinterleave8(unsafe.Add(dst, 4*n), unsafe.Add(src, 32*n), plane, channels, pixels-n)
	}
}

func depthRowAVX2(kernelW, stride int, a *windowArgs) {
	amd64.DepthAVX2[kernelW][stride]((*amd64.Window)(a))
}

func depthRowAVX512(kernelW, stride int, a *windowArgs) {
	amd64.DepthAVX512[kernelW][stride]((*amd64.Window)(a))
}

func depthSplitAVX512(kernelW, stride int, a *windowArgs) {
	amd64.DepthSplit[kernelW][stride]((*amd64.Window)(a))
}
