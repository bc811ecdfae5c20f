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
		ConvTile8: convTileNEON, Winograd8: winogradNEON, SmallWinograd8: smallWinogradNEON, Activate: activateNEON.apply, DepthRow8: depthRowNEON, WindowRow8: windowRowNEON, Vec: vec.NEON,
		ClipRow: arm64.ClipRow, AddRow: arm64.AddRow, SubRow: arm64.SubRow, MulRow: arm64.MulRow,
		Broadcast8: broadcastsNEON, SumRow8: arm64.SumPixels, ScaleRows8: arm64.ScaleRows,
		Interleave8: interleaveNEON, Deinterleave8: deinterleaveNEON}}
	if cpu.ARM64.HasASIMDDP {
		all = append(all, Rung{Name: "dotprod", QConvs: dotQConvs})
		if cpu.ARM64.HasI8MM {
			all = append(all, Rung{Name: "i8mm", QConvs: matrixQConvs})
		}
	}
	return all
}
