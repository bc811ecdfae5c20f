//go:build !purego

package jpeg

import "os"

// neonKernels leave the codes to the twin: they are taken one bit string at a time.
var neonKernels = wideKernels("neon", (*bitReader).block)

const (
	idctBlocks = 1  // that idctAsm takes at once
	leastWide  = 16 // samples: h1v2Asm, yccAsm and rgbAsm take no fewer
)

// fastest returns the best kernels for this CPU; VISION_CPU=purego asks for the
// twins, every other class of kernels has NEON.
func fastest() *kernels {
	if os.Getenv("VISION_CPU") == "purego" {
		return &goKernels
	}
	return &neonKernels
}
