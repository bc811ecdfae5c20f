package main

import (
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// rowKernels writes kernels on rows of a multiple of 8 numbers, or of pixels of one
// vector.
func rowKernels(g *gen) {
	for _, v := range vectors {
		clipped := func(name string, op func(...operand.Op)) {
			if op == nil {
				g.rowKernel(v, name, []string{"dst ptr", "a ptr", "n int", "low float32", "high float32"}, nil)
				return
			}
			g.rowKernel(v, name, []string{"dst ptr", "a ptr", "b ptr", "n int", "low float32", "high float32"}, op)
		}
		clipped("ClipRow", nil)
		clipped("AddRow", g.VADDPS)
		clipped("SubRow", g.VSUBPS)
		g.flush(func() { clipped("MulRow", g.VMULPS) })
		g.pixelKernel(v, "AddPixels", g.VADDPS)
		g.pixelKernel(v, "SubPixels", g.VSUBPS)
		g.flush(func() { g.pixelKernel(v, "MulPixels", g.VMULPS) })
		g.sumKernel(v)
		g.flush(func() { g.scaleKernel(v) })
	}
}

// flush makes the kernels that write writes treat subnormal numbers as 0. Gates close to
// 0 give many, and a product with a subnormal operand or result takes a hundred times as
// long as others.
func (g *gen) flush(write func()) {
	g.flushing = true
	write()
	g.flushing = false
}

// begin sets flush to zero and denormals are zero, bits 15 and 6 of MXCSR, if flush asked
// for it; restore restores MXCSR. EAX changes.
func (g *gen) begin() {
	if !g.flushing {
		return
	}
	g.mode = g.AllocLocal(8)
	g.VSTMXCSR(g.mode)
	g.MOVL(g.mode, reg.EAX)
	g.ORL(operand.U32(1<<15|1<<6), reg.EAX)
	g.MOVL(reg.EAX, g.mode.Offset(4))
	g.VLDMXCSR(g.mode.Offset(4))
}

func (g *gen) restore() {
	if g.flushing {
		g.VLDMXCSR(g.mode)
	}
}

// clip bounds r by low and high; a NaN stays.
func (g *gen) clip(r, low, high reg.Register) {
	g.VMAXPS(r, low, r)
	g.VMINPS(r, high, r)
}

// halfOf is the lower 256 bits of a register.
func halfOf(r reg.VecPhysical) reg.VecPhysical { return r.AsY().(reg.VecPhysical) }

// rowKernel writes dst = clip(a), or clip(a op b): loops over four vectors and over one,
// and for AVX-512 a last half vector.
func (g *gen) rowKernel(v vector, name string, params []string, op func(...operand.Op)) {
	g.leaf(name+v.title, params, name+v.title+" takes a multiple of 8 numbers.")
	dst, a, b, n := reg.RDI, reg.RSI, reg.RBX, reg.RDX
	g.begin()
	g.param("dst", dst)
	g.param("a", a)
	if op != nil {
		g.param("b", b)
	}
	g.param("n", n)
	low, high := v.regs[4], v.regs[5]
	g.broadcast("low", low)
	g.broadcast("high", high)
	body := func(at func(base reg.Register) operand.Mem, x, low, high reg.Register) {
		g.VMOVUPS(at(a), x)
		if op != nil {
			op(at(b), x, x)
		}
		g.clip(x, low, high)
		g.VMOVUPS(x, at(dst))
	}
	for _, k := range []int{4, 1} {
		label := map[int]string{4: "four", 1: "one"}[k]
		g.while(label, n, k*v.bytes/4, func() {
			for i := range k {
				body(func(base reg.Register) operand.Mem { return at(base, i*v.bytes) }, v.regs[i], low, high)
			}
			for _, r := range []reg.Register{dst, a, b} {
				if r != b || op != nil {
					g.ADDQ(imm(k*v.bytes), r)
				}
			}
		})
	}
	if v.bytes == 64 {
		g.TESTQ(n, n)
		g.JZ(to("done"))
		body(func(base reg.Register) operand.Mem { return at(base, 0) }, halfOf(v.regs[0]), halfOf(low), halfOf(high))
		g.Label("done")
	}
	g.restore()
	g.end()
}

// pixelKernel writes dst = clip(a op b), where b is one pixel for all of a.
func (g *gen) pixelKernel(v vector, name string, op func(...operand.Op)) {
	g.leaf(name+v.title, []string{"dst ptr", "a ptr", "b ptr", "pixels int", "low float32", "high float32"},
		name+v.title+" takes pixels of one vector and one such pixel at b.")
	dst, a, n, b := reg.RDI, reg.RSI, reg.RDX, v.regs[6]
	g.begin()
	g.param("b", reg.RBX)
	g.VMOVUPS(at(reg.RBX, 0), b)
	g.param("dst", dst)
	g.param("a", a)
	g.param("pixels", n)
	low, high := v.regs[4], v.regs[5]
	g.broadcast("low", low)
	g.broadcast("high", high)
	for _, k := range []int{4, 1} {
		label := map[int]string{4: "four", 1: "one"}[k]
		g.while(label, n, k, func() {
			for i := range k {
				x := v.regs[i]
				g.VMOVUPS(at(a, i*v.bytes), x)
				op(b, x, x)
				g.clip(x, low, high)
				g.VMOVUPS(x, at(dst, i*v.bytes))
			}
			g.ADDQ(imm(k*v.bytes), dst)
			g.ADDQ(imm(k*v.bytes), a)
		})
	}
	g.restore()
	g.end()
}

// sumKernel adds pixels to the one at sum, with four accumulators.
func (g *gen) sumKernel(v vector) {
	g.leaf("SumPixels"+v.title, []string{"sum ptr", "src ptr", "pixels int"}, "SumPixels"+v.title+" takes pixels of one vector.")
	sum, src, n := reg.RDI, reg.RSI, reg.RDX
	g.takes(sum, src, n)
	r := v.regs
	g.VMOVUPS(at(sum, 0), r[0])
	for i := 1; i < 4; i++ {
		g.VXORPS(r[i].AsX(), r[i].AsX(), r[i].AsX())
	}
	for _, k := range []int{4, 1} {
		label := map[int]string{4: "four", 1: "one"}[k]
		g.while(label, n, k, func() {
			for i := range k {
				g.VADDPS(at(src, i*v.bytes), r[i], r[i])
			}
			g.ADDQ(imm(k*v.bytes), src)
		})
	}
	g.VADDPS(r[1], r[0], r[0])
	g.VADDPS(r[3], r[2], r[2])
	g.VADDPS(r[2], r[0], r[0])
	g.VMOVUPS(r[0], at(sum, 0))
	g.end()
}

// scaleKernel writes the multiplication of rows of one to three vectors, each by a number
// of its own.
func (g *gen) scaleKernel(v vector) {
	g.leaf("ScaleRows"+v.title, []string{"dst ptr", "src ptr", "scale ptr", "rows int", "vecs int"},
		"ScaleRows"+v.title+" takes rows of one to three vectors.")
	dst, src, scale, n, vecs := reg.RDI, reg.RSI, reg.RBX, reg.RDX, reg.RCX
	g.begin()
	g.takes(dst, src, scale, n, vecs)
	g.CMPQ(vecs, imm(2))
	g.JEQ(to("two"))
	g.JGT(to("three"))
	for _, k := range []int{1, 2, 3} {
		label := map[int]string{1: "one", 2: "two", 3: "three"}[k]
		g.Label(label)
		g.VBROADCASTSS(at(scale, 0), v.regs[0])
		for i := range k {
			g.VMULPS(at(src, i*v.bytes), v.regs[0], v.regs[1+i])
			g.VMOVUPS(v.regs[1+i], at(dst, i*v.bytes))
		}
		g.ADDQ(imm(k*v.bytes), src)
		g.ADDQ(imm(k*v.bytes), dst)
		g.ADDQ(imm(4), scale)
		g.DECQ(n)
		g.JNZ(to(label))
		if k < 3 {
			g.JMP(to("done"))
		}
	}
	g.Label("done")
	g.restore()
	g.end()
}
