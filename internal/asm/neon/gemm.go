package main

import "fmt"

// matrices writes the matrix kernels; gemm_tile.go in engine/kernel has the twins.
func matrices(e *emitter) {
	gemm(e)
	for _, m := range []matrix{{"", nil}, {"Float16", e.fcvtl}, {"BFloat16", e.shll}} {
		gemvRows(e, m)
		gemvColumns(e, m, "GemvColumns32", 8)
		gemvColumns(e, m, "GemvColumns4", 1)
	}
}

// matrix is the type of the numbers of a matrix that is not packed; widen converts half a
// vector of them to float32, nil: they are.
type matrix struct {
	suffix string // of the kernels
	widen  func(d, a int, high bool)
}

// loadNext loads four vectors of numbers, or one, from number register d on, and advances.
func (m matrix) loadNext(e *emitter, d, base, quads int) {
	switch {
	case m.widen == nil:
		for i := range quads {
			e.ldrQNext(d+i, base)
		}
	case quads == 1:
		e.ldrDNext(d, base)
		m.widen(d, d, false)
	default:
		for i := 0; i < quads; i += 2 {
			e.ldrQNext(d+i+1, base)
			m.widen(d+i, d+i+1, false)
			m.widen(d+i+1, d+i+1, true)
		}
	}
}

// loadOneNext loads one number and sets the others of a vector to 0.
func (m matrix) loadOneNext(e *emitter, d, base int) {
	if m.widen == nil {
		e.ldrSNext(d, base)
		return
	}
	e.ldrHNext(d, base)
	m.widen(d, d, false)
}

// load loads the vectors of a row of columns.
func (m matrix) load(e *emitter, d, base, quads int) {
	switch {
	case m.widen == nil:
		for q := range quads {
			e.ldrQ(d+q, base, 16*q)
		}
	case quads == 1:
		e.ldrD(d, base)
		m.widen(d, d, false)
	default:
		for q := 0; q < quads; q += 2 {
			e.ldrQ(d+q+1, base, 8*q)
			m.widen(d+q, d+q+1, false)
			m.widen(d+q+1, d+q+1, true)
		}
	}
}

// gemm writes C = clip(scale·A·B + bias + residual) for one register tile of up to six
// rows and 16 columns, with code for each number of rows. The sums stay in registers over
// the K loop; all 16 columns are read and written.
func gemm(e *emitter) {
	e.fn("Gemm", "GemmArgs", "computes up to 6 rows by 16 columns.",
		"R1 row of B, R2 row stride of B, R3 steps of K left, R4 row of C,\n// R5 row of the residual, R6 number of rows, R7 row stride, R9 R16 temporaries, R10 to R15 rows of A.")
	e.field("B", 1)
	e.field("RowB", 2)
	e.field("K", 3)
	e.field("C", 4)
	e.field("Residual", 5)
	e.field("Rows", 6)
	e.field("A", gemmRow)
	e.field("RowA", 7)
	for row := 1; row < maxRows; row++ {
		e.p("ADD R7, R%d, R%d", gemmRow+row-1, gemmRow+row)
	}
	e.field("RowC", 7)
	for rows := maxRows; rows > 1; rows-- {
		e.p("CMP $%d, R6", rows)
		e.p("BEQ rows%d", rows)
	}
	for rows := 1; rows <= maxRows; rows++ {
		gemmRows(e, rows)
	}
}

const (
	gemmRow    = 10 // general registers 10 to 15: rows of A
	gemmMatrix = 24 // vectors 24 to 27: a row of B
	gemmInput  = 28 // vectors 28 to 31: inputs of rows, alternating
)

// gemmRows writes the code for a number of rows.
func gemmRows(e *emitter, rows int) {
	acc := func(row, q int) int { return 4*row + q }
	e.label(fmt.Sprintf("rows%d", rows))
	for i := range 4 * rows {
		e.zero(i)
	}
	e.label(fmt.Sprintf("product%d", rows))
	for q := range 4 {
		e.ldrQ(gemmMatrix+q, 1, 16*q)
	}
	e.p("ADD R2, R1")
	for row := range rows {
		e.ldrSNext(gemmInput+row%4, gemmRow+row)
		for q := range 4 {
			e.fmlaLane(acc(row, q), gemmMatrix+q, gemmInput+row%4, 0)
		}
	}
	e.p("SUBS $1, R3")
	e.p("BNE product%d", rows)
	scale, low, high := gemmInput, gemmInput+1, gemmInput+2
	e.spread("Scale", scale)
	for i := range 4 * rows {
		e.fmul(i, i, scale)
	}
	add := func(base int) { // four vectors of columns at base to row
		for q := range 4 {
			e.ldrQ(gemmMatrix+q, base, 16*q)
		}
	}
	e.field("Bias", 9)
	e.p("CBZ R9, noBias%d", rows)
	add(9)
	for row := range rows {
		for q := range 4 {
			e.fadd(acc(row, q), acc(row, q), gemmMatrix+q)
		}
	}
	e.label(fmt.Sprintf("noBias%d", rows))
	e.p("CBZ R5, clip%d", rows)
	e.field("RowResidual", 9)
	for row := range rows {
		add(5)
		for q := range 4 {
			e.fadd(acc(row, q), acc(row, q), gemmMatrix+q)
		}
		e.p("ADD R9, R5")
	}
	e.label(fmt.Sprintf("clip%d", rows))
	e.spread("Low", low)
	e.spread("High", high)
	for row := range rows {
		for q := range 4 {
			e.clip(acc(row, q), low, high)
			e.strQ(acc(row, q), 4, 16*q)
		}
		e.p("ADD R7, R4")
	}
	e.ret()
}

// gemvRows writes y[r] = Σ x[i]·w[r][i] for rows of a matrix that is not packed. Four
// accumulators per row hide the latency of multiply-adds; nothing beyond a row is read.
func gemvRows(e *emitter, m matrix) {
	e.text("GemvRows"+m.suffix, "y, w, x unsafe.Pointer, n, rows, rowBytes int", 48, "sets y[r] = Σ x[i]·w[r][i] for rows of n numbers.",
		"R1 y, R2 row, R3 x, R4 numbers in a row, R5 rows left, R6 row stride,\n// R7 address in the row, R9 in x, R10 numbers left.")
	e.p("MOVD y+0(FP), R1")
	e.p("MOVD w+8(FP), R2")
	e.p("MOVD x+16(FP), R3")
	e.p("MOVD n+24(FP), R4")
	e.p("MOVD rows+32(FP), R5")
	e.p("MOVD rowBytes+40(FP), R6")
	e.label("row")
	e.p("MOVD R2, R7")
	e.p("MOVD R3, R9")
	e.p("MOVD R4, R10")
	for i := range 4 {
		e.zero(i)
	}
	for _, quads := range []int{4, 1} {
		label := fmt.Sprintf("quads%d", quads)
		e.label(label)
		e.p("CMP $%d, R10", 4*quads)
		e.p("BLT %sDone", label)
		m.loadNext(e, 4, 7, quads)
		for i := range quads {
			e.ldrQNext(8+i, 9)
			e.fmla(i, 4+i, 8+i)
		}
		e.p("SUB $%d, R10", 4*quads)
		e.p("B %s", label)
		e.label(label + "Done")
	}
	e.p("CBZ R10, sum")
	e.label("one")
	m.loadOneNext(e, 4, 7)
	e.ldrSNext(8, 9) // the other three numbers are 0
	e.fmla(0, 4, 8)
	e.p("SUBS $1, R10")
	e.p("BNE one")
	e.label("sum")
	e.fadd(0, 0, 1)
	e.fadd(2, 2, 3)
	e.fadd(0, 0, 2)
	e.faddp(0, 0, 0)
	e.faddp(0, 0, 0)
	e.strSNext(0, 1)
	e.p("ADD R6, R2")
	e.p("SUBS $1, R5")
	e.p("BNE row")
	e.ret()
}

// gemvColumns writes y[j] = Σ x[k]·w[k][j] for some columns of a matrix of n rows.
func gemvColumns(e *emitter, m matrix, name string, quads int) {
	e.text(name+m.suffix, "y, w, x unsafe.Pointer, n, rowBytes int", 40, fmt.Sprintf("sets y[j] = Σ x[k]·w[k][j] for %d columns of a matrix of n rows.", 4*quads),
		"R1 y, R2 row, R3 x, R4 rows left, R5 row stride.")
	e.p("MOVD y+0(FP), R1")
	e.p("MOVD w+8(FP), R2")
	e.p("MOVD x+16(FP), R3")
	e.p("MOVD n+24(FP), R4")
	e.p("MOVD rowBytes+32(FP), R5")
	for q := range quads {
		e.zero(q)
	}
	e.label("row")
	e.ldrSNext(31, 3)
	m.load(e, 8, 2, quads)
	for q := range quads {
		e.fmlaLane(q, 8+q, 31, 0)
	}
	e.p("ADD R5, R2")
	e.p("SUBS $1, R4")
	e.p("BNE row")
	for q := range quads {
		e.strQ(q, 1, 16*q)
	}
	e.ret()
}
