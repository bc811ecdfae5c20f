package main

import "fmt"

// How a row of 32 byte channels ends. The sums are int32; with the bias they
// become float32, are multiplied by the channel's scale, clipped, rounded half
// to even and moved by the zero point: ONNX QLinearConv.
//
// Z31 Z30 are the bias, Z29 Z28 the scales, Z27 Z26 the bounds less the zero
// point, Z25 the zero point. K1 and K2 mask the channels.

func byteSetup(e *emitter) {
	e.p("VBROADCASTSS %s, Z27", arg("Low"))
	e.p("VBROADCASTSS %s, Z26", arg("High"))
	e.p("VPBROADCASTD %s, Z25", arg("Zero"))
	e.p("KMOVW %s, K1", arg("MaskA"))
	e.p("KMOVW %s, K2", arg("MaskB"))
}

func byteBias(e *emitter) {
	e.p("VMOVDQU32 (R13), Z31")
	e.p("VMOVDQU32 64(R13), Z30")
	e.p("VMOVUPS 128(R13), Z29")
	e.p("VMOVUPS 192(R13), Z28")
}

func byteFinish(e *emitter) {
	e.p("VPADDD (R12), Z31, Z0")
	e.p("VPADDD 64(R12), Z30, Z1")
	e.p("VCVTDQ2PS Z0, Z0")
	e.p("VCVTDQ2PS Z1, Z1")
	e.p("VMULPS Z29, Z0, Z0")
	e.p("VMULPS Z28, Z1, Z1")
	e.each("VMAXPS Z27, Z%, Z%", 0, 1)
	e.each("VMINPS Z26, Z%, Z%", 0, 1)
	e.each("VCVTPS2DQ Z%, Z%", 0, 1)
	e.each("VPADDD Z25, Z%, Z%", 0, 1)
	e.p("VPMOVUSDB Z0, K1, (R13)")
	e.p("VPMOVUSDB Z1, K2, 16(R13)")
}

// vnniRows is the largest register tile: 14 rows by two vectors of outputs.
const vnniRows = 14

// convVNNI is the tile kernel of bytes without a tile unit: the same record, the
// same packed weights, at most 14 rows a tile. Weights of a step are 16 rows of
// four channels by 16 outputs; a row's four channels are broadcast. Steps whose
// last channels do not exist end early.
//
// Registers: AX arguments, R8 list of pairs, R9 pairs left, R10 bytes from row
// to row, BX weights, CX offset list, DX steps left, R11 quads of quads left, SI
// DI R12 R13 R15 rows 0, 3, 6, 9, 12, R14 three rows, the next step's weights or the tile's
// first row.
// While finishing as for the tile kernels.
func (e *emitter) convVNNI() {
	k := kernel{setup: byteSetup, bias: byteBias, finish: byteFinish, outOfLine: func(*emitter) {}}
	e.text("TilesVNNI", "a *TileArgs", 8, "rows of byte pixels, by VPDPBUSD")
	e.p("MOVQ a+0(FP), AX")
	for _, f := range advancing {
		e.p("MOVQ %s, R13", arg(f.from))
		e.p("MOVQ R13, %s", arg(f.now))
	}
	e.p("MOVQ %s, R10", arg("RowStride"))
	e.label("group")
	e.p("MOVQ %s, R8", arg("Pairs"))
	e.p("MOVQ %s, R9", arg("Count"))
	e.label("pair")
	e.p("MOVQ TilePair_InA(R8), R14")
	e.p("MOVQ %s, R13", arg("Scratch"))
	e.p("MOVQ R13, %s", arg("first"))
	e.p("MOVQ $0, %s", arg("second"))
	e.label("tile")
	e.p("ADDQ %s, R14", arg("In"))
	e.p("MOVQ R14, %s", arg("rows"))
	e.p("MOVQ %s, CX", arg("Offsets"))
	e.p("MOVQ %s, DX", arg("Steps"))
	e.p("MOVQ %s, BX", arg("weights"))
	e.p("MOVQ %s, R15", arg("Rows"))
	for rows := vnniRows; rows > 1; rows-- {
		e.p("CMPQ R15, $%d", rows)
		e.p("JEQ rows%d", rows)
	}
	for rows := 1; rows <= vnniRows; rows++ {
		e.vnniTile(rows)
	}
	e.label("tiled")
	e.p("CMPQ %s, $0", arg("second"))
	e.p("JNE finish")
	e.p("MOVQ $1, %s", arg("second"))
	e.p("ADDQ $2048, %s", arg("first"))
	e.p("MOVQ TilePair_InB(R8), R14")
	e.p("JMP tile")
	e.label("finish")
	e.notePair()
	k.bias(e)
	k.setup(e)
	e.p("XORQ DX, DX")
	e.p("MOVQ $1<<30, R11")
	e.label("finished") // never reached from below: DX is 0
	e.finishLoop(k)
	e.p("MOVQ %s, R10", arg("RowStride"))
	e.nextPair()
	e.p("VZEROUPPER")
	e.p("RET")
	e.segment()
}

// vnniTile computes the sums of one tile and stores them where first says.
func (e *emitter) vnniTile(rows int) {
	bases := []string{"SI", "DI", "R12", "R13", "R15"}[:(rows+2)/3]
	w0, w1, in := "Z28", "Z29", [2]string{"Z30", "Z31"}
	e.label(fmt.Sprintf("rows%d", rows))
	for i := range 2 * rows {
		e.p("VPXORD Z%d, Z%d, Z%d", i, i, i)
	}
	e.label(fmt.Sprintf("step%d", rows))
	e.p("MOVQ %s, SI", arg("rows"))
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
	e.p("CMPQ DX, %s", arg("ShortSteps"))
	e.p("CMOVQLE %s, R11", arg("Quarters"))
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
	}
	e.p("ADDQ $256, BX")
	for _, b := range bases {
		e.p("ADDQ $16, %s", b)
	}
	e.p("DECQ R11")
	e.p("JNZ quads%d", rows)
	e.p("MOVQ R14, BX")
	e.p("DECQ DX")
	e.p("JNZ step%d", rows)
	e.p("MOVQ %s, R12", arg("first"))
	for i := range 2 * rows {
		e.p("VMOVDQU32 Z%d, %d(R12)", i, 64*i)
	}
	e.p("JMP tiled")
}

// depthwise is a depthwise convolution of bytes: 64 channels of one output pixel
// at a time, four taps a multiplication. The bytes of four taps are interleaved
// into quads, which leaves the channels of each 128-bit lane in order within
// four registers: 0-3, 4-7, 8-11 and 12-15. Weights, bias and scales come in
// that order; the final packing restores the channels'.
//
// Registers: AX arguments, SI input of the first tap, DI output, R9 pixels left,
// BX weights, CX taps' offsets, DX quads of taps left. Z0 to Z3 sums.
func (e *emitter) depthwise() {
	e.text("DepthwiseVNNI", "a *DepthwiseArgs", 8)
	f := func(s string) string { return "DepthwiseArgs_" + s + "(AX)" }
	e.p("MOVQ a+0(FP), AX")
	e.p("MOVQ %s, SI", f("In"))
	e.p("MOVQ %s, DI", f("Out"))
	e.p("MOVQ %s, R9", f("Pixels"))
	e.p("MOVQ %s, R8", f("Bias"))
	e.p("MOVQ %s, R10", f("PixelStride"))
	e.p("VBROADCASTSS %s, Z27", f("Low"))
	e.p("VBROADCASTSS %s, Z26", f("High"))
	e.p("VPBROADCASTD %s, Z25", f("Zero"))
	for i := range 4 {
		e.p("VMOVUPS %d(R8), Z%d", 256+64*i, 16+i) // scales
		e.p("VMOVDQU32 %d(R8), Z%d", 64*i, 20+i)   // bias
	}
	e.label("pixel")
	e.p("MOVQ %s, BX", f("Weights"))
	e.p("MOVQ %s, CX", f("Offsets"))
	e.p("MOVQ %s, DX", f("Quads"))
	for i := range 4 {
		e.p("VMOVDQA32 Z%d, Z%d", 20+i, i)
	}
	e.label("quad")
	for i, r := range []string{"R11", "R12", "R13", "R15"} {
		e.p("MOVQ %d(CX), %s", 8*i, r)
	}
	e.p("VMOVDQU32 (SI)(R11*1), Z4")
	e.p("VMOVDQU32 (SI)(R12*1), Z5")
	e.p("VMOVDQU32 (SI)(R13*1), Z6")
	e.p("VMOVDQU32 (SI)(R15*1), Z7")
	e.p("VPUNPCKLBW Z5, Z4, Z8")
	e.p("VPUNPCKHBW Z5, Z4, Z9")
	e.p("VPUNPCKLBW Z7, Z6, Z10")
	e.p("VPUNPCKHBW Z7, Z6, Z11")
	e.p("VPUNPCKLWD Z10, Z8, Z12")
	e.p("VPUNPCKHWD Z10, Z8, Z13")
	e.p("VPUNPCKLWD Z11, Z9, Z14")
	e.p("VPUNPCKHWD Z11, Z9, Z15")
	for i := range 4 {
		e.p("VPDPBUSD %d(BX), Z%d, Z%d", 64*i, 12+i, i)
	}
	e.p("ADDQ $256, BX")
	e.p("ADDQ $32, CX")
	e.p("DECQ DX")
	e.p("JNZ quad")
	regs := []int{0, 1, 2, 3}
	e.each("VCVTDQ2PS Z%, Z%", regs...)
	for i := range 4 {
		e.p("VMULPS Z%d, Z%d, Z%d", 16+i, i, i)
	}
	e.each("VMAXPS Z27, Z%, Z%", regs...)
	e.each("VMINPS Z26, Z%, Z%", regs...)
	e.each("VCVTPS2DQ Z%, Z%", regs...)
	e.each("VPADDD Z25, Z%, Z%", regs...)
	e.p("VPACKSSDW Z1, Z0, Z0")
	e.p("VPACKSSDW Z3, Z2, Z2")
	e.p("VPACKUSWB Z2, Z0, Z0")
	e.p("VMOVDQU32 Z0, (DI)")
	e.p("ADDQ R10, SI")
	e.p("ADDQ $64, DI")
	e.p("DECQ R9")
	e.p("JNZ pixel")
	e.p("VZEROUPPER")
	e.p("RET")
}
