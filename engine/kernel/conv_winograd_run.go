package kernel

import (
	"sync"
	"unsafe"
)

// winogradTogether is Winograd's form with a pass a chunk: both transformed
// sides stay in the core's L2.
type winogradTogether winogradConv

// winogradRooms hold the transformed sides of chunks. They are kept for the
// next, whichever layer that is of.
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
	s.multiply(f, p, room, 0, s.planes*len(s.weights.columns))
	s.finish(f, m, &p.parts[0], room, 0, s.conv.Out.Blocks())
	f.winograd, f.conv = winogradArgs{}, convArgs{}
	frames.Put(f)
	winogradRooms.Put(room)
}

// winogradSides are the transforms of a pass as a step: pieces of parts and
// ranges of channel blocks.
type winogradSides struct {
	*winogradConv
	pass           *winogradPass
	blocks, ranges int
	run            func(f *frame, m *Memory, p *winogradPart, room unsafe.Pointer, b0, b1 int)
}

func newWinogradInput(s *winogradConv, p *winogradPass) *winogradSides {
	return newWinogradSides(s, p, s.conv.In.Blocks(), s.transform)
}

func newWinogradOutput(s *winogradConv, p *winogradPass) *winogradSides {
	return newWinogradSides(s, p, s.conv.Out.Blocks(), s.finish)
}

func newWinogradSides(s *winogradConv, p *winogradPass, blocks int, run func(*frame, *Memory, *winogradPart, unsafe.Pointer, int, int)) *winogradSides {
	const chunk = 400 // transforms in 20 µs
	per := atMost(blocks, chunk/float64(p.parts[0].tiles))
	return &winogradSides{winogradConv: s, pass: p, blocks: blocks, ranges: (blocks + per - 1) / per, run: run}
}

// Chunks is part of Step.
func (s *winogradSides) Chunks() int { return len(s.pass.parts) * s.ranges }

// Run is part of Step.
func (s *winogradSides) Run(chunk int, m *Memory) {
	f := frames.Get().(*frame)
	part, r := chunk/s.ranges, chunk%s.ranges
	s.run(f, m, &s.pass.parts[part], m.Scratch, r*s.blocks/s.ranges, (r+1)*s.blocks/s.ranges)
	f.winograd = winogradArgs{}
	frames.Put(f)
}

// winogradProducts are the products of a pass as a step.
type winogradProducts struct {
	*winogradConv
	pass   *winogradPass
	chunks int
}

func newWinogradProducts(s *winogradConv, p *winogradPass) *winogradProducts {
	const chunk = 1.6e6 // multiply-adds in 20 µs of AVX-512
	cells := s.planes * len(s.weights.columns)
	cell := float64(p.tiles*s.conv.In.C*s.conv.Out.C) / float64(len(s.weights.columns))
	per := atMost(cells, chunk/cell)
	return &winogradProducts{s, p, (cells + per - 1) / per}
}

// Chunks is part of Step.
func (s *winogradProducts) Chunks() int { return s.chunks }

// Run is part of Step.
func (s *winogradProducts) Run(chunk int, m *Memory) {
	f := frames.Get().(*frame)
	cells := s.planes * len(s.weights.columns)
	s.multiply(f, s.pass, m.Scratch, chunk*cells/s.chunks, (chunk+1)*cells/s.chunks)
	f.conv = convArgs{}
	frames.Put(f)
}

// transform makes blocks [b0, b1) of the transformed input of a part.
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

// noBias is the bias of the products.
var noBias [32]float32

// multiply computes cells [from, to) of the products: cell i is column i of
// plane 0, and so on.
func (s *winogradConv) multiply(f *frame, p *winogradPass, room unsafe.Pointer, from, to int) {
	columns := len(s.weights.columns)
	pixel := s.weights.block.PixelBytes()
	wide := 4*len(s.weights.data) > winogradStays // the weights come from beyond L2
	a := &f.conv
	a.Bias = unsafe.Pointer(&noBias)
	a.Steps, a.StepCount, a.BlockSteps = unsafe.Pointer(&s.steps[0]), len(s.steps)-1, s.blockSteps
	a.PixelStride, a.OutBlock = pixel, s.block
	low, high, _ := Activation{}.limits()
	a.clip(low, high)
	for i := from; i < to; i++ {
		plane, g := i/columns, &s.weights.columns[i%columns]
		a.In = unsafe.Add(room, plane*s.in)
		a.Out = unsafe.Add(room, s.planes*s.in+plane*s.out+g.first/s.weights.block.Channels()*s.block)
		a.Weights = unsafe.Pointer(&s.weights.data[plane*s.weights.plane+g.at])
		var next []float32
		if i := i + 1; wide && i < s.planes*columns {
			at, n := i/columns*s.weights.plane+s.weights.columns[i%columns].at, len(s.weights.panel(i%columns))
			next = s.weights.data[at : at+n]
		}
		a.fetch(next, p.registers*a.BlockSteps*s.tile.ahead)
		for k := range p.rows {
			r := &p.rows[k]
			a.SecondIn, a.SecondOut = r.secondIn, r.secondOut
			a.Positions, a.Count = unsafe.Pointer(&r.positions[0]), len(r.positions)
			s.tile.run(r.rows, r.head, g.vecs, a)
			a.fetched(a.Count * a.BlockSteps * s.tile.ahead)
		}
	}
}

// finish makes channel blocks [b0, b1) of a part's output.
func (s *winogradConv) finish(f *frame, m *Memory, p *winogradPart, room unsafe.Pointer, b0, b1 int) {
	a, out := &f.winograd, &s.conv.Out
	a.Plane, a.Scratch = s.out, f.strips(0)[0]
	a.OutRow = out.Pitch * out.Format.PixelBytes()
	a.Low, a.High = s.low, s.high
	for b := b0; b < b1; b++ {
		to := unsafe.Add(m.Out, b*out.Block)
		a.In, a.Out = unsafe.Add(room, s.planes*s.in+b*s.block), to
		a.Bias = unsafe.Pointer(&s.weights.bias[b*out.Format.Channels()])
		if r := s.conv.Residual; r != nil {
			a.Residual, a.ResidualRow = unsafe.Add(m.Residual, b*r.Block), r.Pitch*r.Format.PixelBytes()
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
