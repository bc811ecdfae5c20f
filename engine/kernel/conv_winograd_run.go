package kernel

import (
	"sync"
	"unsafe"
)

// winogradTogether is Winograd's form with one pass per chunk: both transformed
// sides stay in the core's L2. All weights have been transformed into the scratch.
type winogradTogether winogradConv

// winogradRooms holds the transformed sides of chunks, or transformed weights.
// Rooms are reused by later chunks, of any layer.
var winogradRooms = sync.Pool{New: func() any { return newRoom(winogradRoom) }}

// Chunks is part of Step.
func (t *winogradTogether) Chunks() int { return len(t.passes) }

// Run is part of Step.
func (t *winogradTogether) Run(chunk int, m *Memory) {
	s := (*winogradConv)(t)
	room := winogradRooms.Get().(unsafe.Pointer)
	f := frames.Get().(*frame)
	p := &s.passes[chunk]
	s.transform(f, m, &p.parts[0], room, 0, s.conv.In.Blocks())
	a := s.arguments(f)
	out := unsafe.Add(room, s.planes*s.in)
	for i := range s.weights.columns {
		cell := s.cell(m.Scratch, i)
		s.multiply(a, p, room, unsafe.Add(out, s.weights.columns[i].first/s.weights.block.Channels()*s.block), &cell)
	}
	s.finish(f, m, &p.parts[0], out, 0, s.conv.Out.Blocks())
	f.winograd, f.conv = winogradArgs{}, convArgs{}
	frames.Put(f)
	winogradRooms.Put(room)
}

// winogradTransform is the step that transforms one side of a pass: its input to planes, or its
// products to outputs. Its chunks are parts and ranges of channel blocks.
type winogradTransform struct {
	*winogradConv
	pass           *winogradPass
	blocks, ranges int
	run            func(f *frame, m *Memory, p *winogradPart, room unsafe.Pointer, b0, b1 int)
}

func newWinogradInput(s *winogradConv, p *winogradPass) *winogradTransform {
	return newWinogradTransform(s, p, s.conv.In.Blocks(), s.transform)
}

func newWinogradOutput(s *winogradConv, p *winogradPass) *winogradTransform {
	return newWinogradTransform(s, p, s.conv.Out.Blocks(), func(f *frame, m *Memory, p *winogradPart, room unsafe.Pointer, b0, b1 int) {
		s.finish(f, m, p, unsafe.Add(room, s.planes*s.in+b0*s.block), b0, b1)
	})
}

func newWinogradTransform(s *winogradConv, p *winogradPass, blocks int, run func(*frame, *Memory, *winogradPart, unsafe.Pointer, int, int)) *winogradTransform {
	const chunk = 400 // transforms in 20 µs
	per := atMost(blocks, chunk/float64(p.parts[0].tiles))
	return &winogradTransform{winogradConv: s, pass: p, blocks: blocks, ranges: (blocks + per - 1) / per, run: run}
}

// Chunks is part of Step.
func (s *winogradTransform) Chunks() int { return len(s.pass.parts) * s.ranges }

// Run is part of Step.
func (s *winogradTransform) Run(chunk int, m *Memory) {
	f := frames.Get().(*frame)
	part, r := chunk/s.ranges, chunk%s.ranges
	s.run(f, m, &s.pass.parts[part], m.Scratch, r*s.blocks/s.ranges, (r+1)*s.blocks/s.ranges)
	f.winograd = winogradArgs{}
	frames.Put(f)
}

// winogradFilters is the step that transforms all weights, where these stay in L2.
type winogradFilters struct {
	*winogradConv
	chunks int
}

func newWinogradFilters(s *winogradConv) *winogradFilters {
	const chunk = 1000 // vectors of kernels in 20 µs
	columns := len(s.weights.columns)
	per := atMost(columns, chunk/(float64(len(s.weights.data)/9/s.weights.block.Channels())/float64(columns)))
	return &winogradFilters{s, (columns + per - 1) / per}
}

// Chunks is part of Step.
func (s *winogradFilters) Chunks() int { return s.chunks }

// Run is part of Step.
func (s *winogradFilters) Run(chunk int, m *Memory) {
	columns := len(s.weights.columns)
	for i := chunk * columns / s.chunks; i < (chunk+1)*columns/s.chunks; i++ {
		cell := s.cell(m.Scratch, i)
		s.transformWeights(&cell)
	}
}

// winogradCell is a piece of the weights: a column of output channels, some
// stripes of planes and a K-block of input channels.
type winogradCell struct {
	transformed    unsafe.Pointer // where the transformed weights go
	column, kBlock int
	first, end     int // stripes
}

// cell returns a whole column, transformed in the scratch.
func (s *winogradConv) cell(scratch unsafe.Pointer, column int) winogradCell {
	return winogradCell{transformed: unsafe.Add(scratch, column*s.planes*s.weightPlane), column: column, end: s.stripes}
}

// winogradProducts is the step of a pass's products; its chunks are columns of
// output channels, or stripes of these.
type winogradProducts struct {
	*winogradConv
	pass *winogradPass
}

// Chunks is part of Step.
func (s winogradProducts) Chunks() int {
	if s.whole {
		return len(s.weights.columns)
	}
	return s.stripes / s.stripesEach * len(s.weights.columns)
}

// Run is part of Step.
func (s winogradProducts) Run(chunk int, m *Memory) {
	f := frames.Get().(*frame)
	room := winogradRooms.Get().(unsafe.Pointer)
	column, first, end := chunk%len(s.weights.columns), 0, s.stripes
	g := &s.weights.columns[column]
	block := g.first / s.weights.block.Channels()
	out := unsafe.Add(room, winogradKBlock)
	if !s.whole {
		first = chunk / len(s.weights.columns) * s.stripesEach
		end = first + s.stripesEach
		out = unsafe.Add(m.Scratch, s.planes*s.in+block*s.block)
	}
	a := s.arguments(f)
	s.fetchNext(a, s.pass, column, end-first)
	for x := first; x < end; x += s.stripesEach {
		for i := range s.kBlocks {
			cell := winogradCell{transformed: room, column: column, kBlock: i, first: x, end: x + s.stripesEach}
			s.transformWeights(&cell)
			s.multiply(a, s.pass, m.Scratch, out, &cell)
		}
	}
	if s.whole {
		for i := range s.pass.parts {
			s.finish(f, m, &s.pass.parts[i], out, block, block+g.vecs)
		}
	}
	f.winograd, f.conv = winogradArgs{}, convArgs{}
	winogradRooms.Put(room)
	frames.Put(f)
}

// transform computes blocks [b0, b1) of the transformed input of a part.
func (s *winogradConv) transform(f *frame, m *Memory, p *winogradPart, room unsafe.Pointer, b0, b1 int) {
	a := &f.winograd
	a.Plane, a.Scratch = s.in, f.strips(0)[0]
	for i := range p.groups {
		g := &p.groups[i]
		a.Rows, a.Columns = g.rows, g.columns
		a.Positions, a.Count = unsafe.Pointer(&g.positions[0]), len(g.positions)
		for b := b0; b < b1; b++ {
			a.In, a.Out = unsafe.Add(m.In, b*s.conv.In.Block), unsafe.Add(room, b*s.block)
			s.unit.input(a)
		}
	}
}

// noBias is the bias of the products: zeros.
var noBias [32]float32

// transformWeights transforms a piece of the weights.
func (s *winogradConv) transformWeights(cell *winogradCell) {
	g, pixel := &s.weights.columns[cell.column], s.weights.block.PixelBytes()
	lanes := s.weights.block.Channels()
	b0, b1 := s.kBlock(cell.kBlock)
	for b := b0; b < b1; b++ {
		n := min(lanes, s.conv.In.C-b*lanes) * g.vecs // vectors of kernels
		from := &s.weights.data[g.at+9*b*lanes*g.vecs*lanes]
		s.unit.weights(unsafe.Add(cell.transformed, (b-b0)*lanes*g.vecs*pixel), unsafe.Pointer(from), s.weightPlane, n*pixel, n, cell.first, cell.end)
	}
}

// fetchNext makes the given number of stripes of a column prefetch the weights of
// the next column.
func (s *winogradConv) fetchNext(a *convArgs, p *winogradPass, column, stripes int) {
	g := &s.weights.columns[column]
	if g.vecs > 1 {
		next := s.weights.panel((column + 1) % len(s.weights.columns))
		a.fetch(next, stripes*s.stripes*p.registers[g.vecs/3]*s.blockSteps*s.tile.ahead)
	}
}

// arguments returns the arguments that all products have in common.
func (s *winogradConv) arguments(f *frame) *convArgs {
	a := &f.conv
	a.Bias = unsafe.Pointer(&noBias)
	a.PixelStride, a.OutBlock, a.ResidualBlock = s.weights.block.PixelBytes(), s.block, s.block
	a.NextIn = 1 // channel blocks are so far apart that no hardware prefetcher finds the next one
	low, high, _ := Activation{}.limits()
	a.clip(low, high)
	return a
}

// multiply computes the products with a piece of the weights, and adds them to
// those of earlier K-blocks; out is where they lie for the column's first block.
func (s *winogradConv) multiply(a *convArgs, p *winogradPass, in, out unsafe.Pointer, cell *winogradCell) {
	g := &s.weights.columns[cell.column]
	b0, b1 := s.kBlock(cell.kBlock)
	a.Steps, a.StepCount, a.BlockSteps = unsafe.Pointer(&s.steps[b0]), b1-b0, min(s.blockSteps, b1)-b0
	first := cell.first * s.stripes
	for plane := first; plane < cell.end*s.stripes; plane++ {
		a.In = unsafe.Add(in, plane*s.in)
		a.Out = unsafe.Add(out, plane*s.out)
		a.Weights = unsafe.Add(cell.transformed, (plane-first)*s.weightPlane)
		a.Residual = nil
		if cell.kBlock > 0 {
			a.Residual = a.Out
		}
		for k := range p.rows[g.vecs/3] {
			r := &p.rows[g.vecs/3][k]
			a.SecondIn, a.SecondOut, a.SecondResidual = r.secondIn, r.secondOut, r.secondResidual
			a.Positions, a.Count = unsafe.Pointer(&r.positions[0]), len(r.positions)
			s.tile.run(r.rows, r.head, g.vecs, a)
			a.fetched(a.Count * a.BlockSteps * s.tile.ahead)
		}
	}
}

// finish computes channel blocks [b0, b1) of a part's output from their products, with the
// activation and the halo.
func (s *winogradConv) finish(f *frame, m *Memory, p *winogradPart, products unsafe.Pointer, b0, b1 int) {
	a, out := &f.winograd, &s.conv.Out
	a.Plane, a.Scratch = s.out, f.strips(0)[0]
	pixel := out.Format.PixelBytes()
	a.OutRow, a.OutColumn = s.conv.DilationH*out.Pitch*pixel, s.conv.DilationW*pixel
	a.Low, a.High = s.low, s.high
	for b := b0; b < b1; b++ {
		to := unsafe.Add(m.Out, b*out.Block)
		a.In, a.Out = unsafe.Add(products, (b-b0)*s.block), to
		a.Bias = unsafe.Pointer(&s.weights.bias[b*out.Format.Channels()])
		if r := s.conv.Residual; r != nil {
			a.Residual, a.ResidualRow = unsafe.Add(m.Residual, b*r.Block), s.conv.DilationH*r.Pitch*pixel
		}
		for i := range p.groups {
			g := &p.groups[i]
			a.Height, a.Width = g.height, g.width
			a.Positions, a.Count = unsafe.Pointer(&g.positions[0]), len(g.positions)
			s.unit.output(a)
		}
		for _, r := range p.runs {
			s.rung.Activate(unsafe.Add(to, r.at), r.numbers, s.rest)
		}
		for _, e := range p.ends {
			out.clearAround(unsafe.Add(to, e.n*out.Image), e.y0, e.y1)
		}
	}
}
