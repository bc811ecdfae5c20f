package main

import (
	"fmt"
	"strings"

	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// depth is a kernel for rows of depthwise convolutions. The weights of a kernel row stay
// in registers, and each input is loaded once for all outputs of a tile that need it. For a
// kernel row w0 w1 w2 with stride 1, a tile of four outputs loads six inputs:
//
//	x0   y0 += w0·x0
//	x1   y0 += w1·x1   y1 += w0·x1
//	x2   y0 += w2·x2   y1 += w1·x2   y2 += w0·x2
//	x3                 y1 += w2·x3   y2 += w1·x3   y3 += w0·x3
//	x4                               y2 += w2·x4   y3 += w1·x4
//	x5                                             y3 += w2·x5
//
// Each x, w and y is a vector of channels.
type depth struct {
	vector
	kernelW, stride int
	tiles           []int // pixels per tile, in descending order; the last is 1
}

func depthKernels() (all []depth) {
	for _, kernelW := range []int{3, 5, 7} {
		for stride := 1; stride <= 2; stride++ {
			if kernelW < 7 { // 16 registers suffice for 7 sums, 5 weights and 2 inputs
				all = append(all, depth{ymm, kernelW, stride, []int{7, 4, 2, 1}})
			}
			all = append(all, depth{zmm, kernelW, stride, []int{14, 7, 4, 2, 1}})
		}
	}
	return all
}

func depthRows(g *gen) {
	for _, d := range depthKernels() {
		d.emit(g)
	}
	for _, d := range depthKernels() {
		if d.rung == zmm.rung && d.kernelW <= 5 {
			d.emitLines(g)
		}
	}
	g.flush(func() {
		for _, d := range depthKernels() {
			if d.rung == zmm.rung {
				d.emitSplit(g)
			}
		}
	})
}

func depthTable() string {
	var s strings.Builder
	table := func(name string, v vector, most int, kernel func(depth) string) {
		fmt.Fprintf(&s, "\n// %s holds the kernels by kernel width and stride.\n", name)
		fmt.Fprintf(&s, "var %s = [8][3]func(*Window){\n", name)
		for _, d := range depthKernels() {
			if d.rung == v.rung && d.kernelW <= most {
				if d.stride == 1 {
					fmt.Fprintf(&s, "\t%d: {\n", d.kernelW)
				}
				fmt.Fprintf(&s, "\t\t%d: %s,\n", d.stride, kernel(d))
				if d.stride == 2 {
					s.WriteString("\t},\n")
				}
			}
		}
		s.WriteString("}\n")
	}
	table("DepthAVX2", ymm, 5, depth.name)
	table("DepthAVX512", zmm, 7, depth.name)
	table("DepthLines", zmm, 5, depth.linesName)
	table("DepthSplit", zmm, 7, depth.splitName)
	return s.String()
}

func (d depth) name() string { return fmt.Sprintf("depthF32_%ds%d_%s", d.kernelW, d.stride, d.rung) }

func (d depth) linesName() string { return fmt.Sprintf("depthLines_%ds%d", d.kernelW, d.stride) }

func (d depth) splitName() string { return fmt.Sprintf("depthSplit_%ds%d", d.kernelW, d.stride) }

// emit writes the kernel for one row, as loops over ever smaller tiles.
func (d depth) emit(g *gen) {
	g.fn(d.name(), "Window", fmt.Sprintf("%s computes a row of a depthwise convolution %d wide with stride %d.", d.name(), d.kernelW, d.stride))
	g.Comment("AX arguments, DI output, SI input of the first pixel, R9 pixels left,",
		"R12 input row, BX its weights, DX rows left, R10 bytes from row to row.")
	g.depthRow()
	for _, n := range d.tiles {
		label := fmt.Sprintf("tile%d", n)
		acc := func(i int) reg.VecPhysical { return d.regs[i] }
		weight := func(i int) reg.VecPhysical { return d.regs[n+i] }
		input := func(i int) reg.VecPhysical { return d.regs[n+d.kernelW+i%2] }
		g.tile(label, n)
		for i := range n {
			g.VMOVUPS(at(reg.RCX, 0), acc(i))
		}
		g.Label(label + "Row")
		for i := range d.kernelW {
			g.VMOVUPS(at(depthWeights, i*d.bytes), weight(i))
		}
		d.taps(g, n, weight, input, acc, func(x int) operand.Mem { return at(depthIn, x*d.bytes) })
		g.ADDQ(imm(d.kernelW*d.bytes), depthWeights)
		g.ADDQ(depthPitch, depthIn)
		g.DECQ(depthRowsLeft)
		g.JNZ(to(label + "Row"))
		low, high := weight(0), weight(1)
		g.VBROADCASTSS(g.field("Low"), low)
		g.VBROADCASTSS(g.field("High"), high)
		for i := range n {
			g.clip(acc(i), low, high)
			g.VMOVUPS(acc(i), at(depthOut, i*d.bytes))
		}
		g.nextTile(label, n, n*d.bytes, n*d.stride*d.bytes)
	}
	g.end()
}

// taps writes the products of a kernel row for n pixels.
func (d depth) taps(g *gen, n int, weight, input, acc func(i int) reg.VecPhysical, at func(x int) operand.Mem) {
	for x := range (n-1)*d.stride + d.kernelW {
		used := false
		for tap := range d.kernelW {
			o := x - tap
			if o < 0 || o%d.stride != 0 || o/d.stride >= n {
				continue
			}
			if !used {
				g.VMOVUPS(at(x), input(x))
				used = true
			}
			g.VFMADD231PS(weight(tap), input(x), acc(o/d.stride))
		}
	}
}

// emitLines writes the kernel for several rows of a square kernel. If there are registers
// for all weights, they stay there over all rows.
func (d depth) emitLines(g *gen) {
	g.fn(d.linesName(), "Window", fmt.Sprintf("%s computes rows of a depthwise convolution %dx%d with stride %d.", d.linesName(), d.kernelW, d.kernelW, d.stride))
	g.Comment("AX arguments, R8 and R11 output and input of the row, R13 rows left,",
		"DI output, SI input of the first pixel, R9 pixels left, CX bias, BX weights,",
		"R10 and R12 bytes from kernel row to kernel row, times 1 and 3.")
	out, in, left := reg.R8, reg.R11, reg.R13
	pitch3 := reg.R12
	keep := d.kernelW == 3
	kept := func(i int) reg.VecPhysical { return d.regs[14+i] }
	low, high := d.regs[24], d.regs[25]
	g.depthRow()
	g.MOVQ(depthOut, out)
	g.MOVQ(depthFirst, in)
	g.LEAQ(at(depthPitch, 0).Idx(depthPitch, 2), pitch3)
	g.load("Lines", left)
	g.load("Bias", reg.RCX)
	g.load("Weights", depthWeights)
	g.VBROADCASTSS(g.field("Low"), low)
	g.VBROADCASTSS(g.field("High"), high)
	if keep {
		for i := range d.kernelW * d.kernelW {
			g.VMOVUPS(at(depthWeights, i*d.bytes), kept(i))
		}
	}
	g.Label("line")
	for _, n := range d.tiles {
		label := fmt.Sprintf("tile%d", n)
		acc := func(i int) reg.VecPhysical { return d.regs[i] }
		input := func(i int) reg.VecPhysical { return d.regs[26+i%6] }
		g.Label(label)
		g.CMPQ(depthLeft, imm(n))
		g.JLT(to(label + "Done"))
		for i := range n {
			g.VMOVUPS(at(reg.RCX, 0), acc(i))
		}
		for row := range d.kernelW {
			weight := func(i int) reg.VecPhysical { return kept(row*d.kernelW + i) }
			if !keep {
				weight = kept
				for i := range d.kernelW {
					g.VMOVUPS(at(depthWeights, (row*d.kernelW+i)*d.bytes), weight(i))
				}
			}
			d.taps(g, n, weight, input, acc, func(x int) operand.Mem {
				switch m := at(depthFirst, x*d.bytes); row {
				case 0:
					return m
				case 3:
					return m.Idx(pitch3, 1)
				default:
					return m.Idx(depthPitch, uint8(row))
				}
			})
		}
		for i := range n {
			g.clip(acc(i), low, high)
			g.VMOVUPS(acc(i), at(depthOut, i*d.bytes))
		}
		g.nextTile(label, n, n*d.bytes, n*d.stride*d.bytes)
	}
	g.ADDQ(g.field("LineOut"), out)
	g.ADDQ(g.field("LineIn"), in)
	g.MOVQ(out, depthOut)
	g.MOVQ(in, depthFirst)
	g.load("Count", depthLeft)
	g.DECQ(left)
	g.JNZ(to("line"))
	g.end()
}

// emitSplit writes the kernel for both strips of a plane, which splits the sums in
// registers and stores pixels of Split32.
func (d depth) emitSplit(g *gen) {
	g.fn(d.splitName(), "Window", fmt.Sprintf("%s computes a row of a depthwise convolution %d wide with stride %d, as Split32.", d.splitName(), d.kernelW, d.stride))
	g.begin()
	g.MOVQ(operand.NewParamAddr("a", 0), reg.RAX)
	g.Comment("AX arguments, DI output, SI input of the first pixel, R9 pixels left,",
		"R12 input row, BX its weights, DX rows left, R10 bytes from row to row,",
		"R11 and R13 bytes to the input and the weights of the second strip.")
	secondIn, secondWeights := reg.R11, reg.R13
	g.depthRow()
	g.load("SecondIn", secondIn)
	g.load("SecondWeights", secondWeights)
	g.MOVL(operand.U32(0x8000), reg.ECX)
	g.VPBROADCASTD(reg.ECX, halfBit)
	g.MOVL(operand.U32(0xffff0000), reg.ECX)
	g.VPBROADCASTD(reg.ECX, highBits)
	low, high := reg.Z28, reg.Z29
	g.VBROADCASTSS(g.field("Low"), low)
	g.VBROADCASTSS(g.field("High"), high)
	for _, n := range []int{7, 4, 2, 1} {
		label := fmt.Sprintf("tile%d", n)
		acc := func(i int) reg.VecPhysical { return d.regs[i] }
		second := func(i int) reg.VecPhysical { return d.regs[n+i] }
		weight := func(i int) reg.VecPhysical { return d.regs[2*n+i] }
		input := func(i int) reg.VecPhysical { return d.regs[2*n+d.kernelW+i%2] }
		g.tile(label, n)
		for i := range n {
			g.VMOVUPS(at(reg.RCX, 0), acc(i))
			g.VMOVUPS(at(reg.RCX, d.bytes), second(i))
		}
		g.Label(label + "Row")
		for i := range d.kernelW {
			g.VMOVUPS(at(depthWeights, i*d.bytes), weight(i))
		}
		d.taps(g, n, weight, input, acc, func(x int) operand.Mem { return at(depthIn, x*d.bytes) })
		for i := range d.kernelW {
			g.VMOVUPS(operand.Mem{Base: depthWeights, Index: secondWeights, Scale: 1, Disp: i * d.bytes}, weight(i))
		}
		d.taps(g, n, weight, input, second, func(x int) operand.Mem {
			return operand.Mem{Base: depthIn, Index: secondIn, Scale: 1, Disp: x * d.bytes}
		})
		g.ADDQ(imm(d.kernelW*d.bytes), depthWeights)
		g.ADDQ(depthPitch, depthIn)
		g.DECQ(depthRowsLeft)
		g.JNZ(to(label + "Row"))
		ra, rb, both := reg.Z25, reg.Z26, reg.Z27
		for i := range n {
			g.clip(acc(i), low, high)
			g.clip(second(i), low, high)
			g.pack(acc(i), second(i), ra, rb, both)
			g.VMOVUPS(both, at(depthOut, i*128))
			g.VSUBPS(ra, acc(i), acc(i))
			g.VSUBPS(rb, second(i), second(i))
			g.pack(acc(i), second(i), ra, rb, both)
			g.VMOVUPS(both, at(depthOut, i*128+64))
		}
		g.nextTile(label, n, n*128, n*d.stride*d.bytes)
	}
	g.restore()
	g.end()
}

// General registers of a row.
var (
	depthOut, depthFirst, depthLeft                  = reg.RDI, reg.RSI, reg.R9
	depthIn, depthWeights, depthRowsLeft, depthPitch = reg.R12, reg.RBX, reg.RDX, reg.R10
)

// depthRow loads the arguments of a row.
func (g *gen) depthRow() {
	g.load("Out", depthOut)
	g.load("In", depthFirst)
	g.ADDQ(g.field("First"), depthFirst)
	g.load("Count", depthLeft)
	g.load("RowBytes", depthPitch)
}

// tile begins the loop over tiles of n pixels. Each begins at the first kernel row, with
// CX at the bias.
func (g *gen) tile(label string, n int) {
	g.Label(label)
	g.CMPQ(depthLeft, imm(n))
	g.JLT(to(label + "Done"))
	g.MOVQ(depthFirst, depthIn)
	g.load("Weights", depthWeights)
	g.load("Rows", depthRowsLeft)
	g.load("Bias", reg.RCX)
}

// nextTile ends the loop: output and input advance by the given numbers of bytes.
func (g *gen) nextTile(label string, n, out, in int) {
	g.ADDQ(imm(out), depthOut)
	g.ADDQ(imm(in), depthFirst)
	g.SUBQ(imm(n), depthLeft)
	g.JMP(to(label))
	g.Label(label + "Done")
}
