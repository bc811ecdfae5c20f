package main

import (
	"math"

	"github.com/mmcloughlin/avo/attr"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// tailStep is the distance between the centres of the pieces of normalTail, of which the
// first is 0. From tailEnd on, where u·tail(u) is 4e-11, the tail is taken as 0.
const (
	tailStep = 0.4375
	tailEnd  = 15.499 * tailStep // less than 15.5 steps, which would round to piece 16
)

// normalTail approximates erfc(u/√2)/2 by 16 polynomials: a row has the coefficients of
// one power of the distance from the centre of each piece. They are fitted to the relative
// error: 4e-8 for u < 3, 1e-6 for u < 5.
var normalTail = [7][16]float32{
	{5e-1, 3.3087438e-1, 1.9078696e-1, 9.467574e-2, 4.0059157e-2, 1.4353022e-2, 4.3324484e-3, 1.0974824e-3,
		2.3262909e-4, 4.1167474e-5, 6.071628e-6, 7.452706e-7, 7.6049886e-8, 6.4456787e-9, 4.5342444e-10, 2.6457175e-11},
	{-3.989423e-1, -3.6253232e-1, -2.72055e-1, -1.685932e-1, -8.627732e-2, -3.646083e-2, -1.2724179e-2, -3.6669618e-3,
		-8.726829e-4, -1.7150636e-4, -2.7834143e-5, -3.7303507e-6, -4.1285344e-7, -3.7732608e-8, -2.8478198e-9, -1.7749366e-10},
	{1.1503383e-7, 7.930395e-2, 1.1902402e-1, 1.1063924e-1, 7.549265e-2, 3.9879058e-2, 1.6700506e-2, 5.6150407e-3,
		1.527192e-3, 3.3764952e-4, 6.0885395e-5, 8.975581e-6, 1.0836078e-6, 1.0727918e-7, 8.718399e-9, 5.8208477e-10},
	{6.648726e-2, 4.8855904e-2, 1.0628314e-2, -2.0304313e-2, -2.965746e-2, -2.3002112e-2, -1.2492655e-2, -5.120975e-3,
		-1.6362438e-3, -4.1453764e-4, -8.41324e-5, -1.3770822e-5, -1.8262987e-6, -1.9690654e-7, -1.730295e-8, -1.2416413e-9},
	{4.045165e-5, -1.8560728e-2, -2.2159785e-2, -1.1775076e-2, 3.9319915e-4, 5.931293e-3, 5.4136454e-3, 2.9846055e-3,
		1.1773834e-3, 3.520087e-4, 8.198167e-5, 1.5107235e-5, 2.2245624e-6, 2.635183e-7, 2.5233243e-8, 1.9601525e-9},
	{-1.0243753e-2, -5.6629195e-3, 2.2348613e-3, 6.073455e-3, 4.2955456e-3, 8.744593e-4, -9.5035817e-4, -1.0548646e-3,
		-5.8027316e-4, -2.1703729e-4, -6.0060796e-5, -1.2759596e-5, -2.1231508e-6, -2.8014588e-7, -2.9554746e-8, -2.5074962e-9},
	{8.993301e-4, 2.8675988e-3, 2.5784555e-3, 2.0606867e-4, -1.2998856e-3, -1.0824472e-3, -2.8684438e-4, 1.4386694e-4,
		1.7757816e-4, 9.1766175e-5, 3.1108528e-5, 7.66706e-6, 1.4342312e-6, 2.0836652e-7, 2.3842752e-8, 2.1690678e-9},
}

// tail is the memory operand of a row of normalTail.
func (g *gen) tail(power int) operand.Mem {
	return operand.Mem{Symbol: operand.Symbol{Name: g.name + "_tail", Static: true}, Base: reg.StaticBase, Disp: 64 * power}
}

func (g *gen) writeTail() {
	g.StaticGlobal(g.name + "_tail")
	g.DataAttributes(attr.RODATA | attr.NOPTR)
	for power, row := range normalTail {
		for i, c := range row {
			g.AddDatum(64*power+4*i, operand.U32(math.Float32bits(c)))
		}
	}
}

// geluConstants loads the constants of wideGelu: tailEnd, 1/tailStep, tailStep, the number
// that rounds a sum to an integer, and the rows of normalTail.
func (k row) geluConstants() {
	for i, c := range []float64{tailEnd, 1 / tailStep, tailStep, 3 << 22} {
		k.set(c, k.r[16+i])
	}
	for power := range normalTail {
		k.VMOVUPS(k.tail(power), k.r[20+power])
	}
}

// wideGelu is x·Φ(x). Φ is the tail for x < 0, and 1 - tail otherwise. VPERMPS picks the
// coefficients of the piece of each lane. That takes half as many instructions as e^x.
func (k row) wideGelu() {
	r := k.r
	end, inverse, step, round, powers := r[16], r[17], r[18], r[19], r[20:]
	u, n, d, sum := r[1], r[2], r[3], r[4]
	k.abs(r[0], u)
	k.VMINPS(u, end, u) // NaN stays
	k.VMOVAPS(round, n)
	k.VFMADD231PS(inverse, u, n)
	k.VSUBPS(round, n, r[5])
	k.VMOVAPS(u, d)
	k.VFNMADD231PS(step, r[5], d)
	k.VCMPPS(less, end, u, reg.K2)
	k.VCMPPS(notLess, r[none], r[0], reg.K3)
	last := len(normalTail) - 1
	k.VPERMPS(powers[last], n, sum)
	for i := last - 1; i > 0; i-- {
		c := r[5+i%3]
		k.VPERMPS(powers[i], n, c)
		k.VFMADD213PS(c, d, sum)
	}
	k.VPERMPS(powers[0], n, r[5])
	k.VFMADD213PS_Z(r[5], d, reg.K2, sum)
	k.VSUBPS(sum, r[one], reg.K3, sum)
	k.VMULPS(r[0], sum, r[0])
}
