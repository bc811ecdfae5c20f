// Command amx generates engine/kernel/amd64/amx_amd64.s: kernels for AMX tiles, and
// vector kernels of integers and matrix products:
//
//	cd internal/asm && go run ./amx
//
// It does not use avo, because Go's assembler has no AMX instructions: they are written
// as bytes, with the vector instructions of the epilogue between them.
package main

import "github.com/visionzoo/vision/internal/asm/generate"

// target is the file to write, relative to internal/asm.
const target = "../../engine/kernel/amd64/amx_amd64.s"

// files generates the file.
func files() (generate.Files, error) {
	e := newEmitter()
	float := kernel{setup: floatSetup, bias: floatBias, finish: floatFinish, outOfLine: floatOutOfLine}
	split := func(name, doc string, low lowRows, pages int) {
		k := float
		k.name, k.doc, k.pages, k.last = name, doc, pages, splitLast
		k.loads = func(e *emitter) { splitLoads(e, low) }
		k.step = func(e *emitter, f fetcher) { splitStep(e, f, low) }
		e.conv(k)
	}
	plain := func(k kernel, name, doc string, dot func(c, a, b int) string) {
		k.name, k.doc, k.pages, k.stream = name, doc, 16, true
		k.loads = plainLoads
		k.step = func(e *emitter, f fetcher) { plainStep(e, f, dot) }
		k.last = func(e *emitter) { plainLast(e, dot) }
		e.conv(k)
	}
	split("TilesSplit", "rows of Split32: three products per step", lowBeside, 12)
	split("TilesApart", "rows whose low parts are Apart bytes after their high parts", lowApart, 0)
	tall := float
	tall.name, tall.tall, tall.step = "TilesTall", true, tallStep
	tall.doc = "rows of Split32, four row tiles by one column tile"
	e.conv(tall)
	plain(float, "TilesBF16", "rows of BF16x32", dotBF16)
	bytes := kernel{setup: byteSetup, bias: byteBias, finish: byteFinish, outOfLine: func(*emitter) {}}
	plain(bytes, "TilesU8", "rows of U8x64", dotU8S8)
	for _, k := range []*byteTiles{&tilesVNNI, &tilesWide512, &tilesPairs512, &tilesWide256} {
		e.byteTiles(k)
	}
	e.byteTables()
	e.depthwise()
	e.depthPairs("512", "Z", "VMOVDQU32", 64)
	e.depthPairs("256", "Y", "VMOVDQU", 32)
	e.depthwise3(1)
	e.depthwise3(2)
	e.packRows()
	e.packColumns()
	e.splitRows()
	e.spreadRow()
	for _, v := range []struct {
		suffix string
		vectors
	}{{"512", avx512}, {"256", avx2}} {
		e.gemm("Gemm"+v.suffix, v.vectors)
		for _, m := range matrices {
			e.gemvRows("GemvRows"+v.suffix, v.vectors, m)
			e.gemvColumns("GemvColumns"+v.suffix, v.vectors, m)
			e.gemvColumn("GemvColumn"+v.suffix, v.vectors, m)
		}
	}
	e.gemm("GemmPairs512", pairs)
	e.table()
	return generate.Files{target: e.Bytes()}, nil
}

func main() { generate.Write(files) }
