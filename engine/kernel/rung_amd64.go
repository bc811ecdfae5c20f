//go:build amd64 && !purego

package kernel

// native lists the rungs of this processor above purego, lowest first.
func native() []Rung {
	cpu := detect()
	var all []Rung
	for _, r := range []struct {
		has  bool
		rung Rung
	}{
		{cpu.avx2, Rung{Name: "avx2", Block: F32x8, ConvTile8: convTileAVX2, GemmUnit: avx2Gemm}},
		{cpu.avx512, Rung{Name: "avx512", Block: F32x16, ConvTile16: convTileAVX512, GemmUnit: avx512Gemm}},
		{cpu.vnni, Rung{Name: "vnni"}},
		{cpu.amx, Rung{Name: "amx", TileConv: tileUnitConv, Gemms: tileUnitGemms}},
	} {
		if !r.has {
			break
		}
		all = append(all, r.rung)
	}
	return all
}
