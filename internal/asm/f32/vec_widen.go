package main

import (
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// widenings writes the kernels that convert rows of numbers of 16 bits to float32.
func widenings(g *gen) {
	for _, v := range vectors {
		k := g.row(v)
		k.widening("Float16", func(m operand.Op, d reg.Register) { k.VCVTPH2PS(m, d) }, func() {
			k.VMOVD(reg.EAX, reg.X0)
			k.VCVTPH2PS(reg.X0, reg.X0)
			k.VMOVD(reg.X0, reg.EAX)
		})
		k.widening("BFloat16", func(m operand.Op, d reg.Register) {
			k.VPMOVZXWD(m, d)
			k.VPSLLD(operand.U8(16), d, d)
		}, func() { k.SHLL(operand.U8(16), reg.EAX) })
	}
}

// widening writes a loop of convert over four vectors at a time, and over one. The rest of
// a row is loaded with a mask (AVX-512), or number by number: one converts EAX.
func (k row) widening(name string, convert func(m operand.Op, d reg.Register), one func()) {
	name = "Vec" + name + k.title
	k.leaf(name, []string{"dst ptr", "src ptr", "n int"}, name+" converts n numbers to float32.")
	dst, src, n := reg.RDI, reg.RSI, reg.RDX
	k.takes(dst, src, n)
	lanes := k.lanesOf()
	for _, vecs := range []int{4, 1} {
		label := "vectors"
		if vecs == 1 {
			label = "vector"
		}
		k.while(label, n, vecs*lanes, func() {
			for i := range vecs {
				convert(at(src, 2*lanes*i), k.r[i])
			}
			for i := range vecs {
				k.VMOVUPS(k.r[i], at(dst, 4*lanes*i))
			}
			k.ADDQ(imm(2*lanes*vecs), src)
			k.ADDQ(imm(4*lanes*vecs), dst)
		})
	}
	k.TESTQ(n, n)
	k.JZ(to("end"))
	if k.wide() {
		k.tailMask(n)
		k.VMOVDQU16_Z(at(src, 0), reg.K1, reg.Y0)
		convert(reg.Y0, reg.Z0)
		k.VMOVUPS(reg.Z0, reg.K1, at(dst, 0))
	} else {
		k.Label("number")
		k.MOVWLZX(at(src, 0), reg.EAX)
		one()
		k.MOVL(reg.EAX, at(dst, 0))
		k.ADDQ(imm(2), src)
		k.ADDQ(imm(4), dst)
		k.DECQ(n)
		k.JNZ(to("number"))
	}
	k.Label("end")
	k.end()
}
