package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// tile is a register tile of a convolution: rows output pixels by vecs vectors
// of output channels, fed by one broadcast input number at a time. The first
// head of the rows lie side by side from one pixel on, the others from another:
// pixels that follow, or pixels of the next row of a picture.
type tile struct {
	vector
	rows, head, vecs int
}

// families of tiles: AVX-512 up to 14x32, AVX2 up to 6x16 and 4x24, in their
// tables' order.
var families = []struct {
	vector
	table  string
	rows   []int // the most by vectors of channels, from one on
	breaks bool  // a picture's row may end anywhere in a tile, not just in its middle
}{{zmm, "ConvAVX512", []int{14, 14}, false}, {ymm, "ConvAVX2", []int{6, 6, 4}, true}}

// eachTile visits the tiles of a family: for each number of vectors and rows
// those whose head is the larger half, and more where rows of a picture may end there.
func eachTile(visit func(family int, t tile)) {
	for i, f := range families {
		for v, most := range f.rows {
			for rows := 1; rows <= most; rows++ {
				heads := (rows + 1) / 2
				if f.breaks {
					heads = max(heads, rows-1)
				}
				for head := (rows + 1) / 2; head <= heads; head++ {
					visit(i, tile{f.vector, rows, head, v + 1})
				}
			}
		}
	}
}

func convTiles(g *gen) {
	eachTile(func(_ int, t tile) { t.emit(g) })
}

func convTable() string {
	var s strings.Builder
	for i, f := range families {
		most := slices.Max(f.rows)
		fmt.Fprintf(&s, "// %s holds the kernels by vectors of channels, rows of pixels and those of the first part.\n", f.table)
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
	s := fmt.Sprintf("convF32_%dx%d_%s", t.rows, t.vecs*t.bytes/4, t.rung)
	if t.head != (t.rows+1)/2 {
		s += fmt.Sprintf("_head%d", t.head)
	}
	return s
}

// acc is the sum of a row and a vector. The registers above the sums hold the
// weights of a channel and broadcast inputs.
func (t tile) acc(row, v int) reg.VecPhysical { return t.regs[row*t.vecs+v] }

// weight is where the weights of a channel are kept.
func (t tile) weight(v int) reg.VecPhysical { return t.regs[t.rows*t.vecs+v] }

// input is where the input of a row is broadcast: where there are two registers
// for it these take turns, to shorten chains.
func (t tile) input(row int) reg.VecPhysical {
	from := (t.rows + 1) * t.vecs
	return t.regs[from+row%min(2, len(t.regs)-from)]
}

// Registers of the general kind, besides AX for the arguments.
var (
	positions       = reg.R8
	pixel           = reg.RSI // the tile's first input pixel
	steps           = reg.RCX // in blocks: where they end
	stepsLeft       = reg.RDX // in blocks: of 16 bytes, negative; a quarter of these is four inputs
	weights         = reg.RBX
	first, second   = reg.RDI, reg.R13 // inputs of the two parts
	next, next2     = reg.R12, reg.R9  // the same of the next step
	count           = reg.R12          // inputs left in a step
	stride, stride3 = reg.R10, reg.R11
	stride5         = reg.R15
	ahead           = reg.R14 // weights to prefetch
)

// emit writes the kernel. The sums of one tile stay in registers over every tap
// and channel; the list of steps says where each step's inputs lie and how many
// there are side by side, so the same code serves 1x1, kxk and dilated kernels
// of any stride and grouping, and pictures in planar form, where neighbouring
// taps lie as channels do.
func (t tile) emit(g *gen) {
	name := t.name()
	parts := fmt.Sprintf("%d side by side", t.rows)
	if t.head < t.rows {
		parts = fmt.Sprintf("%d and %d side by side", t.head, t.rows-t.head)
	}
	g.fn(name, "ConvF32", fmt.Sprintf("%s convolves tiles of %d pixels, %s, by %d channels.", name, t.rows, parts, t.vecs*t.bytes/4),
		"Nothing beside these is read or written.")
	g.Comment("AX arguments, R8 tile, 0(SP) end of the tiles, SI first pixel, CX step, DX steps left,",
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
	t.finish(g)
	g.ADDQ(imm(24), positions)
	g.CMPQ(positions, end)
	g.JNE(to("tile"))
	g.end()
}

// begin finds the inputs of a step.
func (t tile) begin(g *gen) {
	g.MOVQ(at(steps, 0), first)
	g.ADDQ(pixel, first)
	g.MOVQ(first, second)
	g.ADDQ(g.field("SecondIn"), second)
}

// blocks multiplies the steps whose inputs are a whole block of channels. The
// inputs of the next step are prefetched where asked for, and weights that come
// later.
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

// prefetches reports whether the tile prefetches anything. With one vector the
// loads are what it waits for already.
func (t tile) prefetches() bool { return t.vecs > 1 }

// toAhead goes to the label "ahead" where there are weights to prefetch.
func (t tile) toAhead(g *gen) {
	g.CMPQ(g.field("AheadEach"), imm(0))
	g.JNE(to("ahead"))
}

// loop multiplies a block after the other; the loop "ahead" prefetches weights
// that come later. Additions and comparisons take turns from the multiply-adds,
// which the same units do, so there are few; blocks of wide vectors are long
// enough to ask in each what to prefetch.
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

// together reports whether the inputs of a block are multiplied all in a row, or
// as that would be much code, four at a time.
func (t tile) together() bool { return t.bytes == 32 }

// block multiplies the inputs of a block.
func (t tile) block(g *gen, label string) {
	lanes := t.bytes / 4
	if t.together() {
		for c := range lanes {
			if c%2 == 0 {
				t.fetchAhead(g, label)
			}
			t.input1(g, c)
		}
		g.ADDQ(imm(lanes*t.vecs*t.bytes), weights)
		return
	}
	g.Label(label + "Quad")
	for c := range 4 {
		t.fetchAhead(g, label)
		t.input1(g, c)
	}
	g.ADDQ(imm(4*t.vecs*t.bytes), weights)
	g.ADDQ(imm(4*4), first)
	g.ADDQ(imm(4*4), second)
	g.ADDQ(imm(4), stepsLeft)
	g.TESTQ(imm(15), stepsLeft)
	g.JNZ(to(label + "Quad"))
}

// fetchNext prefetches the inputs of the next step where asked for, up to a label.
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

// fetchAhead prefetches weights that come later, with every second input of
// narrow vectors and with every one of wide vectors: convTile.ahead in
// engine/kernel counts these.
func (t tile) fetchAhead(g *gen, label string) {
	if label == "ahead" {
		g.PREFETCHT1(at(ahead, 0))
		g.ADDQ(g.field("AheadEach"), ahead)
	}
}

// inputs multiplies n inputs of each pixel at a time, as often as the step says
// at the given offset.
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

// three multiplies three inputs that are left of a step, as those of a row of 3 or
// 7 taps are, without a loop. Wide vectors have time for the loop.
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

// input1 multiplies input c of each pixel.
func (t tile) input1(g *gen, c int) {
	for v := range t.vecs {
		g.VMOVUPS(at(weights, (c*t.vecs+v)*t.bytes), t.weight(v))
	}
	for row := range t.rows {
		if t.vecs == 1 && t.bytes == 64 {
			g.VFMADD231PS_BCST(t.address(row, 4*c), t.weight(0), t.acc(row, 0))
			continue
		}
		g.VBROADCASTSS(t.address(row, 4*c), t.input(row))
		for v := range t.vecs {
			g.VFMADD231PS(t.weight(v), t.input(row), t.acc(row, v))
		}
	}
}

// address is where the input of a row lies.
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

// finish adds the residual, clips and stores.
func (t tile) finish(g *gen) {
	g.load("Residual", pixel)
	g.TESTQ(pixel, pixel)
	g.JZ(to("store"))
	t.outputs(g, "Residual", 16, func(row, v int, m operand.Mem) {
		g.VADDPS(m, t.acc(row, v), t.acc(row, v))
	})
	g.Label("store")
	low, high := t.weight(0), t.input(0)
	if t.vecs == 1 {
		high = t.input(1)
	}
	// Limits take turns from the multiply-adds as well: none is looked at that
	// does not limit. The second source is what a NaN leaves behind: it survives.
	g.CMPQ(g.field("Limits"), imm(1))
	g.JB(to("plain"))
	g.VBROADCASTSS(g.field("Low"), low)
	for row := range t.rows {
		for v := range t.vecs {
			g.VMAXPS(t.acc(row, v), low, t.acc(row, v))
		}
	}
	g.JEQ(to("plain"))
	g.VBROADCASTSS(g.field("High"), high)
	for row := range t.rows {
		for v := range t.vecs {
			g.VMINPS(t.acc(row, v), high, t.acc(row, v))
		}
	}
	g.Label("plain")
	t.outputs(g, "Out", 8, func(row, v int, m operand.Mem) {
		g.VMOVUPS(t.acc(row, v), m)
	})
}

// outputs visits the places of all sums in Out or Residual; offset is where
// the tile's own offset lies in its position.
func (t tile) outputs(g *gen, field string, offset int, visit func(row, v int, m operand.Mem)) {
	g.load(field, pixel)
	g.ADDQ(at(positions, offset), pixel)
	bases := []reg.Register{pixel, first}
	g.MOVQ(pixel, bases[1])
	g.ADDQ(g.field("Second"+field), bases[1])
	for v := range t.vecs {
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
