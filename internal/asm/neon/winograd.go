package main

import (
	"fmt"
	"math"
)

// winograd writes the transforms of F(4x4, 3x3) on blocks of 8 channels, four channels
// after the other. conv_winograd_plain.go in engine/kernel has the matrices and the twins.
// A transform of 6x6 numbers transforms along one dimension, into a scratch of 36 vectors,
// and then along the other. Each uses vectors 0 to 7, and constants from vector 8 on.
func winogradTransforms(e *emitter) {
	winogradInput(e)
	winogradOutput(e)
	winogradWeights(e)
}

// General registers of the loop over tiles.
const (
	winoPosition, winoLeft = 1, 2
	winoPlane, winoScratch = 3, 4
	winoFrom, winoTo       = 5, 6
	winoRow                = 7
	winoTemp               = 9
)

// constants broadcasts constants to vectors from 8 on.
func (e *emitter) constants(values ...float32) {
	for i, x := range values {
		e.constant(8+i, math.Float32bits(x))
	}
}

// cell is the offset of number (y, x) of 6x6 in the scratch.
func cell(y, x int) int { return 16 * (6*y + x) }

// winogradTiles begins the loop over the tiles of a call; winogradNext ends it.
func (e *emitter) winogradTiles() {
	e.field("Positions", winoPosition)
	e.field("Count", winoLeft)
	e.field("Plane", winoPlane)
	e.field("Scratch", winoScratch)
}

// place sets a register to a field plus the offset of the tile and of the half.
func (e *emitter) place(field string, offset, half, r int) {
	e.field(field, r)
	e.p("MOVD %d(R%d), R%d", offset, winoPosition, winoTemp)
	e.p("ADD R%d, R%d", winoTemp, r)
	if half > 0 {
		e.p("ADD $16, R%d", r)
	}
}

func (e *emitter) winogradNext() {
	e.p("ADD $32, R%d", winoPosition)
	e.p("SUBS $1, R%d", winoLeft)
	e.p("BNE tile")
	e.ret()
}

// winogradInput writes the transform of input tiles.
func winogradInput(e *emitter) {
	const column = 10 // registers 10 to 15: columns 0 to 5
	e.fn("WinogradInput", "Winograd", "transforms tiles of 6x6 pixels.",
		"R1 tile, R2 tiles left, R3 bytes between planes, R4 scratch, R5 first pixel,\n// R6 transformed, R7 row, R11 to R15 columns 1 to 5, R9 R16 temporaries.")
	e.constants(2, 4, 5)
	e.winogradTiles()
	for x := 1; x < 6; x++ {
		e.p("MOVD Winograd_Columns+%d(R0), R%d", 8*x, column+x)
	}
	e.label("tile")
	for half := range 2 {
		e.place("In", 8, half, winoFrom)
		e.place("Out", 0, half, winoTo)
		for y := range 6 {
			e.p("MOVD Winograd_Rows+%d(R0), R%d", 8*y, winoRow)
			e.p("ADD R%d, R%d", winoFrom, winoRow)
			e.ldrQ(0, winoRow, 0)
			for x := 1; x < 6; x++ {
				e.ldrQIndex(x, winoRow, column+x)
			}
			for x, v := range e.transformInput() {
				e.strQ(v, winoScratch, cell(y, x))
			}
		}
		for x := range 6 {
			for y := range 6 {
				e.ldrQ(y, winoScratch, cell(y, x))
			}
			for _, v := range e.transformInput() {
				e.strQ(v, winoTo, 0)
				e.p("ADD R%d, R%d", winoPlane, winoTo)
			}
		}
	}
	e.winogradNext()
}

// transformInput multiplies six numbers by the matrix B^T; constants 2, 4, 5.
func (e *emitter) transformInput() []int {
	const two, four, five = 8, 9, 10
	e.mov(6, 4)
	e.fmls(6, four, 2) // even: d4 - 4 d2
	e.mov(7, 3)
	e.fmls(7, four, 1) // odd: d3 - 4 d1
	e.fmul(0, 0, four) // 4 d0 - 5 d2 + d4
	e.fadd(0, 0, 4)
	e.fmls(0, five, 2)
	e.fmls(5, five, 3) // 4 d1 - 5 d3 + d5
	e.fmla(5, four, 1)
	e.fsub(4, 4, 2) // even: d4 - d2
	e.fsub(3, 3, 1) // odd: d3 - d1
	e.fadd(1, 6, 7) // point 1
	e.fsub(2, 6, 7) // point -1
	e.mov(6, 4)
	e.fmla(6, two, 3) // point 2
	e.fmls(4, two, 3) // point -2
	return []int{0, 1, 2, 6, 4, 5}
}

// winogradOutput writes the transform of products to outputs.
func winogradOutput(e *emitter) {
	const bias = 11 // vectors 11 to 14: see winogradRow
	e.fn("WinogradOutput", "Winograd", "computes tiles of up to 4x4 pixels from products.",
		"R1 tile, R2 tiles left, R3 bytes between planes, R4 scratch, R5 products,\n// R10 R11 bytes between rows, R12 R13 width and height, R14 residual, R15 output, R17 residual of the row, R19 bytes between columns, R20 pixel, R9 R16 temporaries.")
	e.constants(2, 4, 8)
	e.winogradOutputs(bias)
	for half := range 2 {
		e.winogradHalf(half, bias)
		for x := range 6 {
			for y := range 6 {
				e.ldrQ(y, winoFrom, 0)
				e.p("ADD R%d, R%d", winoPlane, winoFrom)
			}
			for y, v := range e.transformOutput() {
				e.strQ(v, winoScratch, cell(y, x))
			}
		}
		for y := range 4 {
			if y > 0 {
				e.p("CMP $%d, R%d", y, winoHeight)
				e.p("BLE done%d", half)
			}
			for x := range 6 {
				e.ldrQ(x, winoScratch, cell(y, x))
			}
			e.winogradRow(half, y, e.transformOutput(), bias)
		}
		e.label(fmt.Sprintf("done%d", half))
	}
	e.winogradNext()
}

// General registers of the output transform.
const (
	winoOutRow, winoResidualRow = 10, 11
	winoWidth, winoHeight       = 12, 13
	winoResidual                = 14
	winoPixels, winoOthers      = 15, 17 // the row of the output, and of the residual
	winoOutColumn               = 19
	winoPixel                   = 20 // the pixel, of either
)

// winogradOutputs begins an output transform, up to the first tile. Low and high are in
// the vectors after the bias.
func (e *emitter) winogradOutputs(bias int) {
	e.spread("Low", bias+1)
	e.spread("High", bias+2)
	e.winogradTiles()
	e.field("OutRow", winoOutRow)
	e.field("ResidualRow", winoResidualRow)
	e.field("Width", winoWidth)
	e.field("Height", winoHeight)
	e.field("Residual", winoResidual)
	e.field("OutColumn", winoOutColumn)
	e.label("tile")
}

// winogradHalf begins four channels of a tile.
func (e *emitter) winogradHalf(half, bias int) {
	e.field("Bias", winoTemp)
	e.ldrQ(bias, winoTemp, 16*half)
	e.place("In", 0, half, winoFrom)
	e.place("Out", 16, half, winoPixels)
	e.place("Residual", 24, half, winoOthers)
}

// winogradRow adds the bias and the residual to the vectors of row y, clips and stores
// them. The three vectors after the bias are low, high and a temporary.
func (e *emitter) winogradRow(half, y int, sums []int, bias int) {
	low, high, temp := bias+1, bias+2, bias+3
	for _, v := range sums {
		e.fadd(v, v, bias)
	}
	store := fmt.Sprintf("store%d_%d", half, y)
	e.p("CBZ R%d, %s", winoResidual, store)
	e.winogradColumns(store, winoOthers, len(sums), func(x int) {
		e.ldrQ(temp, winoPixel, 0)
		e.fadd(sums[x], sums[x], temp)
	})
	e.winogradColumns(fmt.Sprintf("stored%d_%d", half, y), winoPixels, len(sums), func(x int) {
		e.clip(sums[x], low, high)
		e.strQ(sums[x], winoPixel, 0)
	})
	e.p("ADD R%d, R%d", winoOutRow, winoPixels)
	e.p("ADD R%d, R%d", winoResidualRow, winoOthers)
}

// winogradColumns visits the columns of a row of an output tile, or of the residual; at run
// time, code for those outside the picture is skipped by a jump to label.
func (e *emitter) winogradColumns(label string, row, columns int, visit func(x int)) {
	e.p("MOVD R%d, R%d", row, winoPixel)
	for x := range columns {
		if x > 0 {
			e.p("CMP $%d, R%d", x, winoWidth)
			e.p("BLE %s", label)
			e.p("ADD R%d, R%d", winoOutColumn, winoPixel)
		}
		visit(x)
	}
	e.label(label)
}

// transformOutput multiplies six numbers by the matrix A^T; constants 2, 4, 8.
func (e *emitter) transformOutput() []int {
	const two, four, eight = 8, 9, 10
	e.fadd(6, 1, 2) // even at 1
	e.fsub(1, 1, 2) // odd at 1
	e.fadd(2, 3, 4) // even at 2
	e.fsub(3, 3, 4) // odd at 2
	e.fadd(0, 0, 6)
	e.fadd(0, 0, 2)
	e.fmla(6, four, 2)
	e.fadd(5, 5, 1)
	e.fmla(5, eight, 3)
	e.fmla(1, two, 3)
	return []int{0, 1, 6, 5}
}

// Registers of the transforms of 3x3 kernels: the rows of taps, and the bytes from the first tap of
// a row to the others.
var weightRows = [3]int{1, 8, 10}

const secondTap, thirdTap = 11, 12

// transformKernels writes the transform of 3x3 kernels to side x side numbers; a call computes some
// columns of these. load prepares half a vector of kernels, column returns the registers that have
// column x.
func (e *emitter) transformKernels(name string, side int, registers string, constants []float32, load func(half int), column func(half, x int) []int) {
	const to, plane, tap, left, row, first, end = 2, 3, 5, 6, 7, 9, 13
	rows := weightRows[:]
	e.text(name, "dst, src unsafe.Pointer, plane, tap, count, first, end int", 56,
		fmt.Sprintf("computes the planes of columns [first, end) of %d of the transformed 3x3 kernels of count contiguous vectors, whose taps are tap bytes apart.", side),
		"R1 R8 R10 rows of taps, R2 transformed, R3 bytes between planes, R5 tap, R6 vectors left, R7 plane, R9 first column, "+
			"R13 end of the columns, R11 R12 bytes to the second and third tap, R16 temporary"+registers+".")
	for i, r := range []int{to, rows[0], plane, tap, left, first, end} {
		e.p("MOVD %s+%d(FP), R%d", []string{"dst", "src", "plane", "tap", "count", "first", "end"}[i], 8*i, r)
	}
	e.p("ADD R%d<<1, R%d, R%d", tap, tap, thirdTap)
	e.p("ADD R%d, R%d, R%d", thirdTap, rows[0], rows[1])
	e.p("ADD R%d, R%d, R%d", thirdTap, rows[1], rows[2])
	e.constants(constants...)
	e.label("kernel")
	for half := range 2 {
		e.p("ADD $%d, R%d, R%d", 16*half, tap, secondTap)
		e.p("ADD R%d, R%d, R%d", tap, secondTap, thirdTap)
		e.p("ADD $%d, R%d, R%d", 16*half, to, row)
		load(half)
		for x := 1; x < side; x++ {
			e.p("CMP $%d, R%d", x, first)
			e.p("BEQ half%d_%d", half, x)
		}
		for x := range side {
			if x > 0 {
				e.p("CMP $%d, R%d", x, end)
				e.p("BEQ done%d", half)
				e.label(fmt.Sprintf("half%d_%d", half, x))
			}
			for _, v := range column(half, x) {
				e.strQ(v, row, 0)
				e.p("ADD R%d, R%d", plane, row)
			}
		}
		e.label(fmt.Sprintf("done%d", half))
	}
	for _, r := range append(rows, to) {
		e.p("ADD $32, R%d", r)
	}
	e.p("SUBS $1, R%d", left)
	e.p("BNE kernel")
	e.ret()
}

func winogradWeights(e *emitter) {
	e.transformKernels("WinogradWeights", 6, "", []float32{1. / 4, -1. / 6, 1. / 24, 1. / 12, 1. / 6}, func(int) {}, func(half, x int) []int {
		for y, r := range weightRows {
			e.ldrQ(y, r, 16*half)
			e.ldrQIndex(6, r, secondTap)
			e.ldrQIndex(7, r, thirdTap)
			e.weightOf(x, y, 6, 7)
		}
		return e.transformWeights()
	})
}

// weightOf computes number x of a transformed row of three taps, in place of the first.
func (e *emitter) weightOf(x, a, b, c int) {
	switch {
	case x == 0:
		e.fmul(a, a, 8)
	case x == 5:
		e.mov(a, c)
	case x%2 == 1:
		e.fmla(a, b, e.even(x/2, a, a, c))
	default:
		e.fmls(a, b, e.even(x/2-1, a, a, c))
	}
}

// even sets d to the contribution of the first and third tap to two numbers, those of an
// interpolation point and of its negative. It returns the factor of the second tap, whose
// contributions differ in sign. d may be a; constants 1/4, -1/6, 1/24, 1/12, 1/6.
func (e *emitter) even(point, d, a, c int) (odd int) {
	if point == 1 {
		e.fmul(d, a, 10)
		e.fmla(d, c, 12)
		return 11
	}
	e.fadd(d, a, c)
	e.fmul(d, d, 9)
	return 9
}

// transformWeights multiplies three numbers by the matrix G.
func (e *emitter) transformWeights() []int {
	for point := range 2 {
		x, y := 3+2*point, 4+2*point
		odd := e.even(point, x, 0, 2)
		e.mov(y, x)
		e.fmla(x, 1, odd)
		e.fmls(y, 1, odd)
	}
	e.fmul(0, 0, 8)
	return []int{0, 3, 4, 5, 6, 2}
}
