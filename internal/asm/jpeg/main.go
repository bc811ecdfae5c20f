// Command jpeg generates the assembly of vision/jpeg for amd64:
//
//	cd internal/asm && go run ./jpeg
package main

import (
	"fmt"

	"github.com/mmcloughlin/avo/attr"
	"github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"

	"github.com/visionzoo/vision/internal/asm/generate"
)

// outputDir is the directory of the package, relative to internal/asm.
const outputDir = "../../vision/jpeg"

func main() { generate.Write(files) }

// files generates the assembly and the Go stubs.
func files() (generate.Files, error) {
	g := &gen{Context: build.NewContext()}
	g.block()
	g.idct()
	g.h2v1()
	g.h2v2()
	g.h1v2()
	g.ycc()
	g.rgb()
	asm, stubs, err := generate.Avo(g.Context, "jpeg", outputDir)
	return generate.Files{outputDir + "/avx2_amd64.s": asm, outputDir + "/avx2_amd64.go": stubs}, err
}

// gen is an avo context with its constants.
type gen struct {
	*build.Context
	constants map[string]operand.Mem
}

// fn begins a leaf function.
func (g *gen) fn(name, signature string, doc ...string) {
	g.Function(name)
	g.Attributes(attr.NOSPLIT)
	g.Pragma("noescape")
	g.SignatureExpr(signature)
	g.Doc(doc...)
}

// end returns to Go.
func (g *gen) end() {
	g.VZEROUPPER()
	g.RET()
}

// param loads an argument.
func (g *gen) param(name string) reg.GPVirtual {
	return g.Load(g.Param(name), g.GP64()).(reg.GPVirtual)
}

// constant is 32 bytes of read-only memory.
func (g *gen) constant(b [32]byte) operand.Mem {
	if g.constants == nil {
		g.constants = map[string]operand.Mem{}
	}
	m, ok := g.constants[string(b[:])]
	if !ok {
		m = g.StaticGlobal(fmt.Sprintf("jpeg_const_%d", len(g.constants)))
		g.DataAttributes(attr.RODATA | attr.NOPTR)
		for i := range 4 {
			var v uint64
			for j := range 8 {
				v |= uint64(b[8*i+j]) << (8 * j)
			}
			g.AddDatum(8*i, operand.U64(v))
		}
		g.constants[string(b[:])] = m
	}
	return m
}

// words is a constant that repeats the words a, b.
func (g *gen) words(a, b int) operand.Mem {
	var c [32]byte
	for i := 0; i < 32; i += 4 {
		c[i], c[i+1] = byte(a), byte(a>>8)
		c[i+2], c[i+3] = byte(b), byte(b>>8)
	}
	return g.constant(c)
}

// dwords is a constant that repeats v.
func (g *gen) dwords(v int) operand.Mem { return g.words(v&0xFFFF, v>>16&0xFFFF) }

// bytes is a constant that repeats v.
func (g *gen) bytes(v byte) operand.Mem {
	return g.words(int(v)|int(v)<<8, int(v)|int(v)<<8)
}

// at is the memory operand disp(base).
func at(base reg.Register, disp int) operand.Mem { return operand.Mem{Base: base, Disp: disp} }

// indexed is the memory operand at base+index*scale+disp.
func indexed(base, index reg.Register, scale uint8, disp int) operand.Mem {
	return operand.Mem{Base: base, Index: index, Scale: scale, Disp: disp}
}
