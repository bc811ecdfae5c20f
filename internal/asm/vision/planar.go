package main

import (
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// planar writes the conversion of RGB to planes, eight pixels at a time: for each channel
// one shuffle makes the indices, and one gather looks them up.
func (g *gen) planar() {
	var shuffles [3]Mem
	for c := range shuffles {
		shuffles[c] = g.channelShuffle(c)
	}
	g.fn("planarAVX2", "func(dst *[3]*float32, tables *[3]*float32, pix *byte, n int)")
	g.Doc("planarAVX2 writes, for each of n pixels of RGB, a multiple of 8, the element of tables[c] for",
		"channel c to dst[c]. It reads 3*n bytes.")
	dst, tables := g.Load(g.Param("dst"), g.GP64()), g.Load(g.Param("tables"), g.GP64())
	pix, n := g.Load(g.Param("pix"), g.GP64()), g.Load(g.Param("n"), g.GP64())
	var to, table [3]reg.GPVirtual
	for c := range 3 {
		to[c], table[c] = g.GP64(), g.GP64()
		g.MOVQ(Mem{Base: dst, Disp: 8 * c}, to[c])
		g.MOVQ(Mem{Base: tables, Disp: 8 * c}, table[c])
	}
	shuffle := [3]reg.VecVirtual{g.YMM(), g.YMM(), g.YMM()}
	for c, m := range shuffles {
		g.VMOVDQU(m, shuffle[c])
	}
	at := g.GP64()
	g.XORQ(at, at)

	g.Label("eight")
	pixels := g.YMM()
	g.VMOVDQU(Mem{Base: pix}, pixels.AsX())
	g.VINSERTI128(Imm(1), Mem{Base: pix, Disp: 8}, pixels, pixels)
	for c := range 3 {
		index, all, values := g.YMM(), g.YMM(), g.YMM()
		g.VPSHUFB(shuffle[c], pixels, index)
		g.VPCMPEQD(all, all, all)
		g.VXORPS(values, values, values) // otherwise the gather depends on the previous one
		g.VGATHERDPS(all, Mem{Base: table[c], Index: index, Scale: 4}, values)
		g.VMOVUPS(values, Mem{Base: to[c], Index: at, Scale: 4})
	}
	g.ADDQ(Imm(24), pix)
	g.ADDQ(Imm(8), at)
	g.CMPQ(at, n)
	g.JL(LabelRef("eight"))
	g.VZEROUPPER()
	g.RET()
}

// channelShuffle widens the bytes of a channel to doublewords: of the four pixels at the
// beginning of the lower lane, and of the four at the end of the upper one.
func (g *gen) channelShuffle(channel int) Mem {
	m := g.table("planarChannel" + string(rune('0'+channel)))
	for i := range 8 {
		g.AddDatum(4*i, U32(0x80808000|uint32(channel+3*(i%4)+i/4*4)))
	}
	return m
}
