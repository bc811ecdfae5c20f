package main

import (
	"fmt"
	"math"
)

// Functions of a register of 16 float32, in place. They change Z2 to Z8 and K3. Their
// errors are that of exp below, or as stated.

// load broadcasts a constant.
func (e *emitter) load(v float64, reg string) { e.p("VBROADCASTSS %s, %s", e.f32(v), reg) }

// exp: x = e^x as 2^n·e^r with |r| ≤ ln2/2 and a polynomial of degree six for e^r, fitted
// to the relative error (3e-9); 0.9 ulp on [-87, 88]. Z2 and Z3 change. NaN stays NaN.
func (e *emitter) exp(x string) {
	e.load(-87.3, "Z2") // below, the result would be subnormal, which is slow
	e.p("VMAXPS %s, Z2, %s", x, x)
	e.load(88.8, "Z2")
	e.p("VMINPS %s, Z2, %s", x, x)
	e.p("VMULPS.BCST %s, %s, Z2", e.f32(math.Log2E), x)
	e.p("VRNDSCALEPS $0, Z2, Z2")
	e.p("VFNMADD231PS.BCST %s, Z2, %s", e.f32(0.693145751953125), x) // the high part of ln 2, with 15 bits: its product with n is exact
	e.p("VFNMADD231PS.BCST %s, Z2, %s", e.f32(math.Ln2-0.693145751953125), x)
	e.load(0.0013814468, "Z3")
	for _, c := range []float64{0.008368781, 0.041668393, 0.1666652, 0.49999994, 1, 1} {
		e.p("VFMADD213PS.BCST %s, %s, Z3", e.f32(c), x)
	}
	e.p("VSCALEFPS Z2, Z3, %s", x)
}

// onePlusExpMinus: Z4 = 1 + e^-x.
func (e *emitter) onePlusExpMinus(x string) {
	e.p("VPXORD Z4, Z4, Z4")
	e.p("VSUBPS %s, Z4, Z4", x)
	e.exp("Z4")
	e.p("VADDPS.BCST %s, Z4, Z4", e.f32(1))
}

func (e *emitter) sigmoid(i int) {
	x := fmt.Sprintf("Z%d", i)
	e.onePlusExpMinus(x)
	e.load(1, "Z5")
	e.p("VDIVPS Z4, Z5, %s", x)
}

func (e *emitter) silu(i int) {
	x := fmt.Sprintf("Z%d", i)
	e.onePlusExpMinus(x)
	e.p("VDIVPS Z4, %s, %s", x, x)
}

func (e *emitter) leakyRelu(i int) {
	x := fmt.Sprintf("Z%d", i)
	e.p("VPXORD Z2, Z2, Z2")
	e.p("VCMPPS $1, Z2, %s, K3", x)
	e.p("VMULPS.BCST %s, %s, K3, %s", arg("Alpha"), x, x)
}

// unit: Z2 = min(max(Z2, 0), 1); Z3 changes.
func (e *emitter) unit() {
	e.p("VPXORD Z3, Z3, Z3")
	e.p("VMAXPS Z2, Z3, Z2")
	e.load(1, "Z3")
	e.p("VMINPS Z2, Z3, Z2")
}

func (e *emitter) hardSigmoid(i int) {
	x := fmt.Sprintf("Z%d", i)
	e.p("VBROADCASTSS %s, Z2", arg("Beta"))
	e.p("VFMADD231PS.BCST %s, %s, Z2", arg("Alpha"), x)
	e.unit()
	e.p("VMOVAPS Z2, %s", x)
}

func (e *emitter) hardSwish(i int) {
	x := fmt.Sprintf("Z%d", i)
	e.load(0.5, "Z2")
	e.p("VFMADD231PS.BCST %s, %s, Z2", e.f32(1.0/6), x)
	e.unit()
	e.p("VMULPS Z2, %s, %s", x, x)
}

// signOf sets x to the magnitude Z4 with the sign of x.
func (e *emitter) signOf(x string) {
	e.p("MOVL $0x7fffffff, R10")
	e.p("VPBROADCASTD R10, Z2")
	e.p("VPTERNLOGD $0xac, Z4, %s, Z2", x) // bits of Z4 where Z2 is set, otherwise of x
	e.p("VMOVAPS Z2, %s", x)
}

// magnitude: dst = |x|; R10 changes.
func (e *emitter) magnitude(x, dst string) {
	e.p("MOVL $0x7fffffff, R10")
	e.p("VPBROADCASTD R10, %s", dst)
	e.p("VPANDD %s, %s, %s", x, dst, dst)
}

// tanh: sign(x)·(1-q)/(1+q) with q = e^-2|x|; for |x| < 0.55, where 1-q would cancel, the
// Taylor series to x^13. 6 ulp.
func (e *emitter) tanh(i int) {
	x := fmt.Sprintf("Z%d", i)
	e.magnitude(x, "Z5")
	e.p("VMULPS.BCST %s, Z5, Z4", e.f32(-2))
	e.exp("Z4")
	e.load(1, "Z6")
	e.p("VSUBPS Z4, Z6, Z7")
	e.p("VADDPS Z4, Z6, Z4")
	e.p("VDIVPS Z4, Z7, Z4")
	e.p("VMULPS Z5, Z5, Z6")
	e.load(21844.0/6081075, "Z7")
	for _, c := range []float64{-1382.0 / 155925, 62.0 / 2835, -17.0 / 315, 2.0 / 15, -1.0 / 3} {
		e.p("VFMADD213PS.BCST %s, Z6, Z7", e.f32(c))
	}
	e.p("VMULPS Z6, Z5, Z6")
	e.p("VFMADD213PS Z5, Z6, Z7")
	e.load(0.55, "Z2")
	e.p("VCMPPS $1, Z2, Z5, K3")
	e.p("VMOVAPS Z7, K3, Z4")
	e.signOf(x)
}

// gelu: x/2·(1 + erf(x/√2)) with erf by Abramowitz and Stegun 7.1.26, whose absolute
// error is 1.5e-7.
func (e *emitter) gelu(i int) {
	x := fmt.Sprintf("Z%d", i)
	e.p("VMULPS.BCST %s, %s, Z5", e.f32(math.Sqrt2/2), x)
	e.p("VMOVAPS Z5, Z8")
	e.magnitude("Z5", "Z6")
	e.load(1, "Z7")
	e.p("VMOVAPS Z7, Z4")
	e.p("VFMADD231PS.BCST %s, Z6, Z4", e.f32(0.3275911))
	e.p("VDIVPS Z4, Z7, Z5") // t = 1/(1 + p|x|)
	e.p("VMULPS Z6, Z6, Z6")
	e.p("VPXORD Z4, Z4, Z4")
	e.p("VSUBPS Z6, Z4, Z4")
	e.exp("Z4")
	e.load(1.061405429, "Z3")
	for _, c := range []float64{-1.453152027, 1.421413741, -0.284496736, 0.254829592} {
		e.p("VFMADD213PS.BCST %s, Z5, Z3", e.f32(c))
	}
	e.p("VMULPS Z5, Z3, Z3")
	e.p("VFNMADD213PS Z7, Z3, Z4") // erf|x| = 1 - poly·e^-x²
	e.signOf("Z8")
	e.p("VADDPS Z7, Z8, Z8")
	e.p("VMULPS.BCST %s, %s, %s", e.f32(0.5), x, x)
	e.p("VMULPS Z8, %s, %s", x, x)
}

// mish: x·tanh(ln(1 + e^x)) = x·n/(n + 2) with n = e^x·(e^x + 2). For x > 20 the quotient
// rounds to 1.
func (e *emitter) mish(i int) {
	x := fmt.Sprintf("Z%d", i)
	e.load(20, "Z2")
	e.p("VMINPS %s, Z2, Z4", x)
	e.exp("Z4")
	e.load(2, "Z5")
	e.p("VADDPS Z5, Z4, Z6")
	e.p("VMULPS Z6, Z4, Z4")
	e.p("VADDPS Z5, Z4, Z5")
	e.p("VDIVPS Z5, Z4, Z4")
	e.p("VMULPS Z4, %s, %s", x, x)
}
