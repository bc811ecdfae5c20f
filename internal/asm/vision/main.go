// Vision generates the assembly of package vision. From internal/asm: go run ./vision
package main

import (
	"log"
	"os"
	"path/filepath"

	"github.com/mmcloughlin/avo/attr"
	"github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/pass"
	"github.com/mmcloughlin/avo/printer"
)

// outputDir is where the package lies, seen from internal/asm.
const outputDir = "../../vision"

func main() {
	files, err := generate()
	if err != nil {
		log.Fatal(err)
	}
	for name, data := range files {
		if err := os.WriteFile(filepath.Join(outputDir, name), data, 0o644); err != nil {
			log.Fatal(err)
		}
	}
}

// generate returns the assembly and the Go stubs, by file name.
func generate() (map[string][]byte, error) {
	g := &gen{build.NewContext()}
	g.ConstraintExpr("!purego")
	half := g.rounding()
	g.horizontal(half)
	g.vertical(half)
	g.planar()
	g.linearAcross()
	squeeze, two := g.squeezeShuffle(), g.two()
	g.linearDown(squeeze, two)
	g.linearHalf(squeeze, two)
	f, err := g.Result()
	if err != nil {
		return nil, err
	}
	if err := pass.Compile.Execute(f); err != nil {
		return nil, err
	}
	cfg := printer.Config{Name: "internal/asm/vision", Pkg: "vision"}
	asm, err := printer.NewGoAsm(cfg).Print(f)
	if err != nil {
		return nil, err
	}
	stubs, err := printer.NewStubs(cfg).Print(f)
	if err != nil {
		return nil, err
	}
	return map[string][]byte{"resize_amd64.s": asm, "resize_stubs_amd64.go": stubs}, nil
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

// table begins read-only memory.
func (g *gen) table(name string) operand.Mem {
	m := g.StaticGlobal(name)
	g.DataAttributes(attr.RODATA | attr.NOPTR)
	return m
}
