package main

import (
	"fmt"

	"github.com/mmcloughlin/avo/attr"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// codeWinograds writes the transforms of F(4x4, 3x3) for integers. Inputs are codes of 8 bits,
// kernels signed bytes; transformed, both have 16 bits, and their products are added up in 32.
// int8_winograd.go in engine/kernel says why the sums are exact.
func codeWinograds(g *gen) {
	for _, v := range []vector{zmm, ymm} {
		w := winograd{g, v, "CodeWinograd", 6, true}
		w.input()
		w.outputCodes()
		w.weights()
	}
}

// transformCodes multiplies six numbers of 16 bits by the matrix B^T.
func (w winograd) transformCodes() []reg.VecPhysical {
	r := w.regs
	w.VPSUBW(r[2], r[0], r[0])
	w.VPSLLW(imm8(2), r[0], r[0]) // 4 (d0 - d2)
	w.VPSUBW(r[3], r[1], r[7])    // d1 - d3
	w.VPSUBW(r[3], r[5], r[5])
	w.VPSLLW(imm8(2), r[1], r[1])
	w.VPSUBW(r[1], r[3], r[1]) // odd: d3 - 4 d1
	w.VPSLLW(imm8(2), r[2], r[3])
	w.VPSUBW(r[3], r[4], r[3]) // even: d4 - 4 d2
	w.VPSUBW(r[2], r[4], r[4]) // even: d4 - d2
	w.VPADDW(r[4], r[0], r[0]) // 4 d0 - 5 d2 + d4
	w.VPADDW(r[7], r[7], r[7]) // minus odd: 2 (d1 - d3)
	w.VPADDW(r[7], r[7], r[6])
	w.VPADDW(r[6], r[5], r[5]) // 4 d1 - 5 d3 + d5
	w.VPADDW(r[1], r[3], r[2]) // point 1
	w.VPSUBW(r[1], r[3], r[3]) // point -1
	w.VPSUBW(r[7], r[4], r[6]) // point 2
	w.VPADDW(r[7], r[4], r[4]) // point -2
	return []reg.VecPhysical{r[0], r[2], r[3], r[6], r[4], r[5]}
}

// evenCodes sets d to the contribution of the first and third tap to two numbers, those of an
// interpolation point and of its negative, and multiplies the second tap, b, by the point. c
// changes; d may be a. The rows of G are multiplied by 4, -6, -6, 24, 24 and 1.
func (w winograd) evenCodes(point int, d, a, b, c reg.VecPhysical) {
	if point == 1 {
		w.VPSLLW(imm8(2), c, c)
		w.VPADDW(b, b, b)
	}
	w.VPADDW(c, a, d)
}

// plusMinus sets d to a plus b, or to a minus b.
func (w winograd) plusMinus(plus bool, d, a, b reg.VecPhysical) {
	if plus {
		w.VPADDW(b, a, d)
	} else {
		w.VPSUBW(b, a, d)
	}
}

// transformCodeWeights multiplies three numbers by the multiple of G.
func (w winograd) transformCodeWeights(a, b, c reg.VecPhysical) []reg.VecPhysical {
	r := w.regs
	last := r[7]
	w.copy(last, c)
	w.evenCodes(0, r[3], a, b, c)
	w.VPSUBW(b, r[3], r[4])
	w.VPADDW(b, r[3], r[3])
	w.evenCodes(1, r[5], a, b, c)
	w.VPSUBW(b, r[5], r[6])
	w.VPADDW(b, r[5], r[5])
	return []reg.VecPhysical{a, r[3], r[4], r[5], r[6], last}
}

// copy copies a register.
func (w winograd) copy(d, a reg.VecPhysical) {
	if w.bytes == 64 {
		w.VMOVDQA32(a, d)
	} else {
		w.VMOVDQA(a, d)
	}
}

// Constants of outputCodes.
const (
	codeNinth = iota // 1/9 modulo 2^32
	codeBias
	codeScale
	codeZero  // the zero point, in 16 bits
	codeOrder // where VPERMD finds the numbers that packing has moved
	codeOffset
	codeLow
	codeHigh
)

// outputCodes writes the transform of sums of products to tiles of 4x4 codes, float32 or int32, of
// which it stores those inside the picture.
func (w winograd) outputCodes() {
	name := w.prefix + "Output" + w.title
	w.fn(name, "Winograd", name+" computes tiles of up to 4x4 outputs from products of codes.")
	w.Comment("AX arguments, R8 tile, R9 tiles left, SI products, DI output, DX bytes between planes,",
		"R10 bytes between rows, R12 columns, BX scratch, CX and R15 bytes between columns and three times that.")
	w.MOVL(operand.U32(0x38e38e39), reg.ECX)
	w.VMOVD(reg.ECX, w.constant(codeNinth).AsX())
	w.VPBROADCASTD(w.constant(codeNinth).AsX(), w.constant(codeNinth))
	w.load("Bias", reg.RCX)
	w.VMOVUPS(at(reg.RCX, 0), w.constant(codeBias))
	w.VMOVUPS(at(reg.RCX, 128), w.constant(codeScale))
	w.VPBROADCASTW(w.field("Zero"), w.constant(codeZero))
	w.VMOVUPS(w.packedOrder(), w.constant(codeOrder))
	w.CMPQ(w.field("Floats"), imm(1))
	w.JNE(to("tiles"))
	w.VMOVUPS(at(reg.RCX, 256), w.constant(codeOffset))
	w.VBROADCASTSS(w.field("Low"), w.constant(codeLow))
	w.VBROADCASTSS(w.field("High"), w.constant(codeHigh))
	w.Label("tiles")
	w.tiles()
	w.load("OutRow", reg.R10)
	w.load("Width", reg.R12)
	w.load("OutColumn", reg.RCX)
	w.LEAQ(at(reg.RCX, 0).Idx(reg.RCX, 2), reg.R15)
	w.productColumns(w.transformSums)
	for y := range w.side - 2 {
		if y > 0 {
			w.CMPQ(w.field("Height"), imm(y))
			w.JLE(to("done"))
		}
		for x := range w.side {
			w.VMOVUPS(w.cell(y, x), w.regs[x])
		}
		w.storeSums(y, w.transformSums())
		w.ADDQ(reg.R10, reg.RDI)
	}
	w.Label("done")
	w.next()
}

// transformSums multiplies six sums by A^T, whose columns are multiplied by 6, -4, -4, 1, 1 and 24:
// by the factors of evenCodes, that is 24.
func (w winograd) transformSums() []reg.VecPhysical {
	r := w.regs
	w.VPADDD(r[2], r[1], r[6]) // even at 1
	w.VPSUBD(r[2], r[1], r[1]) // odd at 1
	w.VPADDD(r[4], r[3], r[2]) // even at 2
	w.VPSUBD(r[4], r[3], r[3]) // odd at 2
	w.VPSUBD(r[6], r[0], r[4])
	w.VPADDD(r[4], r[4], r[4])
	w.VPADDD(r[0], r[4], r[0])
	w.VPADDD(r[0], r[0], r[0])
	w.VPADDD(r[2], r[0], r[0]) // 6 m0 - 4 even1 + even2
	w.VPSUBD(r[6], r[2], r[2])
	w.VPSLLD(imm8(2), r[2], r[2]) // 4 even2 - 4 even1
	w.VPADDD(r[5], r[5], r[6])
	w.VPADDD(r[6], r[5], r[5])
	w.VPADDD(r[3], r[5], r[5])
	w.VPADDD(r[5], r[5], r[5])
	w.VPSUBD(r[1], r[5], r[5])
	w.VPSLLD(imm8(2), r[5], r[5]) // 24 m5 + 8 odd2 - 4 odd1
	w.VPSUBD(r[1], r[3], r[3])
	w.VPSUBD(r[1], r[3], r[3])
	w.VPADDD(r[3], r[3], r[3]) // 2 odd2 - 4 odd1
	return []reg.VecPhysical{r[0], r[3], r[2], r[5]}
}

// storeSums makes outputs of the sums of row y, which are 576 times too large.
func (w winograd) storeSums(y int, sums []reg.VecPhysical) {
	each := func(do func(r reg.VecPhysical)) {
		for _, r := range sums {
			do(r)
		}
	}
	label := func(what string) string { return fmt.Sprintf("%s%d", what, y) }
	scale := func() {
		each(func(r reg.VecPhysical) { w.VCVTDQ2PS(r, r) })
		each(func(r reg.VecPhysical) { w.VMULPS(w.constant(codeScale), r, r) })
	}
	each(func(r reg.VecPhysical) { w.VPMULLD(w.constant(codeNinth), r, r) })
	each(func(r reg.VecPhysical) { w.VPSRAD(imm8(6), r, r) })
	each(func(r reg.VecPhysical) { w.VPADDD(w.constant(codeBias), r, r) })
	w.CMPQ(w.field("Floats"), imm(1))
	w.JEQ(to(label("floats")))
	w.JGT(to(label("words")))
	scale()
	w.storeCodes(label("codes"), w.packCodes(sums))
	w.JMP(to(label("stored")))
	w.Label(label("floats"))
	scale()
	each(func(r reg.VecPhysical) { w.add(r, r, w.constant(codeOffset)) })
	each(func(r reg.VecPhysical) { w.clip(r, w.constant(codeLow), w.constant(codeHigh)) })
	w.Label(label("words"))
	w.columns(label("stored"), func(x int) { w.VMOVUPS(sums[x], column(reg.RDI, x)) })
}

// packCodes rounds four vectors, and offsets them by the zero point. In the vector that it returns
// they follow one another.
func (w winograd) packCodes(sums []reg.VecPhysical) reg.VecPhysical {
	for _, r := range sums {
		w.VCVTPS2DQ(r, r)
	}
	for i := 0; i < 4; i += 2 {
		w.VPACKSSDW(sums[i+1], sums[i], sums[i])
		w.VPADDSW(w.constant(codeZero), sums[i], sums[i])
	}
	w.VPACKUSWB(sums[2], sums[0], sums[0])
	w.VPERMD(sums[0], w.constant(codeOrder), sums[0])
	return sums[0]
}

// packedOrder returns a table for VPERMD. Packing four vectors leaves in each 128 bits four
// channels of each; the table collects those of the first vector, then those of the second.
func (w winograd) packedOrder() operand.Mem {
	lanes := w.bytes / 16
	table := w.StaticGlobal(fmt.Sprintf("%s_order%d", w.name, 8*w.bytes))
	w.DataAttributes(attr.RODATA | attr.NOPTR)
	for i := range 4 * lanes {
		w.AddDatum(4*i, operand.U32(i%lanes*4+i/lanes))
	}
	return table
}

// storeCodes stores the columns inside the picture.
func (w winograd) storeCodes(label string, codes reg.VecPhysical) {
	x := codes.AsX().(reg.VecPhysical)
	w.columns(label, func(i int) {
		to := column(reg.RDI, i)
		switch {
		case w.bytes == 64 && i == 0:
			w.VMOVDQU(x, to)
		case w.bytes == 64:
			w.VEXTRACTI32X4(imm8(i), codes, to)
		case i%2 == 1:
			w.VMOVHPS(x, to)
		case i == 2:
			w.VEXTRACTI128(imm8(1), codes, x)
			fallthrough
		default:
			w.VMOVQ(x, to)
		}
	})
}
