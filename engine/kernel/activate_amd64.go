//go:build amd64 && !purego

package kernel

import (
	"github.com/visionzoo/vision/engine/kernel/amd64"
	"github.com/visionzoo/vision/engine/kernel/vec"
)

var (
	activateAVX2 = activations{clip: amd64.ClipRowAVX2, leakyRelu: amd64.LeakyReluAVX2, sigmoid: amd64.SigmoidAVX2, silu: amd64.SiluAVX2,
		hardSigmoid: amd64.HardSigmoidAVX2, hardSwish: amd64.HardSwishAVX2, vec: &vec.AVX2}
	activateAVX512 = activations{clip: amd64.ClipRowAVX512, leakyRelu: amd64.LeakyReluAVX512, sigmoid: amd64.SigmoidAVX512, silu: amd64.SiluAVX512,
		hardSigmoid: amd64.HardSigmoidAVX512, hardSwish: amd64.HardSwishAVX512, vec: &vec.AVX512}
)
