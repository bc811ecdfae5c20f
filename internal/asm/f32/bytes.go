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
		b.Label(label)
		b.CMPQ(left, imm(numbers))
		b.JLT(to(label + "Done"))
		body(k)
		advance(numbers)
		b.SUBQ(imm(numbers), left)
		b.JMP(to(label))
		b.Label(label + "Done")
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

// max writes the maximum of windows of pixels of 64 codes.
func (b *byteGen) max() {
	b.row("ByteMax", "computes Count pixels of 64 codes, each the maximum of the Taps pixels at A+First+Offsets;",
		"First advances by PixelStride.")
	b.Comment("AX arguments, DI output, SI input of the pixel, R9 pixels left, CX offset of the tap, DX taps left,", "R12 address of the tap, R10 R11 the pixel stride times 1 and 3.")
	dst, in, left, offset, taps := reg.RDI, reg.RSI, reg.R9, reg.RCX, reg.RDX
	parts := 64 / b.bytes
	b.load("Dst", dst)
	b.load("A", in)
	b.ADDQ(b.field("First"), in)
	b.load("Count", left)
	b.load("PixelStride", stride)
	b.LEAQ(at(stride, 0).Idx(stride, 2), stride3)
	for _, k := range []int{4, 1} {
		label := fmt.Sprintf("pixels%d", k)
		b.Label(label)
		b.CMPQ(left, imm(k))
		b.JLT(to(label + "Done"))
		b.load("Offsets", offset)
		b.load("Taps", taps)
		for i := range k * parts {
			b.clear(b.regs[i])
		}
		b.Label(label + "Tap")
		b.MOVQ(at(offset, 0), reg.R12)
		b.ADDQ(in, reg.R12)
		for i := range k {
			for part := range parts {
				m := at(reg.R12, b.bytes*part)
				switch i {
				case 1, 2:
					m = m.Idx(stride, uint8(i))
				case 3:
					m = m.Idx(stride3, 1)
				}
				b.VPMAXUB(m, b.regs[i*parts+part], b.regs[i*parts+part])
			}
		}
		b.ADDQ(imm(8), offset)
		b.DECQ(taps)
		b.JNZ(to(label + "Tap"))
		for i := range k * parts {
			b.move(b.regs[i], at(dst, b.bytes*i))
		}
		b.ADDQ(imm(64*k), dst)
		if k == 4 {
			b.LEAQ(at(in, 0).Idx(stride, 4), in)
		} else {
			b.ADDQ(stride, in)
		}
		b.SUBQ(imm(k), left)
		b.JMP(to(label))
		b.Label(label + "Done")
	}
	b.end()
}

// sum writes the sum of pixels of 64 codes.
func (b *byteGen) sum() {
	b.row("ByteSum", "adds Count pixels of 64 codes at A, PixelStride apart, to the 64 int32 at Dst.")
	b.Comment("AX arguments, DI sums, SI pixels, DX pixels left.")
	dst, in, left := reg.RDI, reg.RSI, reg.RDX
	vectors := 256 / b.bytes
	b.load("Dst", dst)
	b.load("A", in)
	b.load("Count", left)
	b.load("PixelStride", stride)
	for i := range vectors {
		b.move(at(dst, b.bytes*i), b.regs[i])
	}
	b.TESTQ(left, left)
	b.JZ(to("done"))
	b.Label("pixel")
	for i := range vectors {
		v := b.regs[vectors+i%4]
		b.VPMOVZXBD(at(in, b.bytes/4*i), v)
		b.VPADDD(v, b.regs[i], b.regs[i])
	}
	b.ADDQ(stride, in)
	b.DECQ(left)
	b.JNZ(to("pixel"))
	b.Label("done")
	for i := range vectors {
		b.move(b.regs[i], at(dst, b.bytes*i))
	}
	b.end()
}

// table looks codes up in the 16 rows of Chain one after the other. VPSHUFB picks an
// element of a row by the lower half of a code, or 0 if the code is negative. Before each
// row after the first, 16 is subtracted from the code, with signed saturation. So a code
// picks from all rows up to its own, and these XORed give the element of the table,
// because each row of Chain is XORed with the row before. Codes from 128 on are first
// XORed with 128 and use the other eight rows.
func (b *byteGen) table() {
	b.row("ByteTable", "looks Count codes at A, a multiple of 64, up in a table.")
	b.Comment("AX arguments, DI output, SI input, DX numbers left, BX Chain. Of each vector three registers: codes,", "codes XORed with 128, results. The last register 16, the one before 128.")
	dst, in, left, chain := reg.RDI, reg.RSI, reg.RDX, reg.RBX
	b.load("Dst", dst)
	b.load("A", in)
	b.load("Count", left)
	b.load("Chain", chain)
	for i, v := range []uint64{0x1010101010101010, 0x8080808080808080} {
		b.MOVQ(operand.U64(v), reg.R10)
		b.VMOVQ(reg.R10, reg.X0)
		b.VPBROADCASTQ(reg.X0, b.top(1+i))
	}
	vectors := 64 / b.bytes
	b.Label("pixel")
	for i := range vectors {
		x, negative, result := b.regs[3*i], b.regs[3*i+1], b.regs[3*i+2]
		b.move(at(in, b.bytes*i), x)
		b.xor(b.top(2), x, negative)
		b.clear(result)
	}
	row, found := b.regs[3*vectors], b.regs[3*vectors+1]
	for r := range 16 {
		if b.bytes == 64 {
			b.VBROADCASTI32X4(at(chain, 16*r), row)
		} else {
			b.VBROADCASTI128(at(chain, 16*r), row)
		}
		for i := range vectors {
			code, result := b.regs[3*i+r/8], b.regs[3*i+2]
			if r%8 > 0 {
				b.VPSUBSB(b.top(1), code, code)
			}
			b.VPSHUFB(code, row, found)
			b.xor(found, result, result)
		}
	}
	for i := range vectors {
		b.move(b.regs[3*i+2], at(dst, b.bytes*i))
	}
	b.ADDQ(imm(64), in)
	b.ADDQ(imm(64), dst)
	b.SUBQ(imm(64), left)
	b.JNZ(to("pixel"))
	b.end()
}

// tableAtOnce looks codes up in the whole table: VPERMI2B finds a place in one half of
// it, and the sign of a code says in which.
func (b *byteGen) tableAtOnce() {
	b.fn("ByteTableVBMI", "ByteRow", "ByteTableVBMI makes Count codes by a table of those at A, a multiple of 64.")
	b.Comment("AX arguments, DI output, SI input, DX numbers left, BX the table, then 0 to 3.")
	dst, in, left, table := reg.RDI, reg.RSI, reg.RDX, reg.RBX
	b.load("Dst", dst)
	b.load("A", in)
	b.load("Count", left)
	b.load("Table", table)
	for i := range 4 {
		b.VMOVDQU8(at(table, 64*i), b.regs[i])
	}
	lower, upper := b.regs[4], b.regs[5]
	b.Label("pixel")
	b.VMOVDQU8(at(in, 0), lower)
	b.VMOVDQA64(lower, upper)
	b.VPMOVB2M(lower, reg.K1)
	b.VPERMI2B(b.regs[1], b.regs[0], lower)
	b.VPERMI2B(b.regs[3], b.regs[2], upper)
	b.VMOVDQU8(upper, reg.K1, lower)
	b.VMOVDQU8(lower, at(dst, 0))
	b.ADDQ(imm(64), in)
	b.ADDQ(imm(64), dst)
	b.SUBQ(imm(64), left)
	b.JNZ(to("pixel"))
	b.end()
}

// columns writes the codes of each channel side by side: eight pixels of 16 channels at a
// time are joined by twos, fours and eights. The last eight pixels of a row may overlap
// those before.
func (b *byteGen) columns() {
	b.row("ByteColumns", "writes 16·Taps codes of each of Count pixels of 64, at least 8, in rows that lie Plane apart.")
	b.Comment("AX arguments, DI output of 16 channels, SI their input, CX groups of 16 left, R8 the output's pixel, R9 the last one,",
		"R10 pixel's input, R11 its output, R12 R13 Plane times 1 and 3.")
	dst, in, groups, x, last := reg.RDI, reg.RSI, reg.RCX, reg.R8, reg.R9
	from, row, plane, plane3 := reg.R10, reg.R11, reg.R12, reg.R13
	b.load("Dst", dst)
	b.load("A", in)
	b.load("Taps", groups)
	b.load("Plane", plane)
	b.LEAQ(at(plane, 0).Idx(plane, 2), plane3)
	b.load("Count", last)
	b.SUBQ(imm(8), last)
	x8 := []reg.VecPhysical{reg.X0, reg.X1, reg.X2, reg.X3, reg.X4, reg.X5, reg.X6, reg.X7}
	y8 := []reg.VecPhysical{reg.X8, reg.X9, reg.X10, reg.X11, reg.X12, reg.X13, reg.X14, reg.X15}
	b.Label("group")
	b.XORQ(x, x)
	b.Label("pixels")
	b.MOVQ(x, from)
	b.SHLQ(operand.U8(6), from)
	b.ADDQ(in, from)
	for i, v := range x8 {
		b.VMOVDQU(at(from, 64*i), v)
	}
	// What is joined are neighbouring pixels, then pairs and fours of them: after each
	// stage a register has as many pixels of half the channels.
	for i := range 4 {
		b.VPUNPCKLBW(x8[2*i+1], x8[2*i], y8[2*i])   // channels 0 to 7 of a pair
		b.VPUNPCKHBW(x8[2*i+1], x8[2*i], y8[2*i+1]) // 8 to 15
	}
	for i := range 2 {
		for half := range 2 {
			p, q := y8[4*i+half], y8[4*i+2+half]
			b.VPUNPCKLWD(q, p, x8[4*i+2*half])
			b.VPUNPCKHWD(q, p, x8[4*i+2*half+1])
		}
	}
	for i := range 4 { // four channels each
		b.VPUNPCKLDQ(x8[4+i], x8[i], y8[2*i])
		b.VPUNPCKHDQ(x8[4+i], x8[i], y8[2*i+1])
	}
	b.LEAQ(at(dst, 0).Idx(x, 1), row)
	for i, v := range y8 { // two channels each
		m := at(row, 0)
		if i%2 == 1 {
			m = m.Idx(plane, 2)
		}
		b.VMOVQ(v, m)
		m = at(row, 0).Idx(plane, 1)
		if i%2 == 1 {
			m = at(row, 0).Idx(plane3, 1)
		}
		b.VMOVHPS(v, m)
		if i%2 == 1 {
			b.LEAQ(at(row, 0).Idx(plane, 4), row)
		}
	}
	b.CMPQ(x, last)
	b.JEQ(to("groupDone"))
	b.ADDQ(imm(8), x)
	b.CMPQ(x, last)
	b.CMOVQGT(last, x)
	b.JMP(to("pixels"))
	b.Label("groupDone")
	b.SUBQ(last, row)
	b.MOVQ(row, dst)
	b.ADDQ(imm(16), in)
	b.DECQ(groups)
	b.JNZ(to("group"))
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
	g.param("dst", dst)
	g.param("src", src)
	g.param("n", n)
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
