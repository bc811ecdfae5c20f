package main

import (
	"math"

	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// activations writes activation functions of a multiple of 8 numbers, in place. Alpha
// and beta are the parameters of the function.
func activations(g *gen) {
	for _, v := range vectors {
		a := &activation{gen: g, vector: v}
		a.emit("Sigmoid", a.expConstants, a.sigmoid)
		a.emit("Silu", a.expConstants, a.silu)
		line := func() {
			g.broadcast("alpha", v.regs[4])
			g.broadcast("beta", v.regs[5])
			a.constant(6, math.Float32bits(1))
			g.VXORPS(v.regs[7].AsX(), v.regs[7].AsX(), v.regs[7].AsX())
		}
		c := v.regs
		a.emit("HardSigmoid", line, func() {
			a.each(func(r chain) { g.VFMADD213PS(c[5], c[4], r.v[0]) })
			a.each(func(r chain) { g.clip(r.v[0], c[7], c[6]) })
		})
		a.emit("HardSwish", line, func() { // alpha and beta are 1/6 and 1/2
			a.each(func(r chain) { g.VMOVAPS(r.v[0], r.v[3]) })
			a.each(func(r chain) { g.VFMADD213PS(c[5], c[4], r.v[0]) })
			a.each(func(r chain) { g.clip(r.v[0], c[7], c[6]) })
			a.each(func(r chain) { g.VMULPS(r.v[3], r.v[0], r.v[0]) })
		})
		a.emit("LeakyRelu", line, func() {
			if v.bytes == 64 {
				a.each(func(r chain) { g.VCMPPS(less, c[7], r.v[0], r.mask) })
				a.each(func(r chain) { g.VMULPS(c[4], r.v[0], r.mask, r.v[0]) })
				return
			}
			a.each(func(r chain) { g.VMULPS(c[4], r.v[0], r.v[1]) })
			a.each(func(r chain) { g.VCMPPS(less, c[7], r.v[0], r.v[2]) })
			a.each(func(r chain) { g.VBLENDVPS(r.v[2], r.v[1], r.v[0], r.v[0]) })
		})
	}
}

// activation writes a function for one or several vectors at a time.
type activation struct {
	*gen
	vector
	chains []chain
}

// chain has the registers for one vector: its numbers are in v[0], the others and the
// mask are temporaries.
type chain struct {
	v    [4]reg.VecPhysical
	mask reg.OpmaskPhysical
}

// each writes an instruction for each vector. The instructions of one vector depend on
// each other; interleaving vectors keeps the units busy, because the scheduler's window
// is too short to overlap iterations.
func (a *activation) each(op func(r chain)) {
	for _, c := range a.chains {
		op(c)
	}
}

// together sets the number of vectors that are computed at a time.
func (a *activation) together(n int) {
	own := [][4]int{{0, 1, 2, 3}, {16, 17, 18, 19}, {20, 21, 22, 23}, {24, 25, 26, 27}}
	masks := []reg.OpmaskPhysical{reg.K2, reg.K3, reg.K4, reg.K5}
	a.chains = nil
	for i, o := range own[:n] {
		c := chain{mask: masks[i]}
		for j := range c.v {
			c.v[j] = a.regs[o[j]]
		}
		a.chains = append(a.chains, c)
	}
}

// emit writes loops of body over four vectors (AVX-512 only) and over one. With AVX-512,
// the last 8 numbers are masked.
func (a *activation) emit(name string, setup, body func()) {
	name += a.title
	a.leaf(name, []string{"p ptr", "n int", "alpha float32", "beta float32"}, name+" takes a multiple of 8 numbers.")
	p, n := reg.RDI, reg.RDX
	setup()
	a.takes(p, n)
	if a.bytes == 64 {
		a.loop("four", 4, body)
	}
	a.loop("loop", 1, body)
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

// loop writes a loop over k vectors at a time.
func (a *activation) loop(label string, k int, body func()) {
	p, n := reg.RDI, reg.RDX
	a.together(k)
	a.while(label, n, k*a.bytes/4, func() {
		for i, c := range a.chains {
			a.VMOVUPS(at(p, i*a.bytes), c.v[0])
		}
		body()
		for i, c := range a.chains {
			a.VMOVUPS(c.v[0], at(p, i*a.bytes))
		}
		a.ADDQ(imm(k*a.bytes), p)
	})
}

// constant fills register i with the float32 of the given bits.
func (a *activation) constant(i int, bits uint32) {
	a.MOVL(operand.U32(bits), reg.EAX)
	a.VMOVD(reg.EAX, a.regs[i].AsX())
	a.VPBROADCASTD(a.regs[i].AsX(), a.regs[i])
}

// sigmoid is 1/(1 + e^-x). x is bounded below; at the bound and below the result is 0
// instead of the constant that the bounded e^-x would give, whose products could be
// subnormal, which is slow.
func (a *activation) sigmoid() {
	c := a.regs
	a.each(func(r chain) { a.VMAXPS(r.v[0], c[13], r.v[3]) })
	if a.bytes < 64 {
		a.each(func(r chain) { a.VMINPS(r.v[3], c[14], r.v[0]) })
		a.quotient(0)
		a.zeroUnlessAbove()
		return
	}
	a.each(func(r chain) { a.VCMPPS(notEqual, c[13], r.v[3], r.mask) })
	a.each(func(r chain) { a.VMINPS(r.v[3], c[14], r.v[3]) })
	a.quotient(3)
	a.each(func(r chain) { a.VMOVAPS_Z(r.v[3], r.mask, r.v[0]) })
}

// silu is x·sigmoid(x). With AVX-512 one instruction bounds x on both sides; if x is NaN,
// the product with x is NaN again.
func (a *activation) silu() {
	c := a.regs
	if a.bytes < 64 {
		a.each(func(r chain) { a.VMAXPS(r.v[0], c[13], r.v[3]) })
		a.each(func(r chain) { a.VMINPS(r.v[3], c[14], r.v[0]) })
		a.quotient(0)
		a.each(func(r chain) { a.VMULPS(r.v[3], r.v[0], r.v[0]) })
		a.zeroUnlessAbove()
		return
	}
	const smaller = 2 // the smaller magnitude, with the sign of x
	a.each(func(r chain) { a.VRANGEPS(operand.U8(smaller), c[14], r.v[0], r.v[3]) })
	a.each(func(r chain) { a.VCMPPS(notEqual, c[13], r.v[3], r.mask) })
	a.quotient(3)
	a.each(func(r chain) { a.VMULPS_Z(r.v[3], r.v[0], r.mask, r.v[0]) })
}

// zeroUnlessAbove sets register 0 to 0 where register 3 is at the lower bound; NaN
// stays. Register 1 changes.
func (a *activation) zeroUnlessAbove() {
	a.each(func(r chain) {
		a.VCMPPS(notEqual, a.regs[13], r.v[3], r.v[1])
		a.VANDPS(r.v[1], r.v[0], r.v[0])
	})
}

// quotient sets register x to 1/(1 + e^-x). A division of 16 numbers occupies the divider
// for 16 cycles, longer than all else takes. So AVX-512 uses an approximation to 14 bits
// and one Newton-Raphson step.
func (a *activation) quotient(x int) {
	one := a.regs[7]
	a.expMinus(x)
	a.each(func(r chain) { a.VADDPS(one, r.v[x], r.v[x]) })
	if a.bytes < 64 {
		a.each(func(r chain) { a.VDIVPS(r.v[x], one, r.v[x]) })
		return
	}
	a.each(func(r chain) { a.VRCP14PS(r.v[x], r.v[1]) })
	a.each(func(r chain) { a.VFNMADD213PS(one, r.v[1], r.v[x]) })
	a.each(func(r chain) { a.VFMADD213PS(r.v[1], r.v[1], r.v[x]) })
}

// expConstants loads the constants of expMinus: -log2 e, ln 2 in two parts (the first has
// 15 bits, so that its products with n are exact), a polynomial of degree six fitted to
// the relative error of e^r for |r| ≤ ln2/2, the range in which 2^n is normal, and the
// number that rounds a sum to an integer.
func (a *activation) expConstants() {
	for i, c := range []float64{-math.Log2E, 0.693145751953125, math.Ln2 - 0.693145751953125,
		1, 0.49999994, 0.1666652, 0.041668393, 0.008368781, 0.0013814468, -87, 87, 3 << 22} {
		a.constant(4+i, math.Float32bits(float32(c)))
	}
}

// expMinus sets register x to e^-x = 2^n·e^r; 1 and 2 change. Adding register 15 rounds
// to an integer n, which is then in the lower bits of the sum, ready to be shifted and
// added to an exponent.
func (a *activation) expMinus(x int) {
	c := a.regs
	a.each(func(r chain) { a.VMOVAPS(c[15], r.v[1]) })
	a.each(func(r chain) { a.VFMADD231PS(c[4], r.v[x], r.v[1]) })
	a.each(func(r chain) { a.VSUBPS(c[15], r.v[1], r.v[2]) })
	a.each(func(r chain) { a.VFNMSUB231PS(c[5], r.v[2], r.v[x]) })
	a.each(func(r chain) { a.VFNMADD231PS(c[6], r.v[2], r.v[x]) })
	a.each(func(r chain) { a.VMOVAPS(c[12], r.v[2]) })
	for _, i := range []int{11, 10, 9, 8, 7, 7} {
		a.each(func(r chain) { a.VFMADD213PS(c[i], r.v[x], r.v[2]) })
	}
	a.each(func(r chain) { a.VPSLLD(operand.U8(23), r.v[1], r.v[1]) })
	a.each(func(r chain) { a.VPADDD(r.v[1], r.v[2], r.v[x]) })
}
