package main

import (
	"fmt"
	"strings"

	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// few is a kernel for the products of F(4x4, 3x3) with few tiles. It transforms weights in
// registers and multiplies them at once: one column of the transformed weights by the given
// number of tiles. The sums stay in registers over all channels.
//
// The rows of G are multiplied by 4, -6, -6, 24, 24, 1, so that its elements are 0, 1, 2
// and 4 in magnitude; the sums are divided by these factors at the end.
type few struct {
	vector
	column, tiles int
}

const fewTiles, fewPlanes = 4, 6 // 24 accumulators

// fewKernels visits the kernels in their table's order.
func fewKernels(visit func(k few)) {
	for column := range fewPlanes {
		for tiles := 1; tiles <= fewTiles; tiles++ {
			visit(few{zmm, column, tiles})
		}
	}
}

func winogradFew(g *gen) {
	fewKernels(func(k few) { k.emit(g) })
}

func fewTable() string {
	var s strings.Builder
	s.WriteString("// WinogradFewAVX512 holds the kernels by column and number of tiles.\n")
	fmt.Fprintf(&s, "var WinogradFewAVX512 = [%d][%d]func(*WinogradFew){", fewPlanes, fewTiles+1)
	fewKernels(func(k few) {
		if k.tiles == 1 {
			s.WriteString("\n\t{")
		}
		fmt.Fprintf(&s, "%d: %s", k.tiles, k.name())
		if k.tiles == fewTiles {
			s.WriteString("},")
		} else {
			s.WriteString(", ")
		}
	})
	s.WriteString("\n}\n")
	return s.String()
}

func (k few) name() string {
	return fmt.Sprintf("winogradFew_%dx%d_%s", k.column, k.tiles, k.rung)
}

var (
	fewWeights, fewLeft = reg.RBX, reg.RDX
	fewTap              = []reg.Register{1: reg.R8, 3: reg.R9, 5: reg.R10, 7: reg.R11} // bytes of so many taps
	fewIn               = []reg.Register{reg.RSI, reg.RDI, reg.R12, reg.R13, reg.R15, reg.RCX}
	fewAhead            = reg.R14
	fewTwo, fewFour     = reg.Z30, reg.Z31
	fewA, fewB, fewC    = reg.Z24, reg.Z25, reg.Z26 // a column of the kernel, transformed along rows
	fewPlus, fewMinus   = reg.Z27, reg.Z28
	fewTogether         = 4 // channels per iteration
)

// sum is the accumulator of a plane and a tile.
func (k few) sum(plane, tile int) reg.VecPhysical { return k.regs[plane*k.tiles+tile] }

// emit writes the kernel: a loop over blocks of 16 channels, and one over the channels that
// are left. In a block, the weights of a tap of all 16 channels are contiguous, so a tap is
// 16 steps long; behind the last block, as many as there are channels.
func (k few) emit(g *gen) {
	g.fn(k.name(), "WinogradFew", fmt.Sprintf("%s computes the sums of column %d of %d tiles.", k.name(), k.column, k.tiles))
	g.Comment("AX arguments, BX weights, R8-R11 bytes of 1, 3, 5 and 7 taps, DX channels left in a block, or groups of four,",
		"SI DI R12 R13 R15 CX the first tile in each plane, R14 weights to prefetch, 0(SP) blocks left.")
	blocks := g.AllocLocal(8)
	g.load("Weights", fewWeights)
	g.load("Ahead", fewAhead)
	g.load("In", fewIn[0])
	for p := 1; p < fewPlanes; p++ {
		g.MOVQ(fewIn[p-1], fewIn[p])
		g.ADDQ(g.field("Plane"), fewIn[p])
	}
	for i := range fewPlanes * k.tiles {
		g.VPXORD(k.regs[i], k.regs[i], k.regs[i])
	}
	for _, c := range []struct {
		bits uint32
		r    reg.VecPhysical
	}{{0x40000000, fewTwo}, {0x40800000, fewFour}} {
		g.MOVL(operand.U32(c.bits), reg.EDX)
		g.VPBROADCASTD(reg.EDX, c.r)
	}
	g.load("Step", fewTap[1])
	g.SHLQ(operand.U8(4), fewTap[1])
	k.taps(g)
	g.load("Blocks", fewLeft)
	g.MOVQ(fewLeft, blocks)
	g.Label("block")
	g.DECQ(blocks)
	g.JLT(to("rest"))
	g.MOVQ(imm(16/fewTogether), fewLeft)
	g.Label("channels")
	for c := range fewTogether {
		k.channel(g, 4*c)
	}
	for p := range fewPlanes {
		g.ADDQ(imm(4*fewTogether), fewIn[p])
	}
	g.DECQ(fewLeft)
	g.JNZ(to("channels"))
	k.nextBlock(g)
	g.JMP(to("block"))
	g.Label("rest")
	g.load("Rest", fewLeft)
	g.TESTQ(fewLeft, fewLeft)
	g.JZ(to("done"))
	g.load("Step", fewTap[1])
	g.IMULQ(fewLeft, fewTap[1])
	k.taps(g)
	g.Label("channel")
	k.channel(g, 0)
	for p := range fewPlanes {
		g.ADDQ(imm(4), fewIn[p])
	}
	g.DECQ(fewLeft)
	g.JNZ(to("channel"))
	g.Label("done")
	k.finish(g)
	g.end()
}

// taps computes the multiples of the size of a tap.
func (k few) taps(g *gen) {
	tap := fewTap[1]
	g.LEAQ(at(tap, 0).Idx(tap, 2), fewTap[3])
	g.LEAQ(at(tap, 0).Idx(tap, 4), fewTap[5])
	g.LEAQ(at(fewTap[3], 0).Idx(tap, 4), fewTap[7])
}

// nextBlock advances from the end of the first tap of a block of 16 channels to the next
// block.
func (k few) nextBlock(g *gen) {
	g.LEAQ(at(fewWeights, 0).Idx(fewTap[1], 8), fewWeights)
	for p := range fewPlanes {
		g.ADDQ(g.field("Block"), fewIn[p])
		g.SUBQ(imm(64), fewIn[p])
	}
}

// tap is the memory operand of tap i of a channel.
func (k few) tap(i int) operand.Mem {
	m := at(fewWeights, 0)
	switch i {
	case 0:
		return m
	case 3, 5, 7:
		return m.Idx(fewTap[i], 1)
	case 6:
		return m.Idx(fewTap[3], 2)
	}
	return m.Idx(fewTap[1], uint8(i))
}

// channel writes the products of one channel, whose inputs are disp bytes after the
// addresses of the planes.
func (k few) channel(g *gen, disp int) {
	for range 2 {
		g.PREFETCHT1(at(fewAhead, 0))
		g.ADDQ(g.field("AheadEach"), fewAhead)
	}
	for y, r := range []reg.VecPhysical{fewA, fewB, fewC} {
		k.row(g, y, r)
	}
	g.ADDQ(g.field("Step"), fewWeights)
	plane := 0
	multiply := func(w reg.VecPhysical) {
		for t := range k.tiles {
			g.VFMADD231PS_BCST(at(fewIn[plane], disp+64*t), w, k.sum(plane, t))
		}
		plane++
	}
	multiply(fewA)
	g.VADDPS(fewC, fewA, fewMinus)
	g.VADDPS(fewB, fewMinus, fewPlus)
	g.VSUBPS(fewB, fewMinus, fewMinus)
	multiply(fewPlus)
	multiply(fewMinus)
	g.VFMADD231PS(fewFour, fewC, fewA)
	g.VMOVAPS(fewA, fewPlus)
	g.VFMADD231PS(fewTwo, fewB, fewPlus)
	g.VFNMADD231PS(fewTwo, fewB, fewA)
	multiply(fewPlus)
	multiply(fewA)
	multiply(fewC)
}

// row computes the number of the kernel's column from row y of three taps.
func (k few) row(g *gen, y int, r reg.VecPhysical) {
	a, b, c := k.tap(3*y), k.tap(3*y+1), k.tap(3*y+2)
	if k.column == 5 {
		g.VMOVUPS(c, r)
		return
	}
	g.VMOVUPS(a, r)
	switch k.column {
	case 1:
		g.VADDPS(c, r, r)
		g.VADDPS(b, r, r)
	case 2:
		g.VADDPS(c, r, r)
		g.VSUBPS(b, r, r)
	case 3:
		g.VFMADD231PS(c, fewFour, r)
		g.VFMADD231PS(b, fewTwo, r)
	case 4:
		g.VFMADD231PS(c, fewFour, r)
		g.VFNMADD231PS(b, fewTwo, r)
	}
}

// finish scales and stores the sums.
func (k few) finish(g *gen) {
	out, scales := reg.RSI, reg.RDI
	g.load("Out", out)
	g.load("Scales", scales)
	for p := range fewPlanes {
		g.VBROADCASTSS(at(scales, 4*p), fewA)
		for t := range k.tiles {
			g.VMULPS(fewA, k.sum(p, t), k.sum(p, t))
			g.VMOVUPS(k.sum(p, t), at(out, 64*t))
		}
		if p+1 < fewPlanes {
			g.ADDQ(g.field("Plane"), out)
		}
	}
}
