//go:build !purego

package jpeg

import "os"

// neonKernels decode blocks with the twin: Huffman decoding does not vectorise.
var neonKernels = wideKernels("neon", (*bitReader).block)

const (
	idctBlocks = 1  // blocks that idctAsm computes at a time
	leastWide  = 16 // least number of samples for h1v2Asm, yccAsm and rgbAsm
)

// fastest returns the best kernels for this CPU. VISION_CPU=purego selects the twins;
// all other values imply NEON.
func fastest() *kernels {
	if os.Getenv("VISION_CPU") == "purego" {
		return &goKernels
	}
	return &neonKernels
}
