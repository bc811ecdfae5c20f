package main

import (
	"math"

	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// activations writes functions of single numbers, in place over a multiple of 8
// of them. Alpha and beta are those of the function.
func activations(g *gen) {
	for _, v := range []vector{ymm, zmm} {
		a := activation{g, v}
		// Below the range of e^x the quotients are 0: with e^-x bounded they would
		// not fall further, and be numbers that processors multiply slowly.
		a.emit("Sigmoid", a.expConstants, func() {
			a.sigmoid()
			a.zeroUnlessAbove()
		})
		a.emit("Silu", a.expConstants, func() {
			a.sigmoid()
			g.VMULPS(v.regs[3], v.regs[0], v.regs[0])
			a.zeroUnlessAbove()
		})
		line := func() {
			g.broadcast("alpha", v.regs[4])
			g.broadcast("beta", v.regs[5])
			a.constant(6, math.Float32bits(1))
			g.VXORPS(v.regs[7].AsX(), v.regs[7].AsX(), v.regs[7].AsX())
		}
		a.emit("HardSigmoid", line, func() {
			g.VFMADD213PS(v.regs[5], v.regs[4], v.regs[0])
			g.clip(v.regs[0], v.regs[7], v.regs[6])
		})
		a.emit("HardSwish", line, func() { // the line is x/6 + 1/2
			g.VMOVAPS(v.regs[0], v.regs[3])
			g.VFMADD213PS(v.regs[5], v.regs[4], v.regs[0])
			g.clip(v.regs[0], v.regs[7], v.regs[6])
			g.VMULPS(v.regs[3], v.regs[0], v.regs[0])
		})
		a.emit("LeakyRelu", line, func() {
			g.VMINPS(v.regs[0], v.regs[7], v.regs[1]) // NaN stays
			g.VMAXPS(v.regs[0], v.regs[7], v.regs[0])
			g.VFMADD231PS(v.regs[4], v.regs[1], v.regs[0])
		})
	}
}

type activation struct {
	*gen
	vector
}

// emit writes a loop of body over register 0; for 512 bits the last 8 numbers
// are masked.
func (a activation) emit(name string, setup, body func()) {
	name += a.title
	a.leaf(name, []string{"p ptr", "n int", "alpha float32", "beta float32"}, name+" takes a multiple of 8 numbers.")
	p, n := reg.RDI, reg.RDX
	setup()
	a.param("p", p)
	a.param("n", n)
	a.Label("loop")
	a.CMPQ(n, imm(a.bytes/4))
	a.JLT(to("tail"))
	a.VMOVUPS(at(p, 0), a.regs[0])
	body()
	a.VMOVUPS(a.regs[0], at(p, 0))
	a.ADDQ(imm(a.bytes), p)
	a.SUBQ(imm(a.bytes/4), n)
	a.JMP(to("loop"))
	a.Label("tail")
	if a.bytes == 64 {
		a.TESTQ(n, n)
		a.JZ(to("done"))
		a.MOVL(imm(0xff), reg.EAX)
		a.KMOVW(reg.EAX, reg.K1)
		a.VMOVUPS_Z(at(p, 0), reg.K1, a.regs[0])
		body()
		a.VMOVUPS(a.regs[0], reg.K1, at(p, 0))
		a.Label("done")
	}
	a.end()
}

// zeroUnlessAbove clears what stands at the lower bound of e's range in register
// 3; register 1 or K2 changes. NaN stays.
func (a activation) zeroUnlessAbove() {
	const notEqual = 4
	r := a.regs
	if a.bytes == 64 {
		a.VCMPPS(operand.U8(notEqual), r[13], r[3], reg.K2)
		a.VMOVAPS_Z(r[0], reg.K2, r[0])
		return
	}
	a.VCMPPS(operand.U8(notEqual), r[13], r[3], r[1])
	a.VANDPS(r[1], r[0], r[0])
}

// constant fills register i with the float32 of these bits.
func (a activation) constant(i int, bits uint32) {
	a.MOVL(operand.U32(bits), reg.EAX)
	a.VMOVD(reg.EAX, a.regs[i].AsX())
	a.VPBROADCASTD(a.regs[i].AsX(), a.regs[i])
}

// sigmoid sets register 3 to what is in register 0, but no less than the lower
// bound, and register 0 to 1/(1 + e^-that). A division of 16 numbers keeps its
// unit busy for 16 cycles, as long as all the rest takes: so they take the
// inverse to 14 bits and a step of Newton's.
func (a activation) sigmoid() {
	r := a.regs
	one := r[7]
	a.VMAXPS(r[0], r[13], r[3])
	a.expMinus()
	a.VADDPS(one, r[0], r[0])
	if a.bytes < 64 {
		a.VDIVPS(r[0], one, r[0])
		return
	}
	a.VRCP14PS(r[0], r[1])
	a.VFNMADD213PS(one, r[1], r[0])
	a.VFMADD213PS(r[1], r[1], r[0])
}

// expConstants: minus log2 e, ln 2 in two parts (the first has 15 bits, so
// that its products with n are exact), a polynomial of degree six fitted to the
// relative error of e^r on |r| <= ln2/2, and the range in which 2^n is normal.
func (a activation) expConstants() {
	for i, c := range []float64{-math.Log2E, 0.693145751953125, math.Ln2 - 0.693145751953125,
		1, 0.49999994, 0.1666652, 0.041668393, 0.008368781, 0.0013814468, -87, 87.3, 3<<22 + 127} {
		a.constant(4+i, math.Float32bits(float32(c)))
	}
}

// expMinus sets register 0 to e^-x of the x in register 3; 1 and 2 change. The
// sum with register 15 rounds to a whole n, and its lower bits are the exponent
// of 2^n.
func (a activation) expMinus() {
	r := a.regs
	a.VMINPS(r[3], r[14], r[0])
	a.VMOVAPS(r[15], r[1])
	a.VFMADD231PS(r[4], r[0], r[1])
	a.VSUBPS(r[15], r[1], r[2])
	a.VFNMSUB231PS(r[5], r[2], r[0])
	a.VFNMADD231PS(r[6], r[2], r[0])
	a.VMOVAPS(r[12], r[2])
	for _, c := range []int{11, 10, 9, 8, 7, 7} {
		a.VFMADD213PS(r[c], r[0], r[2])
	}
	a.VPSLLD(operand.U8(23), r[1], r[1])
	a.VMULPS(r[1], r[2], r[0])
}
