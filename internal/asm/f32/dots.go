package main

import (
	"github.com/mmcloughlin/avo/ir"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// VDPBF16PS multiplies the two bfloat16 in each 32-bit word of one vector by those in the
// same word of another and adds both products to the float32 there. Neither avo nor Go's
// assembler knows it, so it is written as its bytes; dots_test.go compares them with those
// of GNU as.

// dotBF16 writes acc += a·b, of 512 bits.
func (g *gen) dotBF16(a, b, acc reg.VecPhysical) {
	code := evexBF16(int(a.PhysicalIndex()), int(b.PhysicalIndex()), int(acc.PhysicalIndex()))
	g.Comment("VDPBF16PS " + a.Asm() + ", " + b.Asm() + ", " + acc.Asm())
	word := func(i int) uint16 { return uint16(code[i]) | uint16(code[i+1])<<8 }
	g.Instruction(&ir.Instruction{Opcode: "LONG", Operands: []operand.Op{operand.U32(uint32(word(0)) | uint32(word(2))<<16)}})
	g.Instruction(&ir.Instruction{Opcode: "WORD", Operands: []operand.Op{operand.U16(word(4))}})
}

// evexBF16 encodes VDPBF16PS on registers, which are given by number: EVEX.512.F3.0F38.W0
// 52 /r in volume 2 of the Intel SDM. The prefix has bits 3 and 4 of the registers inverted.
func evexBF16(a, b, acc int) [6]byte {
	not := func(r, bit int) byte { return byte(^r >> bit & 1) }
	return [6]byte{0x62,
		not(acc, 3)<<7 | not(a, 4)<<6 | not(a, 3)<<5 | not(acc, 4)<<4 | 2,
		byte(^b&15)<<3 | 1<<2 | 2,
		2<<5 | not(b, 4)<<3,
		0x52,
		0xc0 | byte(acc&7)<<3 | byte(a&7)}
}
