//go:build arm64 && !purego

package kernel

import (
	"golang.org/x/sys/cpu"

	"github.com/visionzoo/vision/engine/kernel/arm64"
	"github.com/visionzoo/vision/engine/kernel/vec"
)

// native lists the rungs of this processor above purego, lowest first. Every arm64 processor
// has NEON; golang.org/x/sys/cpu asks Linux (HWCAP), macOS (sysctl hw.optional.arm) and Windows for
// what came later.
func native() []Rung {
	all := []Rung{{Name: "neon", Block: F32x8, GemmUnit: neonGemm, QConvs: wideQConvs, Bytes: bytesNEON,
		Lanes8: lanesNEON, Activate: activateNEON.apply, Vec: vec.NEON,
		ClipRow: arm64.ClipRow, AddRow: arm64.AddRow, SubRow: arm64.SubRow, MulRow: arm64.MulRow}}
	if cpu.ARM64.HasASIMDDP {
		all = append(all, Rung{Name: "dotprod", QConvs: dotQConvs})
		if cpu.ARM64.HasI8MM {
			all = append(all, Rung{Name: "i8mm", QConvs: matrixQConvs})
		}
	}
	return all
}

var lanesNEON = laneKernels{
	ConvTile: convTileNEON, Winograd: winogradNEON, SmallWinograd: smallWinogradNEON, WindowRow: windowRowNEON, DepthRow: depthRowNEON,
	Broadcast: broadcasts{Add: arm64.AddPixels, Sub: arm64.SubPixels, Mul: arm64.MulPixels},
	SumRow:    arm64.SumPixels, ScaleRows: arm64.ScaleRows, Interleave: interleaveNEON, Deinterleave: deinterleaveNEON, Shuffle: arm64.ShufflePixels,
}
