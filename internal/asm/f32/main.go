// Command f32 generates the kernels in engine/kernel/amd64 that avo can write: mainly on
// float32, and some on bytes and float64:
//
//	cd internal/asm && go run ./f32
package main

import (
	"fmt"
	"go/format"

	"github.com/mmcloughlin/avo/build"

	"github.com/visionzoo/vision/internal/asm/generate"
)

// outputDir is the directory of the generated package, relative to internal/asm.
const outputDir = "../../engine/kernel/amd64"

// program generates one assembly file and its stubs.
type program struct {
	name  string
	emit  func(*gen)
	table func() string // Go source after the stubs, or nil
}

var programs = []program{
	{"conv_f32", convTiles, convTable},
	{"rows_f32", rowKernels, nil},
	{"window_f32", windows, nil},
	{"transpose_f32", alongRows(transposes), nil},
	{"shuffle_f32", shuffles, nil},
	{"split_f32", splits, nil},
	{"activate_f32", activations, nil},
	{"depth_f32", depthRows, depthTable},
	{"winograd_f32", winogradTransforms, nil},
	{"winograd_codes", codeWinograds, nil},
	{"winograd_few", winogradFew, fewTable},
	{"overlap_f32", overlaps, nil},
	{"iou_f64", ious, nil},
	{"peak_f32", peaks, nil},
	{"product_f64", products64, nil},
	{"bytes_avx512", byteRows(zmm), nil},
	{"bytes_avx2", byteRows(ymm), nil},
	{"vec_unary", alongRows(unaries), nil},
	{"vec_double", alongRows(doubles), nil},
	{"vec_binary", alongRows(binaries), nil},
	{"vec_reduce", alongRows(reductions), nil},
	{"vec_blend", alongRows(blends), nil},
	{"vec_turn", alongRows(turns), nil},
	{"vec_widen", widenings, nil},
	{"num_avx2", numbers, nil},
}

func main() { generate.Write(files) }

// files generates the assembly and the Go stubs of all programs.
func files() (generate.Files, error) {
	all := generate.Files{}
	for _, p := range programs {
		g := &gen{Context: build.NewContext(), name: p.name}
		p.emit(g)
		asm, stubs, err := generate.Avo(g.Context, "f32", outputDir)
		if err == nil && p.table != nil {
			stubs, err = format.Source(append(append(stubs, '\n'), p.table()...))
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", p.name, err)
		}
		all[outputDir+"/"+p.name+".s"], all[outputDir+"/"+p.name+".go"] = asm, stubs
	}
	return all, nil
}
