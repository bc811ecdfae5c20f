//go:build arm64 && !purego

package kernel

// native lists the rungs of this processor above purego, lowest first. Every
// arm64 processor has NEON.
func native() []Rung {
	return []Rung{{Name: "neon", Block: F32x8, GemmUnit: neonGemm,
		ConvTile8: convTileNEON, Winograd8: winogradNEON, DepthRow8: depthRowNEON}}
}
