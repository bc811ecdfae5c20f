package main

import (
	"fmt"
	"math"

	"github.com/mmcloughlin/avo/attr"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// normalTail approximates erfc(u/√2)/2, the tail of the normal distribution, by a polynomial
// around each multiple of step. A row has the coefficients of one power of the distance
// from there, a number for each piece: VPERMPS picks those of each lane's piece, from as
// many as a vector has lanes. The polynomials are fitted to the relative error.
type normalTail struct {
	step   float64 // which float32 holds exactly
	powers [][]float32
}

// end is from where on the tail is taken as 0: less than half a step behind the last
// piece's centre, which would round to a piece that there is not.
func (t *normalTail) end() float64 { return (float64(len(t.powers[0])) - 1 + 0.499) * t.step }

// The tails of AVX-512 and AVX2. u·tail(u) is 5e-11 where the first ends, 2e-10 where the
// second does; the relative errors of the polynomials for u below 3 and 5 are 7e-8 and 2e-6,
// 8e-8 and 5e-6.
var (
	tailOf16 = normalTail{0.4375, [][]float32{
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
	}}
	tailOf8 = normalTail{0.875, [][]float32{
		{5e-1, 1.9078696e-1, 4.0059157e-2, 4.3324484e-3, 2.3262909e-4, 6.071623e-6, 7.604934e-8, 4.534111e-10},
		{-3.989423e-1, -2.72055e-1, -8.627732e-2, -1.2724182e-2, -8.726827e-4, -2.7834041e-5, -4.1284997e-7, -2.8478753e-9},
		{-1.0563337e-8, 1.1902404e-1, 7.5492665e-2, 1.6700491e-2, 1.5271921e-3, 6.088722e-5, 1.0837965e-6, 8.723657e-9},
		{6.649062e-2, 1.0627377e-2, -2.9657865e-2, -1.2492255e-2, -1.6362706e-3, -8.415465e-5, -1.8277293e-6, -1.7328112e-8},
		{-2.8404795e-6, -2.216147e-2, 3.9294665e-4, 5.414546e-3, 1.1772873e-3, 8.18872e-5, 2.2158183e-6, 2.4990497e-8},
		{-9.954865e-3, 2.2797852e-3, 4.3118782e-3, -9.683086e-4, -5.7886465e-4, -5.9021306e-5, -2.0508644e-6, -2.8013586e-8},
		{-7.280268e-5, 2.616672e-3, -1.3072828e-3, -2.9772206e-4, 1.7992564e-4, 3.2215303e-5, 1.5249622e-6, 2.6277766e-8},
		{1.3543988e-3, -5.67134e-4, -1.9224167e-4, 2.231306e-4, -1.9174713e-5, -1.3218395e-5, -9.328012e-7, -2.0691198e-8},
		{-2.1069327e-4, -1.9857413e-4, 1.707685e-4, -4.1894054e-5, -8.552045e-6, 3.4196485e-6, 3.6349985e-7, 9.648245e-9},
	}}
)

// tailOf is the tail for the vectors of the row.
func (k row) tailOf() *normalTail {
	if k.wide() {
		return &tailOf16
	}
	return &tailOf8
}

// coefficients is the memory operand of a row of the tail.
func (k row) coefficients(power int) operand.Mem {
	name := fmt.Sprintf("%s_tail%d", k.name, k.lanesOf())
	return operand.Mem{Symbol: operand.Symbol{Name: name, Static: true}, Base: reg.StaticBase, Disp: k.bytes * power}
}

func (k row) writeTail() {
	k.StaticGlobal(k.coefficients(0).Symbol.Name)
	k.DataAttributes(attr.RODATA | attr.NOPTR)
	for power, row := range k.tailOf().powers {
		for i, c := range row {
			k.AddDatum(k.bytes*power+4*i, operand.U32(math.Float32bits(c)))
		}
	}
}

// geluEnd, geluInverse, geluStep and geluRound are the registers of the end of the tail, of
// 1/step, of step, and of the number that rounds a sum to an integer in its low bits. Alpha,
// beta and the bounds of exp are not needed.
const geluEnd, geluInverse, geluStep, geluRound = expLow, expHigh, alpha, beta

// geluConstants loads the constants of gelu; AVX-512 has registers for the coefficients too.
func (k row) geluConstants() {
	t := k.tailOf()
	k.set(t.end(), k.r[geluEnd])
	k.set(1/t.step, k.r[geluInverse])
	k.set(t.step, k.r[geluStep])
	k.set(3<<22, k.r[geluRound])
	if k.wide() {
		for power := range t.powers {
			k.VMOVUPS(k.coefficients(power), k.r[16+power])
		}
	}
}

// gelu is x·Φ(x). With u = |x|, Φ is the tail for x < 0, which keeps its digits, and 1 - tail
// otherwise. That takes half as many instructions as e^x.
func (k row) gelu() {
	r := k.r
	u, n, d, sum, inside := r[1], r[2], r[3], r[4], r[6]
	pick := func(power int, c reg.VecPhysical) {
		if k.wide() {
			k.VPERMPS(r[16+power], n, c)
			return
		}
		k.VPERMPS(k.coefficients(power), n, c)
	}
	k.abs(r[0], u)
	k.VMINPS(u, r[geluEnd], u) // NaN stays
	k.VMOVAPS(r[geluRound], n)
	k.VFMADD231PS(r[geluInverse], u, n)
	k.VSUBPS(r[geluRound], n, r[5])
	k.VMOVAPS(u, d)
	k.VFNMADD231PS(r[geluStep], r[5], d)
	last := len(k.tailOf().powers) - 1
	pick(last, sum)
	for power := last - 1; power > 0; power-- {
		pick(power, r[5])
		k.VFMADD213PS(r[5], d, sum)
	}
	pick(0, r[5])
	if k.wide() {
		k.VCMPPS(less, r[geluEnd], u, reg.K2)
		k.VCMPPS(notLess, r[none], r[0], reg.K3)
		k.VFMADD213PS_Z(r[5], d, reg.K2, sum)
		k.VSUBPS(sum, r[one], reg.K3, sum)
	} else {
		k.VCMPPS(less, r[geluEnd], u, inside)
		k.VFMADD213PS(r[5], d, sum)
		k.VANDPS(inside, sum, sum)
		k.VSUBPS(sum, r[one], r[5])
		k.VBLENDVPS(r[0], sum, r[5], sum) // by the sign
	}
	k.VMULPS(r[0], sum, r[0])
}
