//go:build amd64 && !purego

package kernel

import (
	"slices"
	"unsafe"

	"github.com/visionzoo/vision/engine/kernel/amd64"
)

// The integer convolutions of the rungs with byte products: on the tile unit,
// and on vectors by VPDPBUSD. Both read the same packed weights.
var (
	vnniQConvs = qconvKernels{fast: true, plan: func(r *Rung, c *QConv, w *QConvWeights) (Work, error) {
		return planQConv(c, w, false)
	}}
	tileUnitQConvs = qconvKernels{fast: true, plan: func(r *Rung, c *QConv, w *QConvWeights) (Work, error) {
		return planQConv(c, w, true)
	}}
)

// vnniRows is the largest tile without a tile unit.
const vnniRows = 14

func planQConv(c *QConv, w *QConvWeights, tiles bool) (Work, error) {
	if w.form == qconvDepthwise {
		return Work{Steps: []Step{newDepthwiseQConv(c, w)}}, nil
	}
	return Work{Steps: []Step{newDenseQConv(c, w, tiles)}}, nil
}

// denseQConv is a planned convolution of whole blocks of channels.
type denseQConv struct {
	tiled
	weights  *QConvWeights
	unit     bool // on the tile unit
	block    int  // bytes of a block of the output
	perGroup int  // groups of 32 outputs in a convolution group
	groupIn  int  // bytes from the input of a convolution group to the next
}

func newDenseQConv(c *QConv, w *QConvWeights, unit bool) *denseQConv {
	s := &denseQConv{weights: w, unit: unit, block: c.Out.Block}
	s.conv = c.Conv
	s.offsets = qconvOffsets(c, w)
	limit, product := 16, tileTime
	if !unit {
		limit = vnniRows
		product = func(rows int) float64 { return float64(rows) * 2.4 } // 16 quads, two vectors
	}
	m := mapTiles(&c.Conv, limit)
	s.setPairs(&c.Conv, &m)
	groups := roundUp(c.Out.C, 32) / 32
	s.perGroup = groups
	if c.Group > 1 {
		s.perGroup = c.Out.C / c.Group / 32
		s.groupIn = c.In.C / c.Group / 64 * c.In.Block
	}
	steps := len(s.offsets)
	s.args = amd64.TileArgs{
		Config: amd64.TileConfig(m.rows), Offsets: &s.offsets[0], Steps: steps, Rows: m.rows,
		RowStride: m.stride, WeightsGroup: w.panel, BiasGroup: 256, Segments: &s.segments[0],
		PerStep: (2*m.rows + steps - 1) / steps, OutStep: 64, MaskA: 0xffff, MaskB: 0xffff,
		Zero: int32(c.OutZero), Low: float32(c.Low) - float32(c.OutZero), High: float32(c.High) - float32(c.OutZero),
	}
	filled := float64(steps)
	if !unit {
		s.args.ShortSteps, s.args.Quarters = shortSteps(c, w, steps)
		filled -= float64(s.args.ShortSteps*(4-s.args.Quarters)) / 4
	}
	time := max(4*product(m.rows)*filled, 2*float64(2*m.rows)) + 10
	s.grid = cutGrid(len(s.pairs), groups, time, len(w.data), c.In.Size())
	return s
}

// shortSteps says how many of the last steps are short, and how many of their
// quarters of 16 channels (or of four taps of four) are not past the end.
func shortSteps(c *QConv, w *QConvWeights, steps int) (short, quarters int) {
	if w.form == qconvRows {
		return steps, (c.KernelW + 3) / 4
	}
	cin := c.In.C / c.Group
	switch quarters = (cin-1)%64/16 + 1; {
	case cin <= 64:
		return steps, quarters
	case w.times > 1: // the steps come again
		return 0, quarters
	}
	return c.KernelH * c.KernelW, quarters
}

// Run computes some groups of outputs for some pairs of tiles, and its share of
// their halo.
func (s *denseQConv) Run(chunk int, m *Memory) {
	pair, pairs, group, groups := s.grid.at(chunk)
	var scratch [4096 + 64]byte
	a := s.args
	a.Scratch = unsafe.Pointer(&scratch[-uintptr(unsafe.Pointer(&scratch))&63])
	a.Pairs, a.Count = &s.pairs[pair], pairs
	w := s.weights
	for g := group; g < group+groups; {
		n := min(group+groups-g, s.perGroup-g%s.perGroup)
		a.In = unsafe.Add(m.In, g/s.perGroup*s.groupIn)
		a.Weights, a.Bias = unsafe.Pointer(&w.data[g*w.panel]), unsafe.Pointer(&w.ends[256*g])
		a.Out = unsafe.Add(m.Out, g/2*s.block+g%2*32)
		a.OutGroup, a.OutGroupOdd = 32, s.block-32
		if g%2 == 1 {
			a.OutGroup, a.OutGroupOdd = a.OutGroupOdd, a.OutGroup
		}
		a.Groups = n
		s.grid.prefetch(&a, pair, pairs, len(w.data))
		if s.unit { // not through a variable: a would go to the heap
			amd64.TilesU8(&a)
		} else {
			amd64.TilesVNNI(&a)
		}
		g += n
	}
	s.clearByteHalo(pair, group, groups, m)
}

// clearByteHalo fills the chunk's share of the halo: a block belongs to the
// chunk that has its first half.
func (s *denseQConv) clearByteHalo(pair, group, groups int, m *Memory) {
	part, parts := pair/s.grid.pairsEach, s.grid.pairRuns()
	for n := range s.conv.Out.N {
		for b := (group + 1) / 2; b < (group+groups+1)/2; b++ {
			s.conv.Out.clearHalo(unsafe.Add(m.Out, n*s.conv.Out.Image+b*s.conv.Out.Block), part, parts)
		}
	}
}

// depthwiseQConv is a planned convolution of each channel by itself.
type depthwiseQConv struct {
	conv    QConv
	weights *QConvWeights
	offsets []int
	each    int // rows in a chunk
	chunks  int // of a plane
}

func newDepthwiseQConv(c *QConv, w *QConvWeights) *depthwiseQConv {
	s := &depthwiseQConv{conv: *c, weights: w, offsets: slices.Repeat(depthOffsets(c), w.times)}
	for len(s.offsets)%4 > 0 { // weights there are 0
		s.offsets = append(s.offsets, 0)
	}
	row := float64(c.Out.W*len(s.offsets)) * 0.9
	s.each = min(c.Out.H, max(1, int(chunkTime/row)))
	s.chunks = (c.Out.H + s.each - 1) / s.each
	return s
}

func (s *depthwiseQConv) Chunks() int { return s.conv.Out.N * s.conv.Out.Blocks() * s.chunks }

func (s *depthwiseQConv) Run(chunk int, m *Memory) {
	c, w := &s.conv, s.weights
	first := chunk % s.chunks * s.each
	last := min(first+s.each, c.Out.H)
	n, b := chunk/s.chunks/c.Out.Blocks(), chunk/s.chunks%c.Out.Blocks()
	in := unsafe.Add(m.In, n*c.In.Image+b*c.In.Block)
	out := unsafe.Add(m.Out, n*c.Out.Image+b*c.Out.Block)
	a := amd64.DepthwiseArgs{
		Weights: unsafe.Pointer(&w.data[b*w.panel]), Bias: unsafe.Pointer(&w.ends[512*b]),
		Offsets: &s.offsets[0], Quads: len(s.offsets) / 4, PixelStride: 64 * c.StrideW, Pixels: c.Out.W,
		Zero: int32(c.OutZero), Low: float32(c.Low) - float32(c.OutZero), High: float32(c.High) - float32(c.OutZero),
	}
	for y := first; y < last; y++ {
		a.In = unsafe.Add(in, c.In.Pixel(y*c.StrideH-c.PadTop, -c.PadLeft))
		a.Out = unsafe.Add(out, c.Out.Pixel(y, 0))
		amd64.DepthwiseVNNI(&a)
	}
	c.Out.clearAround(out, first, last)
}

// Spans is part of Local.
func (s *depthwiseQConv) Spans(chunk int) (reads, writes RowSpan) {
	c := &s.conv
	if c.In.N > 1 {
		return EveryRow, EveryRow
	}
	first := chunk % s.chunks * s.each
	rows := RowSpan{first, min(first+s.each, c.Out.H)}
	return c.reads(rows), c.Out.around(rows)
}
