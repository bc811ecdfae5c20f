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
