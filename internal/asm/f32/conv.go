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
// half of the rows lies side by side from one pixel on, the second from
// another: pixels that follow, or pixels of the next row of a narrow picture.
type tile struct {
	vector
	rows, vecs int
}

// families of tiles: AVX-512 up to 14x32, AVX2 up to 7x16 and 4x24, in their
// tables' order.
var families = []struct {
	vector
	table string
	rows  []int // the most by vectors of channels, from one on
}{{zmm, "ConvAVX512", []int{14, 14}}, {ymm, "ConvAVX2", []int{7, 7, 4}}}

func convTiles(g *gen) {
	for _, f := range families {
		for i, most := range f.rows {
			for rows := 1; rows <= most; rows++ {
				tile{f.vector, rows, i + 1}.emit(g)
			}
		}
	}
}

func convTable() string {
	var s strings.Builder
	for _, f := range families {
		fmt.Fprintf(&s, "// %s holds the kernels by vectors of channels and rows of pixels.\n", f.table)
		fmt.Fprintf(&s, "var %s = [%d][%d]func(*ConvF32){\n", f.table, len(f.rows)+1, slices.Max(f.rows)+1)
		for i, most := range f.rows {
			fmt.Fprintf(&s, "\t%d: {\n", i+1)
			for rows := 1; rows <= most; rows++ {
				fmt.Fprintf(&s, "\t\t%d: %s,\n", rows, tile{f.vector, rows, i + 1}.name())
			}
			s.WriteString("\t},\n")
		}
		s.WriteString("}\n\n")
	}
	return strings.TrimSuffix(s.String(), "\n")
}

func (t tile) name() string {
	return fmt.Sprintf("convF32_%dx%d_%s", t.rows, t.vecs*t.bytes/4, t.rung)
}

func (t tile) half() int { return (t.rows + 1) / 2 }

// acc is the sum of a row and a vector. The registers above the sums hold the
// weights of a channel and broadcast inputs.
func (t tile) acc(row, v int) reg.VecPhysical { return t.regs[row*t.vecs+v] }

// weight is where the weights of a channel are kept.
func (t tile) weight(v int) reg.VecPhysical { return t.regs[t.rows*t.vecs+v] }

// input is where the input of a row is broadcast: where there are two registers
// for it these take turns, to shorten chains.
func (t tile) input(row int) reg.VecPhysical {
	from := t.rows*t.vecs + t.kept()
	return t.regs[from+row%min(2, len(t.regs)-from)]
}

// kept is how many vectors of weights have registers. The sums of 7x16 leave
// only two: there the second vector is read again for every row. So many loads
// hold up the multiply-adds, but less than the two tiles of 3 and 4 pixels whose
// sums are too few to hide the latency.
func (t tile) kept() int { return min(t.vecs, len(t.regs)-t.rows*t.vecs-1) }

// Registers of the general kind, besides AX for the arguments.
var (
	positions, tilesLeft = reg.R8, reg.R9
	pixel                = reg.RSI // the tile's first input pixel
	steps, stepsLeft     = reg.RCX, reg.RDX
	weights              = reg.RBX
	first, second        = reg.RDI, reg.R13 // inputs of the two halves
	count                = reg.R12
	stride, stride3      = reg.R10, reg.R11
	stride5              = reg.R15
	ahead                = reg.R14 // weights to prefetch
)

// emit writes the kernel. The sums of one tile stay in registers over every tap
// and channel; the list of steps says where each step's inputs lie and how many
// there are side by side, so the same code serves 1x1, kxk and dilated kernels
// of any stride and grouping, and pictures in planar form, where neighbouring
// taps lie as channels do.
func (t tile) emit(g *gen) {
	name := t.name()
	g.fn(name, "ConvF32", fmt.Sprintf("%s convolves tiles of %d pixels by %d channels.", name, t.rows, t.vecs*t.bytes/4),
		"Nothing beside these is read or written.")
	g.Comment("AX arguments, R8 tile, R9 tiles left, SI first pixel, CX step, DX steps left,",
		"BX weights, DI and R13 inputs of the two halves, R12 inputs left in the step,",
		"R10 R11 R15 the pixel stride times 1, 3, 5, R14 weights to prefetch.")
	g.load("Positions", positions)
	g.load("Count", tilesLeft)
	g.load("PixelStride", stride)
	g.LEAQ(at(stride, 0).Idx(stride, 2), stride3)
	g.LEAQ(at(stride, 0).Idx(stride, 4), stride5)
	if t.prefetches() {
		g.load("Ahead", ahead)
	}
	g.Label("tile")
	g.load("In", pixel)
	g.ADDQ(at(positions, 0), pixel)
	g.load("Steps", steps)
	g.load("StepCount", stepsLeft)
	g.load("Weights", weights)
	g.load("Bias", first)
	for row := range t.rows {
		for v := range t.vecs {
			g.VMOVUPS(at(first, v*t.bytes), t.acc(row, v))
		}
	}
	g.Label("step")
	g.MOVQ(at(steps, 0), first)
	g.ADDQ(pixel, first)
	g.MOVQ(first, second)
	g.ADDQ(g.field("SecondIn"), second)
	if t.prefetches() {
		t.nextInputs(g)
	}
	if t.prefetches() && t.bytes == 32 {
		t.stepAhead(g)
	}
	t.quads(g)
	t.inputs(g, "one", 12, 1)
	g.ADDQ(imm(16), steps)
	g.DECQ(stepsLeft)
	g.JNZ(operand.LabelRef("step"))
	t.finish(g)
	g.ADDQ(imm(24), positions)
	g.DECQ(tilesLeft)
	g.JNZ(operand.LabelRef("tile"))
	g.end()
}

// prefetches reports whether the tile asks for weights that come later. With one
// vector the loads are what it waits for already.
func (t tile) prefetches() bool { return t.vecs > 1 }

// stepAhead asks for weights that come later, once a step: for one line of
// two, as the processor fetches these by pairs.
func (t tile) stepAhead(g *gen) {
	g.CMPQ(g.field("AheadStep"), imm(0))
	g.JEQ(operand.LabelRef("busy"))
	g.MOVQ(ahead, count)
	g.ANDQ(imm(-128), count)
	g.PREFETCHT1(at(count, 0))
	g.ADDQ(g.field("AheadStep"), ahead)
	g.Label("busy")
}

// quads multiplies the inputs that lie four side by side, in a loop of their own
// where weights are to be prefetched with each.
func (t tile) quads(g *gen) {
	if !t.prefetches() {
		t.inputs(g, "quad", 8, 4)
		return
	}
	g.CMPQ(g.field("AheadInput"), imm(0))
	g.JEQ(operand.LabelRef("still"))
	t.inputs(g, "ahead", 8, 4)
	g.JMP(operand.LabelRef("ones"))
	g.Label("still")
	t.inputs(g, "quad", 8, 4)
	g.Label("ones")
}

// nextInputs asks for the inputs of the next step. One channel block of a 1x1
// kernel lies far from the next, so no processor finds them by itself.
func (t tile) nextInputs(g *gen) {
	g.CMPQ(g.field("NextIn"), imm(0))
	g.JEQ(operand.LabelRef("near"))
	g.MOVQ(at(steps, 16), count)
	g.ADDQ(pixel, count)
	for row := range t.rows {
		if row == t.half() {
			g.ADDQ(g.field("SecondIn"), count)
		}
		m := t.address(row, 0)
		m.Base = count
		g.PREFETCHT0(m)
	}
	g.Label("near")
}

// inputs multiplies n inputs of each pixel at a time, as often as the step says
// at the given offset. The loop "ahead" prefetches what comes later.
func (t tile) inputs(g *gen, label string, offset, n int) {
	done := operand.LabelRef(label + "Done")
	g.MOVL(at(steps, offset), count.As32())
	g.TESTL(count.As32(), count.As32())
	g.JZ(done)
	g.Label(label)
	for c := range n {
		if label == "ahead" {
			g.PREFETCHT1(at(ahead, 0))
			g.ADDQ(g.field("AheadInput"), ahead)
		}
		from := make([]operand.Op, t.vecs)
		for v := range t.vecs {
			from[v] = at(weights, (c*t.vecs+v)*t.bytes)
			if v < t.kept() {
				g.VMOVUPS(from[v], t.weight(v))
				from[v] = t.weight(v)
			}
		}
		for row := range t.rows {
			if t.vecs == 1 && t.bytes == 64 {
				g.VFMADD231PS_BCST(t.address(row, 4*c), t.weight(0), t.acc(row, 0))
				continue
			}
			g.VBROADCASTSS(t.address(row, 4*c), t.input(row))
			for v := range t.vecs {
				g.VFMADD231PS(from[v], t.input(row), t.acc(row, v))
			}
		}
	}
	g.ADDQ(imm(n*t.vecs*t.bytes), weights)
	g.ADDQ(imm(4*n), first)
	if t.rows > 1 {
		g.ADDQ(imm(4*n), second)
	}
	g.DECL(count.As32())
	g.JNZ(operand.LabelRef(label))
	g.Label(string(done))
}

// address is where the input of a row lies.
func (t tile) address(row, disp int) operand.Mem {
	base := first
	if row >= t.half() {
		base = second
		row -= t.half()
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
	g.JZ(operand.LabelRef("store"))
	t.outputs(g, "Residual", 16, func(row, v int, m operand.Mem) {
		g.VADDPS(m, t.acc(row, v), t.acc(row, v))
	})
	g.Label("store")
	low, high := t.weight(0), t.input(0)
	if t.vecs == 1 {
		high = t.input(1)
	}
	g.VBROADCASTSS(g.field("Low"), low)
	g.VBROADCASTSS(g.field("High"), high)
	t.outputs(g, "Out", 8, func(row, v int, m operand.Mem) {
		// The second source is what a NaN leaves behind: it survives.
		g.VMAXPS(t.acc(row, v), low, t.acc(row, v))
		g.VMINPS(t.acc(row, v), high, t.acc(row, v))
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
			half := row / t.half()
			visit(row, v, at(bases[half], (row-half*t.half())*t.bytes))
		}
	}
}
