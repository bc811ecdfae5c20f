package main

import "fmt"

// matrix is the type of the numbers of a matrix that is not packed.
type matrix struct {
	suffix string // of the kernels
	bytes  int    // of a number
	// widen converts numbers at an address, or in the lower half of a register, to
	// float32; nil: they are.
	widen func(e *emitter, from, to string)
}

var matrices = []matrix{
	{"", 4, nil},
	{"Float16", 2, func(e *emitter, from, to string) { e.p("VCVTPH2PS %s, %s", from, to) }},
	{"BFloat16", 2, func(e *emitter, from, to string) {
		e.p("VPMOVZXWD %s, %s", from, to)
		e.p("VPSLLD $16, %s, %s", to, to)
	}},
}

// step is the size of the numbers of a vector of float32.
func (m matrix) step(v vectors) int { return v.width / 4 * m.bytes }

// load returns the operand for a vector of the matrix at an address: that, or the register
// with number r, to which it is widened.
func (m matrix) load(e *emitter, v vectors, from string, r int) string {
	if m.widen == nil {
		return from
	}
	m.widen(e, from, v.r(r))
	return v.r(r)
}

// loadSome loads the numbers of mask K1 into register r.
func (m matrix) loadSome(e *emitter, v vectors, from string, r int) {
	if m.widen == nil {
		e.p("VMOVUPS.Z %s, K1, %s", from, v.r(r))
		return
	}
	e.p("VMOVDQU16.Z %s, K1, Y%d", from, r)
	m.widen(e, fmt.Sprintf("Y%d", r), v.r(r))
}

// loadOne returns the operand for one number at an address: that, or register r.
func (m matrix) loadOne(e *emitter, from string, r int) string {
	if m.widen == nil {
		return from
	}
	x := fmt.Sprintf("X%d", r)
	e.p("VPXOR %s, %s, %s", x, x, x)
	e.p("VPINSRW $0, %s, %s, %s", from, x, x)
	m.widen(e, x, x)
	return x
}

// gemvRows writes y[r] = Σ x[i]·w[r][i] for rows of a matrix that is not packed. Four
// rows at a time share the loads of x; the remaining rows are computed one by one. The
// tail of a row is masked (AVX-512) or summed number by number; nothing beyond it is
// read.
//
// Registers: AX y, SI first row, R8 row stride, R9 rows left, BX x, DX bytes of complete
// vectors of a row, CX offset in them, R10 numbers in the tail, R11 R12 R13 rows 1 to 3.
func (e *emitter) gemvRows(name string, v vectors, m matrix) {
	e.text(name+m.suffix, "y, w, x unsafe.Pointer, n, rows, rowBytes int", 48)
	e.p("MOVQ y+0(FP), AX")
	e.p("MOVQ w+8(FP), SI")
	e.p("MOVQ x+16(FP), BX")
	e.p("MOVQ n+24(FP), DX")
	e.p("MOVQ rows+32(FP), R9")
	e.p("MOVQ rowBytes+40(FP), R8")
	lanes := v.width / 4
	e.p("MOVQ DX, R10")
	e.p("ANDQ $%d, R10", lanes-1)
	e.p("SUBQ R10, DX")
	e.p("SHLQ $%d, DX", m.bytes/2)
	if v.masked {
		e.p("MOVQ R10, CX")
		e.p("MOVL $1, DI")
		e.p("SHLL CX, DI")
		e.p("DECL DI")
		e.p("KMOVW DI, K1")
	}
	e.p("SUBQ $4, R9")
	e.p("JLT few")
	e.label("four")
	e.p("LEAQ (SI)(R8*1), R11")
	e.p("LEAQ (R11)(R8*1), R12")
	e.p("LEAQ (R12)(R8*1), R13")
	e.dots("four", v, m, []string{"SI", "R11", "R12", "R13"})
	e.p("LEAQ (R13)(R8*1), SI")
	e.p("SUBQ $4, R9")
	e.p("JGE four")
	e.label("few")
	e.p("ADDQ $4, R9")
	e.p("JEQ end")
	e.label("one")
	e.dots("one", v, m, []string{"SI"})
	e.p("ADDQ R8, SI")
	e.p("DECQ R9")
	e.p("JNZ one")
	e.label("end")
	e.p("VZEROUPPER")
	e.p("RET")
}

// dots stores the dot products of some rows with x at AX, which advances. Each row
// has two accumulators: registers 2i and 2i+1.
func (e *emitter) dots(label string, v vectors, m matrix, rows []string) {
	const wide = 10 // the register for widened numbers
	x, step := [2]string{v.r(8), v.r(9)}, m.step(v)
	inX := func(offset int) string { return fmt.Sprintf("%d(BX)(CX*%d)", offset, 4/m.bytes) }
	for i := range 2 * len(rows) {
		e.p("VXORPS %s, %s, %s", v.r(i), v.r(i), v.r(i))
	}
	e.p("XORQ CX, CX")
	e.p("MOVQ DX, DI")
	e.p("SUBQ $%d, DI", 2*step)
	e.p("JLT %sLast", label)
	e.label(label + "Loop")
	for h := range 2 {
		e.p("VMOVUPS %s, %s", inX(h*v.width), x[h])
	}
	for i, row := range rows {
		for h := range 2 {
			e.p("VFMADD231PS %s, %s, %s", m.load(e, v, fmt.Sprintf("%d(%s)(CX*1)", h*step, row), wide), x[h], v.r(2*i+h))
			if h == 0 || m.widen == nil {
				e.p("PREFETCHT0 %d(%s)(CX*1)", 512+h*step, row)
			}
		}
	}
	e.p("ADDQ $%d, CX", 2*step)
	e.p("CMPQ CX, DI")
	e.p("JLE %sLoop", label)
	e.label(label + "Last")
	e.p("CMPQ CX, DX")
	e.p("JGE %sTail", label)
	e.p("VMOVUPS %s, %s", inX(0), x[0])
	for i, row := range rows {
		e.p("VFMADD231PS %s, %s, %s", m.load(e, v, fmt.Sprintf("(%s)(CX*1)", row), wide), x[0], v.r(2*i))
	}
	e.p("ADDQ $%d, CX", step)
	e.label(label + "Tail")
	if v.masked {
		e.p("TESTQ R10, R10")
		e.p("JEQ %sSum", label)
		e.p("VMOVUPS.Z %s, K1, %s", inX(0), x[0])
		for i, row := range rows {
			m.loadSome(e, v, fmt.Sprintf("(%s)(CX*1)", row), 9)
			e.p("VFMADD231PS %s, %s, %s", x[1], x[0], v.r(2*i))
		}
	}
	e.label(label + "Sum")
	for i := range rows {
		e.p("VADDPS %s, %s, %s", v.r(2*i+1), v.r(2*i), v.r(2*i))
	}
	e.addLanes(v, len(rows))
	if !v.masked { // the tail, number by number, in the lowest lane
		e.p("MOVQ R10, DI")
		e.label(label + "Number")
		e.p("TESTQ DI, DI")
		e.p("JEQ %sStore", label)
		e.p("VMOVSS %s, X9", inX(0))
		for i, row := range rows {
			e.p("VFMADD231SS %s, X9, X%d", m.loadOne(e, fmt.Sprintf("(%s)(CX*1)", row), wide), 2*i)
		}
		e.p("ADDQ $%d, CX", m.bytes)
		e.p("DECQ DI")
		e.p("JMP %sNumber", label)
	}
	e.label(label + "Store")
	for i := range rows {
		e.p("VMOVSS X%d, %d(AX)", 2*i, 4*i)
	}
	e.p("ADDQ $%d, AX", 4*len(rows))
}

// addLanes adds up the lanes of register 2i in its lowest.
func (e *emitter) addLanes(v vectors, rows int) {
	for i := range rows {
		a, b := 2*i, 2*i+1
		if v.width == 64 {
			e.p("VEXTRACTF64X4 $1, Z%d, Y%d", a, b)
			e.p("VADDPS Y%d, Y%d, Y%d", b, a, a)
		}
		e.p("VEXTRACTF128 $1, Y%d, X%d", a, b)
		e.p("VADDPS X%d, X%d, X%d", b, a, a)
		e.p("VPERMILPS $0x4e, X%d, X%d", a, b)
		e.p("VADDPS X%d, X%d, X%d", b, a, a)
		e.p("VPERMILPS $0xb1, X%d, X%d", a, b)
		e.p("VADDPS X%d, X%d, X%d", b, a, a)
	}
}

// gemvColumns writes y[j] = Σ x[k]·w[k][j] for eight vectors of columns of a matrix of n
// rows. Rows are far apart, so the hardware prefetcher does not follow: the row eight
// rows ahead is prefetched.
//
// Registers: DI y, SI row of w, R8 row stride, BX x, DX rows left, R9 the row eight rows
// ahead.
func (e *emitter) gemvColumns(name string, v vectors, m matrix) {
	const wide = 8
	step := m.step(v)
	e.text(name+m.suffix, "y, w, x unsafe.Pointer, n, rowBytes int", 40)
	e.p("MOVQ y+0(FP), DI")
	e.p("MOVQ w+8(FP), SI")
	e.p("MOVQ x+16(FP), BX")
	e.p("MOVQ n+24(FP), DX")
	e.p("MOVQ rowBytes+32(FP), R8")
	e.p("LEAQ (SI)(R8*8), R9")
	for i := range wide {
		e.p("VXORPS %s, %s, %s", v.r(i), v.r(i), v.r(i))
	}
	e.label("row")
	e.p("VBROADCASTSS (BX), %s", v.r(wide))
	for i := range wide {
		e.p("VFMADD231PS %s, %s, %s", m.load(e, v, fmt.Sprintf("%d(SI)", step*i), wide+1), v.r(wide), v.r(i))
		if step*i%64 == 0 {
			e.p("PREFETCHT0 %d(R9)", step*i)
		}
	}
	e.p("ADDQ $4, BX")
	e.p("ADDQ R8, SI")
	e.p("ADDQ R8, R9")
	e.p("DECQ DX")
	e.p("JNZ row")
	for i := range wide {
		e.p("VMOVUPS %s, %d(DI)", v.r(i), v.width*i)
	}
	e.p("VZEROUPPER")
	e.p("RET")
}

// gemvColumn is gemvColumns for one vector of columns, which are masked with AVX-512.
func (e *emitter) gemvColumn(name string, v vectors, m matrix) {
	params, size := "y, w, x unsafe.Pointer, n, rowBytes int", 40
	if v.masked {
		params, size = params+", mask uint32", 44
	}
	e.text(name+m.suffix, params, size)
	e.p("MOVQ y+0(FP), DI")
	e.p("MOVQ w+8(FP), SI")
	e.p("MOVQ x+16(FP), BX")
	e.p("MOVQ n+24(FP), DX")
	e.p("MOVQ rowBytes+32(FP), R8")
	if v.masked {
		e.p("MOVL mask+40(FP), R9")
		e.p("KMOVW R9, K1")
	}
	e.p("VXORPS %s, %s, %s", v.r(0), v.r(0), v.r(0))
	e.label("row")
	e.p("VBROADCASTSS (BX), %s", v.r(1))
	switch {
	case v.masked:
		m.loadSome(e, v, "(SI)", 2)
	case m.widen == nil:
		e.p("VMOVUPS (SI), %s", v.r(2))
	default:
		m.widen(e, "(SI)", v.r(2))
	}
	e.p("VFMADD231PS %s, %s, %s", v.r(1), v.r(2), v.r(0))
	e.p("ADDQ $4, BX")
	e.p("ADDQ R8, SI")
	e.p("DECQ DX")
	e.p("JNZ row")
	if v.masked {
		e.p("VMOVUPS %s, K1, (DI)", v.r(0))
	} else {
		e.p("VMOVUPS %s, (DI)", v.r(0))
	}
	e.p("VZEROUPPER")
	e.p("RET")
}

// splitRows writes the kernels that convert rows of float32 to pixels, in blocks of 32
// numbers: of Split32 (SplitRows), or of BF16x32 (NarrowRows). Missing numbers of the last
// block are 0.
//
// Registers: AX arguments, SI row, DI its pixel in the first block, R8 numbers, R9
// pixel, CX complete blocks left, DX rows left.
func (e *emitter) splitRows() {
	e.rowsToPixels("SplitRows", 128, func() {
		e.splitPair(16, "Z18")
		e.p("VMOVUPS Z18, (R9)")
		e.p("VMOVUPS Z16, 64(R9)")
	})
	e.rowsToPixels("NarrowRows", 64, func() {
		e.roundPair(16)
		e.p("VMOVUPS Z16, (R9)")
	})
}

// rowsToPixels writes such a kernel; store converts the numbers in Z16 and Z17 to a pixel.
func (e *emitter) rowsToPixels(name string, pixelBytes int, store func()) {
	e.text(name, "a *SplitArgs", 8)
	e.p("MOVQ a+0(FP), AX")
	e.p("MOVQ SplitArgs_Source(AX), SI")
	e.p("MOVQ SplitArgs_Pixels(AX), DI")
	e.p("MOVQ SplitArgs_Rows(AX), DX")
	e.p("VBROADCASTSS SplitArgs_Scale(AX), Z25")
	e.p("MOVL $0x8000, R13")
	e.p("VPBROADCASTD R13, Z27")
	e.p("MOVL $0xffff0000, R13")
	e.p("VPBROADCASTD R13, Z26")
	e.p("KMOVW SplitArgs_MaskA(AX), K1")
	e.p("KMOVW SplitArgs_MaskB(AX), K2")
	e.label("row")
	e.p("MOVQ SI, R8")
	e.p("MOVQ DI, R9")
	e.p("MOVQ SplitArgs_Whole(AX), CX")
	e.p("TESTQ CX, CX")
	e.p("JEQ tail")
	e.label("block")
	e.p("VMULPS (R8), Z25, Z16")
	e.p("VMULPS 64(R8), Z25, Z17")
	store()
	e.p("ADDQ $128, R8")
	e.p("ADDQ SplitArgs_Block(AX), R9")
	e.p("DECQ CX")
	e.p("JNZ block")
	e.label("tail")
	e.p("KORTESTW K1, K1")
	e.p("JEQ next")
	e.p("VMOVUPS.Z (R8), K1, Z16")
	e.p("VMOVUPS.Z 64(R8), K2, Z17")
	e.p("VMULPS Z16, Z25, Z16")
	e.p("VMULPS Z17, Z25, Z17")
	store()
	e.label("next")
	e.p("ADDQ SplitArgs_RowBytes(AX), SI")
	e.p("ADDQ $%d, DI", pixelBytes)
	e.p("DECQ DX")
	e.p("JNZ row")
	e.p("VZEROUPPER")
	e.p("RET")
}
