package kernel

import (
	"sync"
	"unsafe"
)

// winogradTogether is Winograd's form with a pass a chunk: both transformed
// sides stay in the core's L2. All weights were transformed into the scratch.
type winogradTogether winogradConv

// winogradRooms hold the transformed sides of chunks, or transformed weights.
// They are kept for the next, whichever layer that is of.
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
	for i := range s.weights.columns {
		cell := s.cell(m.Scratch, i)
		s.multiply(a, p, room, &cell, nil)
	}
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

// winogradKernels is the transform of all weights as a step.
type winogradKernels struct {
	*winogradConv
	chunks int
}

func newWinogradKernels(s *winogradConv) *winogradKernels {
	const chunk = 1000 // vectors of kernels in 20 µs
	columns := len(s.weights.columns)
	per := atMost(columns, chunk/(float64(len(s.weights.data)/9/s.weights.block.Channels())/float64(columns)))
	return &winogradKernels{s, (columns + per - 1) / per}
}

// Chunks is part of Step.
func (s *winogradKernels) Chunks() int { return s.chunks }

// Run is part of Step.
func (s *winogradKernels) Run(chunk int, m *Memory) {
	columns := len(s.weights.columns)
	for i := chunk * columns / s.chunks; i < (chunk+1)*columns/s.chunks; i++ {
		cell := s.cell(m.Scratch, i)
		s.transformWeights(&cell, s.vectors(&cell))
	}
}

// winogradCell is a piece of the weights: a column of output channels, some
// stripes of planes and a slab of input channels.
type winogradCell struct {
	kernels      unsafe.Pointer // where it is transformed to
	column, slab int
	first, end   int // stripes
	done         int // vectors of kernels that are transformed
}

// cell is a whole column.
func (s *winogradConv) cell(scratch unsafe.Pointer, column int) winogradCell {
	return winogradCell{kernels: unsafe.Add(scratch, column*s.planes*s.taps), column: column, end: s.stripes}
}

// winogradProducts are the products of a pass as a step: columns of output
// channels, and some stripes of the planes.
type winogradProducts struct {
	*winogradConv
	pass *winogradPass
}

// Chunks is part of Step.
func (s winogradProducts) Chunks() int { return s.stripes / s.apart * len(s.weights.columns) }

// Run is part of Step.
func (s winogradProducts) Run(chunk int, m *Memory) {
	f := frames.Get().(*frame)
	kernels := winogradRooms.Get().(unsafe.Pointer)
	column, x0 := chunk%len(s.weights.columns), chunk/len(s.weights.columns)*s.apart
	a := s.arguments(f)
	s.fetchNext(a, s.pass, column)
	// The next weights are transformed while the ones before are multiplied.
	cells := s.slabs
	var now, next winogradCell
	for i := range cells + 1 {
		now, next = next, winogradCell{kernels: unsafe.Add(kernels, i%2*s.apart*s.stripes*s.taps), column: column, slab: i, first: x0, end: x0 + s.apart}
		switch i {
		case 0:
			s.transformWeights(&next, s.vectors(&next))
		case cells:
			s.multiply(a, s.pass, m.Scratch, &now, nil)
		default:
			s.multiply(a, s.pass, m.Scratch, &now, &next)
		}
	}
	f.conv = convArgs{}
	winogradRooms.Put(kernels)
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

// vectors is how many vectors of kernels a piece of the weights has.
func (s *winogradConv) vectors(cell *winogradCell) int {
	b0, b1 := s.slab(cell.slab)
	lanes := s.weights.block.Channels()
	return (min(b1*lanes, s.conv.In.C) - b0*lanes) * s.weights.columns[cell.column].vecs
}

// transformWeights transforms a piece of the weights up to a vector.
func (s *winogradConv) transformWeights(cell *winogradCell, end int) {
	g, pixel := &s.weights.columns[cell.column], s.weights.block.PixelBytes()
	lanes := s.weights.block.Channels()
	b0, _ := s.slab(cell.slab)
	for cell.done < end {
		b, at := b0+cell.done/(lanes*g.vecs), cell.done%(lanes*g.vecs)
		all := min(lanes, s.conv.In.C-b*lanes) * g.vecs // of the block
		n := min(all-at, end-cell.done)
		from := &s.weights.data[g.at+(9*b*lanes*g.vecs+at)*lanes]
		s.unit.weights(unsafe.Add(cell.kernels, cell.done*pixel), unsafe.Pointer(from), s.taps, all*pixel, n, cell.first, cell.end)
		cell.done += n
	}
}

// fetchNext has the products of a column prefetch the weights of the next one.
func (s *winogradConv) fetchNext(a *convArgs, p *winogradPass, column int) {
	g := &s.weights.columns[column]
	if g.vecs > 1 {
		next := s.weights.panel((column + 1) % len(s.weights.columns))
		a.fetch(next, s.apart*s.stripes*p.registers[g.vecs/3]*s.blockSteps*s.tile.ahead)
	}
}

// arguments are those that all products have in common.
func (s *winogradConv) arguments(f *frame) *convArgs {
	a := &f.conv
	a.Bias = unsafe.Pointer(&noBias)
	a.PixelStride, a.OutBlock, a.ResidualBlock = s.weights.block.PixelBytes(), s.block, s.block
	a.NextIn = 1 // a channel block lies so far from the next that no processor finds it by itself
	low, high, _ := Activation{}.limits()
	a.clip(low, high)
	return a
}

// multiply computes the products with a piece of the weights, and adds them to
// those of the slabs before. Between register tiles it transforms some of the next
// piece, if there is one: a core takes longer to write that to L2 than to compute
// it, and can multiply meanwhile.
func (s *winogradConv) multiply(a *convArgs, p *winogradPass, room unsafe.Pointer, cell, next *winogradCell) {
	g := &s.weights.columns[cell.column]
	b0, b1 := s.slab(cell.slab)
	a.Steps, a.StepCount, a.BlockSteps = unsafe.Pointer(&s.steps[b0]), b1-b0, min(s.blockSteps, b1)-b0
	first, planes := cell.first*s.stripes, (cell.end-cell.first)*s.stripes
	done, runs, vectors := 0, planes*p.registers[g.vecs/3], 0
	if next != nil {
		vectors = s.vectors(next)
	}
	for i := range planes {
		plane := first + i
		a.In = unsafe.Add(room, plane*s.in)
		a.Out = unsafe.Add(room, s.planes*s.in+plane*s.out+g.first/s.weights.block.Channels()*s.block)
		a.Weights = unsafe.Add(cell.kernels, i*s.taps)
		a.Residual = nil
		if cell.slab > 0 {
			a.Residual = a.Out
		}
		for k := range p.rows[g.vecs/3] {
			r := &p.rows[g.vecs/3][k]
			a.SecondIn, a.SecondOut, a.SecondResidual = r.secondIn, r.secondOut, r.secondResidual
			a.Count = len(r.positions)
			if next != nil {
				a.Count = 1
			}
			for at := 0; at < len(r.positions); at += a.Count {
				a.Positions = unsafe.Pointer(&r.positions[at])
				s.tile.run(r.rows, r.head, g.vecs, a)
				a.fetched(a.Count * a.BlockSteps * s.tile.ahead)
				if done++; next != nil {
					s.transformWeights(next, done*vectors/runs)
				}
			}
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
