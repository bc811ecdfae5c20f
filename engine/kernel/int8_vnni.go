//go:build amd64 && !purego

package kernel

import (
	"unsafe"

	"github.com/visionzoo/vision/engine/kernel/amd64"
)

// vnniQConvs are the integer convolutions of processors that multiply bytes on
// vectors. They read the weights that the tile unit's read.
var vnniQConvs = qconvKernels{fast: true, plan: func(_ *Rung, c *QConv, w *QConvWeights) (Work, error) {
	if w.form == qconvDepthwise {
		return Work{Steps: []Step{newDepthwiseQConv(c, w)}}, nil
	}
	return Work{Steps: []Step{newByteConv(c, w)}}, nil
}}

// vnniRows is the largest tile of TilesVNNI.
const vnniRows = 14

// byteConv is a convolution of whole blocks of channels planned for VPDPBUSD: a
// chunk is some tiles of some groups of 32 outputs, tiles by twos.
type byteConv struct {
	conv     Conv
	weights  *QConvWeights
	args     amd64.ByteTileArgs // but for the operands
	tiles    []amd64.ByteTile
	rows     []RowSpan // of the output, that each tile writes
	offsets  []int
	quarters int // of 16 channels that a tile sums up
	grid     grid
	perGroup int // groups of 32 outputs in a convolution group
	groupIn  int // bytes from the input of a convolution group to the next
}

func newByteConv(c *QConv, w *QConvWeights) *byteConv {
	s := &byteConv{conv: c.Conv, weights: w, offsets: qconvOffsets(c, w)}
	m := mapTiles(&c.Conv, vnniRows)
	s.setTiles(&m)
	groups := roundUp(c.Out.C, 32) / 32
	s.perGroup = groups
	if c.Group > 1 {
		s.perGroup = c.Out.C / c.Group / 32
		s.groupIn = c.In.C / c.Group / 64 * c.In.Block
	}
	steps := len(s.offsets)
	short, quarters := shortSteps(c, w, steps)
	s.args = amd64.ByteTileArgs{Offsets: &s.offsets[0], Steps: steps, RowStride: m.stride, Rows: m.rows,
		ShortSteps: short, Quarters: quarters, Zero: int16(c.OutZero)}
	s.quarters = 4*steps - short*(4-quarters)
	const quarter, end = 0.6, 1.8 // nanoseconds a row: four quads by two vectors; what follows the sums
	time := 2 * float64(m.rows) * (quarter*float64(s.quarters) + end)
	s.grid = cutGrid((len(s.tiles)+1)/2, groups, time, len(w.data), c.In.Size())
	return s
}

// setTiles turns tiles into what the kernel reads.
func (s *byteConv) setTiles(m *tileMap) {
	out := &s.conv.Out
	s.tiles = make([]amd64.ByteTile, len(m.tiles))
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

func (s *byteConv) Chunks() int { return s.grid.chunks() }

// some are the tiles of pairs of tiles.
func (s *byteConv) some(pair, pairs int) (from, to int) {
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
	from, to := s.some(pair, pairs)
	for _, r := range s.rows[from:to] {
		rows = rows.with(r)
	}
	return c.reads(rows), rows.with(c.Out.haloPart(pair/s.grid.pairsEach, s.grid.pairRuns()))
}

// Run computes some groups of outputs for some tiles, and its share of their
// halo.
func (s *byteConv) Run(chunk int, m *Memory) {
	pair, pairs, group, groups := s.grid.at(chunk)
	from, to := s.some(pair, pairs)
	a, w := s.args, s.weights
	for g := group; g < group+groups; g++ {
		a.In = unsafe.Add(m.In, g/s.perGroup*s.groupIn)
		a.Weights, a.Ends = unsafe.Pointer(&w.data[g*w.panel]), unsafe.Pointer(&w.ends[256*g])
		a.Out = unsafe.Add(m.Out, g/2*s.conv.Out.Block+g%2*32)
		a.Tiles, a.Count = &s.tiles[from], to-from
		s.prefetch(&a, pair, from, to)
		amd64.TilesVNNI(&a)
	}
	clearByteHalo(&s.conv.Out, m.Out, pair/s.grid.pairsEach, s.grid.pairRuns(), group, groups)
}

// prefetch says which weights a call asks for beside its own: those of the group
// after its own, of which the chunks of a block take equal shares. Where there are
// so few tiles that weights pass as fast as they come it is those a bit ahead.
func (s *byteConv) prefetch(a *amd64.ByteTileArgs, pair, from, to int) {
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
		each := (to - from) * s.quarters
		a.AheadEach = (share + each - 1) / each
	}
}
