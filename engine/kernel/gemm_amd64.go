//go:build amd64 && !purego

package kernel

import (
	"unsafe"

	"github.com/visionzoo/vision/engine/kernel/amd64"
)

// The matrix kernels of AVX-512 and AVX2. gflops are approximate, of one core.
var (
	avx512Gemm = gemmUnit{rows: 14, columns: 32, partial: true, gflops: 180,
		tile: func(a *gemmArgs) { amd64.Gemm512((*amd64.GemmArgs)(a)) },
		dots: amd64.GemvRows512, strip: strip512}
	avx2Gemm = gemmUnit{rows: 6, columns: 16, gflops: 100,
		tile: func(a *gemmArgs) { amd64.Gemm256((*amd64.GemmArgs)(a)) },
		dots: amd64.GemvRows256, strip: strip256}
)

// strip512 and strip256 compute x·w for some columns: see gemmUnit.strip. They keep
// an offset instead of advancing the pointers: a pointer past the end of an array
// would keep the next object alive.
func strip512(y, w, x unsafe.Pointer, n, rowBytes, columns int) {
	at := 0
	for ; columns >= 128; columns -= 128 {
		amd64.GemvColumns512(unsafe.Add(y, at), unsafe.Add(w, at), x, n, rowBytes)
		at += 512
	}
	for ; columns > 0; columns -= 16 {
		amd64.GemvColumn512(unsafe.Add(y, at), unsafe.Add(w, at), x, n, rowBytes, channelMask(columns))
		at += 64
	}
}

func strip256(y, w, x unsafe.Pointer, n, rowBytes, columns int) {
	at := 0
	for ; columns >= 64; columns -= 64 {
		amd64.GemvColumns256(unsafe.Add(y, at), unsafe.Add(w, at), x, n, rowBytes)
		at += 256
	}
	for ; columns >= 8; columns -= 8 {
		amd64.GemvColumn256(unsafe.Add(y, at), unsafe.Add(w, at), x, n, rowBytes)
		at += 32
	}
	switch {
	case columns > 0 && at > 0: // the last eight columns: some are computed twice
		at -= 4 * (8 - columns)
		amd64.GemvColumn256(unsafe.Add(y, at), unsafe.Add(w, at), x, n, rowBytes)
	case columns > 0:
		gemvStrip(y, w, x, n, rowBytes, columns)
	}
}
