package main

import (
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// transposes writes the conversions between planes and pixels of 8 or 16 numbers.
func transposes(g *gen) {
	g.interleave512()
	g.deinterleave512()
	g.interleave256(true)
	g.interleave256(false)
}

// transpose16 transposes the 16x16 matrix in Z0 to Z15: pairs of rows, 4x4 blocks within
// 128-bit lanes, then lanes. Z16 to Z31 change.
func (g *gen) transpose16() {
	z := zmm.regs
	for i := 0; i < 16; i += 2 {
		g.VUNPCKLPS(z[i+1], z[i], z[16+i])
		g.VUNPCKHPS(z[i+1], z[i], z[17+i])
	}
	for i := 0; i < 16; i += 4 {
		g.VUNPCKLPD(z[18+i], z[16+i], z[i])
		g.VUNPCKHPD(z[18+i], z[16+i], z[i+1])
		g.VUNPCKLPD(z[19+i], z[17+i], z[i+2])
		g.VUNPCKHPD(z[19+i], z[17+i], z[i+3])
	}
	// Z(4i+j) now has columns j, j+4, j+8, j+12 of rows 4i to 4i+3.
	const even, odd = 0x88, 0xdd
	for j := range 4 {
		g.VSHUFF32X4(operand.U8(even), z[4+j], z[j], z[16+4*j])
		g.VSHUFF32X4(operand.U8(odd), z[4+j], z[j], z[17+4*j])
		g.VSHUFF32X4(operand.U8(even), z[12+j], z[8+j], z[18+4*j])
		g.VSHUFF32X4(operand.U8(odd), z[12+j], z[8+j], z[19+4*j])
	}
	for j := range 4 {
		g.VSHUFF32X4(operand.U8(even), z[18+4*j], z[16+4*j], z[j])
		g.VSHUFF32X4(operand.U8(even), z[19+4*j], z[17+4*j], z[4+j])
		g.VSHUFF32X4(operand.U8(odd), z[18+4*j], z[16+4*j], z[8+j])
		g.VSHUFF32X4(operand.U8(odd), z[19+4*j], z[17+4*j], z[12+j])
	}
}

// transposeLoop begins a loop over 16 pixels at a time; K1 masks the last ones.
func (g *gen) transposeLoop(name, doc string) (dst, src, plane, channels, pixels reg.GPPhysical) {
	g.leaf(name, []string{"dst ptr", "src ptr", "plane int", "channels int", "pixels int"}, doc,
		"It accesses no other pixels and channels.")
	dst, src, plane, channels, pixels = reg.RDI, reg.RSI, reg.R8, reg.R9, reg.RDX
	g.takes(dst, src, plane, channels, pixels)
	g.Label("loop")
	g.TESTQ(pixels, pixels)
	g.JLE(to("done"))
	g.MOVL(imm(0xffff), reg.EAX)
	g.CMPQ(pixels, imm(16))
	g.JGE(to("whole"))
	g.MOVL(imm(1), reg.EAX)
	g.MOVQ(pixels, reg.RCX)
	g.SHLL(reg.CL, reg.EAX)
	g.DECL(reg.EAX)
	g.Label("whole")
	g.KMOVW(reg.EAX, reg.K1)
	return dst, src, plane, channels, pixels
}

// planes visits the planes of up to 16 channels from base on; code for missing ones is
// skipped at run time.
func (g *gen) planes(base, plane, channels reg.Register, visit func(i int, m operand.Mem)) {
	g.MOVQ(base, reg.RBX)
	for i := range 16 {
		g.CMPQ(channels, imm(i))
		g.JLE(to("allPlanes"))
		visit(i, at(reg.RBX, 0))
		g.ADDQ(plane, reg.RBX)
	}
	g.Label("allPlanes")
}

// pixelsOf visits up to 16 pixels from base on; code for missing ones is skipped at run
// time.
func (g *gen) pixelsOf(base, pixels reg.Register, visit func(i int, m operand.Mem)) {
	for i := range 16 {
		g.CMPQ(pixels, imm(i))
		g.JLE(to("allPixels"))
		visit(i, at(base, 64*i))
	}
	g.Label("allPixels")
}

func (g *gen) interleave512() {
	dst, src, plane, channels, pixels := g.transposeLoop("InterleaveAVX512", "InterleaveAVX512 converts planes to pixels of 16 numbers.")
	z := zmm.regs
	for i := range 16 {
		g.VPXORD(z[i], z[i], z[i])
	}
	g.planes(src, plane, channels, func(i int, m operand.Mem) { g.VMOVUPS_Z(m, reg.K1, z[i]) })
	g.transpose16()
	g.pixelsOf(dst, pixels, func(i int, m operand.Mem) { g.VMOVUPS(z[i], m) })
	g.ADDQ(imm(64), src)
	g.ADDQ(imm(1024), dst)
	g.SUBQ(imm(16), pixels)
	g.JMP(to("loop"))
	g.Label("done")
	g.end()
}

func (g *gen) deinterleave512() {
	dst, src, plane, channels, pixels := g.transposeLoop("DeinterleaveAVX512", "DeinterleaveAVX512 converts pixels of 16 numbers to planes.")
	z := zmm.regs
	g.pixelsOf(src, pixels, func(i int, m operand.Mem) { g.VMOVUPS(m, z[i]) })
	g.transpose16()
	g.planes(dst, plane, channels, func(i int, m operand.Mem) { g.VMOVUPS(z[i], reg.K1, m) })
	g.ADDQ(imm(1024), src)
	g.ADDQ(imm(64), dst)
	g.SUBQ(imm(16), pixels)
	g.JMP(to("loop"))
	g.Label("done")
	g.end()
}

// interleave256 writes a conversion between up to 8 planes and pixels of 8 numbers: the same
// transposition of 8x8 in both directions. Fewer than 8 pixels at the end are masked in the
// planes; those of a row are as good as whole ones where maps are 7 or 14 pixels wide.
func (g *gen) interleave256(in bool) {
	name, doc := "DeinterleaveAVX2", "converts pixels of 8 numbers to planes."
	if in {
		name, doc = "InterleaveAVX2", "converts planes to pixels of 8 numbers."
	}
	g.leaf(name, []string{"dst ptr", "src ptr", "plane int", "channels int", "pixels int"}, name+" "+doc,
		"It accesses no other pixels and channels.")
	dst, src, plane, channels, pixels := reg.RDI, reg.RSI, reg.R8, reg.R9, reg.RDX
	g.takes(dst, src, plane, channels, pixels)
	y := ymm.regs
	planes := func(label string, base reg.Register, visit func(i int, m operand.Mem)) {
		g.MOVQ(base, reg.RBX)
		for i := range 8 {
			g.CMPQ(channels, imm(i))
			g.JLE(to(label))
			visit(i, at(reg.RBX, 0))
			g.ADDQ(plane, reg.RBX)
		}
		g.Label(label)
	}
	// each visits the pixels that there are.
	each := func(label string, base reg.Register, visit func(i int, m operand.Mem)) {
		for i := range 8 {
			if i > 0 {
				g.CMPQ(pixels, imm(i))
				g.JLE(to(label))
			}
			visit(i, at(base, 32*i))
		}
		g.Label(label)
	}
	tailMask := func(mask reg.VecPhysical) {
		g.VMOVD(pixels.As32(), mask.AsX())
		g.VPBROADCASTD(mask.AsX(), mask)
		g.VPCMPGTD(g.lanes(), mask, mask)
	}
	g.Label("loop")
	g.TESTQ(pixels, pixels)
	g.JLE(to("done"))
	if in {
		for i := range 8 {
			g.VXORPS(y[i].AsX(), y[i].AsX(), y[i].AsX())
		}
		g.CMPQ(pixels, imm(8))
		g.JLT(to("few"))
		planes("loaded", src, func(i int, m operand.Mem) { g.VMOVUPS(m, y[i]) })
		g.JMP(to("turn"))
		g.Label("few")
		tailMask(y[8])
		planes("turn", src, func(i int, m operand.Mem) { g.VMASKMOVPS(m, y[8], y[i]) })
	} else {
		each("turn", src, func(i int, m operand.Mem) { g.VMOVUPS(m, y[i]) })
	}
	g.transpose8()
	if in {
		each("next", dst, func(i int, m operand.Mem) { g.VMOVUPS(y[8+i], m) })
		g.ADDQ(imm(32), src)
		g.ADDQ(imm(256), dst)
	} else {
		g.CMPQ(pixels, imm(8))
		g.JLT(to("few"))
		planes("next", dst, func(i int, m operand.Mem) { g.VMOVUPS(y[8+i], m) })
		g.ADDQ(imm(256), src)
		g.ADDQ(imm(32), dst)
	}
	g.SUBQ(imm(8), pixels)
	g.JMP(to("loop"))
	if !in {
		g.Label("few")
		tailMask(y[0])
		planes("done", dst, func(i int, m operand.Mem) { g.VMASKMOVPS(y[8+i], y[0], m) })
		g.end()
		return
	}
	g.Label("done")
	g.end()
}

// transpose8 transposes the 8x8 matrix in Y0 to Y7 to Y8 to Y15: pairs of rows, 4x4 blocks
// within 128-bit lanes, then lanes. Y0 to Y7 change.
func (g *gen) transpose8() {
	y := ymm.regs
	for i := 0; i < 8; i += 2 {
		g.VUNPCKLPS(y[i+1], y[i], y[8+i])
		g.VUNPCKHPS(y[i+1], y[i], y[9+i])
	}
	for i := 0; i < 8; i += 4 {
		g.VUNPCKLPD(y[10+i], y[8+i], y[i])
		g.VUNPCKHPD(y[10+i], y[8+i], y[i+1])
		g.VUNPCKLPD(y[11+i], y[9+i], y[i+2])
		g.VUNPCKHPD(y[11+i], y[9+i], y[i+3])
	}
	for j := range 4 {
		g.VPERM2F128(operand.U8(0x20), y[4+j], y[j], y[8+j])
		g.VPERM2F128(operand.U8(0x31), y[4+j], y[j], y[12+j])
	}
}
