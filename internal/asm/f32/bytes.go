package main

import (
	"fmt"

	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// byteRows writes the AVX-512 kernels that go along rows of 8-bit codes.
func byteRows(g *gen) {
	g.bytePair("ByteAddAVX512", "adds what Count codes stand for, a multiple of 16", func(a, b reg.VecPhysical) {
		g.VCVTDQ2PS(a, a)
		g.VCVTDQ2PS(b, b)
		g.VFMADD213PS(reg.Z28, reg.Z29, b) // b·RatioB + Fixed
		g.VFMADD213PS(b, reg.Z30, a)       // a·RatioA + that
	})
	g.bytePair("ByteMulAVX512", "multiplies what Count codes stand for, a multiple of 16", func(a, b reg.VecPhysical) {
		g.VPMULLD(b, a, a)
		g.VCVTDQ2PS(a, a)
		g.VMULPS(reg.Z30, a, a)
		g.VADDPS(reg.Z28, a, a)
	})
	g.quantize()
	g.quantizePixels()
	g.dequantize()
	g.byteMax()
	g.byteSum()
}

// byteEnds keeps what rounding to codes needs: Z27 Z26 the bounds, Z25 what is
// added to the rounded number.
func (g *gen) byteEnds() {
	g.VBROADCASTSS(g.field("Low"), reg.Z27)
	g.VBROADCASTSS(g.field("High"), reg.Z26)
	g.VPBROADCASTD(g.field("OffOut"), reg.Z25)
}

// round makes codes of numbers.
func (g *gen) round(v reg.VecPhysical) {
	g.VMAXPS(reg.Z27, v, v)
	g.VMINPS(reg.Z26, v, v)
	g.VCVTPS2DQ(v, v)
	g.VPADDD(reg.Z25, v, v)
}

// byteLoop runs body for four vectors of 16 numbers at a time, then for one.
// size is how many bytes each pointer advances a vector.
func (g *gen) byteLoop(left reg.Register, body func(k int), advance func(k int)) {
	for _, k := range []int{4, 1} {
		label := map[int]string{4: "four", 1: "one"}[k]
		g.Label(label)
		g.CMPQ(left, imm(16*k))
		g.JLT(to(label + "Done"))
		body(k)
		advance(k)
		g.SUBQ(imm(16*k), left)
		g.JMP(to(label))
		g.Label(label + "Done")
	}
}

// bytePair joins two rows of codes.
func (g *gen) bytePair(name, does string, op func(a, b reg.VecPhysical)) {
	g.fn(name, "ByteRow", name+" "+does+".")
	g.Comment("AX arguments, DI output, SI BX inputs, DX numbers left. Z31 Z24 OffA and OffB,", "Z30 Z29 the ratios, Z28 Fixed, Z25 to Z27 see byteEnds.")
	dst, a, b, left := reg.RDI, reg.RSI, reg.RBX, reg.RDX
	g.load("Dst", dst)
	g.load("A", a)
	g.load("B", b)
	g.load("Count", left)
	g.VPBROADCASTD(g.field("OffA"), reg.Z31)
	g.VPBROADCASTD(g.field("OffB"), reg.Z24)
	g.VBROADCASTSS(g.field("RatioA"), reg.Z30)
	g.VBROADCASTSS(g.field("RatioB"), reg.Z29)
	g.VBROADCASTSS(g.field("Fixed"), reg.Z28)
	g.byteEnds()
	g.byteLoop(left, func(k int) {
		for i := range k {
			g.VPMOVZXBD(at(a, 16*i), zmm.regs[i])
			g.VPMOVZXBD(at(b, 16*i), zmm.regs[4+i])
		}
		for i := range k {
			g.VPSUBD(reg.Z31, zmm.regs[i], zmm.regs[i])
			g.VPSUBD(reg.Z24, zmm.regs[4+i], zmm.regs[4+i])
			op(zmm.regs[i], zmm.regs[4+i])
		}
		for i := range k {
			g.round(zmm.regs[i])
			g.VPMOVDB(zmm.regs[i], at(dst, 16*i))
		}
	}, func(k int) {
		for _, r := range []reg.Register{dst, a, b} {
			g.ADDQ(imm(16*k), r)
		}
	})
	g.end()
}

// quantize makes codes of float32.
func (g *gen) quantize() {
	g.fn("QuantizeAVX512", "ByteRow", "QuantizeAVX512 makes Count codes of float32 at A, a multiple of 16.")
	g.Comment("AX arguments, DI output, SI input, DX numbers left. Z30 RatioA, Z25 to Z27 see byteEnds.")
	dst, a, left := reg.RDI, reg.RSI, reg.RDX
	g.load("Dst", dst)
	g.load("A", a)
	g.load("Count", left)
	g.VBROADCASTSS(g.field("RatioA"), reg.Z30)
	g.byteEnds()
	g.byteLoop(left, func(k int) {
		for i := range k {
			g.VMOVUPS(at(a, 64*i), zmm.regs[i])
		}
		for i := range k {
			g.VDIVPS(reg.Z30, zmm.regs[i], zmm.regs[i])
			g.round(zmm.regs[i])
			g.VPMOVDB(zmm.regs[i], at(dst, 16*i))
		}
	}, func(k int) {
		g.ADDQ(imm(16*k), dst)
		g.ADDQ(imm(64*k), a)
	})
	g.end()
}

// quantizePixels makes pixels of three codes out of three planes of float32.
func (g *gen) quantizePixels() {
	g.fn("QuantizePixelsAVX512", "ByteRow", "QuantizePixelsAVX512 makes Count pixels of three codes, a multiple of 16, of float32 planes",
		"at A, A+Plane and A+2·Plane; the fourth byte is 0.")
	g.Comment("AX arguments, DI output, SI BX CX planes, DX pixels left. Z30 RatioA, Z25 to Z27 see byteEnds.")
	dst, left := reg.RDI, reg.RDX
	planes := []reg.Register{reg.RSI, reg.RBX, reg.RCX}
	g.load("Dst", dst)
	g.load("A", planes[0])
	for i := 1; i < 3; i++ {
		g.load("Plane", planes[i])
		g.ADDQ(planes[i-1], planes[i])
	}
	g.load("Count", left)
	g.VBROADCASTSS(g.field("RatioA"), reg.Z30)
	g.byteEnds()
	g.byteLoop(left, func(k int) {
		for i := range k {
			for c, p := range planes {
				v := zmm.regs[3*i+c]
				g.VMOVUPS(at(p, 64*i), v)
				g.VDIVPS(reg.Z30, v, v)
				g.round(v)
				if c > 0 {
					g.VPSLLD(operand.U8(8*c), v, v)
					g.VPORD(v, zmm.regs[3*i], zmm.regs[3*i])
				}
			}
			g.VMOVDQU32(zmm.regs[3*i], at(dst, 64*i))
		}
	}, func(k int) {
		g.ADDQ(imm(64*k), dst)
		for _, p := range planes {
			g.ADDQ(imm(64*k), p)
		}
	})
	g.end()
}

// dequantize makes float32 of codes.
func (g *gen) dequantize() {
	g.fn("DequantizeAVX512", "ByteRow", "DequantizeAVX512 makes Count float32 of codes at A, a multiple of 16.")
	g.Comment("AX arguments, DI output, SI input, DX numbers left. Z31 OffA, Z30 RatioA.")
	dst, a, left := reg.RDI, reg.RSI, reg.RDX
	g.load("Dst", dst)
	g.load("A", a)
	g.load("Count", left)
	g.VPBROADCASTD(g.field("OffA"), reg.Z31)
	g.VBROADCASTSS(g.field("RatioA"), reg.Z30)
	g.byteLoop(left, func(k int) {
		for i := range k {
			v := zmm.regs[i]
			g.VPMOVZXBD(at(a, 16*i), v)
			g.VPSUBD(reg.Z31, v, v)
			g.VCVTDQ2PS(v, v)
			g.VMULPS(reg.Z30, v, v)
			g.VMOVUPS(v, at(dst, 64*i))
		}
	}, func(k int) {
		g.ADDQ(imm(64*k), dst)
		g.ADDQ(imm(16*k), a)
	})
	g.end()
}

// byteMax is the maximum of windows of pixels of 64 codes.
func (g *gen) byteMax() {
	g.fn("ByteMaxAVX512", "ByteRow", "ByteMaxAVX512 computes Count pixels of 64 codes, each the maximum of the Taps pixels",
		"Offsets bytes from A+First; that moves by PixelStride.")
	g.Comment("AX arguments, DI output, SI input of the first pixel, R9 pixels left, CX offset, DX taps left,", "R12 address, R10 R11 the stride times 1 and 3.")
	dst, in, left, offset, taps := reg.RDI, reg.RSI, reg.R9, reg.RCX, reg.RDX
	g.load("Dst", dst)
	g.load("A", in)
	g.ADDQ(g.field("First"), in)
	g.load("Count", left)
	g.load("PixelStride", stride)
	g.LEAQ(at(stride, 0).Idx(stride, 2), stride3)
	for _, k := range []int{4, 1} {
		label := fmt.Sprintf("pixels%d", k)
		g.Label(label)
		g.CMPQ(left, imm(k))
		g.JLT(to(label + "Done"))
		g.load("Offsets", offset)
		g.load("Taps", taps)
		for i := range k {
			g.VPXORD(zmm.regs[i], zmm.regs[i], zmm.regs[i])
		}
		g.Label(label + "Tap")
		g.MOVQ(at(offset, 0), reg.R12)
		g.ADDQ(in, reg.R12)
		for i := range k {
			m := at(reg.R12, 0)
			switch i {
			case 1, 2:
				m = m.Idx(stride, uint8(i))
			case 3:
				m = m.Idx(stride3, 1)
			}
			g.VPMAXUB(m, zmm.regs[i], zmm.regs[i])
		}
		g.ADDQ(imm(8), offset)
		g.DECQ(taps)
		g.JNZ(to(label + "Tap"))
		for i := range k {
			g.VMOVDQU32(zmm.regs[i], at(dst, 64*i))
		}
		g.ADDQ(imm(64*k), dst)
		if k == 4 {
			g.LEAQ(at(in, 0).Idx(stride, 4), in)
		} else {
			g.ADDQ(stride, in)
		}
		g.SUBQ(imm(k), left)
		g.JMP(to(label))
		g.Label(label + "Done")
	}
	g.end()
}

// byteSum adds pixels of 64 codes to 64 sums.
func (g *gen) byteSum() {
	g.fn("ByteSumAVX512", "ByteRow", "ByteSumAVX512 adds Count pixels of 64 codes at A, PixelStride apart, to the 64 int32 at Dst.")
	g.Comment("AX arguments, DI sums, SI pixels, DX pixels left.")
	dst, in, left := reg.RDI, reg.RSI, reg.RDX
	g.load("Dst", dst)
	g.load("A", in)
	g.load("Count", left)
	g.load("PixelStride", stride)
	for i := range 4 {
		g.VMOVDQU32(at(dst, 64*i), zmm.regs[i])
	}
	g.TESTQ(left, left)
	g.JZ(to("done"))
	g.Label("pixel")
	for i := range 4 {
		g.VPMOVZXBD(at(in, 16*i), zmm.regs[4+i])
		g.VPADDD(zmm.regs[4+i], zmm.regs[i], zmm.regs[i])
	}
	g.ADDQ(stride, in)
	g.DECQ(left)
	g.JNZ(to("pixel"))
	g.Label("done")
	for i := range 4 {
		g.VMOVDQU32(zmm.regs[i], at(dst, 64*i))
	}
	g.end()
}

// wideBytes writes the AVX2 kernels of integer convolutions: codes widened to 16
// bits, two products and their sum at once by VPMADDWD, which is exact.
func wideBytes(g *gen) {
	g.widenBytes()
	g.wideTile(6)
	g.wideTile(1)
	g.wideDepth()
}

// widenBytes copies bytes as 16 bits each.
func (g *gen) widenBytes() {
	g.leaf("WidenBytesAVX2", []string{"dst ptr", "src ptr", "n int"}, "WidenBytesAVX2 copies n bytes, a multiple of 32, to 16 bits each.")
	dst, src, n := reg.RDI, reg.RSI, reg.RDX
	g.param("dst", dst)
	g.param("src", src)
	g.param("n", n)
	g.Label("loop")
	g.CMPQ(n, imm(32))
	g.JLT(to("done"))
	for i := range 2 {
		g.VPMOVZXBW(at(src, 16*i), ymm.regs[i])
		g.VMOVDQU(ymm.regs[i], at(dst, 32*i))
	}
	g.ADDQ(imm(64), dst)
	g.ADDQ(imm(32), src)
	g.SUBQ(imm(32), n)
	g.JMP(to("loop"))
	g.Label("done")
	g.end()
}

// wideTile is the sums of some pixels by 16 outputs.
func (g *gen) wideTile(rows int) {
	name := fmt.Sprintf("WideTile%dAVX2", rows)
	g.fn(name, "WideTile", fmt.Sprintf("%s computes the sums of %d pixels by 16 outputs.", name, rows))
	g.Comment("AX arguments, CX offsets, DX steps left, BX weights, R9 quads of pairs left, SI DI rows 0 and 3,", "R10 R11 the stride times 1 and 3. Y12 Y13 weights, Y14 pixels, Y15 products.")
	offsets, steps, w, left := reg.RCX, reg.RDX, reg.RBX, reg.R9
	g.load("Offsets", offsets)
	g.load("Steps", steps)
	g.load("Weights", w)
	g.load("RowStride", stride)
	g.LEAQ(at(stride, 0).Idx(stride, 2), stride3)
	for i := range 2 * rows {
		g.VPXOR(ymm.regs[i], ymm.regs[i], ymm.regs[i])
	}
	g.Label("step")
	g.load("In", reg.RSI)
	g.ADDQ(at(offsets, 0), reg.RSI)
	g.ADDQ(imm(8), offsets)
	if rows > 3 {
		g.LEAQ(at(reg.RSI, 0).Idx(stride3, 1), reg.RDI)
	}
	g.MOVQ(imm(8), left)
	g.Label("pairs")
	for i := range 4 {
		g.VMOVDQU(at(w, 64*i), reg.Y12)
		g.VMOVDQU(at(w, 64*i+32), reg.Y13)
		for r := range rows {
			m := at([]reg.Register{reg.RSI, reg.RDI}[r/3], 4*i)
			if r%3 > 0 {
				m = m.Idx(stride, uint8(r%3))
			}
			g.VPBROADCASTD(m, reg.Y14)
			g.VPMADDWD(reg.Y12, reg.Y14, reg.Y15)
			g.VPADDD(reg.Y15, ymm.regs[2*r], ymm.regs[2*r])
			g.VPMADDWD(reg.Y13, reg.Y14, reg.Y15)
			g.VPADDD(reg.Y15, ymm.regs[2*r+1], ymm.regs[2*r+1])
		}
	}
	g.ADDQ(imm(256), w)
	g.ADDQ(imm(16), reg.RSI)
	if rows > 3 {
		g.ADDQ(imm(16), reg.RDI)
	}
	g.DECQ(left)
	g.JNZ(to("pairs"))
	g.DECQ(steps)
	g.JNZ(to("step"))
	g.load("Sums", reg.RSI)
	for i := range 2 * rows {
		g.VMOVDQU(ymm.regs[i], at(reg.RSI, 32*i))
	}
	g.end()
}

// wideDepth is the sums of 64 channels of one pixel, each by itself.
func (g *gen) wideDepth() {
	g.fn("WideDepthAVX2", "WideTile", "WideDepthAVX2 computes the sums of 64 channels of one pixel of bytes; Steps counts taps.")
	g.Comment("AX arguments, CX offsets, DX taps left, BX weights, SI pixel. Y0 to Y7 sums.")
	offsets, steps, w := reg.RCX, reg.RDX, reg.RBX
	g.load("Offsets", offsets)
	g.load("Steps", steps)
	g.load("Weights", w)
	for i := range 8 {
		g.VPXOR(ymm.regs[i], ymm.regs[i], ymm.regs[i])
	}
	g.Label("tap")
	g.load("In", reg.RSI)
	g.ADDQ(at(offsets, 0), reg.RSI)
	for i := range 8 {
		g.VPMOVZXBD(at(reg.RSI, 8*i), ymm.regs[8+i%4])
		g.VPMULLD(at(w, 32*i), ymm.regs[8+i%4], ymm.regs[8+i%4])
		g.VPADDD(ymm.regs[8+i%4], ymm.regs[i], ymm.regs[i])
	}
	g.ADDQ(imm(8), offsets)
	g.ADDQ(imm(256), w)
	g.DECQ(steps)
	g.JNZ(to("tap"))
	g.load("Sums", reg.RSI)
	for i := range 8 {
		g.VMOVDQU(ymm.regs[i], at(reg.RSI, 32*i))
	}
	g.end()
}
