package main

import "github.com/mmcloughlin/avo/reg"

// peakChains is the number of independent accumulators: more than the 8 that hide the
// latency of four cycles on two units.
const peakChains = 12

// peaks writes loops of multiply-adds only, to measure the peak of which the speed of
// convolutions is a share.
func peaks(g *gen) {
	for _, v := range vectors {
		g.peak("Peak"+v.title, "vector multiply-adds", v, func(a, b, acc reg.VecPhysical) { g.VFMADD231PS(a, b, acc) })
	}
	g.peak("PeakBF16", "VDPBF16PS of 512 bits", zmm, g.dotBF16)
}

// peak writes one loop.
func (g *gen) peak(name, of string, v vector, multiplyAdd func(a, b, acc reg.VecPhysical)) {
	g.leaf(name, []string{"n int"}, name+" runs n rounds, at least 1, of 12 "+of+".")
	g.param("n", reg.RDX)
	for i := range peakChains + 2 {
		x := v.regs[i].AsX()
		g.VXORPS(x, x, x)
	}
	g.Label("loop")
	for i := range peakChains {
		multiplyAdd(v.regs[peakChains], v.regs[peakChains+1], v.regs[i])
	}
	g.DECQ(reg.RDX)
	g.JNZ(to("loop"))
	g.end()
}
