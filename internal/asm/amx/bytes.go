package main

import "fmt"

// Dense integer convolutions on vector registers. With VNNI, VPDPBUSD multiplies four
// unsigned by four signed bytes and adds the products to an int32. Without it, and in Winograd's
// form, inputs and weights have 16 bits: VPMADDWD multiplies two of them, and VPADDD accumulates;
// with VNNI VPDPWSSD does both.

// byteTiles is a kernel of dense convolutions: register tiles of up to rows pixels by
// two vectors of outputs.
type byteTiles struct {
	name, doc  string
	rows       int
	reg        string // Z or Y
	bytes      int    // of a vector
	wide       bool   // inputs and weights have 16 bits
	sums       bool   // and VPDPWSSD adds their products to the sums
	move, copy string // instructions: AVX2 has no EVEX forms
	second     string // the instruction that stores the upper half of a vector
	order      string // table that sorts the 32-bit words of two packed rows
}

var (
	tilesVNNI = byteTiles{name: "TilesVNNI", doc: "tiles of up to 14 pixels of bytes by 32 outputs, with VPDPBUSD", rows: 14,
		reg: "Z", bytes: 64, move: "VMOVDQU32", copy: "VMOVDQA32", second: "VEXTRACTI64X4", order: "byteOrder512<>"}
	tilesWide512 = byteTiles{name: "TilesWide512", doc: "tiles of up to 14 pixels of 16-bit codes by 32 outputs", rows: 14,
		reg: "Z", bytes: 64, wide: true, move: "VMOVDQU32", copy: "VMOVDQA32", second: "VEXTRACTI64X4", order: "byteOrder512<>"}
	tilesPairs512 = byteTiles{name: "TilesPairs512", doc: "tiles of up to 14 pixels of 16-bit codes by 32 outputs, with VPDPWSSD", rows: 14,
		reg: "Z", bytes: 64, wide: true, sums: true, move: "VMOVDQU32", copy: "VMOVDQA32", second: "VEXTRACTI64X4", order: "byteOrder512<>"}
	tilesWide256 = byteTiles{name: "TilesWide256", doc: "tiles of up to 6 pixels of 16-bit codes by 16 outputs", rows: 6,
		reg: "Y", bytes: 32, wide: true, move: "VMOVDQU", copy: "VMOVDQA", second: "VEXTRACTI128", order: "byteOrder256<>"}
)

// byteTables writes the tables for VPERMD that undo the order in which packing within
// 128-bit lanes leaves the 32-bit words: the channels of the first row, then those of
// the second.
func (e *emitter) byteTables() {
	for _, lanes := range []int{4, 2} {
		e.WriteString("\n")
		name := fmt.Sprintf("byteOrder%d<>", 128*lanes)
		for i := range 4 * lanes {
			fmt.Fprintf(e, "DATA %s+%d(SB)/4, $%d\n", name, 4*i, i%lanes*4+i/lanes)
		}
		fmt.Fprintf(e, "GLOBL %s(SB), RODATA|NOPTR, $%d\n", name, 16*lanes)
	}
}

// ahead is the number of lines of weights that a tile prefetches per 512 bytes of
// weights that it multiplies. Tiles of few rows are faster, and prefetch more.
func (k *byteTiles) ahead(rows int) int {
	if k.wide {
		return 0
	}
	if rows < k.rows/2 {
		return 8
	}
	return 4
}

// at is a vector register.
func (k *byteTiles) at(i int) string { return fmt.Sprintf("%s%d", k.reg, i) }

// byteTiles writes a kernel. The weights of a step of 64 channels and 16 outputs are 16
// vectors with four channels per lane, followed by those of the next 16 outputs; with
// 16 bits they are 32 vectors with two channels per lane, and the next 16 outputs are at
// Second. The same channels of a pixel are broadcast. Four vectors are multiplied per
// iteration. Steps with fewer than 64 channels end early, with iterations of one vector.
// Accumulators begin with the bias. The epilogue is in registers: sums are scaled,
// rounded half to even, and packed with saturation, which clips them. Scaled sums fit
// int32 (see ByteTileArgs). Where outputs are float32, a bias is added instead, and the
// sums are clipped; where they are the sums, these are stored as they are.
//
// Registers: AX arguments, R8 tile, R9 weights to prefetch, or of the second vector, R10
// row stride, BX weights, CX offset of the step, DX steps left, R11 vectors of weights
// left, SI DI R12 R13 R15 rows 0, 3, 6, 9, 12, R14 three row strides, or the
// weights of the next step. In the epilogue R12 bias and scales, R13 output, R14 offset
// of a row in it, SI output of the second vector of 32-bit outputs.
func (e *emitter) byteTiles(k *byteTiles) {
	e.text(k.name, "a *ByteTileArgs", 8, k.doc)
	e.p("MOVQ a+0(FP), AX")
	e.p("MOVQ %s, R10", byteArg("RowStride"))
	e.p("MOVQ %s, R8", byteArg("Tiles"))
	if !k.wide {
		e.p("MOVQ %s, R9", byteArg("Ahead"))
	}
	e.p("MOVQ %s, R15", byteArg("Rows"))
	for rows := k.rows; rows > 1; rows-- {
		e.p("CMPQ R15, $%d", rows)
		e.p("JEQ rows%d", rows)
	}
	for rows := 1; rows <= k.rows; rows++ {
		e.byteTile(k, rows)
	}
}

// byteArg is a field of the arguments.
func byteArg(field string) string { return "ByteTileArgs_" + field + "(AX)" }

// byteTile writes the code for tiles of the given number of rows.
func (e *emitter) byteTile(k *byteTiles, rows int) {
	bases := []string{"SI", "DI", "R12", "R13", "R15"}[:(rows+2)/3]
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
			e.p("%s %d(R12), %s", k.move, k.bytes*i, k.at(i))
		} else {
			e.p("%s %s, %s", k.copy, k.at(i%2), k.at(i))
		}
	}
	if k.wide {
		e.p("MOVQ %s, R9", byteArg("Second"))
	}
	e.label(fmt.Sprintf("step%d", rows))
	e.p("MOVQ %s, SI", byteArg("tile"))
	e.p("ADDQ (CX), SI")
	e.p("ADDQ $8, CX")
	e.byteRows(bases)
	e.p("LEAQ 2048(BX), R14")
	e.p("MOVQ $16, R11")
	e.p("CMPQ DX, %s", byteArg("ShortSteps"))
	e.p("CMOVQLE %s, R11", byteArg("Quads"))
	if k.wide {
		e.p("ADDQ R11, R11")
	}
	e.p("SUBQ $4, R11")
	e.p("JLT few%d", rows)
	e.label(fmt.Sprintf("fours%d", rows))
	for q := range 4 {
		e.byteRow(k, rows, bases, q)
		for i := range k.ahead(rows) / 4 {
			e.p("PREFETCHT1 %d(R9)", 64*(q*k.ahead(rows)/4+i))
		}
	}
	e.p("ADDQ $256, BX")
	if k.wide {
		e.p("ADDQ $256, R9")
	} else {
		e.p("ADDQ %s, R9", byteArg("AheadEach"))
	}
	for _, b := range bases {
		e.p("ADDQ $16, %s", b)
	}
	e.p("SUBQ $4, R11")
	e.p("JGE fours%d", rows)
	e.label(fmt.Sprintf("few%d", rows))
	e.p("ADDQ $4, R11")
	e.p("JEQ next%d", rows)
	e.label(fmt.Sprintf("one%d", rows))
	e.byteRow(k, rows, bases, 0)
	e.p("ADDQ $64, BX")
	if k.wide {
		e.p("ADDQ $64, R9")
	}
	for _, b := range bases {
		e.p("ADDQ $4, %s", b)
	}
	e.p("DECQ R11")
	e.p("JNZ one%d", rows)
	e.label(fmt.Sprintf("next%d", rows))
	if k.wide {
		e.p("SUBQ BX, R14")
		e.p("ADDQ R14, BX")
		e.p("ADDQ R14, R9")
	} else {
		e.p("MOVQ R14, BX")
	}
	e.p("DECQ DX")
	e.p("JNZ step%d", rows)
	e.p("MOVQ %s, R12", byteArg("Ends"))
	e.p("MOVQ %s, R13", byteArg("Out"))
	e.p("CMPQ %s, $0", byteArg("Floats"))
	e.p("JNE floats%d", rows)
	e.byteFinish(k, rows)
	e.p("JMP stored%d", rows)
	e.label(fmt.Sprintf("floats%d", rows))
	e.p("MOVQ %s, SI", byteArg("SecondOut"))
	e.p("ADDQ R13, SI")
	e.p("CMPQ %s, $1", byteArg("Floats"))
	e.p("JNE sums%d", rows)
	e.floatRows(k, rows)
	e.p("JMP stored%d", rows)
	e.label(fmt.Sprintf("sums%d", rows))
	for row := range rows {
		e.wordStore(k, fmt.Sprintf("nosum%dof%d", row, rows), row)
	}
	e.label(fmt.Sprintf("stored%d", rows))
	e.p("ADDQ $ByteTile__size, R8")
	e.p("DECQ %s", byteArg("Count"))
	e.p("JNZ rows%d", rows)
	e.p("VZEROUPPER")
	e.p("RET")
}

// byteRows computes the address of every third row, from SI on.
func (e *emitter) byteRows(bases []string) {
	if len(bases) > 1 {
		e.p("LEAQ (R10)(R10*2), R14")
	}
	for i := 1; i < len(bases); i++ {
		e.p("LEAQ (%s)(R14*1), %s", bases[i-1], bases[i])
	}
}

// byteRow multiplies one vector of weights for each of the two vectors of outputs by the
// same channels of all pixels, and accumulates.
func (e *emitter) byteRow(k *byteTiles, rows int, bases []string, row int) {
	weights, in := [2]string{k.at(2 * k.rows), k.at(2*k.rows + 1)}, [2]string{k.at(2*k.rows + 2), k.at(2*k.rows + 3)}
	dot := "VPDPBUSD"
	if k.sums {
		dot = "VPDPWSSD"
	}
	e.p("%s %d(BX), %s", k.move, 64*row, weights[0])
	switch {
	case !k.wide:
		e.p("%s %d(BX), %s", k.move, 1024+64*row, weights[1])
	case k.reg == "Z":
		e.p("%s %d(R9), %s", k.move, 64*row, weights[1])
	default:
		e.p("%s %d(BX), %s", k.move, 64*row+k.bytes, weights[1])
	}
	for r := range rows {
		place := fmt.Sprintf("%d(%s)", 4*row, bases[r/3])
		if r%3 > 0 {
			place += fmt.Sprintf("(R10*%d)", r%3)
		}
		if k.wide && !k.sums {
			e.p("VPBROADCASTD %s, %s", place, in[0])
			for i, w := range weights {
				e.p("VPMADDWD %s, %s, %s", w, in[0], in[1])
				e.p("VPADDD %s, %s, %s", in[1], k.at(2*r+i), k.at(2*r+i))
			}
			continue
		}
		e.p("VPBROADCASTD %s, %s", place, in[r%2])
		for i, w := range weights {
			e.p("%s %s, %s, %s", dot, w, in[r%2], k.at(2*r+i))
		}
	}
}

// byteFinish writes the epilogue: requantisation, two rows at a time.
func (e *emitter) byteFinish(k *byteTiles, rows int) {
	zero, order, scales := k.at(2*k.rows), k.at(2*k.rows+1), 2*k.rows+2
	e.p("VPBROADCASTW %s, %s", byteArg("Zero"), zero)
	e.p("%s %s+0(SB), %s", k.move, k.order, order)
	e.p("VMOVUPS 128(R12), %s", k.at(scales))
	e.p("VMOVUPS %d(R12), %s", 128+k.bytes, k.at(scales+1))
	for row := 0; row < rows; row += 2 {
		last := min(row+1, rows-1)
		sums := []int{2 * row, 2*row + 1}
		if last > row {
			sums = append(sums, 2*last, 2*last+1)
		}
		each := func(name string) {
			for _, r := range sums {
				e.p("%s %s, %s", name, k.at(r), k.at(r))
			}
		}
		each("VCVTDQ2PS")
		for i, r := range sums {
			e.p("VMULPS %s, %s, %s", k.at(scales+i%2), k.at(r), k.at(r))
		}
		each("VCVTPS2DQ")
		for i := 0; i < len(sums); i += 2 {
			r := k.at(sums[i])
			e.p("VPACKSSDW %s, %s, %s", k.at(sums[i]+1), r, r)
			e.p("VPADDSW %s, %s, %s", zero, r, r)
		}
		e.p("VPACKUSWB %s, %s, %s", k.at(2*last), k.at(2*row), k.at(2*row))
		e.p("VPERMD %s, %s, %s", k.at(2*row), order, k.at(2*row))
		half := fmt.Sprintf("VMOVDQU32 Y%d, (R13)(R14*1)", 2*row)
		if k.reg == "Y" {
			half = fmt.Sprintf("VMOVDQU X%d, (R13)(R14*1)", 2*row)
		}
		e.byteStore(fmt.Sprintf("without%dof%d", row, rows), row, half)
		if last > row {
			e.byteStore(fmt.Sprintf("without%dof%d", last, rows), last, fmt.Sprintf("%s $1, %s, (R13)(R14*1)", k.second, k.at(2*row)))
		}
	}
}

// floatRows writes the epilogue of outputs in float32.
func (e *emitter) floatRows(k *byteTiles, rows int) {
	low, high := k.at(2*k.rows), k.at(2*k.rows+1)
	e.p("VBROADCASTSS %s, %s", byteArg("Low"), low)
	e.p("VBROADCASTSS %s, %s", byteArg("High"), high)
	for row := range rows {
		for i := range 2 {
			r := k.at(2*row + i)
			e.p("VCVTDQ2PS %s, %s", r, r)
			e.p("VMULPS %d(R12), %s, %s", 128+k.bytes*i, r, r)
			e.p("VADDPS %d(R12), %s, %s", 256+k.bytes*i, r, r)
			e.p("VMAXPS %s, %s, %s", low, r, r)
			e.p("VMINPS %s, %s, %s", high, r, r)
		}
		e.wordStore(k, fmt.Sprintf("none%dof%d", row, rows), row)
	}
}

// wordStore stores a row of outputs of 32 bits. Its first vector is stored last, so that it
// stays where the second one has the same place.
func (e *emitter) wordStore(k *byteTiles, label string, row int) {
	e.byteStore(label, row, fmt.Sprintf("VMOVUPS %s, (SI)(R14*1)", k.at(2*row+1)), fmt.Sprintf("VMOVUPS %s, (R13)(R14*1)", k.at(2*row)))
}

// byteStore stores a row unless its offset, R14, is negative.
func (e *emitter) byteStore(label string, row int, stores ...string) {
	e.p("MOVQ ByteTile_Out+%d(R8), R14", 8*row)
	e.p("TESTQ R14, R14")
	e.p("JLT %s", label)
	for _, store := range stores {
		e.p("%s", store)
	}
	e.label(label)
}
