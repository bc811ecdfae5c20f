//go:build amd64 && !purego

package kernel

import "github.com/visionzoo/vision/engine/kernel/amd64"

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

var (
	broadcastsAVX2   = broadcasts{Add: amd64.AddPixelsAVX2, Sub: amd64.SubPixelsAVX2, Mul: amd64.MulPixelsAVX2}
	broadcastsAVX512 = broadcasts{Add: amd64.AddPixelsAVX512, Sub: amd64.SubPixelsAVX512, Mul: amd64.MulPixelsAVX512}
)

func depthRowAVX2(kernelW, stride int, a *windowArgs) {
	amd64.DepthAVX2[kernelW][stride]((*amd64.Window)(a))
}

func depthRowAVX512(kernelW, stride int, a *windowArgs) {
	amd64.DepthAVX512[kernelW][stride]((*amd64.Window)(a))
}

func depthLinesAVX512(kernelW, stride int, a *windowArgs) {
	amd64.DepthLines[kernelW][stride]((*amd64.Window)(a))
}

func depthSplitAVX512(kernelW, stride int, a *windowArgs) {
	amd64.DepthSplit[kernelW][stride]((*amd64.Window)(a))
}
