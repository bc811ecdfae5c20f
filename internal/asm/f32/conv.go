package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// tile is a register tile of a convolution: rows output pixels by vecs vectors of output
// channels. One input of a pixel is broadcast at a time. The tile has two parts of
// neighbouring pixels, the first of head pixels: the second part may continue the first
// or lie in the next row of the picture.
type tile struct {
	vector
	rows, head, vecs int
	pairs            bool
}

// families lists the tiles: AVX-512 up to 14x32, AVX2 up to 6x16 and 4x24.
var families = []struct {
	vector
	table  string
	rows   []int // largest number of pixels of tiles with one vector, two vectors, ...
	breaks bool  // a row of the picture may end anywhere in the second half of a tile, not just in its middle
	pairs  bool  // inputs and weights are words of two bfloat16: a block is 32 channels, in as many bytes
}{
	{zmm, "ConvAVX512", []int{14, 14}, false, false},
	{ymm, "ConvAVX2", []int{6, 6, 4}, true, false},
	{zmm, "ConvBF16", []int{14, 14}, false, true},
}

// eachTile visits all tiles in the order of the tables: for each number of vectors and
// rows, the tile whose head is the larger half and, if rows of a picture may end there,
// those with larger heads.
func eachTile(visit func(family int, t tile)) {
	for i, f := range families {
		for v, most := range f.rows {
			for rows := 1; rows <= most; rows++ {
				heads := (rows + 1) / 2
				if f.breaks {
					heads = max(heads, rows-1)
				}
				for head := (rows + 1) / 2; head <= heads; head++ {
					visit(i, tile{f.vector, rows, head, v + 1, f.pairs})
				}
			}
		}
	}
}

func convTiles(g *gen) {
	eachTile(func(_ int, t tile) { t.emit(g) })
	g.writeConstants()
}

func convTable() string {
	var s strings.Builder
	for i, f := range families {
		most := slices.Max(f.rows)
		fmt.Fprintf(&s, "// %s holds the kernels by vectors of channels, pixels, and pixels of the first part.\n", f.table)
		fmt.Fprintf(&s, "var %s = [%d][%d][%d]func(*ConvF32){\n", f.table, len(f.rows)+1, most+1, max(most, 2))
		vecs, rows := 0, 0
		eachTile(func(family int, t tile) {
			if family != i {
				return
			}
			if t.vecs != vecs {
				if vecs > 0 {
					s.WriteString("\t\t},\n\t},\n")
				}
				fmt.Fprintf(&s, "\t%d: {\n", t.vecs)
				vecs, rows = t.vecs, 0
			}
			if t.rows != rows {
				if rows > 0 {
					s.WriteString("\t\t},\n")
				}
				fmt.Fprintf(&s, "\t\t%d: {\n", t.rows)
				rows = t.rows
			}
			fmt.Fprintf(&s, "\t\t\t%d: %s,\n", t.head, t.name())
		})
		s.WriteString("\t\t},\n\t},\n}\n\n")
	}
	return strings.TrimSuffix(s.String(), "\n")
}

func (t tile) name() string {
	kind := "F32"
	if t.pairs {
		kind = "BF16"
	}
	s := fmt.Sprintf("conv%s_%dx%d_%s", kind, t.rows, t.vecs*t.bytes/4, t.rung)
	if t.head != (t.rows+1)/2 {
		s += fmt.Sprintf("_head%d", t.head)
	}
	return s
}

// acc is the accumulator of a pixel and a vector. The registers after the accumulators
// hold weights and broadcast inputs.
func (t tile) acc(row, v int) reg.VecPhysical { return t.regs[row*t.vecs+v] }

// weight is the register of the weights of one input.
func (t tile) weight(v int) reg.VecPhysical { return t.regs[t.rows*t.vecs+v] }

// input is the register of the broadcast input of a pixel. If two are free, they
// alternate, to shorten dependency chains.
func (t tile) input(row int) reg.VecPhysical {
	from := (t.rows + 1) * t.vecs
	return t.regs[from+row%min(2, len(t.regs)-from)]
}

// General registers, besides AX for the arguments.
var (
	positions       = reg.R8
	pixel           = reg.RSI // the tile's first input pixel
	steps           = reg.RCX // the step; in blocks: the end of the steps
	stepsLeft       = reg.RDX // number of steps left; in blocks: minus their 16 bytes each, plus 4 for four inputs done
	weights         = reg.RBX
	first, second   = reg.RDI, reg.R13 // inputs of the two parts
	next, next2     = reg.R12, reg.R9  // inputs of the two parts in the next step
	count           = reg.R12          // inputs left in a step
	stride, stride3 = reg.R10, reg.R11 // the pixel stride times 1 and 3
	stride5         = reg.R15          // the pixel stride times 5
	ahead           = reg.R14          // weights to prefetch
)

// emit writes the kernel. The sums of a tile stay in registers over all taps and
// channels. A list of steps has the offset and number of contiguous inputs of each step.
// So the same code serves 1x1, kxk and dilated kernels of any stride and group, and
// planar pictures, in which the taps of a kernel row are contiguous:
//
//	for each tile:
//		sums = bias
//		for each of the first BlockSteps steps, a complete block of channels:   blocks
//			prefetch; for each input of the block: input1
//		for each other step:                                                    step
//			for each four inputs: input1 four times; for each one left: input1
//		add the residual, clip, store                                           finish
func (t tile) emit(g *gen) {
	name := t.name()
	parts := fmt.Sprintf("%d neighbours", t.rows)
	if t.head < t.rows {
		parts = fmt.Sprintf("%d and %d neighbours", t.head, t.rows-t.head)
	}
	g.fn(name, "ConvF32", fmt.Sprintf("%s convolves tiles of %d pixels, %s, by %d channels.", name, t.rows, parts, t.vecs*t.bytes/4),
		"It accesses no other pixels.")
	g.Comment("AX arguments, R8 position, 0(SP) end of the positions, SI first pixel, CX step, DX steps left,",
		"BX weights, DI and R13 inputs of the two parts, R12 and R9 those of the next step, or",
		"R12 inputs left in the step, R10 R11 R15 the pixel stride times 1, 3, 5, R14 weights to prefetch.")
	end := g.AllocLocal(8)
	g.load("Positions", positions)
	g.load("Count", count)
	g.LEAQ(at(count, 0).Idx(count, 2), count)
	g.LEAQ(at(positions, 0).Idx(count, 8), count)
	g.MOVQ(count, end)
	g.load("PixelStride", stride)
	g.LEAQ(at(stride, 0).Idx(stride, 2), stride3)
	g.LEAQ(at(stride, 0).Idx(stride, 4), stride5)
	g.load("Ahead", ahead)
	g.Label("tile")
	g.load("In", pixel)
	g.ADDQ(at(positions, 0), pixel)
	g.load("Steps", steps)
	g.load("Weights", weights)
	g.load("Bias", first)
	for row := range t.rows {
		for v := range t.vecs {
			g.VMOVUPS(at(first, v*t.bytes), t.acc(row, v))
		}
	}
	t.blocks(g)
	if !t.pairs { // their blocks are all complete
		t.otherSteps(g)
	}
	t.finish(g)
	g.ADDQ(imm(24), positions)
	g.CMPQ(positions, end)
	g.JNE(to("tile"))
	g.end()
}

// otherSteps writes the steps after those of complete blocks.
func (t tile) otherSteps(g *gen) {
	g.load("StepCount", stepsLeft)
	g.SUBQ(g.field("BlockSteps"), stepsLeft)
	g.JZ(to("finish"))
	g.Label("step")
	t.begin(g)
	t.inputs(g, "quad", 8, 4)
	if t.bytes == 32 {
		t.three(g)
	}
	t.inputs(g, "one", 12, 1)
	g.Label("stepped")
	g.ADDQ(imm(16), steps)
	g.DECQ(stepsLeft)
	g.JNZ(to("step"))
	g.Label("finish")
}

// begin computes the addresses of the inputs of a step.
func (t tile) begin(g *gen) {
	g.MOVQ(at(steps, 0), first)
	g.ADDQ(pixel, first)
	g.MOVQ(first, second)
	g.ADDQ(g.field("SecondIn"), second)
}

// blocks writes the steps whose inputs are a complete block of channels. They prefetch
// later weights and, if the arguments say so, the inputs of the next step.
func (t tile) blocks(g *gen) {
	g.load("BlockSteps", stepsLeft)
	g.SHLQ(operand.U8(4), stepsLeft)
	g.JZ(to("rest"))
	t.begin(g)
	g.ADDQ(stepsLeft, steps)
	g.NEGQ(stepsLeft)
	if t.together() && t.prefetches() {
		t.toAhead(g)
		t.loop(g, "still")
		g.JMP(to("rest"))
		t.loop(g, "ahead")
	} else {
		t.loop(g, "block")
	}
	g.Label("rest")
}

// prefetches reports whether the tile prefetches anything. Tiles of one vector do not,
// because they are limited by loads already.
func (t tile) prefetches() bool { return t.vecs > 1 }

// toAhead jumps to the label "ahead" if there are weights to prefetch.
func (t tile) toAhead(g *gen) {
	g.CMPQ(g.field("AheadEach"), imm(0))
	g.JNE(to("ahead"))
}

// loop writes a loop over blocks; the one with label "ahead" prefetches weights. Scalar
// additions and comparisons compete with multiply-adds for ports, so the loop has few.
// Blocks of AVX-512 are long enough to test in each whether to prefetch.
func (t tile) loop(g *gen, label string) {
	g.Label(label)
	g.MOVQ(at(steps, 16).Idx(stepsLeft, 1), next)
	g.ADDQ(pixel, next)
	g.MOVQ(next, next2)
	g.ADDQ(g.field("SecondIn"), next2)
	if t.prefetches() {
		t.fetchNext(g, label+"Near")
	}
	if !t.together() && t.prefetches() {
		t.toAhead(g)
		t.block(g, "still")
		g.JMP(to("blocked"))
		g.Label("ahead")
		t.block(g, "ahead")
		g.Label("blocked")
	} else {
		t.block(g, label)
	}
	g.MOVQ(next, first)
	g.MOVQ(next2, second)
	if t.together() {
		g.ADDQ(imm(16), stepsLeft)
	} else {
		g.TESTQ(stepsLeft, stepsLeft)
	}
	g.JNZ(to(label))
}

// together reports whether the code for a block is fully unrolled. With AVX-512 that
// would be too much code, so there is a loop over four inputs.
func (t tile) together() bool { return t.bytes == 32 }

// block writes the products of the inputs of a block.
func (t tile) block(g *gen, label string) {
	lanes := t.bytes / 4
	if t.together() {
		for c := range lanes {
			if c%2 == 0 {
				t.fetchAhead(g, label)
			}
			t.input1(g, c)
		}
		t.nextWeights(g, lanes)
		return
	}
	g.Label(label + "Quad")
	for c := range 4 {
		t.fetchAhead(g, label)
		t.input1(g, c)
	}
	t.nextWeights(g, 4)
	g.ADDQ(imm(4*4), first)
	g.ADDQ(imm(4*4), second)
	g.ADDQ(imm(4), stepsLeft)
	g.TESTQ(imm(15), stepsLeft)
	g.JNZ(to(label + "Quad"))
	if t.pairs {
		g.ADDQ(imm(pairColumn), weights)
	}
}

// pairColumn is the size of a block's weights for 16 outputs, in words of two bfloat16.
// Those of the next 16 follow them.
const pairColumn = 16 * 64

// weightAt is the address of the weights of input c of a block for vector v.
func (t tile) weightAt(c, v int) operand.Mem {
	if t.pairs {
		return at(weights, v*pairColumn+c*t.bytes)
	}
	return at(weights, (c*t.vecs+v)*t.bytes)
}

// nextWeights moves on by the weights of n inputs.
func (t tile) nextWeights(g *gen, n int) {
	vecs := t.vecs
	if t.pairs {
		vecs = 1
	}
	g.ADDQ(imm(n*vecs*t.bytes), weights)
}

// fetchNext prefetches the inputs of the next step if NextIn is not 0; otherwise it jumps
// to the label behind.
func (t tile) fetchNext(g *gen, label string) {
	g.CMPQ(g.field("NextIn"), imm(0))
	g.JEQ(to(label))
	for row := range t.rows {
		m := t.address(row, 0)
		if m.Base = next; row >= t.head {
			m.Base = next2
		}
		g.PREFETCHT0(m)
	}
	g.Label(label)
}

// fetchAhead prefetches later weights. It is called for every second input with AVX2 and
// for every input with AVX-512; convTile.ahead in engine/kernel has the number per block.
func (t tile) fetchAhead(g *gen, label string) {
	if label == "ahead" {
		g.PREFETCHT1(at(ahead, 0))
		g.ADDQ(g.field("AheadEach"), ahead)
	}
}

// inputs writes a loop over n inputs of each pixel at a time; the number of iterations is
// at the given offset in the step.
func (t tile) inputs(g *gen, label string, offset, n int) {
	done := label + "Done"
	g.MOVL(at(steps, offset), count.As32())
	g.TESTL(count.As32(), count.As32())
	g.JZ(to(done))
	g.Label(label)
	for c := range n {
		t.input1(g, c)
	}
	g.ADDQ(imm(n*t.vecs*t.bytes), weights)
	g.ADDQ(imm(4*n), first)
	if t.rows > 1 {
		g.ADDQ(imm(4*n), second)
	}
	g.DECL(count.As32())
	g.JNZ(to(label))
	g.Label(done)
}

// three writes the products of three remaining inputs of a step without a loop: kernel
// rows of 3 or 7 taps have as many. AVX-512 does not gain from it.
func (t tile) three(g *gen) {
	g.CMPL(at(steps, 12), imm(3))
	g.JNE(to("several"))
	for c := range 3 {
		t.input1(g, c)
	}
	g.ADDQ(imm(3*t.vecs*t.bytes), weights)
	g.JMP(to("stepped"))
	g.Label("several")
}

// input1 writes the products of input c of each pixel.
func (t tile) input1(g *gen, c int) {
	for v := range t.vecs {
		g.VMOVUPS(t.weightAt(c, v), t.weight(v))
	}
	for row := range t.rows {
		if t.vecs == 1 && t.bytes == 64 && !t.pairs {
			g.VFMADD231PS_BCST(t.address(row, 4*c), t.weight(0), t.acc(row, 0))
			continue
		}
		g.VBROADCASTSS(t.address(row, 4*c), t.input(row))
		for v := range t.vecs {
			if t.pairs {
				g.dotBF16(t.weight(v), t.input(row), t.acc(row, v))
			} else {
				g.VFMADD231PS(t.weight(v), t.input(row), t.acc(row, v))
			}
		}
	}
}

// address is the memory operand of the input of a pixel.
func (t tile) address(row, disp int) operand.Mem {
	base := first
	if row >= t.head {
		base = second
		row -= t.head
	}
	m := at(base, disp)
	switch row {
	case 0:
		return m
	case 3:
		return m.Idx(stride3, 1)
	case 5:
		return m.Idx(stride5, 1)
	case 6:
		return m.Idx(stride3, 2)
	}
	return m.Idx(stride, uint8(row))
}

// finish writes the epilogue: it adds the residual, clips and stores.
func (t tile) finish(g *gen) {
	if t.narrows() {
		g.CMPQ(g.field("Narrow"), imm(0))
		g.JNE(to("narrow"))
	}
	g.load("Residual", pixel)
	g.TESTQ(pixel, pixel)
	g.JZ(to("store"))
	t.outputs(g, "Residual", 16, t.vecs, func(row, v int, m operand.Mem) {
		g.VADDPS(m, t.acc(row, v), t.acc(row, v))
	})
	g.Label("store")
	low, high := t.weight(0), t.input(0)
	if t.vecs == 1 {
		high = t.input(1)
	}
	// Clipping competes with multiply-adds for ports too, so bounds that do not limit are
	// skipped, and each sum is stored as soon as it is clipped: the next tile's
	// multiply-adds begin sooner than if all were clipped first. If a source is NaN, the
	// result is the second source: NaN stays.
	g.CMPQ(g.field("Limits"), imm(1))
	g.JB(to("plain"))
	g.VBROADCASTSS(g.field("Low"), low)
	g.JEQ(to("low"))
	g.VBROADCASTSS(g.field("High"), high)
	t.outputs(g, "Out", 8, t.vecs, func(row, v int, m operand.Mem) {
		g.VMAXPS(t.acc(row, v), low, t.acc(row, v))
		g.VMINPS(t.acc(row, v), high, t.acc(row, v))
		g.VMOVUPS(t.acc(row, v), m)
	})
	g.JMP(to("stored"))
	g.Label("low")
	t.outputs(g, "Out", 8, t.vecs, func(row, v int, m operand.Mem) {
		g.VMAXPS(t.acc(row, v), low, t.acc(row, v))
		g.VMOVUPS(t.acc(row, v), m)
	})
	g.JMP(to("stored"))
	g.Label("plain")
	t.outputs(g, "Out", 8, t.vecs, func(row, v int, m operand.Mem) {
		g.VMOVUPS(t.acc(row, v), m)
	})
	if t.narrows() {
		g.JMP(to("stored"))
		t.finishNarrow(g)
	}
	g.Label("stored")
}

// narrows reports whether the tile can store pixels of BF16x32.
func (t tile) narrows() bool { return t.pairs && t.vecs == 2 }

// finishNarrow writes the epilogue for an output, and a residual if there is one, of
// BF16x32: channel i of 32 is the lower half of word i, channel 16+i the upper half. Sums
// are rounded half up in magnitude.
func (t tile) finishNarrow(g *gen) {
	low, high, half, upper := t.weight(0), t.weight(1), t.input(0), t.input(1)
	g.Label("narrow")
	g.VPBROADCASTD(g.number(0xffff0000), upper)
	g.load("Residual", pixel)
	g.TESTQ(pixel, pixel)
	g.JZ(to("added"))
	t.outputs(g, "Residual", 16, 1, func(row, _ int, m operand.Mem) {
		g.VPSLLD(operand.U8(16), m, low)
		g.VPANDD(m, upper, high)
		g.VADDPS(low, t.acc(row, 0), t.acc(row, 0))
		g.VADDPS(high, t.acc(row, 1), t.acc(row, 1))
	})
	g.Label("added")
	g.VBROADCASTSS(g.field("Low"), low)
	g.VBROADCASTSS(g.field("High"), high)
	g.VPBROADCASTD(g.number(0x8000), half)
	t.outputs(g, "Out", 8, 1, func(row, _ int, m operand.Mem) {
		for v := range t.vecs {
			g.VMAXPS(t.acc(row, v), low, t.acc(row, v))
			g.VMINPS(t.acc(row, v), high, t.acc(row, v))
			g.VPADDD(half, t.acc(row, v), t.acc(row, v))
		}
		const select3 = 0xf8 // first | second & third
		g.VPSRLD(operand.U8(16), t.acc(row, 0), t.acc(row, 0))
		g.VPTERNLOGD(operand.U8(select3), upper, t.acc(row, 1), t.acc(row, 0))
		g.VMOVUPS(t.acc(row, 0), m)
	})
}

// outputs visits the memory operands of the first vecs sums of each pixel in Out or Residual;
// offset is that of the field in a position.
func (t tile) outputs(g *gen, field string, offset, vecs int, visit func(row, v int, m operand.Mem)) {
	g.load(field, pixel)
	g.ADDQ(at(positions, offset), pixel)
	bases := []reg.Register{pixel, first}
	g.MOVQ(pixel, bases[1])
	g.ADDQ(g.field("Second"+field), bases[1])
	for v := range vecs {
		if v > 0 {
			g.ADDQ(g.field(field+"Block"), bases[0])
			g.ADDQ(g.field(field+"Block"), bases[1])
		}
		for row := range t.rows {
			if row < t.head {
				visit(row, v, at(bases[0], row*t.bytes))
			} else {
				visit(row, v, at(bases[1], (row-t.head)*t.bytes))
			}
		}
	}
}
