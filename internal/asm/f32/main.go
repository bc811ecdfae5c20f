// F32 generates the float32 assembly of engine/kernel/amd64, and the little that is in
// float64. From internal/asm: go run ./f32
package main

import (
	"bytes"
	"fmt"
	"go/format"
	"go/token"
	"go/types"
	"log"
	"os"
	"path/filepath"
	"strings"

	"github.com/mmcloughlin/avo/attr"
	"github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/gotypes"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/pass"
	"github.com/mmcloughlin/avo/printer"
	"github.com/mmcloughlin/avo/reg"
)

// outputDir is where the package of the kernels lies, seen from internal/asm.
const outputDir = "../../engine/kernel/amd64"

// program is what one assembly file is made by.
type program struct {
	name string
	emit func(*gen)
	// table, if any, is Go source that follows the stubs.
	table func() string
}

var programs = []program{
	{"conv_f32", convTiles, convTable},
	{"rows_f32", rowKernels, nil},
	{"window_f32", windows, nil},
	{"transpose_f32", transposes, nil},
	{"split_f32", splits, nil},
	{"activate_f32", activations, nil},
	{"depth_f32", depthRows, depthTable},
	{"winograd_f32", winogradTransforms, nil},
	{"overlap_f32", overlaps, nil},
	{"iou_f64", ious, nil},
	{"peak_f32", peaks, nil},
	{"bytes_avx512", byteRows, nil},
	{"bytes_avx2", wideBytes, nil},
}

func main() {
	for _, p := range programs {
		files, err := p.generate()
		if err != nil {
			log.Fatal(err)
		}
		for name, data := range files {
			if err := os.WriteFile(filepath.Join(outputDir, name), data, 0o644); err != nil {
				log.Fatal(err)
			}
		}
	}
}

// generate returns the assembly and the Go stubs, by file name.
func (p program) generate() (map[string][]byte, error) {
	g := &gen{Context: build.NewContext()}
	g.ConstraintExpr("amd64,!purego")
	p.emit(g)
	f, err := g.Result()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", p.name, err)
	}
	if err := pass.Compile.Execute(f); err != nil {
		return nil, fmt.Errorf("%s: %w", p.name, err)
	}
	// Offsets of arguments are those of the Go structs, by name.
	f.Includes = append(f.Includes, "go_asm.h")
	cfg := printer.Config{Name: "internal/asm/f32", Pkg: "amd64"}
	asm, err := printer.NewGoAsm(cfg).Print(f)
	if err != nil {
		return nil, err
	}
	stubs, err := printer.NewStubs(cfg).Print(f)
	if err != nil {
		return nil, err
	}
	// The printer knows no imports.
	stubs = bytes.Replace(stubs, []byte("package amd64\n"), []byte("package amd64\n\nimport \"unsafe\"\n"), 1)
	if !bytes.Contains(stubs, []byte("unsafe.Pointer")) {
		stubs = bytes.Replace(stubs, []byte("import \"unsafe\"\n\n"), nil, 1)
	}
	if p.table != nil {
		if stubs, err = format.Source(append(append(stubs, '\n'), p.table()...)); err != nil {
			return nil, err
		}
	}
	return map[string][]byte{p.name + ".s": asm, p.name + ".go": stubs}, nil
}

// gen is an avo context with this project's conventions.
type gen struct {
	*build.Context
	args   string                 // the struct that AX points to
	params map[string]operand.Mem // of the current leaf

	flushing bool        // the leaf takes denormals for 0
	mode     operand.Mem // where it keeps the caller's mode
}

// fn begins a leaf function that takes a pointer to the struct args and keeps
// it in AX.
func (g *gen) fn(name, args string, doc ...string) {
	g.args = args
	g.Function(name)
	g.Attributes(attr.NOSPLIT)
	g.Pragma("noescape")
	g.Doc(doc...)
	// The type is known by name only: its fields are named in the assembly.
	here := types.NewPackage("amd64", "amd64")
	named := types.NewNamed(types.NewTypeName(token.NoPos, here, args, nil), types.NewStruct(nil, nil), nil)
	param := types.NewParam(token.NoPos, here, "a", types.NewPointer(named))
	g.Signature(gotypes.NewSignature(here, types.NewSignatureType(nil, nil, nil, types.NewTuple(param), nil, false)))
	g.MOVQ(operand.NewParamAddr("a", 0), reg.RAX)
}

// leaf begins a leaf function of the given parameters, "name kind" each, where
// kind is ptr, int or float32.
func (g *gen) leaf(name string, params []string, doc ...string) {
	g.Function(name)
	g.Attributes(attr.NOSPLIT)
	g.Pragma("noescape")
	g.Doc(doc...)
	kinds := map[string]types.Type{"ptr": types.Typ[types.UnsafePointer], "int": types.Typ[types.Int], "float32": types.Typ[types.Float32]}
	g.params = map[string]operand.Mem{}
	var vars []*types.Var
	offset := 0
	for _, p := range params {
		name, kind, _ := strings.Cut(p, " ")
		g.params[name] = operand.NewParamAddr(name, offset)
		if offset += 8; kind == "float32" {
			offset -= 4
		}
		vars = append(vars, types.NewParam(token.NoPos, nil, name, kinds[kind]))
	}
	g.Signature(gotypes.NewSignature(nil, types.NewSignatureType(nil, nil, nil, types.NewTuple(vars...), nil, false)))
}

// param moves a parameter into a register.
func (g *gen) param(name string, r reg.Register) { g.MOVQ(g.params[name], r) }

// broadcast fills a vector with a float32 parameter.
func (g *gen) broadcast(name string, r reg.Register) { g.VBROADCASTSS(g.params[name], r) }

// jump targets of one function.
func to(label string) operand.LabelRef { return operand.LabelRef(label) }

// field is a field of the argument struct.
func (g *gen) field(name string) operand.Mem {
	return operand.Mem{Symbol: operand.Symbol{Name: g.args + "_" + name}, Base: reg.RAX}
}

// load moves a field into a register.
func (g *gen) load(name string, r reg.Register) { g.MOVQ(g.field(name), r) }

// end returns to Go.
func (g *gen) end() {
	g.VZEROUPPER()
	g.RET()
}

// at is the memory disp bytes after a register.
func at(base reg.Register, disp int) operand.Mem { return operand.Mem{Base: base, Disp: disp} }

func imm(n int) operand.Op { return operand.I32(int32(n)) }

// vector is a kind of vector register.
type vector struct {
	rung  string // at the end of function names
	title string // the same, where these are exported
	bytes int
	regs  []reg.VecPhysical
}

var (
	zmm = vector{"avx512", "AVX512", 64, []reg.VecPhysical{reg.Z0, reg.Z1, reg.Z2, reg.Z3, reg.Z4, reg.Z5, reg.Z6, reg.Z7,
		reg.Z8, reg.Z9, reg.Z10, reg.Z11, reg.Z12, reg.Z13, reg.Z14, reg.Z15, reg.Z16, reg.Z17, reg.Z18, reg.Z19, reg.Z20,
		reg.Z21, reg.Z22, reg.Z23, reg.Z24, reg.Z25, reg.Z26, reg.Z27, reg.Z28, reg.Z29, reg.Z30, reg.Z31}}
	ymm = vector{"avx2", "AVX2", 32, []reg.VecPhysical{reg.Y0, reg.Y1, reg.Y2, reg.Y3, reg.Y4, reg.Y5, reg.Y6, reg.Y7,
		reg.Y8, reg.Y9, reg.Y10, reg.Y11, reg.Y12, reg.Y13, reg.Y14, reg.Y15}}
)
