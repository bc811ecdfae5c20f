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
			Lanes8: lanesAVX2, Activate: activateAVX2.apply,
			Vec: vec.AVX2, Num: &num.AVX2, Boxes: box.AVX2, Tile64: tile64{8, amd64.Product64AVX2},
			ClipRow: amd64.ClipRowAVX2, AddRow: amd64.AddRowAVX2, SubRow: amd64.SubRowAVX2, MulRow: amd64.MulRowAVX2,
			Bytes: bytesAVX2,
		}},
		{cpu.avx512, Rung{Name: "avx512", Block: F32x16, GemmUnit: avx512Gemm, QConvs: avx512QConvs,
			Lanes16: lanesAVX512, Activate: activateAVX512.apply, DepthLines16: depthLinesAVX512, DepthSplit: depthSplitAVX512,
			Split: amd64.SplitAVX512, Unsplit: amd64.UnsplitAVX512,
			Narrow: amd64.NarrowAVX512, Widen: amd64.WidenAVX512,
			Vec: vec.AVX512, Boxes: box.AVX512, Tile64: tile64{16, amd64.Product64AVX512},
			ClipRow: amd64.ClipRowAVX512, AddRow: amd64.AddRowAVX512, SubRow: amd64.SubRowAVX512, MulRow: amd64.MulRowAVX512,
			Bytes: bytesAVX512,
		}},
		{cpu.vnni, Rung{Name: "vnni", QConvs: vnniQConvs, Bytes: bytesVNNI(cpu)}},
		{cpu.bf16, Rung{Name: "avx512bf16", TileConv: pairTileConv, Gemms: pairGemms}},
		{cpu.amx, Rung{Name: "amx", TileConv: tileUnitConv, Gemms: tileUnitGemms, QConvs: tileUnitQConvs}},
	} {
		if !r.has {
			break
		}
		all = append(all, r.rung)
	}
	return all
}

var (
	lanesAVX2 = laneKernels{
		ConvTile: convTileAVX2, Winograd: winogradAVX2, SmallWinograd: smallWinogradAVX2, WindowRow: windowRowAVX2, DepthRow: depthRowAVX2,
		Broadcast: broadcasts{Add: amd64.AddPixelsAVX2, Sub: amd64.SubPixelsAVX2, Mul: amd64.MulPixelsAVX2},
		SumRow:    amd64.SumPixelsAVX2, ScaleRows: amd64.ScaleRowsAVX2, Interleave: amd64.InterleaveAVX2, Deinterleave: amd64.DeinterleaveAVX2, Shuffle: amd64.ShuffleAVX2,
	}
	lanesAVX512 = laneKernels{
		ConvTile: convTileAVX512, Winograd: winogradAVX512, SmallWinograd: smallWinogradAVX512, WindowRow: windowRowAVX512, DepthRow: depthRowAVX512,
		Broadcast: broadcasts{Add: amd64.AddPixelsAVX512, Sub: amd64.SubPixelsAVX512, Mul: amd64.MulPixelsAVX512},
		SumRow:    amd64.SumPixelsAVX512, ScaleRows: amd64.ScaleRowsAVX512, Interleave: amd64.InterleaveAVX512, Deinterleave: amd64.DeinterleaveAVX512, Shuffle: amd64.ShuffleAVX512,
	}
)
