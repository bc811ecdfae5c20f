package main

import (
	"fmt"
	"math"

	"github.com/mmcloughlin/avo/attr"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// byteRows writes the kernels on rows of 8-bit codes, which args.ByteRow describes.
func byteRows(v vector) func(g *gen) {
	return func(g *gen) {
		b := &byteGen{gen: g, vector: v, together: []int{4, 1}}
		if v.bytes == 32 {
			b.together = []int{2}
			g.widenBytes()
			b.columns()
		}
		b.pair("ByteAdd", "adds the numbers of Count codes, a multiple of 16", func(p, q reg.VecPhysical) {
			g.VCVTDQ2PS(p, p)
			g.VCVTDQ2PS(q, q)
			g.VFMADD213PS(b.top(4), b.top(3), q) // q·RatioB + Fixed
			g.VFMADD213PS(q, b.top(2), p)        // p·RatioA + q
		})
		b.pair("ByteMul", "multiplies the numbers of Count codes, a multiple of 16", func(p, q reg.VecPhysical) {
			g.VPMULLD(q, p, p)
			g.VCVTDQ2PS(p, p)
			g.VMULPS(b.top(2), p, p)
			g.VADDPS(b.top(4), p, p)
		})
		b.quantize()
		b.quantizePixels()
		b.dequantize()
		b.max()
		b.sum()
		b.table()
		if v.bytes == 64 {
			b.tableAtOnce()
			b.order()
		}
	}
}

// byteGen writes the kernels for one kind of vector. The highest registers hold
// constants.
type byteGen struct {
	*gen
	vector
	together []int // numbers of vectors that loops compute at a time, of at least 16 numbers in all
}

// top is the i-th register from the end, counted from 1.
func (b *byteGen) top(i int) reg.VecPhysical { return b.regs[len(b.regs)-i] }

// move loads or stores a vector.
func (b *byteGen) move(from, to operand.Op) {
	if b.bytes == 64 {
		b.VMOVDQU32(from, to)
	} else {
		b.VMOVDQU(from, to)
	}
}

// clear sets a vector to 0.
func (b *byteGen) clear(v reg.VecPhysical) {
	b.xor(v, v, v)
}

// ends loads the constants of round: the bounds into top(5) and top(6), OffOut into
// top(7). Where four vectors go together codes uses OffOut in 16 bits, top(9), the lower
// bound as a code, top(10), and the order in which packing leaves the vectors, top(11).
func (b *byteGen) ends() {
	b.VBROADCASTSS(b.field("Low"), b.top(5))
	b.VBROADCASTSS(b.field("High"), b.top(6))
	b.VPBROADCASTD(b.field("OffOut"), b.top(7))
	if b.bytes < 64 {
		return
	}
	b.VPBROADCASTW(b.field("OffOut"), b.top(9))
	b.CVTTSS2SL(b.field("Low"), reg.R10L)
	b.ADDL(b.field("OffOut"), reg.R10L)
	b.VPBROADCASTB(reg.R10L, b.top(10))
	b.VMOVDQU32(operand.Mem{Symbol: b.orderSymbol(), Base: reg.StaticBase}, b.top(11))
}

// round converts numbers to codes, as int32.
func (b *byteGen) round(v reg.VecPhysical) {
	b.VMAXPS(b.top(5), v, v)
	b.VMINPS(b.top(6), v, v)
	b.VCVTPS2DQ(v, v)
	b.VPADDD(b.top(7), v, v)
}

// codes makes codes of the numbers in the first k registers and writes them as bytes.
// Of four vectors only the upper bound is cut off while they are numbers, so that none
// is too large for an integer; what is too small, NaN with it, stays so in saturating
// packing.
func (b *byteGen) codes(dst reg.Register, k int) {
	if k < 4 {
		for i := range k {
			b.round(b.regs[i])
		}
		b.store(dst, k)
		return
	}
	for _, v := range b.regs[:k] {
		b.VMINPS(v, b.top(6), v)
		b.VCVTPS2DQ(v, v)
	}
	for i := 0; i < k; i += 2 {
		b.VPACKSSDW(b.regs[i+1], b.regs[i], b.regs[i])
		b.VPADDSW(b.top(9), b.regs[i], b.regs[i])
	}
	first := b.regs[0]
	b.VPACKUSWB(b.regs[2], first, first)
	b.VPMAXUB(b.top(10), first, first)
	b.VPERMD(first, b.top(11), first)
	b.VMOVDQU32(first, at(dst, 0))
}

// orderSymbol names the order in which four packed vectors become one: packing keeps to
// quarters of 128 bits.
func (b *byteGen) orderSymbol() operand.Symbol {
	return operand.Symbol{Name: b.name + "_order", Static: true}
}

func (b *byteGen) order() {
	b.StaticGlobal(b.orderSymbol().Name)
	b.DataAttributes(attr.RODATA | attr.NOPTR)
	for i := range 16 {
		b.AddDatum(4*i, operand.U32(i%4*4+i/4))
	}
}

// store writes the codes in the first k registers as bytes.
func (b *byteGen) store(dst reg.Register, k int) {
	if b.bytes == 64 {
		for i := range k {
			b.VPMOVDB(b.regs[i], at(dst, 16*i))
		}
		return
	}
	b.VPACKSSDW(b.regs[1], b.regs[0], b.regs[0])
	b.VPERMQ(operand.U8(0xd8), b.regs[0], b.regs[0]) // undoes the order of packing within 128-bit lanes
	b.VEXTRACTI128(operand.U8(1), b.regs[0], reg.X1)
	b.VPACKUSWB(reg.X1, reg.X0, reg.X0)
	b.VMOVDQU(reg.X0, at(dst, 0))
}

// loop writes loops of body over as many vectors as together says, whose labels begin
// with name.
func (b *byteGen) loop(name string, left reg.Register, body func(k int), advance func(numbers int)) {
	for _, k := range b.together {
		label, numbers := fmt.Sprintf("%s%d", name, k), k*b.bytes/4
		b.while(label, left, numbers, func() {
			body(k)
			advance(numbers)
		})
	}
}

// row begins a kernel.
func (b *byteGen) row(name string, doc ...string) {
	doc[0] = name + b.title + " " + doc[0]
	b.fn(name+b.title, "ByteRow", doc...)
}

// pair writes a kernel on two rows of codes.
func (b *byteGen) pair(name, does string, op func(p, q reg.VecPhysical)) {
	b.row(name, does+".")
	b.Comment("AX arguments, DI output, SI BX inputs, DX numbers left. From the last register down: OffA,", "RatioA, RatioB, Fixed, Low, High, OffOut, OffB.")
	dst, p, q, left := reg.RDI, reg.RSI, reg.RBX, reg.RDX
	b.load("Dst", dst)
	b.load("A", p)
	b.load("B", q)
	b.load("Count", left)
	b.VPBROADCASTD(b.field("OffA"), b.top(1))
	b.VBROADCASTSS(b.field("RatioA"), b.top(2))
	b.VBROADCASTSS(b.field("RatioB"), b.top(3))
	b.VBROADCASTSS(b.field("Fixed"), b.top(4))
	b.VPBROADCASTD(b.field("OffB"), b.top(8))
	b.ends()
	b.MOVL(b.field("OffA"), reg.R10L)
	b.ORL(b.field("OffB"), reg.R10L)
	b.JZ(to("asTheyAre"))
	for _, off := range []bool{true, false} {
		name := "vectors"
		if !off {
			name = "plain"
			b.Label("asTheyAre")
		}
		b.loop(name, left, func(k int) {
			for i := range k {
				b.VPMOVZXBD(at(p, b.bytes/4*i), b.regs[i])
				b.VPMOVZXBD(at(q, b.bytes/4*i), b.regs[k+i])
			}
			for i := range k {
				if off {
					b.VPSUBD(b.top(1), b.regs[i], b.regs[i])
					b.VPSUBD(b.top(8), b.regs[k+i], b.regs[k+i])
				}
				op(b.regs[i], b.regs[k+i])
			}
			b.codes(dst, k)
		}, func(numbers int) {
			for _, r := range []reg.Register{dst, p, q} {
				b.ADDQ(imm(numbers), r)
			}
		})
	}
	b.end()
}

// quotients loads the constants of divide: the reciprocal of RatioA into top(1), RatioA
// into top(2), (High+1)·RatioA into top(3); and those of round.
func (b *byteGen) quotients() {
	b.VBROADCASTSS(b.field("RatioA"), b.top(2))
	b.ends()
	one := b.top(8)
	b.MOVL(operand.U32(math.Float32bits(1)), reg.R10L)
	b.VMOVD(reg.R10L, reg.X0)
	b.VBROADCASTSS(reg.X0, one)
	b.VDIVPS(b.top(2), one, b.top(1))
	b.VADDPS(one, b.top(6), b.top(3))
	b.VMULPS(b.top(2), b.top(3), b.top(3))
}

// divide divides by RatioA. The product with the reciprocal is corrected by the
// remainder twice, which gives the rounded quotient (Markstein, "Computation of
// elementary functions on the IBM RISC System/6000 processor", 1990): that takes less
// time than a division. The dividend is bounded above, so that no product overflows;
// below, an overflow becomes NaN, which has the lowest code, too.
func (b *byteGen) divide(v reg.VecPhysical) {
	quotient, rest := b.top(4), b.top(8)
	b.VMINPS(v, b.top(3), v)
	b.VMULPS(b.top(1), v, quotient)
	for range 2 {
		b.VMOVAPS(v, rest)
		b.VFNMADD231PS(b.top(2), quotient, rest)
		b.VFMADD231PS(b.top(1), rest, quotient)
	}
	b.VMOVAPS(quotient, v)
}

// quantize writes the conversion of float32 to codes.
func (b *byteGen) quantize() {
	b.row("Quantize", "converts Count float32 at A, a multiple of 16, to codes.")
	b.Comment("AX arguments, DI output, SI input, DX numbers left. See quotients and ends for the last registers.")
	dst, a, left := reg.RDI, reg.RSI, reg.RDX
	b.load("Dst", dst)
	b.load("A", a)
	b.load("Count", left)
	b.quotients()
	b.loop("vectors", left, func(k int) {
		for i := range k {
			b.VMOVUPS(at(a, b.bytes*i), b.regs[i])
		}
		for i := range k {
			b.divide(b.regs[i])
		}
		b.codes(dst, k)
	}, func(numbers int) {
		b.ADDQ(imm(numbers), dst)
		b.ADDQ(imm(4*numbers), a)
	})
	b.end()
}

// quantizePixels writes the conversion of three planes of float32 to pixels of codes.
func (b *byteGen) quantizePixels() {
	b.row("QuantizePixels", "converts float32 planes at A, A+Plane and A+2·Plane to Count pixels of three codes,",
		"a multiple of 16; the fourth byte of a pixel is 0.")
	b.Comment("AX arguments, DI output, SI BX CX planes, DX pixels left. See quotients and ends for the last registers.")
	dst, left := reg.RDI, reg.RDX
	planes := []reg.Register{reg.RSI, reg.RBX, reg.RCX}
	b.load("Dst", dst)
	b.load("A", planes[0])
	for i := 1; i < 3; i++ {
		b.load("Plane", planes[i])
		b.ADDQ(planes[i-1], planes[i])
	}
	b.load("Count", left)
	b.quotients()
	b.loop("vectors", left, func(k int) {
		for i := range k {
			first := b.regs[3*i]
			for c, p := range planes {
				v := b.regs[3*i+c]
				b.VMOVUPS(at(p, b.bytes*i), v)
				b.divide(v)
				b.round(v)
				if c == 0 {
					continue
				}
				b.VPSLLD(operand.U8(8*c), v, v)
				if b.bytes == 64 {
					b.VPORD(v, first, first)
				} else {
					b.VPOR(v, first, first)
				}
			}
			b.move(first, at(dst, b.bytes*i))
		}
	}, func(numbers int) {
		for _, r := range append(planes, dst) {
			b.ADDQ(imm(4*numbers), r)
		}
	})
	b.end()
}

// dequantize writes the conversion of codes to float32.
func (b *byteGen) dequantize() {
	b.row("Dequantize", "converts Count codes at A, a multiple of 16, to float32.")
	b.Comment("AX arguments, DI output, SI input, DX numbers left. From the last register down OffA, RatioA.")
	dst, a, left := reg.RDI, reg.RSI, reg.RDX
	b.load("Dst", dst)
	b.load("A", a)
	b.load("Count", left)
	b.VPBROADCASTD(b.field("OffA"), b.top(1))
	b.VBROADCASTSS(b.field("RatioA"), b.top(2))
	b.loop("vectors", left, func(k int) {
		for i := range k {
			v := b.regs[i]
			b.VPMOVZXBD(at(a, b.bytes/4*i), v)
			b.VPSUBD(b.top(1), v, v)
			b.VCVTDQ2PS(v, v)
			b.VMULPS(b.top(2), v, v)
			b.VMOVUPS(v, at(dst, b.bytes*i))
		}
	}, func(numbers int) {
		b.ADDQ(imm(4*numbers), dst)
		b.ADDQ(imm(numbers), a)
	})
	b.end()
}

// xor is the exclusive or of two vectors.
func (b *byteGen) xor(x, y, dst reg.VecPhysical) {
	if b.bytes == 64 {
		b.VPXORD(x, y, dst)
	} else {
		b.VPXOR(x, y, dst)
	}
}

// widenBytes writes the conversion of bytes to 16 bits.
func (g *gen) widenBytes() {
	g.leaf("WidenBytesAVX2", []string{"dst ptr", "src ptr", "n int"}, "WidenBytesAVX2 copies n bytes, a multiple of 32, to 16 bits each.")
	dst, src, n := reg.RDI, reg.RSI, reg.RDX
	g.takes(dst, src, n)
	g.Label("loop")
	g.CMPQ(n, imm(32))
	g.JLT(to("done"))
	for i := range 2 {
		g.VPMOVZXBW(at(src, 16*i), ymm.regs[i])
		g.VMOVDQU(ymm.regs[i], at(dst, 32*i))
	}
	g.ADDQ(imm(64), dst)
	g.ADDQ(imm(32), src)
	g.SUBQ(imm(32), n)
	g.JMP(to("loop"))
	g.Label("done")
	g.end()
}
