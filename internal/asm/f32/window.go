package main

import (
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// windows writes the kernels of pools, and of depthwise convolutions of any shape: they
// compute rows of pixels of one vector, each from the pixels at a list of offsets.
func windows(g *gen) {
	for _, v := range vectors {
		for _, op := range []string{"Max", "Sum", "Dot"} {
			g.window(v, op)
		}
	}
}

// window writes a kernel that computes eight pixels at a time, then one.
func (g *gen) window(v vector, op string) {
	name := "Window" + op + v.title
	g.fn(name, "Window", name+" computes a row of pixels of one vector.")
	g.Comment("AX arguments, DI output, SI input of the first pixel, R9 pixels left, CX offset,",
		"DX taps left, BX weights, R12 R13 inputs of pixels 0 and 4, R10 R11 the stride times 1 and 3.")
	out, in, left := reg.RDI, reg.RSI, reg.R9
	offset, taps, w := reg.RCX, reg.RDX, reg.RBX
	g.load("Out", out)
	g.load("In", in)
	g.ADDQ(g.field("First"), in)
	g.load("Count", left)
	g.load("PixelStride", stride)
	g.LEAQ(at(stride, 0).Idx(stride, 2), stride3)
	weight, a, b := v.regs[8], v.regs[9], v.regs[10]
	switch op {
	case "Sum":
		g.VBROADCASTSS(g.field("Scale"), a)
	case "Dot":
		g.VBROADCASTSS(g.field("Low"), a)
		g.VBROADCASTSS(g.field("High"), b)
	case "Max":
		g.MOVL(operand.U32(0xff800000), reg.EBX) // minus infinity
		g.VMOVD(reg.EBX, a.AsX())
		g.VBROADCASTSS(a.AsX(), a)
	}
	for _, k := range []int{8, 1} {
		label := map[int]string{8: "eight", 1: "one"}[k]
		g.while(label, left, k, func() {
			g.load("Offsets", offset)
			g.load("Taps", taps)
			switch op {
			case "Dot":
				g.load("Weights", w)
				g.load("Bias", reg.R12)
				for i := range k {
					g.VMOVUPS(at(reg.R12, 0), v.regs[i])
				}
			case "Max":
				for i := range k {
					g.VMOVAPS(a, v.regs[i])
				}
			default:
				for i := range k {
					g.VXORPS(v.regs[i].AsX(), v.regs[i].AsX(), v.regs[i].AsX())
				}
			}
			g.Label(label + "Tap")
			g.MOVQ(at(offset, 0), reg.R12)
			g.ADDQ(in, reg.R12)
			if k == 8 {
				g.LEAQ(at(reg.R12, 0).Idx(stride, 4), reg.R13)
			}
			if op == "Dot" {
				g.VMOVUPS(at(w, 0), weight)
				g.ADDQ(imm(v.bytes), w)
			}
			for i := range k {
				m := at([]reg.Register{reg.R12, reg.R13}[i/4], 0)
				switch i % 4 {
				case 3:
					m = m.Idx(stride3, 1)
				case 1, 2:
					m = m.Idx(stride, uint8(i%4))
				}
				switch op {
				case "Max":
					g.VMAXPS(m, v.regs[i], v.regs[i])
				case "Sum":
					g.VADDPS(m, v.regs[i], v.regs[i])
				case "Dot":
					g.VFMADD231PS(m, weight, v.regs[i])
				}
			}
			g.ADDQ(imm(8), offset)
			g.DECQ(taps)
			g.JNZ(to(label + "Tap"))
			for i := range k {
				switch op {
				case "Sum":
					g.VMULPS(a, v.regs[i], v.regs[i])
				case "Dot":
					g.clip(v.regs[i], a, b)
				}
				g.VMOVUPS(v.regs[i], at(out, i*v.bytes))
			}
			g.ADDQ(imm(k*v.bytes), out)
			if k == 8 {
				g.LEAQ(at(in, 0).Idx(stride, 8), in)
			} else {
				g.ADDQ(stride, in)
			}
		})
	}
	g.end()
}
