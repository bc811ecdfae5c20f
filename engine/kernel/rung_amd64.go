//go:build amd64 && !purego

package kernel

import (
	"github.com/visionzoo/vision/engine/kernel/amd64"
	"github.com/visionzoo/vision/engine/kernel/box"
	"github.com/visionzoo/vision/engine/kernel/num"
	"github.com/visionzoo/vision/engine/kernel/vec"
)

// native lists the rungs of this processor above purego, lowest first.
func native() []Rung {
	cpu := detect()
	var all []Rung
	for _, r := range []struct {
		has  bool
		rung Rung
	}{
		{cpu.avx2, Rung{Name: "avx2", Block: F32x8, GemmUnit: avx2Gemm, QConvs: avx2QConvs,
			ConvTile8: convTileAVX2, Winograd8: winogradAVX2, SmallWinograd8: smallWinogradAVX2, Activate: activateAVX2.apply, WindowRow8: windowRowAVX2, DepthRow8: depthRowAVX2,
			Vec: vec.AVX2, Num: num.AVX2, Boxes: box.AVX2, Tile64: tile64{8, amd64.Product64AVX2},
			ClipRow: amd64.ClipRowAVX2, AddRow: amd64.AddRowAVX2, SubRow: amd64.SubRowAVX2, MulRow: amd64.MulRowAVX2,
			Bytes:      bytesAVX2,
			Broadcast8: broadcastsAVX2, SumRow8: amd64.SumPixelsAVX2, ScaleRows8: amd64.ScaleRowsAVX2,
			Interleave8: amd64.InterleaveAVX2, Deinterleave8: amd64.DeinterleaveAVX2, Shuffle8: amd64.ShuffleAVX2,
		}},
		{cpu.avx512, Rung{Name: "avx512", Block: F32x16, GemmUnit: avx512Gemm, QConvs: avx512QConvs,
			ConvTile16: convTileAVX512, Winograd16: winogradAVX512, SmallWinograd16: smallWinogradAVX512, Activate: activateAVX512.apply, WindowRow16: windowRowAVX512, DepthRow16: depthRowAVX512, DepthLines16: depthLinesAVX512, DepthSplit: depthSplitAVX512,
			Split: amd64.SplitAVX512, Unsplit: amd64.UnsplitAVX512,
			Narrow: amd64.NarrowAVX512, Widen: amd64.WidenAVX512,
			Vec: vec.AVX512, Boxes: box.AVX512, Tile64: tile64{16, amd64.Product64AVX512},
			ClipRow: amd64.ClipRowAVX512, AddRow: amd64.AddRowAVX512, SubRow: amd64.SubRowAVX512, MulRow: amd64.MulRowAVX512,
			Bytes:       bytesAVX512,
			Broadcast16: broadcastsAVX512, SumRow16: amd64.SumPixelsAVX512, ScaleRows16: amd64.ScaleRowsAVX512,
			Interleave16: amd64.InterleaveAVX512, Deinterleave16: amd64.DeinterleaveAVX512, Shuffle16: amd64.ShuffleAVX512,
		}},
		{cpu.vnni, Rung{Name: "vnni", QConvs: vnniQConvs, Bytes: bytesVNNI(cpu)}},
		{cpu.amx, Rung{Name: "amx", TileConv: tileUnitConv, Gemms: tileUnitGemms, QConvs: tileUnitQConvs}},
	} {
		if !r.has {
			break
		}
		all = append(all, r.rung)
	}
	return all
}
