package main

// spreadRow writes the kernel that interleaves rows of up to four channels of float32 to
// pixels: four bf16 high parts per pixel, and four low parts Apart bytes after them.
// Missing channels are 0, and so are the pixels after the last one up to a multiple of
// 16.
//
// Registers: AX arguments, SI R10 R11 R12 rows of the channels, R9 offset in them, DI
// pixels, R8 Apart, CX runs of 16 pixels left. K1 to K4 mask the channels that exist, K5
// the pixels of the last run; Z24 Z25 are the order of pairs of channels, Z26 Z27 as in
// roundPair.
func (e *emitter) spreadRow() {
	e.text("SpreadRow", "a *SpreadArgs", 8)
	e.p("MOVQ a+0(FP), AX")
	for i, r := range []string{"SI", "R10", "R11", "R12"} {
		e.p("MOVQ SpreadArgs_Rows+%d(AX), %s", 8*i, r)
		e.p("KMOVW SpreadArgs_Masks+%d(AX), K%d", 4*i, 1+i)
	}
	e.p("KMOVW SpreadArgs_Last(AX), K5")
	e.p("MOVQ SpreadArgs_High(AX), DI")
	e.p("MOVQ SpreadArgs_Apart(AX), R8")
	e.p("MOVQ SpreadArgs_Runs(AX), CX")
	e.p("MOVQ SpreadArgs_Order(AX), R13")
	e.p("VMOVDQU32 (R13), Z24")
	e.p("VMOVDQU32 64(R13), Z25")
	e.p("MOVL $0x8000, R13")
	e.p("VPBROADCASTD R13, Z27")
	e.p("MOVL $0xffff0000, R13")
	e.p("VPBROADCASTD R13, Z26")
	e.p("XORQ R9, R9")
	e.label("run")
	e.p("CMPQ CX, $1")
	e.p("JNE whole")
	for k := 1; k <= 4; k++ {
		e.p("KANDW K5, K%d, K%d", k, k)
	}
	e.label("whole")
	e.p("VMOVUPS.Z (SI)(R9*1), K1, Z16")
	e.p("VMOVUPS.Z (R10)(R9*1), K2, Z17")
	e.splitPair(16, "Z0")
	e.p("VMOVDQA32 Z16, Z1")
	e.p("VMOVUPS.Z (R11)(R9*1), K3, Z16")
	e.p("VMOVUPS.Z (R12)(R9*1), K4, Z17")
	e.splitPair(16, "Z2")
	for i, dst := range []string{"(DI)", "64(DI)", "(DI)(R8*1)", "64(DI)(R8*1)"} {
		first, second := "Z0", "Z2"
		if i >= 2 {
			first, second = "Z1", "Z16"
		}
		e.p("VMOVDQA32 Z%d, Z3", 24+i%2)
		e.p("VPERMI2D %s, %s, Z3", second, first)
		e.p("VMOVDQU32 Z3, %s", dst)
	}
	e.p("ADDQ $64, R9")
	e.p("ADDQ $128, DI")
	e.p("DECQ CX")
	e.p("JNZ run")
	e.p("VZEROUPPER")
	e.p("RET")
}
