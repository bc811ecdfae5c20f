// Command vision generates the assembly of package vision for amd64:
//
//	cd internal/asm && go run ./vision
package main

import (
	"github.com/mmcloughlin/avo/attr"
	"github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"

	"github.com/visionzoo/vision/internal/asm/generate"
)

// outputDir is the directory of the package, relative to internal/asm.
const outputDir = "../../vision"

func main() { generate.Write(files) }

// files generates the assembly and the Go stubs.
func files() (generate.Files, error) {
	g := &gen{build.NewContext()}
	half := g.rounding()
	g.horizontal(half)
	g.vertical(half)
	g.planar()
	g.linearAcross()
	squeeze, two := g.squeezeShuffle(), g.two()
	g.linearDown(squeeze, two)
	g.linearHalf(squeeze, two)
	asm, stubs, err := generate.Avo(g.Context, "vision", outputDir)
	return generate.Files{outputDir + "/resize_amd64.s": asm, outputDir + "/resize_stubs_amd64.go": stubs}, err
}

// gen is an avo context.
type gen struct{ *build.Context }

// fn begins a leaf function.
func (g *gen) fn(name, signature string) {
	g.Function(name)
	g.Attributes(attr.NOSPLIT)
	g.Pragma("noescape")
	g.SignatureExpr(signature)
}

// table begins a table in read-only memory.
func (g *gen) table(name string) operand.Mem {
	m := g.StaticGlobal(name)
	g.DataAttributes(attr.RODATA | attr.NOPTR)
	return m
}
