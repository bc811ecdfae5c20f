package main

import "fmt"

// The integer convolutions of processors with byte products on vectors alone:
// VPDPBUSD multiplies four bytes of an input with those of 16 outputs.

// byteOrder are the words that the packing of two rows to bytes leaves, in the
// order of the channels: 0 to 15 and 16 to 31 of the first row, then the second's.
const byteOrder = "byteOrder<>"

func (e *emitter) byteOrders() {
	e.WriteString("\n")
	for i := range 16 {
		fmt.Fprintf(e, "DATA %s+%d(SB)/4, $%d\n", byteOrder, 4*i, i%4*4+i/4)
	}
	fmt.Fprintf(e, "GLOBL %s(SB), RODATA|NOPTR, $64\n", byteOrder)
}

// vnniRows is the largest register tile: 14 rows by two vectors of outputs.
const vnniRows = 14

// ahead is how many lines of weights a tile of so many rows prefetches for each
// 512 bytes that it multiplies. Lower tiles take less time for them.
func ahead(rows int) int {
	if rows < vnniRows/2 {
		return 8
	}
	return 4
}

// tilesVNNI is the kernel of dense convolutions. Weights of a step are 16 rows of
// four channels by 16 outputs, twice; a pixel's four channels are broadcast. Steps
// whose last channels do not exist end early. Sums begin with the bias and become
// codes where they are: scaled, rounded half to even, and packed with saturation,
// which is the clipping. No product with a scale leaves int32 (see ByteTileArgs).
//
// Registers: AX arguments, R8 tile, R9 weights to prefetch, R10 bytes from row to
// row, BX weights, CX offset list, DX steps left, R11 quads of quads left, SI DI R12
// R13 R15 rows 0, 3, 6, 9, 12, R14 three rows, or the next step's weights.
// Afterwards R12 bias and scales, R13 output, R14 a row's place in it.
func (e *emitter) tilesVNNI() {
	e.text("TilesVNNI", "a *ByteTileArgs", 8, "tiles of up to 14 byte pixels by 32 outputs, by VPDPBUSD")
	e.p("MOVQ a+0(FP), AX")
	e.p("MOVQ %s, R10", byteArg("RowStride"))
	e.p("MOVQ %s, R8", byteArg("Tiles"))
	e.p("MOVQ %s, R9", byteArg("Ahead"))
	e.p("MOVQ %s, R15", byteArg("Rows"))
	for rows := vnniRows; rows > 1; rows-- {
		e.p("CMPQ R15, $%d", rows)
		e.p("JEQ rows%d", rows)
	}
	for rows := 1; rows <= vnniRows; rows++ {
		e.vnniTile(rows)
	}
}

// byteArg is a field of the argument record.
func byteArg(field string) string { return "ByteTileArgs_" + field + "(AX)" }

// vnniTile computes tiles of so many rows.
func (e *emitter) vnniTile(rows int) {
	bases := []string{"SI", "DI", "R12", "R13", "R15"}[:(rows+2)/3]
	w0, w1, in := "Z28", "Z29", [2]string{"Z30", "Z31"}
	e.label(fmt.Sprintf("rows%d", rows))
	e.p("MOVQ ByteTile_In(R8), R14")
	e.p("ADDQ %s, R14", byteArg("In"))
	e.p("MOVQ R14, %s", byteArg("tile"))
	e.p("MOVQ %s, R12", byteArg("Ends"))
	e.p("MOVQ %s, BX", byteArg("Weights"))
	e.p("MOVQ %s, CX", byteArg("Offsets"))
	e.p("MOVQ %s, DX", byteArg("Steps"))
	for i := range 2 * rows {
		if i < 2 {
			e.p("VMOVDQU32 %d(R12), Z%d", 64*i, i)
		} else {
			e.p("VMOVDQA32 Z%d, Z%d", i%2, i)
		}
	}
	e.label(fmt.Sprintf("step%d", rows))
	e.p("MOVQ %s, SI", byteArg("tile"))
	e.p("ADDQ (CX), SI")
	e.p("ADDQ $8, CX")
	if len(bases) > 1 {
		e.p("LEAQ (R10)(R10*2), R14")
	}
	for i := 1; i < len(bases); i++ {
		e.p("LEAQ (%s)(R14*1), %s", bases[i-1], bases[i])
	}
	e.p("LEAQ 2048(BX), R14")
	e.p("MOVQ $4, R11")
	e.p("CMPQ DX, %s", byteArg("ShortSteps"))
	e.p("CMOVQLE %s, R11", byteArg("Quarters"))
	e.label(fmt.Sprintf("quads%d", rows))
	for q := range 4 {
		e.p("VMOVDQU32 %d(BX), %s", 64*q, w0)
		e.p("VMOVDQU32 %d(BX), %s", 1024+64*q, w1)
		for row := range rows {
			place := fmt.Sprintf("%d(%s)", 4*q, bases[row/3])
			if row%3 > 0 {
				place += fmt.Sprintf("(R10*%d)", row%3)
			}
			e.p("VPBROADCASTD %s, %s", place, in[row%2])
			e.p("VPDPBUSD %s, %s, Z%d", w0, in[row%2], 2*row)
			e.p("VPDPBUSD %s, %s, Z%d", w1, in[row%2], 2*row+1)
		}
		for i := range ahead(rows) / 4 {
			e.p("PREFETCHT1 %d(R9)", 64*(q*ahead(rows)/4+i))
		}
	}
	e.p("ADDQ $256, BX")
	e.p("ADDQ %s, R9", byteArg("AheadEach"))
	for _, b := range bases {
		e.p("ADDQ $16, %s", b)
	}
	e.p("DECQ R11")
	e.p("JNZ quads%d", rows)
	e.p("MOVQ R14, BX")
	e.p("DECQ DX")
	e.p("JNZ step%d", rows)
	e.vnniFinish(rows)
	e.p("ADDQ $ByteTile__size, R8")
	e.p("DECQ %s", byteArg("Count"))
	e.p("JNZ rows%d", rows)
	e.p("VZEROUPPER")
	e.p("RET")
}

// vnniFinish makes codes of the sums, two rows at a time.
func (e *emitter) vnniFinish(rows int) {
	e.p("MOVQ %s, R12", byteArg("Ends"))
	e.p("MOVQ %s, R13", byteArg("Out"))
	e.p("VPBROADCASTW %s, Z28", byteArg("Zero"))
	e.p("VMOVDQU32 %s+0(SB), Z29", byteOrder)
	e.p("VMOVUPS 128(R12), Z30")
	e.p("VMOVUPS 192(R12), Z31")
	for row := 0; row < rows; row += 2 {
		last := min(row+1, rows-1)
		regs := []int{2 * row, 2*row + 1}
		if last > row {
			regs = append(regs, 2*last, 2*last+1)
		}
		e.each("VCVTDQ2PS Z%, Z%", regs...)
		for i, r := range regs {
			e.p("VMULPS Z%d, Z%d, Z%d", 30+i%2, r, r)
		}
		e.each("VCVTPS2DQ Z%, Z%", regs...)
		for i := 0; i < len(regs); i += 2 {
			e.p("VPACKSSDW Z%d, Z%d, Z%d", regs[i]+1, regs[i], regs[i])
			e.p("VPADDSW Z28, Z%d, Z%d", regs[i], regs[i])
		}
		e.p("VPACKUSWB Z%d, Z%d, Z%d", 2*last, 2*row, 2*row)
		e.p("VPERMD Z%d, Z29, Z%d", 2*row, 2*row)
		e.vnniStore(rows, row, fmt.Sprintf("VMOVDQU32 Y%d", 2*row))
		if last > row {
			e.vnniStore(rows, last, fmt.Sprintf("VEXTRACTI64X4 $1, Z%d", 2*row))
		}
	}
}

// vnniStore stores a row that is wanted.
func (e *emitter) vnniStore(rows, row int, store string) {
	label := fmt.Sprintf("without%dof%d", row, rows)
	e.p("MOVQ ByteTile_Out+%d(R8), R14", 8*row)
	e.p("TESTQ R14, R14")
	e.p("JLT %s", label)
	e.p("%s, (R13)(R14*1)", store)
	e.label(label)
}
