//go:build !purego

package kernel

import (
	"unsafe"

	"github.com/visionzoo/vision/engine/kernel/arm64"
	"github.com/visionzoo/vision/engine/kernel/vec"
)

var activateNEON = activations{clip: arm64.ClipRow, leakyRelu: inPlace(arm64.VecLeakyRelu), sigmoid: inPlace(arm64.VecSigmoid), silu: inPlace(arm64.VecSilu),
	hardSigmoid: inPlace(arm64.VecHardSigmoid), hardSwish: inPlace(arm64.VecHardSwish), vec: &vec.NEON}

func inPlace(f func(dst, src unsafe.Pointer, n int, alpha, beta float32)) func(p unsafe.Pointer, n int, alpha, beta float32) {
	return func(p unsafe.Pointer, n int, alpha, beta float32) { f(p, p, n, alpha, beta) }
}
