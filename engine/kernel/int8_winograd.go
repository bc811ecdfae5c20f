//go:build (amd64 || arm64) && !purego

package kernel

import (
	"sync"
	"unsafe"

	"github.com/visionzoo/vision/engine/kernel/args"
)

// Winograd's F(4x4, 3x3) on integers, whose sums are exact. conv_winograd_plain.go has the
// matrices; here the rows of G are multiplied by 4, -6, -6, 24, 24 and 1, so that all are whole:
//
//	input      B^T d B: codes of at most 255 by rows of at most 10 in magnitude, twice: 25,500
//	weights    G g G^T: bytes of at most 128 by rows of at most 7, twice: 6,272
//	products   sums of products of both, 16 bits by 16 bits, modulo 2^32
//	output     A^T (·) A with the columns of A^T multiplied by 24 times what G lacks: 24 times 24 times the sum
//
// 576 is 64 times 9. Modulo 2^32 a multiple of 9 is divided by 9 by multiplying it by the inverse
// of 9, however often sums have left the range; then a shift divides by 64. So what comes out is
// the sum modulo 2^26, and the sum itself where its magnitude is below 2^25, which the weights of
// an output tell (winogradExact).
//
// A quarter of the products remain, of 16 bits in place of 8, of which an instruction
// multiplies half as many.

// codeWinograd is the step of a convolution's products and of its output. Its chunks are parts of
// the tiles by runs of groups of outputs. Each transforms its input itself, unless the runs are
// several: then a step before it has transformed the input of all parts (codeWinogradInput).
//
// A chunk transforms the weights of a group in the core's cache, a stripe of planes at a time:
// stored, transformed weights would be eight times as large.
type codeWinograd struct {
	winogradMap
	weights   *QConvWeights
	kernel    byteTiles
	zero      int16 // of outputs that are codes
	floats    int   // what the outputs are, as in args.ByteTileArgs
	low, high float32
	parts     []codePart
	groups    int // of outputs, as many as a register tile has
	groupRuns int
	args      args.ByteTileArgs // what all calls have in common
	offsets   []int             // of each block of channels, in a transformed plane
	block     int               // bytes between them
	in, out   int               // bytes between planes, of the input and of the products
	filters   int               // bytes between planes of transformed weights
}

// codeWinogradUnit has the kernels of Winograd's form.
type codeWinogradUnit struct {
	winogradUnit
	bytes    int // of a vector
	products func(a *args.ByteTileArgs)
}

// codePart is a range of tiles.
type codePart struct {
	winogradPart
	registers []args.ByteTile // register tiles of rows tiles; the last overlaps the one before it
	rows      int
}

const (
	codePlanes = 36
	codeTiles  = 56        // tiles of a part at most
	codeRoom   = 768 << 10 // bytes of a part's transformed input at most, where a chunk transforms it
	codePixel  = 128       // bytes of a tile in a plane: 64 inputs of 16 bits, or the sums of up to 32 outputs

	codeProducts = codePlanes * (codeTiles*codePixel + 2*cacheLine)
	codeFilters  = 6 * (32*2*codeWinogradCins + 2*cacheLine)
)

// codeRooms holds the rooms of chunks.
var codeRooms = sync.Pool{New: func() any { return newRoom(codeRoom + codeProducts + codeFilters) }}

func newCodeWinograd(c *QConv, w *QConvWeights, k byteTiles) Work {
	s := &codeWinograd{winogradMap: winogradMap{conv: c.Conv, side: 4, pixel: codePixel}, weights: w, kernel: k, zero: int16(c.OutZero),
		groups: roundUp(c.Out.C, k.outputs) / k.outputs, groupRuns: 1}
	if c.Floats != nil {
		s.floats = 1
		if c.Floats.Sums {
			s.floats = 2
		}
		s.low, s.high, _ = c.Act.limits()
	}
	s.cut()
	blocks, all := c.In.Blocks(), c.In.N*s.tiles()
	most := min(codeTiles, codeRoom/codePlanes/blocks/codePixel-1) // oddLines adds up to one
	parts := (all + most - 1) / most
	if parts < winogradColumns {
		large := (all + codeTiles - 1) / codeTiles
		const product = 0.005 // nanoseconds with VNNI
		want := pieces(large*s.groups, product*float64(codePlanes*all/large*c.In.C*k.outputs))
		if runs := min(s.groups, (want+large-1)/large); runs > 1 {
			parts, s.groupRuns = large, runs
		}
	}
	per := (all + parts - 1) / parts
	s.block, s.out = oddLines(per*codePixel), oddLines(per*codePixel)
	s.in, s.filters = blocks*s.block, oddLines(k.outputs/16*w.pairs()*64)
	for i := range parts {
		s.addPart(i*all/parts, (i+1)*all/parts)
	}
	for b := range blocks {
		s.offsets = append(s.offsets, b*s.block)
	}
	s.args = args.ByteTileArgs{Offsets: &s.offsets[0], Steps: blocks, RowStride: codePixel, ShortSteps: 1, Quads: (c.In.C-1)%64/4 + 1,
		Ends: unsafe.Pointer(&noBias), Floats: 2, SecondOut: k.winograd.bytes}
	if s.groupRuns == 1 {
		return Work{Steps: []Step{s}}
	}
	return Work{Steps: []Step{codeWinogradInput{s}, s}, Scratch: parts * codePlanes * s.in}
}

// addPart adds tiles [t0, t1).
func (s *codeWinograd) addPart(t0, t1 int) {
	p := codePart{winogradPart: s.part(t0, t0, t1)}
	n := (p.tiles + s.kernel.rows - 1) / s.kernel.rows
	p.rows = (p.tiles + n - 1) / n
	for i := range n {
		first := min(i*p.rows, p.tiles-p.rows)
		t := args.ByteTile{In: first * codePixel}
		for r := range t.Out {
			t.Out[r] = (first + r) * codePixel
		}
		p.registers = append(p.registers, t)
	}
	s.parts = append(s.parts, p)
}

// Chunks is part of Step.
func (s *codeWinograd) Chunks() int { return len(s.parts) * s.groupRuns }

// Run is part of Step.
func (s *codeWinograd) Run(chunk int, m *Memory) {
	part, run := chunk%len(s.parts), chunk/len(s.parts)
	p := &s.parts[part]
	room := codeRooms.Get().(unsafe.Pointer)
	products := unsafe.Add(room, codeRoom)
	filters := unsafe.Add(products, codeProducts)
	f := frames.Get().(*frame)
	in := room
	if s.groupRuns > 1 {
		in = unsafe.Add(m.Scratch, part*codePlanes*s.in)
	} else {
		s.transform(f, m, p, in, 0, s.conv.In.Blocks())
	}
	a := byteTileFrames.Get().(*args.ByteTileArgs)
	*a = s.args
	a.Rows = p.rows
	for g := run * s.groups / s.groupRuns; g < (run+1)*s.groups/s.groupRuns; g++ {
		s.multiply(a, p, g, in, products, filters)
		s.finish(f, m, p, g, products)
	}
	*a = args.ByteTileArgs{}
	byteTileFrames.Put(a)
	f.winograd = winogradArgs{}
	frames.Put(f)
	codeRooms.Put(room)
}

// transform computes blocks [b0, b1) of the transformed input of a part.
func (s *codeWinograd) transform(f *frame, m *Memory, p *codePart, room unsafe.Pointer, b0, b1 int) {
	a, lanes := &f.winograd, s.kernel.winograd.bytes/2
	a.Plane, a.Scratch = s.in, f.strips(0)[0]
	for i := range p.groups {
		g := &p.groups[i]
		a.Rows, a.Columns = g.rows, g.columns
		a.Positions, a.Count = unsafe.Pointer(&g.positions[0]), len(g.positions)
		for b := b0; b < b1; b++ {
			for c := 0; c < 64; c += lanes {
				a.In, a.Out = unsafe.Add(m.In, b*s.conv.In.Block+c), unsafe.Add(room, b*s.block+2*c)
				s.kernel.winograd.input(a)
			}
		}
	}
}

// multiply computes the products of a part for a group of outputs.
func (s *codeWinograd) multiply(a *args.ByteTileArgs, p *codePart, group int, in, products, filters unsafe.Pointer) {
	w, unit := s.weights, s.kernel.winograd
	vectors, panels := w.pairs()*64/unit.bytes, s.kernel.outputs/16
	for x := range 6 {
		for i := range panels {
			from := unsafe.Pointer(&w.data[(group*panels+i)*w.panel])
			unit.weights(unsafe.Add(filters, i*w.pairs()*64), from, s.filters, w.pairs()*32, vectors, x, x+1)
		}
		for y := range 6 {
			a.In, a.Out = unsafe.Add(in, (6*x+y)*s.in), unsafe.Add(products, (6*x+y)*s.out)
			a.Weights = unsafe.Add(filters, y*s.filters)
			a.Second = unsafe.Add(a.Weights, w.pairs()*64)
			a.Tiles, a.Count = &p.registers[0], len(p.registers)
			unit.products(a)
		}
	}
}

// finish computes the outputs of a group from their products, and the halo of blocks that begin
// with it.
func (s *codeWinograd) finish(f *frame, m *Memory, p *codePart, group int, products unsafe.Pointer) {
	a, out, lanes := &f.winograd, &s.conv.Out, s.kernel.winograd.bytes/4
	a.Plane, a.Scratch = s.out, f.strips(0)[0]
	pixel := out.Format.PixelBytes()
	a.OutRow, a.OutColumn = s.conv.DilationH*out.Pitch*pixel, s.conv.DilationW*pixel
	a.Zero, a.Floats, a.Low, a.High = s.zero, s.floats, s.low, s.high
	ends, each := m.Ends, floatEnds
	if s.floats == 0 {
		ends, each = unsafe.Pointer(&s.weights.ends[0]), 256
	}
	first := group * s.kernel.outputs
	for c := first; c < min(first+s.kernel.outputs, roundUp(s.conv.Out.C, out.Format.Channels())); c += lanes {
		to := unsafe.Add(m.Out, out.At(0, c))
		a.In, a.Out = unsafe.Add(products, 4*(c-first)), unsafe.Add(to, c%out.Format.Channels())
		a.Bias = unsafe.Add(ends, c/32*each+4*(c%32))
		for i := range p.groups {
			g := &p.groups[i]
			a.Height, a.Width = g.height, g.width
			a.Positions, a.Count = unsafe.Pointer(&g.positions[0]), len(g.positions)
			s.kernel.winograd.output(a)
		}
		if c%out.Format.Channels() != 0 {
			continue
		}
		for _, e := range p.ends {
			out.clearAround(unsafe.Add(to, e.n*out.Image), e.y0, e.y1)
		}
	}
}

// codeWinogradInput is the step that transforms the input, where several chunks multiply it. Its
// chunks are parts and blocks of channels.
type codeWinogradInput struct{ *codeWinograd }

// Chunks is part of Step.
func (s codeWinogradInput) Chunks() int { return len(s.parts) * s.conv.In.Blocks() }

// Run is part of Step.
func (s codeWinogradInput) Run(chunk int, m *Memory) {
	f := frames.Get().(*frame)
	part, b := chunk%len(s.parts), chunk/len(s.parts)
	s.transform(f, m, &s.parts[part], unsafe.Add(m.Scratch, part*codePlanes*s.in), b, b+1)
	f.winograd = winogradArgs{}
	frames.Put(f)
}
