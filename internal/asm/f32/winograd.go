package main

import (
	"fmt"
	"math"

	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// winograd writes the transforms of F(4x4, 3x3) and F(2x2, 3x3) after Lavin and Gray
// 2015, "Fast Algorithms for Convolutional Neural Networks", for a vector of channels at a
// time. conv_winograd_plain.go in engine/kernel has the matrices. The products between the
// transforms are 1x1 convolutions.
//
// A transform of a tile transforms along one dimension, into a scratch of as many vectors,
// and then along the other. Each uses registers 0 to 7, and constants from register 8 on.
type winograd struct {
	*gen
	vector
	prefix string // of function names
	side   int    // of an input tile in pixels: that of the output tile plus two
	codes  bool   // the transforms of integers: see winograd_codes.go
}

func winogradTransforms(g *gen) {
	for _, v := range []vector{zmm, ymm} {
		for _, w := range []winograd{{g, v, "Winograd", 6, false}, {g, v, "SmallWinograd", 4, false}} {
			w.input()
			w.output()
			w.weights()
		}
	}
}

// constants broadcasts constants to registers from 8 on.
func (w winograd) constants(values ...float32) {
	for i, x := range values {
		w.MOVL(operand.U32(math.Float32bits(x)), reg.ECX)
		w.VMOVD(reg.ECX, w.regs[8+i].AsX())
		w.VBROADCASTSS(w.regs[8+i].AsX(), w.regs[8+i])
	}
}

func (w winograd) constant(i int) reg.VecPhysical { return w.regs[8+i] }

// mov, add, sub, fma and fms have the destination first; fms is d - a·b.
func (w winograd) mov(d, a reg.Register)    { w.VMOVAPS(a, d) }
func (w winograd) add(d, a, b reg.Register) { w.VADDPS(b, a, d) }
func (w winograd) sub(d, a, b reg.Register) { w.VSUBPS(b, a, d) }
func (w winograd) fma(d, a, b reg.Register) { w.VFMADD231PS(a, b, d) }
func (w winograd) fms(d, a, b reg.Register) { w.VFNMADD231PS(a, b, d) }

// cell is the memory operand of number (y, x) of a tile in the scratch at BX.
func (w winograd) cell(y, x int) operand.Mem { return at(reg.RBX, (w.side*y+x)*w.bytes) }

var (
	winoPositions, winoLeft = reg.R8, reg.R9
	winoPlane               = reg.RDX // bytes between transformed planes
)

// tiles begins the loop over the tiles of a call.
func (w winograd) tiles() {
	w.load("Positions", winoPositions)
	w.load("Count", winoLeft)
	w.load("Plane", winoPlane)
	w.load("Scratch", reg.RBX)
}

// next ends the loop.
func (w winograd) next() {
	w.ADDQ(imm(32), winoPositions)
	w.DECQ(winoLeft)
	w.JNZ(to("tile"))
	w.end()
}

// input writes the transform of input tiles. The arguments have the offset of each row and
// column, so that tiles at the edge of a picture read no more than the convolution itself.
func (w winograd) input() {
	name := w.prefix + "Input" + w.title
	w.fn(name, "Winograd", fmt.Sprintf("%s transforms tiles of %dx%[2]d pixels.", name, w.side))
	w.Comment("AX arguments, R8 tile, R9 tiles left, SI its first pixel, CX a row of it,",
		"R10-R13 and R15 columns from 1 on, DI transformed, DX bytes between planes, BX scratch.")
	if !w.codes {
		w.constants(2, 4, 5)
	}
	w.tiles()
	columns := []reg.Register{nil, reg.R10, reg.R11, reg.R12, reg.R13, reg.R15}
	for x := 1; x < w.side; x++ {
		w.MOVQ(w.element("Columns", x), columns[x])
	}
	w.Label("tile")
	w.load("In", reg.RSI)
	w.ADDQ(at(winoPositions, 8), reg.RSI)
	w.load("Out", reg.RDI)
	w.ADDQ(at(winoPositions, 0), reg.RDI)
	for y := range w.side {
		w.MOVQ(w.element("Rows", y), reg.RCX)
		w.ADDQ(reg.RSI, reg.RCX)
		w.pixel(at(reg.RCX, 0), w.regs[0])
		for x := 1; x < w.side; x++ {
			w.pixel(at(reg.RCX, 0).Idx(columns[x], 1), w.regs[x])
		}
		for x, r := range w.transformInput() {
			w.VMOVUPS(r, w.cell(y, x))
		}
	}
	for x := range w.side {
		for y := range w.side {
			w.VMOVUPS(w.cell(y, x), w.regs[y])
		}
		for _, r := range w.transformInput() {
			w.VMOVUPS(r, at(reg.RDI, 0))
			w.ADDQ(winoPlane, reg.RDI)
		}
	}
	w.next()
}

// pixel loads channels of a pixel.
func (w winograd) pixel(from operand.Mem, r reg.VecPhysical) {
	if w.codes {
		w.VPMOVZXBW(from, r)
		return
	}
	w.VMOVUPS(from, r)
}

// element is number i of an array in the arguments.
func (w winograd) element(name string, i int) operand.Mem {
	m := w.field(name)
	m.Disp = 8 * i
	return m
}

// transformInput multiplies six (or four) numbers by the matrix B^T; constants 2, 4, 5.
func (w winograd) transformInput() []reg.VecPhysical {
	if w.codes {
		return w.transformCodes()
	}
	if r := w.regs; w.side == 4 {
		w.sub(r[0], r[0], r[2])
		w.add(r[4], r[1], r[2])
		w.sub(r[2], r[2], r[1])
		w.sub(r[3], r[1], r[3])
		return []reg.VecPhysical{r[0], r[4], r[2], r[3]}
	}
	r, two, four, five := w.regs, w.constant(0), w.constant(1), w.constant(2)
	w.VFMADD213PS(r[4], four, r[0]) // 4 d0 - 5 d2 + d4
	w.fms(r[0], five, r[2])
	w.fms(r[5], five, r[3]) // 4 d1 - 5 d3 + d5
	w.fma(r[5], four, r[1])
	w.mov(r[6], r[4])
	w.fms(r[6], four, r[2]) // even: d4 - 4 d2
	w.mov(r[7], r[3])
	w.fms(r[7], four, r[1]) // odd: d3 - 4 d1
	w.sub(r[4], r[4], r[2]) // even: d4 - d2
	w.sub(r[3], r[3], r[1]) // odd: d3 - d1
	w.add(r[1], r[6], r[7]) // point 1
	w.sub(r[2], r[6], r[7]) // point -1
	w.mov(r[6], r[4])       //
	w.fma(r[6], two, r[3])  // point 2
	w.fms(r[4], two, r[3])  // point -2
	return []reg.VecPhysical{r[0], r[1], r[2], r[6], r[4], r[5]}
}

// output writes the transform of products to tiles of 4x4 (or 2x2) outputs, of which it
// stores those inside the picture.
func (w winograd) output() {
	name := w.prefix + "Output" + w.title
	w.fn(name, "Winograd", fmt.Sprintf("%s computes tiles of up to %dx%[2]d pixels from products.", name, w.side-2))
	w.Comment("AX arguments, R8 tile, R9 tiles left, SI products, then residual, DI output,",
		"DX bytes between planes, R10 and R11 bytes between rows, R12 columns, R13 residual, BX scratch,",
		"CX and R15 bytes between columns and three times that.")
	w.constants(2, 4, 8)
	bias, low, high := w.constant(3), w.constant(4), w.constant(5)
	w.load("Bias", reg.RCX)
	w.VMOVUPS(at(reg.RCX, 0), bias)
	w.VBROADCASTSS(w.field("Low"), low)
	w.VBROADCASTSS(w.field("High"), high)
	w.tiles()
	w.load("OutRow", reg.R10)
	w.load("ResidualRow", reg.R11)
	w.load("Width", reg.R12)
	w.load("Residual", reg.R13)
	w.load("OutColumn", reg.RCX)
	w.LEAQ(at(reg.RCX, 0).Idx(reg.RCX, 2), reg.R15)
	w.productColumns(w.transformOutput)
	w.MOVQ(at(winoPositions, 24), reg.RSI)
	w.ADDQ(reg.R13, reg.RSI)
	for y := range w.side - 2 {
		if y > 0 {
			w.CMPQ(w.field("Height"), imm(y))
			w.JLE(to("done"))
		}
		for x := range w.side {
			w.VMOVUPS(w.cell(y, x), w.regs[x])
		}
		sums := w.transformOutput()
		for _, r := range sums {
			w.add(r, r, bias)
		}
		w.TESTQ(reg.R13, reg.R13)
		w.JZ(to(fmt.Sprintf("store%d", y)))
		w.columns(fmt.Sprintf("store%d", y), func(x int) {
			w.VADDPS(column(reg.RSI, x), sums[x], sums[x])
		})
		w.columns(fmt.Sprintf("stored%d", y), func(x int) {
			w.clip(sums[x], low, high)
			w.VMOVUPS(sums[x], column(reg.RDI, x))
		})
		w.ADDQ(reg.R10, reg.RDI)
		w.ADDQ(reg.R11, reg.RSI)
	}
	w.Label("done")
	w.next()
}

// productColumns begins a tile of outputs: it transforms the columns of its products into the
// scratch, and leaves DI at the first output.
func (w winograd) productColumns(transform func() []reg.VecPhysical) {
	w.Label("tile")
	w.load("In", reg.RSI)
	w.ADDQ(at(winoPositions, 0), reg.RSI)
	w.load("Out", reg.RDI)
	w.ADDQ(at(winoPositions, 16), reg.RDI)
	for x := range w.side {
		for y := range w.side {
			w.VMOVUPS(at(reg.RSI, 0), w.regs[y])
			w.ADDQ(winoPlane, reg.RSI)
		}
		for y, r := range transform() {
			w.VMOVUPS(r, w.cell(y, x))
		}
	}
}

// column is the memory operand of column x of a row of outputs or of the residual.
func column(row reg.Register, x int) operand.Mem {
	switch x {
	case 0:
		return at(row, 0)
	case 3:
		return at(row, 0).Idx(reg.R15, 1)
	}
	return at(row, 0).Idx(reg.RCX, uint8(x))
}

// columns visits the columns of the output tile; at run time, code for those outside the
// picture is skipped by a jump to label.
func (w winograd) columns(label string, visit func(x int)) {
	for x := range w.side - 2 {
		if x > 0 {
			w.CMPQ(reg.R12, imm(x))
			w.JLE(to(label))
		}
		visit(x)
	}
	w.Label(label)
}

// transformOutput multiplies six (or four) numbers by the matrix A^T; constants 2, 4, 8.
func (w winograd) transformOutput() []reg.VecPhysical {
	if r := w.regs; w.side == 4 {
		w.add(r[0], r[0], r[1])
		w.add(r[0], r[0], r[2])
		w.sub(r[1], r[1], r[2])
		w.sub(r[1], r[1], r[3])
		return []reg.VecPhysical{r[0], r[1]}
	}
	r, two, four, eight := w.regs, w.constant(0), w.constant(1), w.constant(2)
	w.add(r[6], r[1], r[2]) // even at 1
	w.sub(r[1], r[1], r[2]) // odd at 1
	w.add(r[2], r[3], r[4]) // even at 2
	w.sub(r[3], r[3], r[4]) // odd at 2
	w.add(r[0], r[0], r[6])
	w.add(r[0], r[0], r[2])
	w.fma(r[6], four, r[2])
	w.add(r[5], r[5], r[1])
	w.fma(r[5], eight, r[3])
	w.fma(r[1], two, r[3])
	return []reg.VecPhysical{r[0], r[1], r[6], r[5]}
}

// weights writes the transform of 3x3 kernels from the layout of the direct form, in which
// a tap of all kernels is a run of vectors of output channels. A call computes some columns
// of the transformed kernels.
func (w winograd) weights() {
	name := w.prefix + "Weights" + w.title
	w.leaf(name, []string{"dst ptr", "src ptr", "plane int", "tap int", "count int", "first int", "end int"},
		fmt.Sprintf("%s computes the planes of columns [first, end) of %d of the transformed 3x3 kernels of count", name, w.side),
		"contiguous vectors, whose taps are tap bytes apart.")
	w.Comment("DI transformed, CX a plane of it, DX bytes between planes, SI R10 R11 rows of taps, R8 bytes between taps,",
		"R9 vectors left, BX first column, R12 end of the columns.")
	dst, plane, tap, left, first, end := reg.RDI, reg.RCX, reg.R8, reg.R9, reg.RBX, reg.R12
	rows := []reg.Register{reg.RSI, reg.R10, reg.R11}
	w.takes(dst, rows[0], winoPlane, tap, left, first, end)
	for y := 1; y < 3; y++ {
		w.LEAQ(at(rows[y-1], 0).Idx(tap, 2), rows[y])
		w.ADDQ(tap, rows[y])
	}
	size := w.bytes // of a vector of taps
	if w.codes {
		size /= 2
	} else {
		w.constants(1./4, -1./6, 1./24, 1./12, 1./6, 1./2)
	}
	w.Label("kernel")
	w.MOVQ(dst, plane)
	for x := 1; x < w.side; x++ {
		w.CMPQ(first, imm(x))
		w.JEQ(to(fmt.Sprintf("column%d", x)))
	}
	for x := range w.side {
		if x > 0 {
			w.CMPQ(end, imm(x))
			w.JEQ(to("next"))
			w.Label(fmt.Sprintf("column%d", x))
		}
		for y, row := range rows {
			w.weightOf(x, row, tap, w.regs[y])
		}
		for _, r := range w.transformWeights(w.regs[0], w.regs[1], w.regs[2]) {
			w.VMOVUPS(r, at(plane, 0))
			w.ADDQ(winoPlane, plane)
		}
	}
	w.Label("next")
	for _, r := range rows {
		w.ADDQ(imm(size), r)
	}
	w.ADDQ(imm(w.bytes), dst)
	w.DECQ(left)
	w.JNZ(to("kernel"))
	w.end()
}

// weightOf computes number x of a transformed row of three taps; registers 6 and 7 change.
func (w winograd) weightOf(x int, row, tap reg.Register, r reg.VecPhysical) {
	first, second, third := at(row, 0), at(row, 0).Idx(tap, 1), at(row, 0).Idx(tap, 2)
	if x == w.side-1 {
		w.tap(third, r)
		return
	}
	w.tap(first, r)
	if x == 0 {
		w.scaleFirst(r)
		return
	}
	b, c := w.regs[6], w.regs[7]
	w.tap(second, b)
	w.tap(third, c)
	if w.codes {
		w.evenCodes((x-1)/2, r, r, b, c)
		w.plusMinus(x%2 == 1, r, r, b)
		return
	}
	odd := w.even((x-1)/2, r, r, c)
	if x%2 == 1 {
		w.fma(r, odd, b)
	} else {
		w.fms(r, odd, b)
	}
}

// tap loads a tap of a vector of kernels.
func (w winograd) tap(from operand.Mem, r reg.VecPhysical) {
	if w.codes {
		w.VPMOVSXBW(from, r)
		return
	}
	w.VMOVUPS(from, r)
}

// scaleFirst computes the first number from the first tap.
func (w winograd) scaleFirst(r reg.VecPhysical) {
	if w.side == 6 && !w.codes {
		w.VMULPS(w.constant(0), r, r)
	}
}

// even sets d to the contribution of the first and third tap to two numbers, those of an
// interpolation point and of its negative. It returns the factor of the second tap, whose
// contributions differ in sign. d may be a; constants 1/4, -1/6, 1/24, 1/12, 1/6, 1/2.
func (w winograd) even(point int, d, a, c reg.VecPhysical) (odd reg.VecPhysical) {
	if point == 1 {
		w.VMULPS(w.constant(2), a, d)
		w.fma(d, w.constant(4), c)
		return w.constant(3)
	}
	odd = w.constant(1)
	if w.side == 4 {
		odd = w.constant(5)
	}
	w.add(d, a, c)
	w.VMULPS(odd, d, d)
	return odd
}

// transformWeights multiplies three numbers by the matrix G.
func (w winograd) transformWeights(a, b, c reg.VecPhysical) []reg.VecPhysical {
	if w.codes {
		return w.transformCodeWeights(a, b, c)
	}
	all, free := []reg.VecPhysical{a}, w.regs[3:]
	for point := range w.side/2 - 1 {
		x, y := free[2*point], free[2*point+1]
		odd := w.even(point, x, a, c)
		w.mov(y, x)
		w.fma(x, odd, b)
		w.fms(y, odd, b)
		all = append(all, x, y)
	}
	w.scaleFirst(a)
	return append(all, c)
}
