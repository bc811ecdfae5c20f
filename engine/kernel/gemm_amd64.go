//go:build amd64 && !purego

package kernel

import (
	"unsafe"

	"github.com/visionzoo/vision/engine/kernel/amd64"
)

// avx512Gemm and avx2Gemm are the matrix kernels of their rungs.
var (
	avx512Gemm = gemmUnit{rows: 14, columns: 32, partial: true, gflops: 180,
		tile: func(a *gemmArgs) { amd64.Gemm512((*amd64.GemmArgs)(a)) },
		dots: amd64.GemvRows512, strip: strip512}
	avx2Gemm = gemmUnit{rows: 6, columns: 16, gflops: 100,
		tile: func(a *gemmArgs) { amd64.Gemm256((*amd64.GemmArgs)(a)) },
		dots: amd64.GemvRows256, strip: strip256}
)

func strip512(y, w, x unsafe.Pointer, n, rowBytes, columns int) {
	for ; columns >= 128; columns -= 128 {
		amd64.GemvColumns512(y, w, x, n, rowBytes)
		y, w = unsafe.Add(y, 512), unsafe.Add(w, 512)
	}
	for ; columns > 0; columns -= 16 {
		amd64.GemvColumn512(y, w, x, n, rowBytes, channelMask(columns))
		y, w = unsafe.Add(y, 64), unsafe.Add(w, 64)
	}
}

func strip256(y, w, x unsafe.Pointer, n, rowBytes, columns int) {
	for ; columns >= 64; columns -= 64 {
		amd64.GemvColumns256(y, w, x, n, rowBytes)
		y, w = unsafe.Add(y, 256), unsafe.Add(w, 256)
	}
	for ; columns >= 8; columns -= 8 {
		amd64.GemvColumn256(y, w, x, n, rowBytes)
		y, w = unsafe.Add(y, 32), unsafe.Add(w, 32)
	}
	if columns > 0 {
		gemvStrip(y, w, x, n, rowBytes, columns)
	}
}
