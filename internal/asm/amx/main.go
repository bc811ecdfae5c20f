// Command amx writes the assembly of the tile unit's kernels, and of the vector
// code beside them, into engine/kernel/amd64:
//
//	cd internal/asm && go run ./amx
//
// It writes Go assembly itself rather than through avo: half of its
// instructions are bytes, and the finishing code is woven between them.
package main

import (
	"log"
	"os"
)

// target is the file to write, from the module's root.
const target = "../../engine/kernel/amd64/amx_amd64.s"

// generate makes the whole file.
func generate() []byte {
	e := newEmitter()
	float := kernel{setup: floatSetup, bias: floatBias, finish: floatFinish, outOfLine: floatOutOfLine}
	split, half := float, float
	split.name, split.step = "TilesSplit", stepBF16x3
	split.doc = "rows of split pixels: three products a step"
	half.name, half.step = "TilesBF16", stepBF16
	half.doc = "rows of bf16 pixels"
	e.conv(split)
	tall := split
	tall.name, tall.step, tall.tall = "TilesTall", stepTall, true
	tall.doc = "rows of split pixels, four row tiles to one column tile"
	e.conv(tall)
	apart := split
	apart.name, apart.step = "TilesApart", stepApart
	apart.doc = "rows whose high and low parts lie apart"
	e.conv(apart)
	e.conv(half)
	e.conv(kernel{name: "TilesU8", doc: "rows of byte pixels", step: stepU8,
		setup: byteSetup, bias: byteBias, finish: byteFinish, outOfLine: func(*emitter) {}})
	e.convVNNI()
	e.depthwise()
	e.packRows()
	e.packColumns()
	e.splitRows()
	e.spreadRow()
	for _, v := range []struct {
		suffix string
		vectors
	}{{"512", avx512}, {"256", avx2}} {
		e.gemm("Gemm"+v.suffix, v.vectors)
		e.gemvRows("GemvRows"+v.suffix, v.vectors)
		e.gemvColumns("GemvColumns"+v.suffix, v.vectors)
		e.gemvColumn("GemvColumn"+v.suffix, v.vectors)
	}
	e.table()
	return e.Bytes()
}

func main() {
	if err := os.WriteFile(target, generate(), 0o644); err != nil {
		log.Fatal(err)
	}
}
