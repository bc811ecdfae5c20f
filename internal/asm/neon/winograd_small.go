package main

import "fmt"

// smallWinograd writes the transforms of F(2x2, 3x3) on blocks of 8 channels, four
// channels after the other, with all 4x4 numbers in registers. conv_winograd_small.go in
// engine/kernel has the matrices and the twins.
func smallWinograd(e *emitter) {
	smallWinogradInput(e)
	smallWinogradOutput(e)
	smallWinogradWeights(e)
}

func smallWinogradInput(e *emitter) {
	const column = 10 // registers 10 to 13: columns 0 to 3
	e.fn("SmallWinogradInput", "Winograd", "transforms tiles of 4x4 pixels.",
		"R1 tile, R2 tiles left, R3 bytes between planes, R4 scratch, R5 first pixel,\n// R6 transformed, R7 row, R11 to R13 columns 1 to 3, R9 temporary; V0 to V15 the tile, V16 to V19.")
	e.winogradTiles()
	for x := 1; x < 4; x++ {
		e.p("MOVD Winograd_Columns+%d(R0), R%d", 8*x, column+x)
	}
	e.label("tile")
	for half := range 2 {
		e.place("In", 8, half, winoFrom)
		e.place("Out", 0, half, winoTo)
		var rows [4][4]int // the vectors of the numbers
		for y := range 4 {
			e.p("MOVD Winograd_Rows+%d(R0), R%d", 8*y, winoRow)
			e.p("ADD R%d, R%d", winoFrom, winoRow)
			e.ldrQ(4*y, winoRow, 0)
			for x := 1; x < 4; x++ {
				e.ldrQIndex(4*y+x, winoRow, column+x)
			}
			rows[y] = e.smallInput([4]int{4 * y, 4*y + 1, 4*y + 2, 4*y + 3}, 16+y)
		}
		for x := range 4 {
			for _, v := range e.smallInput([4]int{rows[0][x], rows[1][x], rows[2][x], rows[3][x]}, 4*x+1) {
				e.strQ(v, winoTo, 0)
				e.p("ADD R%d, R%d", winoPlane, winoTo)
			}
		}
	}
	e.winogradNext()
}

// smallInput multiplies four numbers by the matrix B^T; a free vector changes.
func (e *emitter) smallInput(d [4]int, free int) [4]int {
	e.fsub(d[0], d[0], d[2])
	e.fsub(d[3], d[1], d[3])
	e.fadd(free, d[1], d[2])
	e.fsub(d[2], d[2], d[1])
	return [4]int{d[0], free, d[2], d[3]}
}

func smallWinogradOutput(e *emitter) {
	const bias = 20 // vectors 20 to 23: see winogradRow
	e.fn("SmallWinogradOutput", "Winograd", "computes tiles of up to 2x2 pixels from products.",
		"R1 tile, R2 tiles left, R3 bytes between planes, R4 scratch, R5 products,\n// R10 R11 bytes between rows, R12 R13 width and height, R14 residual, R15 output, R17 residual of the row, R19 bytes between columns, R20 pixel, R9 R16 temporaries; V0 to V15 products, V20 to V23.")
	e.winogradOutputs(bias)
	for half := range 2 {
		e.winogradHalf(half, bias)
		for v := range 16 {
			e.ldrQ(v, winoFrom, 0)
			e.p("ADD R%d, R%d", winoPlane, winoFrom)
		}
		for x := range 4 {
			e.smallOutput([4]int{4 * x, 4*x + 1, 4*x + 2, 4*x + 3})
		}
		for y := range 2 {
			if y > 0 {
				e.p("CMP $%d, R%d", y, winoHeight)
				e.p("BLE done%d", half)
			}
			sums := e.smallOutput([4]int{y, 4 + y, 8 + y, 12 + y})
			e.winogradRow(half, y, sums[:], bias)
		}
		e.label(fmt.Sprintf("done%d", half))
	}
	e.winogradNext()
}

// smallOutput multiplies four numbers by the matrix A^T.
func (e *emitter) smallOutput(m [4]int) [2]int {
	e.fadd(m[0], m[0], m[1])
	e.fadd(m[0], m[0], m[2])
	e.fsub(m[1], m[1], m[2])
	e.fsub(m[1], m[1], m[3])
	return [2]int{m[0], m[1]}
}

func smallWinogradWeights(e *emitter) {
	var rows [3][4]int
	load := func(half int) {
		for y, r := range weightRows {
			first := 9 + 3*y
			e.ldrQ(first, r, 16*half)
			e.ldrQIndex(first+1, r, secondTap)
			e.ldrQIndex(first+2, r, thirdTap)
			rows[y] = e.smallTaps([3]int{first, first + 1, first + 2}, [2]int{18 + 2*y, 19 + 2*y})
		}
	}
	e.transformKernels("SmallWinogradWeights", 4, "; V8 a half, V9 to V17 the kernel, V18 to V27", []float32{1. / 2}, load, func(_, x int) []int {
		column := e.smallTaps([3]int{rows[0][x], rows[1][x], rows[2][x]}, [2]int{24 + x&1, 26 + x&1})
		return column[:]
	})
}

// smallTaps multiplies three numbers by the matrix G; two free vectors change.
func (e *emitter) smallTaps(g [3]int, free [2]int) [4]int {
	const half = 8 // the constant 1/2
	e.fadd(free[1], g[0], g[2])
	e.fadd(free[0], free[1], g[1])
	e.fsub(free[1], free[1], g[1])
	e.fmul(free[0], free[0], half)
	e.fmul(free[1], free[1], half)
	return [4]int{g[0], free[0], free[1], g[2]}
}
