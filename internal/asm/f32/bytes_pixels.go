package main

import (
	"fmt"

	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

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
		b.while(label, left, k, func() {
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
		})
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
// because each row of Chain is XORed with the row before: code 0x25 picks element 5 of rows
// 0, 1 and 2 as 0x25, 0x15 and 0x05, and from row 3 on it is negative. Codes from 128 on are
// first XORed with 128 and use the other eight rows.
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
