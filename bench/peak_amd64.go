package main

/*
#cgo CFLAGS: -O2
#include "peak_amd64.h"
*/
import "C"

import "github.com/visionzoo/vision/engine"

// Steps of a burst of some 0.1 ms.
const (
	fmaSteps  = 40_000
	tileSteps = 4_000
)

// f32Burst is a burst of multiply-adds of float32, with its operations; nil
// where there is none for this processor. asAVX2 leaves AVX-512 out.
func f32Burst(asAVX2 bool) (burst func(), operations float64) {
	switch {
	case C.bench_has_avx512() != 0 && !asAVX2:
		return func() { C.bench_fma_avx512(fmaSteps) }, fmaSteps * 12 * 16 * 2
	case C.bench_has_avx2() != 0:
		return func() { C.bench_fma_avx2(fmaSteps) }, fmaSteps * 12 * 8 * 2
	}
	return nil, 0
}

// tileBurst is one of products of bfloat16 on the tile unit.
func tileBurst() (burst func(), operations float64) {
	if engine.BestCPU() != "amx" || C.bench_tiles_open() == 0 {
		return nil, 0
	}
	return func() { C.bench_tiles_bf16(tileSteps) }, tileSteps * 4 * 16 * 16 * 32 * 2
}
