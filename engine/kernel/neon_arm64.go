//go:build !purego

package kernel

import (
	"unsafe"

	"github.com/visionzoo/vision/engine/kernel/arm64"
)

var convTileNEON = convTile{pixels: 6, run: func(rows, _, vecs int, a *convArgs) {
	arm64.Conv[vecs][rows]((*arm64.ConvF32)(a))
}}

// depthRowNEON has no kernels for 7 taps; depthRowFits does not ask for them.
func depthRowNEON(kernelW, stride int, a *windowArgs) {
	arm64.Depth[kernelW][stride]((*arm64.Window)(a))
}

func windowRowNEON(op windowOp, a *windowArgs) {
	switch b := (*arm64.Window)(a); op {
	case windowMax:
		arm64.WindowMax(b)
	case windowSum:
		arm64.WindowSum(b)
	case windowDot:
		arm64.WindowDot(b)
	}
}

var winogradNEON = winogradUnit{
	side:    4,
	input:   func(a *winogradArgs) { arm64.WinogradInput((*arm64.Winograd)(a)) },
	output:  func(a *winogradArgs) { arm64.WinogradOutput((*arm64.Winograd)(a)) },
	weights: arm64.WinogradWeights,
}

var smallWinogradNEON = winogradUnit{
	side:    2,
	input:   func(a *winogradArgs) { arm64.SmallWinogradInput((*arm64.Winograd)(a)) },
	output:  func(a *winogradArgs) { arm64.SmallWinogradOutput((*arm64.Winograd)(a)) },
	weights: arm64.SmallWinogradWeights,
}

var neonGemm = gemmUnit{rows: 6, columns: 16, gflops: 30,
	tile: func(a *gemmArgs) { arm64.Gemm((*arm64.GemmArgs)(a)) },
	gemv: [numberTypes]gemvUnit{
		gemvNEON(float32s, arm64.GemvRows, arm64.GemvColumns32, arm64.GemvColumns4),
		gemvNEON(float16s, arm64.GemvRowsFloat16, arm64.GemvColumns32Float16, arm64.GemvColumns4Float16),
		gemvNEON(bfloat16s, arm64.GemvRowsBFloat16, arm64.GemvColumns32BFloat16, arm64.GemvColumns4BFloat16),
	}}

// gemvNEON makes a unit for products of one row. Its strips keep an offset, as gemv512's do.
func gemvNEON(of numberType, rows func(y, w, x unsafe.Pointer, n, rows, rowBytes int), many, four func(y, w, x unsafe.Pointer, n, rowBytes int)) gemvUnit {
	each := of.bytes()
	return gemvUnit{rows, func(y, w, x unsafe.Pointer, n, rowBytes, columns int) {
		at := 0
		for ; columns >= 32; columns -= 32 {
			many(unsafe.Add(y, 4*at), unsafe.Add(w, each*at), x, n, rowBytes)
			at += 32
		}
		for ; columns >= 4; columns -= 4 {
			four(unsafe.Add(y, 4*at), unsafe.Add(w, each*at), x, n, rowBytes)
			at += 4
		}
		if columns > 0 {
			plainGemm.gemv[of].strip(unsafe.Add(y, 4*at), unsafe.Add(w, each*at), x, n, rowBytes, columns)
		}
	}}
}

func interleaveNEON(dst, src unsafe.Pointer, plane, channels, pixels int) {
	if channels == 8 {
		arm64.Interleave(dst, src, plane, channels, pixels)
		return
	}
	arm64.InterleaveSome(dst, src, plane, channels, pixels)
}

func deinterleaveNEON(dst, src unsafe.Pointer, plane, channels, pixels int) {
	if channels == 8 {
		arm64.Deinterleave(dst, src, plane, channels, pixels)
		return
	}
	arm64.DeinterleaveSome(dst, src, plane, channels, pixels)
}
