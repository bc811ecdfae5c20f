package main

import (
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// halfBit is half a unit in the last place of a bf16, as the bits of a float32; highBits
// masks the bits of a bf16.
var halfBit, highBits = reg.Z30, reg.Z31

// splits writes the conversions between two blocks of F32x16 and pixels of Split32 or
// BF16x32.
func splits(g *gen) {
	g.flush(func() {
		g.splitKernel("SplitAVX512", []string{"dst ptr", "a ptr", "b ptr", "pixels int"}, func() {
			g.pack(reg.Z0, reg.Z1, reg.Z2, reg.Z3, reg.Z4)
			g.VMOVUPS(reg.Z4, at(reg.RDI, 0))
			g.VSUBPS(reg.Z2, reg.Z0, reg.Z0)
			g.VSUBPS(reg.Z3, reg.Z1, reg.Z1)
			g.pack(reg.Z0, reg.Z1, reg.Z2, reg.Z3, reg.Z4)
			g.VMOVUPS(reg.Z4, at(reg.RDI, 64))
		}, true, 128)
	})
	g.splitKernel("NarrowAVX512", []string{"dst ptr", "a ptr", "b ptr", "pixels int"}, func() {
		g.pack(reg.Z0, reg.Z1, reg.Z2, reg.Z3, reg.Z4)
		g.VMOVUPS(reg.Z4, at(reg.RDI, 0))
	}, true, 64)
	g.narrowRow()
	g.splitKernel("UnsplitAVX512", []string{"a ptr", "b ptr", "src ptr", "pixels int"}, func() {
		g.join()
		g.VMOVUPS(reg.Z0, at(reg.RSI, 0))
		g.VMOVUPS(reg.Z1, at(reg.RBX, 0))
	}, false, 128)
	g.splitKernel("WidenAVX512", []string{"a ptr", "b ptr", "src ptr", "pixels int"}, func() {
		g.unpack(0, reg.Z0, reg.Z1)
		g.VMOVUPS(reg.Z0, at(reg.RSI, 0))
		g.VMOVUPS(reg.Z1, at(reg.RBX, 0))
	}, false, 64)
}

// narrowRow writes a kernel that narrows a row of numbers: words of numbers i and 16+i of each 32.
func (g *gen) narrowRow() {
	g.leaf("NarrowRowAVX512", []string{"dst ptr", "src ptr", "blocks int"},
		"NarrowRowAVX512 narrows blocks of 32 numbers, at least one, as NarrowAVX512 does pixels.")
	g.param("src", reg.RSI)
	g.param("dst", reg.RDI)
	g.param("blocks", reg.RDX)
	g.halves()
	g.Label("loop")
	g.VMOVUPS(at(reg.RSI, 0), reg.Z0)
	g.VMOVUPS(at(reg.RSI, 64), reg.Z1)
	g.pack(reg.Z0, reg.Z1, reg.Z2, reg.Z3, reg.Z4)
	g.VMOVUPS(reg.Z4, at(reg.RDI, 0))
	g.ADDQ(imm(128), reg.RSI)
	g.ADDQ(imm(64), reg.RDI)
	g.DECQ(reg.RDX)
	g.JNZ(to("loop"))
	g.end()
}

// halves sets halfBit and highBits.
func (g *gen) halves() {
	g.MOVL(operand.U32(0x8000), reg.EAX)
	g.VPBROADCASTD(reg.EAX, halfBit)
	g.MOVL(operand.U32(0xffff0000), reg.EAX)
	g.VPBROADCASTD(reg.EAX, highBits)
}

// splitKernel writes a loop of body over pixels: SI and BX point to the float32 of
// channels 0-15 and 16-31, DI to the bf16, pixelBytes per pixel. loads says that body
// converts from float32, in Z0 and Z1.
func (g *gen) splitKernel(name string, params []string, body func(), loads bool, pixelBytes int) {
	g.leaf(name, params)
	g.begin()
	g.param("a", reg.RSI)
	g.param("b", reg.RBX)
	if loads {
		g.param("dst", reg.RDI)
	} else {
		g.param("src", reg.RDI)
	}
	g.param("pixels", reg.RDX)
	g.halves()
	g.Label("loop")
	if loads {
		g.VMOVUPS(at(reg.RSI, 0), reg.Z0)
		g.VMOVUPS(at(reg.RBX, 0), reg.Z1)
	}
	body()
	g.ADDQ(imm(64), reg.RSI)
	g.ADDQ(imm(64), reg.RBX)
	g.ADDQ(imm(pixelBytes), reg.RDI)
	g.DECQ(reg.RDX)
	g.JNZ(to("loop"))
	g.restore()
	g.end()
}

// pack rounds a and b half up in magnitude to bf16: ra and rb are the results as float32,
// both has them in pairs.
func (g *gen) pack(a, b, ra, rb, both reg.VecPhysical) {
	g.VPADDD(halfBit, a, ra)
	g.VPADDD(halfBit, b, rb)
	g.VPSRLD(operand.U8(16), ra, both)
	g.VPANDD(highBits, ra, ra)
	g.VPANDD(highBits, rb, rb)
	g.VPORD(rb, both, both)
}

// unpack converts the pairs of bf16 disp bytes after DI to float32.
func (g *gen) unpack(disp int, a, b reg.VecPhysical) {
	g.VMOVUPS(at(reg.RDI, disp), b)
	g.VPSLLD(operand.U8(16), b, a)
	g.VPANDD(highBits, b, b)
}

// join computes the sums of high and low parts in Z0 and Z1.
func (g *gen) join() {
	g.unpack(0, reg.Z0, reg.Z1)
	g.unpack(64, reg.Z2, reg.Z3)
	g.VADDPS(reg.Z2, reg.Z0, reg.Z0)
	g.VADDPS(reg.Z3, reg.Z1, reg.Z1)
}
