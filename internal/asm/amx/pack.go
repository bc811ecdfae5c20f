package main

import "fmt"

// A weight tile is 16 rows of 16 32-bit words: word j of row i has input channels i
// (lower half) and 16+i (upper half) of output channel j, the same pairs as the words of
// a pixel.

// packRows writes the kernel that packs weights whose rows are outputs: [Cout][Cin][taps]
// of a convolution, or [N][K] of a transposed matrix. The 32 channels of a row are
// gathered, split and paired; then the 16 rows are transposed.
//
// Registers: AX arguments, R12 first row, SI row, DI tile of high parts, R8 tile of low
// parts, R9 rows that exist, R10 row stride, DX taps left, BX bytes from channel 0 to
// 16. Z28 byte offsets of the channels, Z27 0x8000, Z26 0xffff0000, K1 and K2 the
// channels that exist.
func (e *emitter) packRows() {
	e.text("PackRows", "a *PackArgs", 8)
	e.packSetup()
	e.p("MOVQ PackArgs_Upper(AX), BX")
	e.p("MOVQ PackArgs_Index(AX), R13")
	e.p("VMOVDQU32 (R13), Z28")
	e.p("MOVQ PackArgs_Source(AX), R12")
	e.p("MOVQ PackArgs_Taps(AX), DX")
	e.label("tap")
	e.p("MOVQ R12, SI")
	e.p("MOVQ PackArgs_Rows(AX), R9")
	for r := range 16 {
		e.p("CMPQ R9, $%d", r)
		e.p("JLE absent%d", r)
		e.p("CMPQ PackArgs_Contiguous(AX), $0")
		e.p("JEQ gather%d", r)
		e.p("VMOVUPS.Z (SI), K1, Z16")
		e.p("VMOVUPS.Z (SI)(BX*1), K2, Z17")
		e.p("JMP split%d", r)
		e.label(fmt.Sprintf("gather%d", r))
		e.p("LEAQ (SI)(BX*1), R13")
		e.p("KMOVW K1, K3")
		e.p("KMOVW K2, K4")
		e.p("VPXORD Z16, Z16, Z16")
		e.p("VPXORD Z17, Z17, Z17")
		e.p("VGATHERDPS (SI)(Z28*1), K3, Z16")
		e.p("VGATHERDPS (R13)(Z28*1), K4, Z17")
		e.label(fmt.Sprintf("split%d", r))
		e.splitPair(16, fmt.Sprintf("Z%d", r))
		e.p("VMOVUPS Z16, %d(R8)", 64*r)
		e.p("ADDQ R10, SI")
		e.p("JMP row%d", r)
		e.label(fmt.Sprintf("absent%d", r))
		e.p("VPXORD Z%d, Z%d, Z%d", r, r, r)
		e.p("VMOVUPS Z%d, %d(R8)", r, 64*r)
		e.label(fmt.Sprintf("row%d", r))
	}
	e.transposeTo("DI")
	for r := range 16 {
		e.p("VMOVUPS %d(R8), Z%d", 64*r, r)
	}
	e.transposeTo("R8")
	e.p("ADDQ $4, R12")
	e.packNext("tap")
}

// packSetup loads the arguments and constants of packing.
func (e *emitter) packSetup() {
	e.p("MOVQ a+0(FP), AX")
	e.p("MOVQ PackArgs_High(AX), DI")
	e.p("MOVQ PackArgs_Low(AX), R8")
	e.p("MOVQ PackArgs_RowBytes(AX), R10")
	e.p("KMOVW PackArgs_MaskA(AX), K1")
	e.p("KMOVW PackArgs_MaskB(AX), K2")
	e.p("MOVL $0x8000, R13")
	e.p("VPBROADCASTD R13, Z27")
	e.p("MOVL $0xffff0000, R13")
	e.p("VPBROADCASTD R13, Z26")
}

// packNext continues with the next tile. If low parts are not needed, LowStep is 0, and
// Low stays at a scratch.
func (e *emitter) packNext(loop string) {
	e.p("ADDQ PackArgs_Step(AX), DI")
	e.p("ADDQ PackArgs_LowStep(AX), R8")
	e.p("DECQ DX")
	e.p("JNZ %s", loop)
	e.p("VZEROUPPER")
	e.p("RET")
}

// splitPair splits the float32 of Zx and the register after it and pairs them: high parts in hi,
// low parts in Zx. The four registers after Zx change. High parts are rounded half up in
// magnitude, low parts are the rounded remainders.
func (e *emitter) splitPair(x int, hi string) {
	e.p("VPADDD Z27, Z%d, Z%d", x, x+2)
	e.p("VPADDD Z27, Z%d, Z%d", x+1, x+3)
	e.p("VPANDD Z26, Z%d, Z%d", x+2, x+4)
	e.p("VPANDD Z26, Z%d, Z%[1]d", x+3)
	e.p("VSUBPS Z%d, Z%d, Z%[2]d", x+4, x)
	e.p("VSUBPS Z%d, Z%d, Z%[2]d", x+3, x+1)
	e.p("VPSRLD $16, Z%d, Z%[1]d", x+2)
	e.p("VPORD Z%d, Z%d, %s", x+3, x+2, hi)
	e.roundPair(x)
}

// roundPair rounds the float32 of Zx and the register after it to bf16 and pairs them, in Zx. Z27
// is 0x8000, half a unit of bf16's last place, and Z26 0xffff0000.
func (e *emitter) roundPair(x int) {
	e.p("VPADDD Z27, Z%d, Z%[1]d", x)
	e.p("VPADDD Z27, Z%d, Z%[1]d", x+1)
	e.p("VPSRLD $16, Z%d, Z%[1]d", x)
	e.p("VPTERNLOGD $0xf8, Z26, Z%d, Z%d", x+1, x)
}

// transposeTo stores the 16x16 32-bit words of Z0 to Z15 transposed. It interleaves
// words, then pairs of words, then 128-bit lanes in two rounds. Z0 to Z23 change.
func (e *emitter) transposeTo(dst string) {
	// Words of rows 2i and 2i+1: the lower halves of lanes to row 2i, the upper ones to row 2i+1.
	for i := range 8 {
		a, b := 2*i, 2*i+1
		e.p("VPUNPCKHDQ Z%d, Z%d, Z16", b, a)
		e.p("VPUNPCKLDQ Z%d, Z%d, Z%d", b, a, a)
		e.p("VMOVDQA32 Z16, Z%d", b)
	}
	// Pairs of words: rows 4i to 4i+3 become columns 0 to 3 of each lane.
	for i := range 4 {
		a, b, c, d := 4*i, 4*i+1, 4*i+2, 4*i+3
		e.p("VPUNPCKHQDQ Z%d, Z%d, Z16", c, a)
		e.p("VPUNPCKLQDQ Z%d, Z%d, Z%d", c, a, a)
		e.p("VPUNPCKHQDQ Z%d, Z%d, Z17", d, b)
		e.p("VPUNPCKLQDQ Z%d, Z%d, Z%d", d, b, c)
		e.p("VMOVDQA32 Z16, Z%d", b)
		e.p("VMOVDQA32 Z17, Z%d", d)
	}
	// Now lane q of Z(4i+j) is column 4q+j of rows 4i to 4i+3.
	for j := range 4 {
		a, b, c, d := j, 4+j, 8+j, 12+j
		e.p("VSHUFI32X4 $0x88, Z%d, Z%d, Z16", b, a) // lanes 0 and 2 of both
		e.p("VSHUFI32X4 $0xdd, Z%d, Z%d, Z17", b, a) // lanes 1 and 3
		e.p("VSHUFI32X4 $0x88, Z%d, Z%d, Z18", d, c)
		e.p("VSHUFI32X4 $0xdd, Z%d, Z%d, Z19", d, c)
		e.p("VSHUFI32X4 $0x88, Z18, Z16, Z20")
		e.p("VSHUFI32X4 $0xdd, Z18, Z16, Z21")
		e.p("VSHUFI32X4 $0x88, Z19, Z17, Z22")
		e.p("VSHUFI32X4 $0xdd, Z19, Z17, Z23")
		e.p("VMOVUPS Z20, %d(%s)", 64*j, dst)
		e.p("VMOVUPS Z22, %d(%s)", 64*(4+j), dst)
		e.p("VMOVUPS Z21, %d(%s)", 64*(8+j), dst)
		e.p("VMOVUPS Z23, %d(%s)", 64*(12+j), dst)
	}
}

// packColumns writes the kernel that packs 16 columns of a matrix [K][N], which needs no
// transposition. A tile takes 32 rows; rows may end within the last tile, and K1 masks
// the columns.
//
// Registers as in packRows; R11 rows left, CX 16 row strides.
func (e *emitter) packColumns() {
	e.text("PackColumns", "a *PackArgs", 8)
	e.packSetup()
	e.p("MOVQ PackArgs_Source(AX), SI")
	e.p("MOVQ PackArgs_Rows(AX), R11")
	e.p("MOVQ R10, CX")
	e.p("SHLQ $4, CX")
	e.p("MOVQ PackArgs_Taps(AX), DX")
	e.label("step")
	for r := range 16 {
		e.p("VPXORD Z16, Z16, Z16")
		e.p("VPXORD Z17, Z17, Z17")
		e.p("CMPQ R11, $%d", r)
		e.p("JLE absent%d", r)
		e.p("VMOVUPS.Z (SI), K1, Z16")
		e.p("CMPQ R11, $%d", 16+r)
		e.p("JLE absent%d", r)
		e.p("VMOVUPS.Z (SI)(CX*1), K1, Z17")
		e.label(fmt.Sprintf("absent%d", r))
		e.splitPair(16, "Z18")
		e.p("VMOVUPS Z18, %d(DI)", 64*r)
		e.p("VMOVUPS Z16, %d(R8)", 64*r)
		e.p("ADDQ R10, SI")
	}
	e.p("ADDQ CX, SI")
	e.p("SUBQ $32, R11")
	e.packNext("step")
}
