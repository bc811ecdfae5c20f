//go:build !purego

package jpeg

import (
	"os"

	"golang.org/x/sys/cpu"
)

var avx2Kernels = wideKernels("avx2", blockWide)

const (
	idctBlocks = 2  // blocks that idctAsm computes at a time
	leastWide  = 32 // least number of samples for h1v2Asm, yccAsm and rgbAsm
)

// fastest returns the best kernels for this CPU. VISION_CPU=purego selects the twins;
// all other values imply AVX2.
func fastest() *kernels {
	if os.Getenv("VISION_CPU") != "purego" && cpu.X86.HasAVX2 && cpu.X86.HasBMI2 {
		return &avx2Kernels
	}
	return &goKernels
}

// blockWide decodes a block with blockBMI2, and codes that are longer than lookBits with
// the twin.
func blockWide(r *bitReader, b *[64]int16, dc, ac *huffTable, pred *int32) {
	k := blockBMI2(r, &b[0], &dc.look[0], &ac.look[0], &natural[0], pred, 0)
	if k == 0 {
		*pred += r.dcDifference(dc)
		b[0] = int16(*pred)
		k = blockBMI2(r, &b[0], &dc.look[0], &ac.look[0], &natural[0], pred, 1)
	}
	for k < 64 {
		if k = r.coefficient(b, ac, k); k < 64 {
			k = blockBMI2(r, &b[0], &dc.look[0], &ac.look[0], &natural[0], pred, k)
		}
	}
}

// coefficient decodes a code and its value at zigzag index k, and returns the index after
// it: 64 or more at the end of the block.
func (r *bitReader) coefficient(b *[64]int16, t *huffTable, k int) int {
	e := r.code(t, false)
	k += e.skip()
	if e.hasValue() {
		b[natural[(k-1)&127]&63] = int16(e.value(r.acc))
	}
	r.drop(e.total())
	return k
}
