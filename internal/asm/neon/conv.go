package main

import (
	"fmt"
	"strings"
)

// maxRows is the number of pixels of the largest register tile; with 16 channels it has
// 24 accumulators.
const maxRows = 6

// tile is a register tile of a convolution: rows output pixels by quads vectors of four
// output channels, with one input of each pixel at a time. The twin is convTileLanes in
// engine/kernel; args.Conv describes the arguments.
type tile struct{ rows, quads int }

func tiles() (all []tile) {
	for _, quads := range []int{2, 4} {
		for rows := 1; rows <= maxRows; rows++ {
			all = append(all, tile{rows, quads})
		}
	}
	return all
}

func convTiles(e *emitter) {
	for _, t := range tiles() {
		t.emit(e)
	}
}

func convTable() string {
	var s strings.Builder
	s.WriteString("// Conv holds the kernels by vectors of 8 channels and number of pixels.\n")
	fmt.Fprintf(&s, "var Conv = [3][%d]func(*ConvF32){\n", maxRows+1)
	for vecs := 1; vecs <= 2; vecs++ {
		fmt.Fprintf(&s, "\t%d: {\n", vecs)
		for rows := 1; rows <= maxRows; rows++ {
			fmt.Fprintf(&s, "\t\t%d: %s,\n", rows, tile{rows, 2 * vecs}.name())
		}
		s.WriteString("\t},\n")
	}
	s.WriteString("}\n")
	return s.String()
}

func (t tile) name() string { return fmt.Sprintf("convF32_%dx%d_neon", t.rows, 4*t.quads) }

func (t tile) half() int { return (t.rows + 1) / 2 }

// Vectors: accumulators from 0 on, two weights, the inputs of a pixel each.
func (t tile) acc(row, q int) int { return row*t.quads + q }

const (
	convWeight = 24
	convInput  = 26
)

// General registers.
const (
	convPosition, convLeft   = 1, 2
	convPixel                = 3
	convSteps, convStepsLeft = 4, 5
	convWeights, convCount   = 6, 7
	convStride, convTemp     = 8, 9
	convRow                  = 10 // and the five after it
	convTemp2                = 17
)

func (t tile) emit(e *emitter) {
	e.fn(t.name(), "ConvF32", fmt.Sprintf("convolves tiles of %d pixels by %d channels.", t.rows, 4*t.quads),
		"R1 position, R2 positions left, R3 first pixel, R4 step, R5 steps left, R6 weights,\n// R7 inputs left in the step, R8 pixel stride, R10 to R15 inputs of the pixels, R9 R16 R17 temporaries.")
	e.field("Positions", convPosition)
	e.field("Count", convLeft)
	e.field("PixelStride", convStride)
	e.label("tile")
	e.field("In", convPixel)
	e.p("MOVD (R1), R9")
	e.p("ADD R9, R3")
	e.field("Steps", convSteps)
	e.field("StepCount", convStepsLeft)
	e.field("Weights", convWeights)
	e.field("Bias", convTemp)
	for q := range t.quads {
		e.ldrQ(t.acc(0, q), convTemp, 16*q)
		for row := 1; row < t.rows; row++ {
			e.mov(t.acc(row, q), t.acc(0, q))
		}
	}
	e.label("step")
	e.p("MOVD (R4), R9")
	e.p("ADD R9, R3, R%d", convRow)
	for row := 1; row < t.rows; row++ {
		if row == t.half() {
			e.field("SecondIn", convTemp)
			e.p("ADD R9, R%d, R%d", convRow, convRow+row)
			continue
		}
		e.p("ADD R8, R%d, R%d", convRow+row-1, convRow+row)
	}
	t.inputs(e, "quad", 8, 4)
	t.inputs(e, "one", 12, 1)
	e.p("ADD $16, R4")
	e.p("SUBS $1, R5")
	e.p("BNE step")
	t.finish(e)
	e.p("ADD $24, R1")
	e.p("SUBS $1, R2")
	e.p("BNE tile")
	e.ret()
}

// inputs writes a loop over n inputs of each pixel at a time; the number of iterations is
// at the given offset in the step.
func (t tile) inputs(e *emitter, label string, offset, n int) {
	e.p("MOVW %d(R4), R7", offset)
	e.p("CBZ R7, %sDone", label)
	e.label(label)
	for row := range t.rows {
		if n == 4 {
			e.ldrQNext(convInput+row, convRow+row)
		} else {
			e.ldrSNext(convInput+row, convRow+row)
		}
	}
	for c := range n {
		for q := 0; q < t.quads; q += 2 {
			for i := range 2 {
				e.ldrQ(convWeight+i, convWeights, 16*(c*t.quads+q+i))
			}
			for row := range t.rows {
				for i := range 2 {
					e.fmlaLane(t.acc(row, q+i), convWeight+i, convInput+row, c)
				}
			}
		}
	}
	e.p("ADD $%d, R6", 16*n*t.quads)
	e.p("SUBS $1, R7")
	e.p("BNE %s", label)
	e.label(label + "Done")
}

// finish writes the epilogue: it adds the residual, clips and stores.
func (t tile) finish(e *emitter) {
	e.field("Residual", convPixel)
	e.p("CBZ R3, store")
	t.outputs(e, "Residual", 16, func(row, q, base, offset int) {
		e.ldrQ(convWeight+q%2, base, offset)
		e.fadd(t.acc(row, q), t.acc(row, q), convWeight+q%2)
	})
	e.label("store")
	e.spread("Low", convWeight)
	e.spread("High", convWeight+1)
	e.field("Out", convPixel)
	t.outputs(e, "Out", 8, func(row, q, base, offset int) {
		e.clip(t.acc(row, q), convWeight, convWeight+1)
		e.strQ(t.acc(row, q), base, offset)
	})
}

// outputs visits the addresses of all sums in Out or Residual, from R3 on; offset is that
// of the field in a position.
func (t tile) outputs(e *emitter, field string, offset int, visit func(row, q, base, offset int)) {
	e.p("MOVD %d(R1), R9", offset)
	e.p("ADD R9, R3")
	e.field("Second"+field, convTemp)
	e.p("ADD R9, R3, R%d", convTemp2)
	for q := range t.quads {
		if q == 2 {
			e.field(field+"Block", convTemp)
			e.p("ADD R9, R3")
			e.p("ADD R9, R%d", convTemp2)
		}
		for row := range t.rows {
			base, r := convPixel, row
			if row >= t.half() {
				base, r = convTemp2, row-t.half()
			}
			visit(row, q, base, 32*r+16*(q%2))
		}
	}
}
