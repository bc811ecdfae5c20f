package main

import (
	"fmt"

	"github.com/mmcloughlin/avo/attr"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// numbers writes the kernels of package num: comparisons and other functions of two rows of
// numbers, in blocks of 32. A block of numbers of s bytes is s vectors. These kernels mostly
// wait for memory, so AVX-512 has none of its own.
func numbers(g *gen) {
	words := g.StaticGlobal("num_words") // see packed
	g.DataAttributes(attr.RODATA | attr.NOPTR)
	for i, w := range []int{0, 4, 1, 5, 2, 6, 3, 7} {
		g.AddDatum(2*i, operand.U16(2*w|(2*w+1)<<8))
	}
	k := numKernels{g, g.row(ymm).r, words}
	for i, t := range []string{"8", "16", "32", "64"} {
		size := 1 << i
		k.compare("EqualInt"+t, size, false, func(a, b operand.Mem, d reg.VecPhysical) {
			k.VMOVDQU(a, d)
			[]func(...operand.Op){k.VPCMPEQB, k.VPCMPEQW, k.VPCMPEQD, k.VPCMPEQQ}[i](b, d, d)
		})
		above := []func(...operand.Op){k.VPCMPGTB, k.VPCMPGTW, k.VPCMPGTD, k.VPCMPGTQ}[i]
		k.compare("GreaterInt"+t, size, false, func(a, b operand.Mem, d reg.VecPhysical) {
			k.VMOVDQU(a, d)
			above(b, d, d)
		})
		k.compare("GreaterOrEqualInt"+t, size, true, func(a, b operand.Mem, d reg.VecPhysical) {
			k.VMOVDQU(b, d)
			above(a, d, d)
		})
	}
	k.unsigned()
	for _, c := range []struct {
		name      string
		predicate operand.Op
	}{{"Equal", operand.U8(0)}, {"Greater", greater}, {"GreaterOrEqual", operand.U8(13)}} {
		k.compare(c.name+"Float32", 4, false, func(a, b operand.Mem, d reg.VecPhysical) {
			k.VMOVUPS(a, d)
			k.VCMPPS(c.predicate, b, d, d)
		})
		k.compare(c.name+"Float64", 8, false, func(a, b operand.Mem, d reg.VecPhysical) {
			k.VMOVUPD(a, d)
			k.VCMPPD(c.predicate, b, d, d)
		})
	}
	k.joins()
	k.conversions()
	k.choose()
}

// numKernels writes kernels on blocks.
type numKernels struct {
	*gen
	r     []reg.VecPhysical
	words operand.Mem
}

// Registers that hold constants: ones is 1 in each byte, order is what puts the bytes of
// packed numbers in order, and sign the sign bit of 64 bits.
const onesReg, orderReg, signReg = 15, 14, 13

// begin starts a kernel and its loop over blocks; finish ends both. The pointers of a and b
// advance by any number of bytes a block, so that 0 repeats one block.
func (k numKernels) begin(name string, prepare func()) {
	name = "Num" + name + "AVX2"
	k.leaf(name, []string{"dst ptr", "a ptr", "b ptr", "blocks int", "stepA int", "stepB int"},
		name+" takes blocks of 32 numbers, at least one. Blocks of a and b are stepA and stepB bytes apart; dst may be a or b.")
	k.takes(reg.RDI, reg.RSI, reg.RBX, reg.RDX, reg.R8, reg.R9)
	prepare()
	k.Label("block")
}

func (k numKernels) finish(written int) {
	k.ADDQ(imm(written), reg.RDI)
	k.ADDQ(reg.R8, reg.RSI)
	k.ADDQ(reg.R9, reg.RBX)
	k.DECQ(reg.RDX)
	k.JNZ(to("block"))
	k.end()
}

// compare writes a kernel that sets 32 bytes to 1 or 0. mask compares a vector; not inverts
// what it says.
func (k numKernels) compare(name string, size int, not bool, mask func(a, b operand.Mem, d reg.VecPhysical)) {
	ones, order, sign := k.r[onesReg], k.r[orderReg], k.r[signReg]
	k.begin(name, func() {
		k.VPCMPEQD(ones, ones, ones)
		k.VPSLLQ(operand.U8(63), ones, sign)
		k.VPABSB(ones, ones)
		switch size {
		case 4:
			k.MOVQ(operand.U64(0x0703060205010400), reg.RAX)
			k.VMOVQ(reg.RAX, order.AsX())
			k.VPMOVZXBD(order.AsX(), order)
		case 8:
			k.VBROADCASTI128(k.words, order)
		}
	})
	for i := range size {
		mask(at(reg.RSI, 32*i), at(reg.RBX, 32*i), k.r[i])
	}
	k.packed(size)
	if not {
		k.VPANDN(ones, k.r[0], k.r[0])
	} else {
		k.VPAND(ones, k.r[0], k.r[0])
	}
	k.VMOVDQU(k.r[0], at(reg.RDI, 0))
	k.finish(32)
}

// packed packs the masks of a block in as many registers as a number has bytes into the bytes
// of register 0. Packing joins the halves of two registers: those of the result alternate
// between them, in pieces that are put in order at the end.
func (k numKernels) packed(size int) {
	order := k.r[orderReg]
	switch size {
	case 2:
		k.VPACKSSWB(k.r[1], k.r[0], k.r[0])
		k.VPERMQ(operand.U8(0xd8), k.r[0], k.r[0])
	case 4:
		k.VPACKSSDW(k.r[1], k.r[0], k.r[0])
		k.VPACKSSDW(k.r[3], k.r[2], k.r[2])
		k.VPACKSSWB(k.r[2], k.r[0], k.r[0])
		k.VPERMD(k.r[0], order, k.r[0])
	case 8:
		for i := 0; i < 8; i += 2 { // the lower halves of masks of 64 bits
			k.VSHUFPS(operand.U8(0x88), k.r[i+1], k.r[i], k.r[i])
		}
		k.VPACKSSDW(k.r[2], k.r[0], k.r[0])
		k.VPACKSSDW(k.r[6], k.r[4], k.r[4])
		k.VPACKSSWB(k.r[4], k.r[0], k.r[0])
		k.VPERMQ(operand.U8(0xd8), k.r[0], k.r[0])
		k.VPSHUFB(order, k.r[0], k.r[0])
	}
}

// unsigned writes the comparisons of order of unsigned integers. Those of up to 32 bits go by
// the larger of two, those of 64 by signed ones with the sign bit flipped.
func (k numKernels) unsigned() {
	for i, t := range []string{"8", "16", "32"} {
		most := []func(...operand.Op){k.VPMAXUB, k.VPMAXUW, k.VPMAXUD}[i]
		same := []func(...operand.Op){k.VPCMPEQB, k.VPCMPEQW, k.VPCMPEQD}[i]
		for _, c := range []struct {
			name string
			not  bool
		}{{"Greater", true}, {"GreaterOrEqual", false}} {
			k.compare(c.name+"Uint"+t, 1<<i, c.not, func(a, b operand.Mem, d reg.VecPhysical) {
				if c.not { // a > b unless the larger is b
					a, b = b, a
				}
				k.VMOVDQU(a, k.r[8])
				most(b, k.r[8], d)
				same(k.r[8], d, d)
			})
		}
	}
	flipped := func(a, b operand.Mem, d reg.VecPhysical) {
		k.VPXOR(a, k.r[signReg], d)
		k.VPXOR(b, k.r[signReg], k.r[8])
		k.VPCMPGTQ(k.r[8], d, d)
	}
	k.compare("GreaterUint64", 8, false, flipped)
	k.compare("GreaterOrEqualUint64", 8, true, func(a, b operand.Mem, d reg.VecPhysical) { flipped(b, a, d) })
}

// join writes a kernel of a function whose result is of the operands' type; op gets both
// operands of a vector in registers 0 and 1, and leaves the result in register 0. Registers 2
// to 5 are free.
func (k numKernels) join(name string, size int, op func(a, b reg.VecPhysical)) {
	k.begin(name, func() {
		k.VPCMPEQD(k.r[signReg], k.r[signReg], k.r[signReg])
		k.VPSLLQ(operand.U8(63), k.r[signReg], k.r[signReg])
	})
	for i := range size {
		k.VMOVDQU(at(reg.RSI, 32*i), k.r[0])
		k.VMOVDQU(at(reg.RBX, 32*i), k.r[1])
		op(k.r[0], k.r[1])
		k.VMOVDQU(k.r[0], at(reg.RDI, 32*i))
	}
	k.finish(32 * size)
}

// joins writes the functions whose result is of the operands' type.
func (k numKernels) joins() {
	and := func(o ...operand.Op) { k.VPAND(o[0], o[1], o[2]) }
	or := func(o ...operand.Op) { k.VPOR(o[0], o[1], o[2]) }
	xor := func(o ...operand.Op) { k.VPXOR(o[0], o[1], o[2]) }
	for _, f := range []struct {
		name string
		size int
		op   func(...operand.Op)
	}{
		{"AddInt8", 1, k.VPADDB}, {"AddInt16", 2, k.VPADDW}, {"AddInt32", 4, k.VPADDD}, {"AddInt64", 8, k.VPADDQ}, {"AddFloat64", 8, k.VADDPD},
		{"SubInt8", 1, k.VPSUBB}, {"SubInt16", 2, k.VPSUBW}, {"SubInt32", 4, k.VPSUBD}, {"SubInt64", 8, k.VPSUBQ}, {"SubFloat64", 8, k.VSUBPD},
		{"MulInt16", 2, k.VPMULLW}, {"MulInt32", 4, k.VPMULLD}, {"MulFloat64", 8, k.VMULPD}, {"DivFloat64", 8, k.VDIVPD},
		{"MinInt8", 1, k.VPMINSB}, {"MinInt16", 2, k.VPMINSW}, {"MinInt32", 4, k.VPMINSD},
		{"MinUint8", 1, k.VPMINUB}, {"MinUint16", 2, k.VPMINUW}, {"MinUint32", 4, k.VPMINUD},
		{"MaxInt8", 1, k.VPMAXSB}, {"MaxInt16", 2, k.VPMAXSW}, {"MaxInt32", 4, k.VPMAXSD},
		{"MaxUint8", 1, k.VPMAXUB}, {"MaxUint16", 2, k.VPMAXUW}, {"MaxUint32", 4, k.VPMAXUD},
		{"And8", 1, and}, {"And16", 2, and}, {"And32", 4, and}, {"And64", 8, and},
		{"Or8", 1, or}, {"Or16", 2, or}, {"Or32", 4, or}, {"Or64", 8, or},
		{"Xor8", 1, xor}, {"Xor16", 2, xor}, {"Xor32", 4, xor}, {"Xor64", 8, xor},
		{"LeftUint32", 4, k.VPSLLVD}, {"LeftUint64", 8, k.VPSLLVQ}, {"RightUint32", 4, k.VPSRLVD}, {"RightUint64", 8, k.VPSRLVQ},
	} {
		k.join(f.name, f.size, func(a, b reg.VecPhysical) { f.op(b, a, a) })
	}
	k.join("MulInt64", 8, func(a, b reg.VecPhysical) { // low·low + (low·high + high·low)·2^32
		cross, upper := k.r[2], k.r[3]
		k.VPSHUFD(operand.U8(0xb1), b, cross)
		k.VPMULLD(cross, a, cross)
		k.VPSRLQ(operand.U8(32), cross, upper)
		k.VPADDD(upper, cross, cross)
		k.VPSLLQ(operand.U8(32), cross, cross)
		k.VPMULUDQ(b, a, a)
		k.VPADDQ(cross, a, a)
	})
	k.wideExtremes()
}

// wideExtremes writes the least and the largest of 64 bits. Those of float64 are as in least
// and most.
func (k numKernels) wideExtremes() {
	c, d, sign := k.r[2], k.r[3], k.r[signReg]
	for _, most := range []bool{false, true} {
		name := map[bool]string{false: "Min", true: "Max"}[most]
		pick := func(a, b reg.VecPhysical) { // c tells where a is larger
			if most {
				k.VBLENDVPD(c, a, b, a)
			} else {
				k.VBLENDVPD(c, b, a, a)
			}
		}
		k.join(name+"Int64", 8, func(a, b reg.VecPhysical) {
			k.VPCMPGTQ(b, a, c)
			pick(a, b)
		})
		k.join(name+"Uint64", 8, func(a, b reg.VecPhysical) {
			k.VPXOR(a, sign, c)
			k.VPXOR(b, sign, d)
			k.VPCMPGTQ(d, c, c)
			pick(a, b)
		})
		k.join(name+"Float64", 8, func(a, b reg.VecPhysical) {
			if !most {
				k.VMINPD(a, b, c)
				k.VMINPD(b, a, a)
				k.VORPD(c, a, a)
				return
			}
			k.VMAXPD(a, b, c)
			k.VMAXPD(b, a, d)
			k.VANDPD(c, d, c)
			k.VCMPPD(unordered, b, a, d)
			k.VORPD(d, c, a)
		})
	}
}

// choose writes the kernels that take numbers of a or b, as bytes of 1 or 0 say.
func (k numKernels) choose() {
	for i, widen := range []func(...operand.Op){nil, k.VPMOVZXBW, k.VPMOVZXBD, k.VPMOVZXBQ} {
		size := 1 << i
		name := fmt.Sprint("NumChoose", 8*size, "AVX2")
		k.leaf(name, []string{"dst ptr", "a ptr", "b ptr", "blocks int", "stepA int", "stepB int", "which ptr"},
			name+" sets blocks of 32 numbers, at least one, to those of a where the byte at which is not 0, else to those of b.")
		k.takes(reg.RDI, reg.RSI, reg.RBX, reg.RDX, reg.R8, reg.R9, reg.R10)
		mask, a, zero := k.r[0], k.r[1], k.r[15]
		k.VPXOR(zero, zero, zero)
		k.Label("block")
		for v := range size {
			if size == 1 {
				k.VMOVDQU(at(reg.R10, 0), mask)
			} else {
				widen(at(reg.R10, 32/size*v), mask)
			}
			[]func(...operand.Op){k.VPCMPEQB, k.VPCMPEQW, k.VPCMPEQD, k.VPCMPEQQ}[i](zero, mask, mask)
			k.VMOVDQU(at(reg.RSI, 32*v), a)
			k.VPBLENDVB(mask, at(reg.RBX, 32*v), a, a)
			k.VMOVDQU(a, at(reg.RDI, 32*v))
		}
		k.ADDQ(imm(32), reg.R10)
		k.finish(32 * size)
	}
}
