//go:build (amd64 || arm64) && !purego

package kernel

import (
	"sync"
	"unsafe"

	"github.com/visionzoo/vision/engine/kernel/args"
)

// byteTiles holds the kernels of integer convolutions on vector registers.
type byteTiles struct {
	rows, outputs int // of a register tile
	dense         func(a *args.ByteTileArgs)
	depthwise     func(a *args.DepthwiseArgs)
	depthwise3    [2]func(a *args.DepthwiseArgs) // for 3x3 taps that are not dilated, with horizontal strides of 1 and 2; nil: there are none
	winograd      *codeWinogradUnit              // nil: there is none
	slow          float64                        // how many times as long as DepthwiseVNNI depthwise takes: work is cut by it
}

// qconvs completes k with the plans of integer convolutions by the tiles' kernels, and reports
// that there are some.
func (t byteTiles) qconvs(k qconvKernels) qconvKernels {
	k.fast, k.winograd = true, t.winograd != nil
	k.plan = func(_ *Rung, c *QConv, w *QConvWeights) (Work, error) {
		switch w.form {
		case qconvDepthwise, qconvPairDepth:
			return Work{Steps: []Step{newDepthwiseQConv(c, w, t)}}, nil
		case qconvWinograd:
			return newCodeWinograd(c, w, t), nil
		case qconvWide:
			s := newByteConv(c, w, t)
			return Work{Steps: []Step{&widenBytes{c.In.Size()}, s}, Scratch: 2 * c.In.Size()}, nil
		}
		return Work{Steps: []Step{newByteConv(c, w, t)}}, nil
	}
	return k
}

// byteConv is a convolution of complete blocks of channels planned for vector
// registers: as one on AMX tiles (denseQConv), with register tiles of rows pixels instead.
// A chunk computes some pairs of register tiles for some groups of outputs; a group has as
// many outputs as a tile.
type byteConv struct {
	conv     Conv
	kernel   byteTiles
	weights  *QConvWeights
	args     args.ByteTileArgs // what all calls have in common
	tiles    []args.ByteTile
	rows     []RowSpan // the rows of the output that each tile writes
	offsets  []int
	ends     int // bytes of biases and scales for 32 outputs
	fours    int // iterations of the K loop, each of four quads of channels
	grid     grid
	perGroup int // groups of outputs in a group of the convolution
	groupIn  int // bytes from the input of a group of the convolution to the next
}

func newByteConv(c *QConv, w *QConvWeights, k byteTiles) *byteConv {
	s := &byteConv{conv: c.Conv, kernel: k, weights: w, offsets: qconvOffsets(c, w)}
	m := mapTiles(&c.Conv, k.rows)
	if w.form == qconvWide { // the input lies in the scratch, with 16 bits per code
		for i := range m.tiles {
			m.tiles[i].in *= 2
		}
		m.stride *= 2
	}
	s.setTiles(&m)
	groups := roundUp(c.Out.C, k.outputs) / k.outputs
	s.perGroup = groups
	if c.Group > 1 {
		s.perGroup = c.Out.C / c.Group / k.outputs
		s.groupIn = c.In.C / c.Group / 64 * c.In.Block
	}
	if w.form == qconvWide {
		s.groupIn *= 2
		for i := range s.offsets {
			s.offsets[i] *= 2
		}
	}
	steps := len(s.offsets)
	short, quads := shortSteps(c, w, steps)
	s.args = args.ByteTileArgs{Offsets: &s.offsets[0], Steps: steps, RowStride: m.stride, Rows: m.rows,
		ShortSteps: short, Quads: quads, Zero: int16(c.OutZero)}
	if s.ends = 256; c.Floats != nil {
		s.ends, s.args.Floats = floatEnds, 1
		if c.Floats.Sums {
			s.args.Floats = 2
		}
		s.args.Low, s.args.High, _ = c.Act.limits()
	}
	s.fours = 4*steps - short*(4-quads/4)
	all := 16*steps - short*(16-quads)
	const quad, end = 0.15, 1.8 // nanoseconds per row with VPDPBUSD: a quad of channels by two vectors; the epilogue
	time := 2 * float64(m.rows) * (quad*float64(all) + end)
	s.grid = cutGrid((len(s.tiles)+1)/2, groups, time, len(w.data), c.In.Size())
	return s
}

// setTiles converts tiles to the form that the kernel reads.
func (s *byteConv) setTiles(m *tileMap) {
	out := &s.conv.Out
	s.tiles = make([]args.ByteTile, len(m.tiles))
	s.rows = make([]RowSpan, len(m.tiles))
	for i, t := range m.tiles {
		to := &s.tiles[i]
		to.In = t.in
		for r := range to.Out {
			to.Out[r] = -1
		}
		for _, run := range t.runs {
			at := int(run.n)*out.Image + out.Pixel(int(run.y), int(run.x))
			for k := range run.count {
				to.Out[run.row+k] = at + int(k)*out.Format.PixelBytes()
			}
			s.rows[i] = s.rows[i].with(RowSpan{int(run.y), int(run.y) + 1})
		}
	}
}

// shortSteps returns how many of the last steps are short, and how many of their 16
// quads have inputs. A quad is four channels, or a tap of U8x4.
func shortSteps(c *QConv, w *QConvWeights, steps int) (short, quads int) {
	if c.In.Format == U8x4 {
		return steps, c.KernelW
	}
	cin := c.In.C / c.Group
	switch quads = (cin-1)%64/4 + 1; {
	case cin <= 64:
		return steps, quads
	case len(w.repeated) > 0: // they are not among the last
		return 0, quads
	}
	return c.KernelH * c.KernelW, quads
}

func (s *byteConv) Chunks() int { return s.grid.chunks() }

// tileRange returns the range of tiles of a range of pairs.
func (s *byteConv) tileRange(pair, pairs int) (from, to int) {
	return 2 * pair, min(2*(pair+pairs), len(s.tiles))
}

// Spans is part of Local.
func (s *byteConv) Spans(chunk int) (reads, writes RowSpan) {
	c := &s.conv
	if c.In.N > 1 {
		return EveryRow, EveryRow
	}
	pair, pairs, _, _ := s.grid.at(chunk)
	var rows RowSpan
	from, to := s.tileRange(pair, pairs)
	for _, r := range s.rows[from:to] {
		rows = rows.with(r)
	}
	if s.weights.form != qconvWide { // otherwise widenBytes has read the input
		reads = c.reads(rows)
	}
	return reads, rows.with(c.Out.haloPart(pair/s.grid.pairsEach, s.grid.pairRuns()))
}

// Run computes a range of groups of outputs for a range of tiles, and fills its
// share of their halo.
func (s *byteConv) Run(chunk int, m *Memory) {
	pair, pairs, group, groups := s.grid.at(chunk)
	from, to := s.tileRange(pair, pairs)
	f := byteTileFrames.Get().(*args.ByteTileArgs)
	*f = s.args
	w, in := s.weights, m.In
	if w.form == qconvWide {
		in = m.Scratch
	}
	for g := group; g < group+groups; g++ {
		first := g * s.kernel.outputs
		f.In = unsafe.Add(in, g/s.perGroup*s.groupIn)
		ends := m.Ends
		if f.Floats == 0 {
			ends = unsafe.Pointer(&w.ends[0])
		}
		f.Ends = unsafe.Add(ends, first/32*s.ends+first%32*4)
		if w.form == qconvWide {
			f.Weights = unsafe.Pointer(&w.data[first/16*w.panel])
			f.Second = unsafe.Add(f.Weights, w.panel)
		} else {
			f.Weights = unsafe.Pointer(&w.data[first/32*w.panel+first%32*64])
		}
		f.Out = unsafe.Add(m.Out, s.conv.Out.At(0, first)+first%64)
		if f.Floats != 0 {
			f.Out, f.SecondOut = unsafe.Add(m.Out, s.conv.Out.At(0, first)), s.conv.Out.Block
			if first+s.kernel.outputs/2 >= s.conv.Out.C {
				f.SecondOut = 0
			}
		}
		f.Tiles, f.Count = &s.tiles[from], to-from
		s.prefetch(f, pair, from, to)
		s.kernel.dense(f)
	}
	*f = args.ByteTileArgs{}
	byteTileFrames.Put(f)
	clearByteHalo(&s.conv.Out, m.Out, pair/s.grid.pairsEach, s.grid.pairRuns(), group, groups, s.kernel.outputs)
}

// byteTileFrames holds arguments of calls through a function value: these escape, and
// would be allocated at each run.
var byteTileFrames = sync.Pool{New: func() any { return new(args.ByteTileArgs) }}

// prefetch sets which weights a call prefetches: those of the next group of outputs,
// of which the chunks of a block take equal shares. With a single tile the weights are
// read as fast as they arrive; then a call prefetches its own weights, lead bytes
// ahead.
func (s *byteConv) prefetch(a *args.ByteTileArgs, pair, from, to int) {
	const lead = 8 << 10
	w := s.weights
	a.Ahead, a.AheadEach = uintptr(a.Weights), 0
	switch {
	case len(s.tiles) == 1:
		a.Ahead, a.AheadEach = a.Ahead+lead, 512
	case pair < s.grid.block || len(w.data) > weightsInL2:
		first, last := 2*(pair%s.grid.block), 2*(pair%s.grid.block)+to-from
		all := min(2*s.grid.block, len(s.tiles))
		share := w.panel * (last - first) / all
		a.Ahead += uintptr(w.panel + w.panel*first/all)
		each := max(1, (to-from)*s.fours)
		a.AheadEach = (share + each - 1) / each
	}
}
