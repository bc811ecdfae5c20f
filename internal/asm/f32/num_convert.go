package main

import (
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// conversions writes the kernels that convert blocks of 32 numbers. Those to and from int32 meet
// in it: a conversion between other types takes two.
func (k numKernels) conversions() {
	low := []reg.VecPhysical{reg.X0, reg.X1, reg.X2, reg.X3, reg.X4, reg.X5, reg.X6, reg.X7}
	for _, c := range []struct {
		name string
		size int // of a number of src
		op   func(...operand.Op)
	}{
		{"Int8ToInt32", 1, k.VPMOVSXBD}, {"Uint8ToInt32", 1, k.VPMOVZXBD}, {"Int16ToInt32", 2, k.VPMOVSXWD}, {"Uint16ToInt32", 2, k.VPMOVZXWD},
		{"Int32ToFloat32", 4, k.VCVTDQ2PS},
	} {
		k.convert(c.name, 32*c.size, 128, func(i int) {
			c.op(at(reg.RSI, 8*c.size*i), k.r[i%4])
			k.VMOVDQU(k.r[i%4], at(reg.RDI, 32*i))
		}, 4, nil)
	}
	for _, c := range []struct {
		name string
		size int
		op   func(...operand.Op)
	}{{"Int32ToInt64", 4, k.VPMOVSXDQ}, {"Uint32ToInt64", 4, k.VPMOVZXDQ}, {"Int32ToFloat64", 4, k.VCVTDQ2PD}, {"Float32ToFloat64", 4, k.VCVTPS2PD}} {
		k.convert(c.name, 128, 256, func(i int) {
			c.op(at(reg.RSI, 16*i), k.r[i])
			k.VMOVDQU(k.r[i], at(reg.RDI, 32*i))
		}, 8, nil)
	}
	k.convert("Float64ToFloat32", 256, 128, func(i int) {
		k.VCVTPD2PSY(at(reg.RSI, 32*i), low[i])
		k.VMOVUPS(low[i], at(reg.RDI, 16*i))
	}, 8, nil)
	k.convert("Int64ToInt32", 256, 128, func(i int) {
		k.VMOVDQU(at(reg.RSI, 64*i), k.r[i])
		k.VSHUFPS(operand.U8(0x88), at(reg.RSI, 64*i+32), k.r[i], k.r[i])
		k.VPERMQ(operand.U8(0xd8), k.r[i], k.r[i])
		k.VMOVDQU(k.r[i], at(reg.RDI, 32*i))
	}, 4, nil)
	k.convert("Float32ToFloat16", 128, 64, func(i int) {
		k.VMOVUPS(at(reg.RSI, 32*i), k.r[i])
		k.VCVTPS2PH(operand.U8(0), k.r[i], at(reg.RDI, 16*i))
	}, 4, nil)
	k.convert("Float32ToBFloat16", 128, 64, func(i int) {
		// (x + 0x7fff + the lowest bit that stays) >> 16; of NaN the bits that stay, one of them set
		half, quiet := k.r[9], k.r[8]
		k.VPSRLD(operand.U8(1), k.r[lowReg], half)
		for j := range 2 {
			x, y, nan := k.r[3*j], k.r[3*j+1], k.r[3*j+2]
			k.VMOVUPS(at(reg.RSI, 64*i+32*j), x)
			k.VCMPPS(unordered, x, x, nan)
			k.VPSRLD(operand.U8(16), x, y)
			k.VPSRLD(operand.U8(14), half, quiet) // 1
			k.VPAND(y, quiet, quiet)
			k.VPADDD(half, x, x)
			k.VPADDD(quiet, x, x)
			k.VPSRLD(operand.U8(16), x, x)
			k.VPSRLD(operand.U8(14), half, quiet)
			k.VPSLLD(operand.U8(6), quiet, quiet)
			k.VPOR(quiet, y, y)
			k.VPBLENDVB(nan, y, x, x)
		}
		k.VPACKUSDW(k.r[3], k.r[0], k.r[0])
		k.VPERMQ(operand.U8(0xd8), k.r[0], k.r[0])
		k.VMOVDQU(k.r[0], at(reg.RDI, 32*i))
	}, 2, nil)
	k.convert("Int32ToInt16", 128, 64, func(i int) {
		a, b, mask := k.r[2*i], k.r[2*i+1], k.r[lowReg]
		k.VPAND(at(reg.RSI, 64*i), mask, a)
		k.VPAND(at(reg.RSI, 64*i+32), mask, b)
		k.VPACKUSDW(b, a, a)
		k.VPERMQ(operand.U8(0xd8), a, a)
		k.VMOVDQU(a, at(reg.RDI, 32*i))
	}, 2, nil)
	k.convert("Int32ToInt8", 128, 32, func(int) {
		k.VPSRLD(operand.U8(8), k.r[lowReg], k.r[13])
		for i := range 4 {
			k.VPAND(at(reg.RSI, 32*i), k.r[13], k.r[i])
		}
		k.VPACKUSDW(k.r[1], k.r[0], k.r[0])
		k.VPACKUSDW(k.r[3], k.r[2], k.r[2])
		k.VPACKUSWB(k.r[2], k.r[0], k.r[0])
		k.VPERMD(k.r[0], k.r[packedReg], k.r[0])
		k.VMOVDQU(k.r[0], at(reg.RDI, 0))
	}, 1, nil)
	k.convert("Float32ToInt32", 128, 128, func(i int) {
		k.VCVTTPS2DQ(at(reg.RSI, 32*i), k.r[i])
		k.VMOVDQU(k.r[i], at(reg.RDI, 32*i))
		k.VPCMPEQD(k.r[noneReg], k.r[i], k.r[i])
		k.VPOR(k.r[i], k.r[missedReg], k.r[missedReg])
	}, 4, func() { k.VMOVDQU(k.r[missedReg], at(reg.RDI, 0)) })
}

// Registers that hold constants of conversions: low is 0xffff in each 32 bits, packed what puts
// packed bytes in order, and none what a float becomes that no int32 holds. missed gathers where
// that was.
const lowReg, packedReg, noneReg, missedReg = 14, 12, 10, 11

// convert writes a kernel that reads and writes so many bytes a block in steps; end, if it is not
// nil, writes what comes behind the last block.
func (k numKernels) convert(name string, read, written int, step func(i int), steps int, end func()) {
	name = "Num" + name + "AVX2"
	k.leaf(name, []string{"dst ptr", "src ptr", "blocks int"}, name+" converts blocks of 32 numbers, at least one.")
	k.takes(reg.RDI, reg.RSI, reg.RDX)
	k.VPCMPEQD(k.r[lowReg], k.r[lowReg], k.r[lowReg])
	k.VPSRLD(operand.U8(16), k.r[lowReg], k.r[lowReg])
	k.MOVQ(operand.U64(0x0703060205010400), reg.RAX)
	k.VMOVQ(reg.RAX, k.r[packedReg].AsX())
	k.VPMOVZXBD(k.r[packedReg].AsX(), k.r[packedReg])
	k.VPSLLD(operand.U8(31), k.r[lowReg], k.r[noneReg])
	k.VPXOR(k.r[missedReg], k.r[missedReg], k.r[missedReg])
	k.Label("block")
	for i := range steps {
		step(i)
	}
	k.ADDQ(imm(read), reg.RSI)
	k.ADDQ(imm(written), reg.RDI)
	k.DECQ(reg.RDX)
	k.JNZ(to("block"))
	if end != nil {
		end()
	}
	k.end()
}
