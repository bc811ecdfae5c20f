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
		gemv: [numberTypes]gemvUnit{
			gemv512(float32s, amd64.GemvRows512, amd64.GemvColumns512, amd64.GemvColumn512),
			gemv512(float16s, amd64.GemvRows512Float16, amd64.GemvColumns512Float16, amd64.GemvColumn512Float16),
			gemv512(bfloat16s, amd64.GemvRows512BFloat16, amd64.GemvColumns512BFloat16, amd64.GemvColumn512BFloat16),
		}}
	avx2Gemm = gemmUnit{rows: 6, columns: 16, gflops: 100,
		tile: func(a *gemmArgs) { amd64.Gemm256((*amd64.GemmArgs)(a)) },
		gemv: [numberTypes]gemvUnit{
			gemv256(float32s, amd64.GemvRows256, amd64.GemvColumns256, amd64.GemvColumn256),
			gemv256(float16s, amd64.GemvRows256Float16, amd64.GemvColumns256Float16, amd64.GemvColumn256Float16),
			gemv256(bfloat16s, amd64.GemvRows256BFloat16, amd64.GemvColumns256BFloat16, amd64.GemvColumn256BFloat16),
		}}
)

// gemv512 and gemv256 make a unit for products of one row. Their strips keep an offset
// instead of advancing the pointers: a pointer past the end of an array would keep the
// next object alive.
func gemv512(of numberType, rows func(y, w, x unsafe.Pointer, n, rows, rowBytes int), many func(y, w, x unsafe.Pointer, n, rowBytes int),
	some func(y, w, x unsafe.Pointer, n, rowBytes int, mask uint32)) gemvUnit {
	each := of.bytes()
	return gemvUnit{rows, func(y, w, x unsafe.Pointer, n, rowBytes, columns int) {
		at := 0
		for ; columns >= 128; columns -= 128 {
			many(unsafe.Add(y, 4*at), unsafe.Add(w, each*at), x, n, rowBytes)
			at += 128
		}
		for ; columns > 0; columns -= 16 {
			some(unsafe.Add(y, 4*at), unsafe.Add(w, each*at), x, n, rowBytes, channelMask(columns))
			at += 16
		}
	}}
}

func gemv256(of numberType, rows func(y, w, x unsafe.Pointer, n, rows, rowBytes int), many, eight func(y, w, x unsafe.Pointer, n, rowBytes int)) gemvUnit {
	each := of.bytes()
	return gemvUnit{rows, func(y, w, x unsafe.Pointer, n, rowBytes, columns int) {
		at := 0
		for ; columns >= 64; columns -= 64 {
			many(unsafe.Add(y, 4*at), unsafe.Add(w, each*at), x, n, rowBytes)
			at += 64
		}
		for ; columns >= 8; columns -= 8 {
			eight(unsafe.Add(y, 4*at), unsafe.Add(w, each*at), x, n, rowBytes)
			at += 8
		}
		switch {
		case columns > 0 && at > 0: // the last eight columns: some are computed twice
			at -= 8 - columns
			eight(unsafe.Add(y, 4*at), unsafe.Add(w, each*at), x, n, rowBytes)
		case columns > 0:
			plainGemm.gemv[of].strip(y, w, x, n, rowBytes, columns)
		}
	}}
}
