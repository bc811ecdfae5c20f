package main

import (
	"go/token"
	"go/types"

	"github.com/mmcloughlin/avo/attr"
	"github.com/mmcloughlin/avo/gotypes"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

const lookBits = 10 // as in vision/jpeg/huffman.go

// block writes the entropy decoder of a sequential block. Its critical path is one look-up
// and one shift per coefficient; values are extracted in parallel. Bits are loaded once for
// two coefficients: each takes at most lookBits+15, and after a load there are 56.
func (g *gen) block() {
	g.Function("blockBMI2")
	g.Attributes(attr.NOSPLIT)
	g.Pragma("noescape")
	g.Signature(blockSignature())
	g.Doc("blockBMI2 is bitReader.block from the k-th coefficient on, k being 0 or 1, up",
		"to the first code that is longer than lookBits: it returns that code's k, or",
		"64 or more after a whole block. order is natural.")
	r, b := g.param("r"), g.param("b")
	look, order, k := g.param("ac"), g.param("order"), g.param("k")
	buf, pos, acc, n, limit := g.GP64(), g.GP64(), g.GP64(), g.GP64(), g.GP64()
	g.MOVQ(field("bitReader_buf", r), buf)
	g.MOVQ(field("bitReader_buf", r).Offset(8), limit)
	g.SUBQ(operand.I8(8), limit) // the last position from which eight bytes can be loaded
	g.MOVQ(field("bitReader_pos", r), pos)
	g.MOVQ(field("bitReader_acc", r), acc)
	g.MOVQ(field("bitReader_n", r), n)
	s := stream{g, buf, pos, acc, n, limit}

	g.TESTQ(k, k)
	g.JNZ(operand.LabelRef("coefficients"))
	s.refill("dc")
	dcLook := g.param("dc")
	e := s.entry(dcLook)
	g.TESTL(e, e)
	g.JZ(operand.LabelRef("leave"))
	v, zero := s.value(e), g.GP64()
	g.XORQ(zero, zero)
	g.TESTL(operand.I32(0xFF0000), e)
	g.CMOVQEQ(zero, v)
	s.drop(e)
	pred := g.param("pred")
	g.ADDL(operand.Mem{Base: pred}, v.As32())
	g.MOVL(v.As32(), operand.Mem{Base: pred})
	g.MOVW(v.As16(), operand.Mem{Base: b})
	g.MOVQ(operand.I32(1), k)

	g.Label("coefficients")
	s.refill("ac")
	for range 2 {
		e := s.entry(look)
		g.TESTL(operand.I32(0xFF0000), e)
		g.JZ(operand.LabelRef("special"))
		v := s.value(e)
		s.drop(e)
		g.SHRL(operand.U8(24), e)
		g.ADDQ(e.As64(), k)
		at := g.GP64()
		g.MOVBLZX(operand.Mem{Base: order, Index: k, Scale: 1, Disp: -1}, at.As32())
		g.MOVW(v.As16(), operand.Mem{Base: b, Index: at, Scale: 2})
		g.CMPQ(k, operand.I8(63))
		g.JGT(operand.LabelRef("leave"))
	}
	g.JMP(operand.LabelRef("coefficients"))

	g.Label("special") // no value: end of the block, sixteen zeros, or a long code
	last := s.entry(look)
	g.TESTL(last, last)
	g.JZ(operand.LabelRef("leave"))
	s.drop(last)
	g.SHRL(operand.U8(24), last)
	g.ADDQ(last.As64(), k)
	g.CMPQ(k, operand.I8(63))
	g.JLE(operand.LabelRef("coefficients"))

	g.Label("leave")
	g.MOVQ(pos, field("bitReader_pos", r))
	g.MOVQ(acc, field("bitReader_acc", r))
	g.MOVQ(n, field("bitReader_n", r))
	g.Store(k, g.ReturnIndex(0))
	g.RET()
}

// blockSignature is the signature of block, with types of vision/jpeg by name.
func blockSignature() *gotypes.Signature {
	here := types.NewPackage("jpeg", "jpeg")
	pointer := func(name, typ string) *types.Var {
		named := types.NewNamed(types.NewTypeName(token.NoPos, here, typ, nil), types.NewStruct(nil, nil), nil)
		return types.NewParam(token.NoPos, here, name, types.NewPointer(named))
	}
	basic := func(name string, kind types.BasicKind) *types.Var {
		return types.NewParam(token.NoPos, here, name, types.NewPointer(types.Typ[kind]))
	}
	params := types.NewTuple(
		pointer("r", "bitReader"), basic("b", types.Int16), pointer("dc", "entry"), pointer("ac", "entry"),
		basic("order", types.Uint8), basic("pred", types.Int32), types.NewParam(token.NoPos, here, "k", types.Typ[types.Int]),
	)
	result := types.NewTuple(types.NewParam(token.NoPos, here, "", types.Typ[types.Int]))
	return gotypes.NewSignature(here, types.NewSignatureType(nil, nil, nil, params, result, false))
}

// field is a field of a Go struct, with its name in go_asm.h.
func field(name string, base reg.Register) operand.Mem {
	return operand.Mem{Symbol: operand.Symbol{Name: name}, Base: base}
}

// stream is a bitReader in registers.
type stream struct {
	*gen
	buf, pos, acc, n, limit reg.GPVirtual
}

// refill is bitReader.refill; label is a suffix of its labels.
func (s stream) refill(label string) {
	s.CMPQ(s.pos, s.limit)
	s.JGT(operand.LabelRef(label + "_past_end"))
	next := s.GP64()
	s.MOVQ(operand.Mem{Base: s.buf, Index: s.pos, Scale: 1}, next)
	s.BSWAPQ(next)
	s.SHRXQ(s.n, next, next)
	s.ORQ(next, s.acc)
	s.Label(label + "_past_end")
	loaded := s.GP64()
	s.MOVQ(operand.I32(63), loaded)
	s.SUBQ(s.n, loaded)
	s.SHRQ(operand.U8(3), loaded)
	s.ADDQ(loaded, s.pos)
	s.ORQ(operand.I8(56), s.n)
}

// entry looks up the entry of the next bits.
func (s stream) entry(look reg.GPVirtual) reg.GPVirtual {
	i, e := s.GP64(), s.GP32()
	s.MOVQ(s.acc, i)
	s.SHRQ(operand.U8(64-lookBits), i)
	s.MOVL(operand.Mem{Base: look, Index: i, Scale: 4}, e)
	return e
}

// value is entry.value, undefined if e has no value.
func (s stream) value(e reg.GPVirtual) reg.GPVirtual {
	length, v, negative := s.GP64(), s.GP64(), s.GP64()
	s.RORXQ(operand.U8(8), e.As64(), length)
	s.SHLXQ(length, s.acc, v)
	s.MOVQ(v, negative)
	s.SARQ(operand.U8(63), negative)
	s.NOTQ(negative)
	s.XORQ(negative, v)
	shift := s.GP64()
	s.RORXQ(operand.U8(16), e.As64(), shift)
	s.SHRXQ(shift, v, v)
	s.XORQ(negative, v)
	s.SUBQ(negative, v)
	return v
}

// drop drops the bits of e.
func (s stream) drop(e reg.GPVirtual) {
	total := s.GP64()
	s.SHLXQ(e.As64(), s.acc, s.acc)
	s.MOVBLZX(e.As8(), total.As32())
	s.SUBQ(total, s.n)
}
