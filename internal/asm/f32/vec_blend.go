package main

import (
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// blends writes weighted sums of rows, weighted sums of gathered numbers, the
// transposition of squares, and that of pairs.
func blends(g *gen) {
	for _, v := range vectors {
		k := g.row(v)
		k.blend()
		k.pickSum()
	}
	g.row(ymm).transpose()
	g.row(ymm).unzip()
}

// blend writes dst = Σ weights[t]·row t, where row t begins offsets[t] bytes after src.
// Products are summed in the order of t.
func (k row) blend() {
	name := "VecBlend" + k.title
	k.leaf(name, []string{"dst ptr", "src ptr", "offsets ptr", "weights ptr", "taps int", "n int"},
		name+" takes at least one row, of n numbers; dst must not overlap rows.")
	dst, src, offsets, weights, taps, n := reg.RDI, reg.RSI, reg.R8, reg.R9, reg.R10, reg.RDX
	k.takes(dst, src, offsets, weights, taps, n)
	tap, from := reg.R11, reg.R12
	group := func(label string, vectors int, tail bool) {
		for i := range vectors {
			k.zero(k.r[i])
		}
		k.XORQ(tap, tap)
		k.Label(label)
		k.MOVQ(operand.Mem{Base: offsets, Index: tap, Scale: 8}, from)
		k.ADDQ(src, from)
		k.VBROADCASTSS(operand.Mem{Base: weights, Index: tap, Scale: 4}, k.r[8])
		for i := range vectors {
			if tail {
				k.load(at(from, 0), k.r[9], true)
				k.VFMADD231PS(k.r[9], k.r[8], k.r[i])
			} else {
				k.VFMADD231PS(at(from, i*k.bytes), k.r[8], k.r[i])
			}
		}
		k.INCQ(tap)
		k.CMPQ(tap, taps)
		k.JLT(to(label))
		for i := range vectors {
			k.store(k.r[i], at(dst, i*k.bytes), tail)
		}
	}
	for _, u := range []int{4, 1} {
		label := map[int]string{4: "four", 1: "one"}[u]
		k.while(label, n, u*k.lanesOf(), func() {
			group(label+"Tap", u, false)
			k.ADDQ(imm(u*k.bytes), dst)
			k.ADDQ(imm(u*k.bytes), src)
		})
	}
	k.TESTQ(n, n)
	k.JZ(to("end"))
	k.tailMask(n)
	group("tailTap", 1, true)
	k.Label("end")
	k.end()
}

// pickSum writes dst[i] = Σ weights[t·n+i]·src[index[t·n+i]].
func (k row) pickSum() {
	name := "VecPick" + k.title
	k.leaf(name, []string{"dst ptr", "src ptr", "index ptr", "weights ptr", "taps int", "n int"},
		name+" computes n weighted sums of numbers of src at int32 indices; taps is at least 1.")
	dst, src, index, weights, taps, n := reg.RDI, reg.RSI, reg.R8, reg.R9, reg.R10, reg.RDX
	k.takes(dst, src, index, weights, taps, n)
	step, left, at1, at2 := reg.R11, reg.R12, reg.R13, reg.RBX
	k.MOVQ(n, step)
	k.SHLQ(operand.U8(2), step)
	acc, idx, got, w := k.r[0], k.r[1], k.r[2], k.r[3]
	all := k.r[4]
	if !k.wide() {
		k.VPCMPEQD(all, all, all)
	}
	k.loop("row", n, []reg.Register{dst, index, weights}, 1, func(_, _ int, tail bool) {
		label := "tap"
		if tail {
			label = "tailTap"
		}
		k.zero(acc)
		k.MOVQ(taps, left)
		k.MOVQ(index, at1)
		k.MOVQ(weights, at2)
		k.Label(label)
		k.load(at(at1, 0), idx, tail)
		k.load(at(at2, 0), w, tail)
		k.zero(got)
		from := operand.Mem{Base: src, Index: idx, Scale: 4}
		switch {
		case k.wide() && tail:
			k.KMOVW(reg.K1, reg.K2)
			k.VGATHERDPS(from, reg.K2, got)
		case k.wide():
			k.KXNORW(reg.K2, reg.K2, reg.K2)
			k.VGATHERDPS(from, reg.K2, got)
		case tail:
			k.VMOVAPS(k.mask(), k.r[5])
			k.VGATHERDPS(k.r[5], from, got)
		default:
			k.VMOVAPS(all, k.r[5])
			k.VGATHERDPS(k.r[5], from, got)
		}
		k.VFMADD231PS(got, w, acc)
		k.ADDQ(step, at1)
		k.ADDQ(step, at2)
		k.DECQ(left)
		k.JNZ(to(label))
		k.store(acc, at(dst, 0), tail)
	})
	k.end()
}

// transpose writes the transposition of 8 rows to 8 columns, in squares of 8x8.
func (k row) transpose() {
	name := "VecTranspose" + k.title
	k.leaf(name, []string{"dst ptr", "src ptr", "dstRow int", "srcRow int", "squares int"},
		name+" transposes squares of 8x8 numbers, which are side by side in src and one below the",
		"other in dst. dstRow and srcRow are row strides in bytes.")
	dst, src, dstRow, srcRow, n := reg.RDI, reg.RSI, reg.R8, reg.R9, reg.RDX
	k.takes(dst, src, dstRow, srcRow, n)
	three, far := reg.R10, reg.R11
	r := k.r
	// Rows 0 to 3 are addressed from base, rows 4 to 7 from far.
	line := func(base reg.Register, pitch reg.Register, i int) operand.Mem {
		if i >= 4 {
			base = far
			i -= 4
		}
		switch i {
		case 1, 2:
			return operand.Mem{Base: base, Index: pitch, Scale: uint8(i)}
		case 3:
			return operand.Mem{Base: base, Index: three, Scale: 1}
		}
		return operand.Mem{Base: base}
	}
	reach := func(base, pitch reg.Register) {
		k.LEAQ(operand.Mem{Base: pitch, Index: pitch, Scale: 2}, three)
		k.LEAQ(operand.Mem{Base: base, Index: pitch, Scale: 4}, far)
	}
	k.Label("square")
	reach(src, srcRow)
	for i := range 8 {
		k.VMOVUPS(line(src, srcRow, i), r[i])
	}
	for i := 0; i < 8; i += 2 { // interleaves numbers of pairs of rows
		k.VUNPCKLPS(r[i+1], r[i], r[8+i])
		k.VUNPCKHPS(r[i+1], r[i], r[9+i])
	}
	for i := 0; i < 8; i += 4 { // interleaves pairs of numbers
		k.VUNPCKLPD(r[8+i+2], r[8+i], r[i])
		k.VUNPCKHPD(r[8+i+2], r[8+i], r[i+1])
		k.VUNPCKLPD(r[8+i+3], r[8+i+1], r[i+2])
		k.VUNPCKHPD(r[8+i+3], r[8+i+1], r[i+3])
	}
	for i := range 4 { // exchanges 128-bit lanes
		k.VPERM2F128(operand.U8(0x20), r[4+i], r[i], r[8+i])
		k.VPERM2F128(operand.U8(0x31), r[4+i], r[i], r[12+i])
	}
	reach(dst, dstRow)
	for i := range 8 {
		k.VMOVUPS(r[8+i], line(dst, dstRow, i))
	}
	k.ADDQ(imm(32), src)
	k.LEAQ(operand.Mem{Base: dst, Index: dstRow, Scale: 8}, dst)
	k.DECQ(n)
	k.JNZ(to("square"))
	k.end()
}

// unzip writes even[i] = src[2i] and odd[i] = src[2i+1], eight at a time.
func (k row) unzip() {
	name := "VecUnzip" + k.title
	k.leaf(name, []string{"even ptr", "odd ptr", "src ptr", "n int"},
		name+" takes apart n pairs of numbers, a positive multiple of 8.")
	even, odd, src, n := reg.RDI, reg.RSI, reg.R8, reg.RDX
	k.takes(even, odd, src, n)
	r := k.r
	k.Label("pairs")
	k.VMOVUPS(at(src, 0), r[0])
	k.VMOVUPS(at(src, 32), r[1])
	k.VSHUFPS(operand.U8(0x88), r[1], r[0], r[2]) // 0 2 8 10 4 6 12 14
	k.VSHUFPS(operand.U8(0xdd), r[1], r[0], r[3])
	k.VPERMPD(operand.U8(0xd8), r[2], r[2])
	k.VPERMPD(operand.U8(0xd8), r[3], r[3])
	k.VMOVUPS(r[2], at(even, 0))
	k.VMOVUPS(r[3], at(odd, 0))
	k.ADDQ(imm(32), even)
	k.ADDQ(imm(32), odd)
	k.ADDQ(imm(64), src)
	k.SUBQ(imm(8), n)
	k.JNZ(to("pairs"))
	k.end()
}
