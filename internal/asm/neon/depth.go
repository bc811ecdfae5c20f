package main

import (
	"fmt"
	"strings"
)

// depth is a kernel for rows of depthwise convolutions of 8 channels. The weights of a
// kernel row stay in registers, and each input is loaded once for all outputs of a tile
// that need it. The twin is depthRow8 in engine/kernel.
type depth struct{ kernelW, stride int }

var depths = []depth{{3, 1}, {3, 2}, {5, 1}, {5, 2}}

// depthTiles are the numbers of pixels of tiles; with 5 taps the largest takes 28
// registers.
var depthTiles = []int{8, 4, 2, 1}

func depthRows(e *emitter) {
	for _, d := range depths {
		d.emit(e)
	}
}

func depthTable() string {
	var s strings.Builder
	s.WriteString("// Depth holds the kernels by kernel width and stride.\nvar Depth = [8][3]func(*Window){\n")
	for _, d := range depths {
		if d.stride == 1 {
			fmt.Fprintf(&s, "\t%d: {\n", d.kernelW)
		}
		fmt.Fprintf(&s, "\t\t%d: %s,\n", d.stride, d.name())
		if d.stride == 2 {
			s.WriteString("\t},\n")
		}
	}
	s.WriteString("}\n")
	return s.String()
}

func (d depth) name() string { return fmt.Sprintf("depthF32_%ds%d_neon", d.kernelW, d.stride) }

func (d depth) emit(e *emitter) {
	e.fn(d.name(), "Window", fmt.Sprintf("computes a row of a depthwise convolution %d wide with stride %d.", d.kernelW, d.stride),
		"R1 output, R2 input of the first pixel, R3 pixels left,\n// R4 input row, R5 its weights, R6 rows left, R7 row stride, R9 R16 temporaries.")
	e.field("Out", 1)
	e.field("In", 2)
	e.field("First", 9)
	e.p("ADD R9, R2")
	e.field("Count", 3)
	e.field("RowBytes", 7)
	for _, n := range depthTiles {
		d.tile(e, n)
	}
	e.ret()
}

// tile writes the loop over tiles of n pixels.
func (d depth) tile(e *emitter, n int) {
	label := fmt.Sprintf("tile%d", n)
	acc := func(pixel, half int) int { return 2*pixel + half }
	weight := func(tap, half int) int { return 2*(n+tap) + half }
	input := func(half int) int { return 2*(n+d.kernelW) + half }
	e.label(label)
	e.p("CMP $%d, R3", n)
	e.p("BLT %sDone", label)
	e.p("MOVD R2, R4")
	e.field("Weights", 5)
	e.field("Rows", 6)
	e.field("Bias", 9)
	for half := range 2 {
		for pixel := range n {
			e.ldrQ(acc(pixel, half), 9, 16*half)
		}
	}
	e.label(label + "Row")
	for tap := range d.kernelW {
		for half := range 2 {
			e.ldrQ(weight(tap, half), 5, 32*tap+16*half)
		}
	}
	for x := range (n-1)*d.stride + d.kernelW {
		used := false
		for tap := range d.kernelW {
			o := x - tap
			if o < 0 || o%d.stride != 0 || o/d.stride >= n {
				continue
			}
			for half := range 2 {
				if !used {
					e.ldrQ(input(half), 4, 32*x+16*half)
				}
				e.fmla(acc(o/d.stride, half), weight(tap, half), input(half))
			}
			used = true
		}
	}
	e.p("ADD $%d, R5", 32*d.kernelW)
	e.p("ADD R7, R4")
	e.p("SUBS $1, R6")
	e.p("BNE %sRow", label)
	low, high := weight(0, 0), weight(0, 1)
	e.spread("Low", low)
	e.spread("High", high)
	for pixel := range n {
		for half := range 2 {
			e.clip(acc(pixel, half), low, high)
			e.strQ(acc(pixel, half), 1, 32*pixel+16*half)
		}
	}
	e.p("ADD $%d, R1", 32*n)
	e.p("ADD $%d, R2", 32*n*d.stride)
	e.p("SUB $%d, R3", n)
	e.p("B %s", label)
	e.label(label + "Done")
}
