package main

import (
	"encoding/binary"
	"go/token"
	"go/types"
	"math"
	"slices"
	"strings"

	"github.com/mmcloughlin/avo/attr"
	"github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/gotypes"
	"github.com/mmcloughlin/avo/ir"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"

	"github.com/visionzoo/vision/internal/asm/generate"
)

// gen is an avo context with this project's conventions. A kernel is a leaf: it calls
// nothing, has no preemption points, and ends with VZEROUPPER. Either it takes a pointer to a
// struct of args, whose fields it finds by name through go_asm.h (fn, field, load), or a few
// parameters (leaf, takes, param). Operands are in Go's order, destination last, except in methods
// that say otherwise.
//
// Constants of a file lie in one table, each eight times: AVX-512 broadcasts one, AVX2 loads
// all eight.
type gen struct {
	*build.Context
	name   string                 // of the file
	args   string                 // the type of the struct that AX points to
	params map[string]operand.Mem // parameters of the current leaf
	order  []string               // their names

	numbers []uint32 // bits of the constants in the table
	doubles []uint64 // those of constants in float64, each four times in a table of their own

	flushing bool        // the leaf treats subnormal numbers as 0
	mode     operand.Mem // where the leaf saves the caller's MXCSR
}

// number returns the address of a constant with the given bits.
func (g *gen) number(bits uint32) operand.Mem {
	at := slices.Index(g.numbers, bits)
	if at < 0 {
		at = len(g.numbers)
		g.numbers = append(g.numbers, bits)
	}
	return operand.Mem{Symbol: operand.Symbol{Name: g.name + "_numbers", Static: true}, Base: reg.StaticBase, Disp: 32 * at}
}

// double returns the address of a constant in float64.
func (g *gen) double(v float64) operand.Mem {
	at := slices.Index(g.doubles, math.Float64bits(v))
	if at < 0 {
		at = len(g.doubles)
		g.doubles = append(g.doubles, math.Float64bits(v))
	}
	return operand.Mem{Symbol: operand.Symbol{Name: g.name + "_doubles", Static: true}, Base: reg.StaticBase, Disp: 32 * at}
}

// lanes returns the address of the integers 0 to 7, for masks.
func (g *gen) lanes() operand.Mem {
	return operand.Mem{Symbol: operand.Symbol{Name: g.name + "_lanes", Static: true}, Base: reg.StaticBase}
}

// dotBF16 writes VDPBF16PS, acc += a·b, as its bytes.
func (g *gen) dotBF16(a, b, acc reg.VecPhysical) {
	number := func(r reg.VecPhysical) int { return int(r.PhysicalIndex()) }
	code := generate.DotBF16(number(a), number(b), number(acc))
	g.Comment("VDPBF16PS " + a.Asm() + ", " + b.Asm() + ", " + acc.Asm())
	g.Instruction(&ir.Instruction{Opcode: "LONG", Operands: []operand.Op{operand.U32(binary.LittleEndian.Uint32(code))}})
	g.Instruction(&ir.Instruction{Opcode: "WORD", Operands: []operand.Op{operand.U16(binary.LittleEndian.Uint16(code[4:]))}})
}

func (g *gen) writeConstants() {
	g.StaticGlobal(g.name + "_lanes")
	g.DataAttributes(attr.RODATA | attr.NOPTR)
	for i := range 8 {
		g.AddDatum(4*i, operand.U32(i))
	}
	if len(g.numbers) > 0 {
		g.StaticGlobal(g.name + "_numbers")
		g.DataAttributes(attr.RODATA | attr.NOPTR)
	}
	for i, b := range g.numbers {
		for lane := range 8 {
			g.AddDatum(32*i+4*lane, operand.U32(b))
		}
	}
	if len(g.doubles) > 0 {
		g.StaticGlobal(g.name + "_doubles")
		g.DataAttributes(attr.RODATA | attr.NOPTR)
	}
	for i, b := range g.doubles {
		for lane := range 4 {
			g.AddDatum(32*i+8*lane, operand.U64(b))
		}
	}
}

// fn begins a leaf function with one parameter, a pointer to the struct args, which it
// loads into AX.
func (g *gen) fn(name, args string, doc ...string) {
	g.args = args
	g.Function(name)
	g.Attributes(attr.NOSPLIT)
	g.Pragma("noescape")
	g.Doc(doc...)
	// The type needs a name only: the assembly refers to its fields by name.
	here := types.NewPackage("amd64", "amd64")
	named := types.NewNamed(types.NewTypeName(token.NoPos, here, args, nil), types.NewStruct(nil, nil), nil)
	param := types.NewParam(token.NoPos, here, "a", types.NewPointer(named))
	g.Signature(gotypes.NewSignature(here, types.NewSignatureType(nil, nil, nil, types.NewTuple(param), nil, false)))
	g.MOVQ(operand.NewParamAddr("a", 0), reg.RAX)
}

// leaf begins a leaf function with the given parameters, each "name kind" with kind ptr,
// int or float32. The last may be "ret float32", the result.
func (g *gen) leaf(name string, params []string, doc ...string) {
	g.Function(name)
	g.Attributes(attr.NOSPLIT)
	g.Pragma("noescape")
	g.Doc(doc...)
	kinds := map[string]types.Type{"ptr": types.Typ[types.UnsafePointer], "int": types.Typ[types.Int], "float32": types.Typ[types.Float32]}
	g.params, g.order = map[string]operand.Mem{}, nil
	var vars, results []*types.Var
	offset := 0
	for _, p := range params {
		name, kind, _ := strings.Cut(p, " ")
		if name == "ret" {
			g.params[name] = operand.NewParamAddr(name, (offset+7)&^7)
			results = append(results, types.NewParam(token.NoPos, nil, "", kinds[kind]))
			continue
		}
		g.params[name] = operand.NewParamAddr(name, offset)
		if offset += 8; kind == "float32" {
			offset -= 4
		}
		vars, g.order = append(vars, types.NewParam(token.NoPos, nil, name, kinds[kind])), append(g.order, name)
	}
	g.Signature(gotypes.NewSignature(nil, types.NewSignatureType(nil, nil, nil, types.NewTuple(vars...), types.NewTuple(results...), false)))
}

// param loads a parameter into a register.
func (g *gen) param(name string, r reg.Register) { g.MOVQ(g.params[name], r) }

// takes loads the first parameters into registers, in their order.
func (g *gen) takes(registers ...reg.Register) {
	for i, r := range registers {
		g.param(g.order[i], r)
	}
}

// broadcast fills a vector with a float32 parameter.
func (g *gen) broadcast(name string, r reg.Register) { g.VBROADCASTSS(g.params[name], r) }

// Predicates of comparisons, as the Intel manual numbers them. Those with "not" hold if an
// operand is NaN, the others do not.
const (
	less      = operand.U8(1)
	unordered = operand.U8(3)
	notEqual  = operand.U8(4)
	notLess   = operand.U8(5)
	greater   = operand.U8(14)
)

// to is the operand of a jump to a label of the function.
func to(label string) operand.LabelRef { return operand.LabelRef(label) }

// field is a field of the argument struct.
func (g *gen) field(name string) operand.Mem {
	return operand.Mem{Symbol: operand.Symbol{Name: g.args + "_" + name}, Base: reg.RAX}
}

// load loads a field of the argument struct into a register.
func (g *gen) load(name string, r reg.Register) { g.MOVQ(g.field(name), r) }

// while writes a loop that runs as long as n is k or more, and counts n down by k.
func (g *gen) while(label string, n reg.Register, k int, body func()) {
	g.Label(label)
	g.CMPQ(n, imm(k))
	g.JLT(to(label + "Done"))
	body()
	g.SUBQ(imm(k), n)
	g.JMP(to(label))
	g.Label(label + "Done")
}

// end returns to Go.
func (g *gen) end() {
	g.VZEROUPPER()
	g.RET()
}

// at is the memory operand disp(base).
func at(base reg.Register, disp int) operand.Mem { return operand.Mem{Base: base, Disp: disp} }

func imm(n int) operand.Op { return operand.I32(int32(n)) }

// vector is a kind of vector register.
type vector struct {
	rung  string // suffix of function names
	title string // suffix of exported function names
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
