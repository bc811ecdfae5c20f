//go:build amd64 && !purego

package kernel

import (
	"math"
	"slices"
	"unsafe"

	"github.com/visionzoo/vision/engine/kernel/amd64"
)

// A tile unit multiplies a tile of 16 rows by 64 bytes (16 pixels of 32 channels in bfloat16)
// by one of 32x16 weights, and adds the product to 16x16 sums in float32. In bf16x3, a number
// x is xh + xl, two bfloat16 that together keep 17 bits, and x·w ≈ xl·wh + xh·wh + xh·wl:
// three products of tiles.

// tileConv is a convolution planned for AMX tiles. For each group of 32 output
// channels, the kernel loops over pairs of row tiles (up to 16 output pixels each)
// and, for each pair, over the steps of K: one for each channel block and tap. How
// work is cut into chunks does not change the result. In bf16x3 its rms error is at
// most 1e-5 of the rms output.
type tileConv struct {
	tiled
	weights  *TileWeights
	gated    bool   // the weights are in the scratch, written by tileGate
	groupIn  int    // bytes from the input of a group of the convolution to the next
	perGroup int    // groups of 32 outputs in a group of the convolution
	lastMask uint32 // MaskB of the last group of 32 outputs
	sorted   bool   // the input lies in the scratch, sorted by phases
}

// tiled is common to all convolutions with AMX tiles.
type tiled struct {
	args     amd64.TileArgs // what all calls have in common
	pairs    []amd64.TilePair
	segments []amd64.TileSegment
	offsets  []int // bytes from a pixel to the input of each step
	grid     grid
	conv     Conv // as passed by the caller, before phases
	tall     bool // the kernel is TilesTall, which computes two pairs at a time
}

// tileUnitConv are the convolutions of the rung "amx".
var tileUnitConv = TileConv{
	PackSplit: packSplit, NewSplit: newSplitConv,
	PackBF16: packBF16, NewBF16: newBF16Conv,
	Pays: func(f Format) bool { return f == Split32 || f == BF16x32 || f == Planar },
}

// newSplitConv plans a convolution of Split32, or of a planar picture, in bf16x3
// arithmetic.
func newSplitConv(c *Conv, w *TileWeights) (Work, error) {
	if w.format == Planar {
		if err := w.fits(c); err != nil {
			return Work{}, err
		}
		return Work{Steps: []Step{newPlanarTileConv(c, w)}}, nil
	}
	return newTileConv(c, w, 12)
}

// newBF16Conv plans a convolution of BF16x32 in bf16 arithmetic.
func newBF16Conv(c *Conv, w *TileWeights) (Work, error) {
	return newTileConv(c, w, 4)
}

// newTileConv plans a convolution; products is the number of tile products
// (TDPBF16PS) in a step of a pair: 12 for bf16x3, 4 for bf16.
func newTileConv(c *Conv, w *TileWeights, products int) (Work, error) {
	if err := w.fits(c); err != nil {
		return Work{}, err
	}
	s := &tileConv{weights: w}
	s.conv = *c
	s.offsets = stepOffsets(c)
	m := mapTiles(c, 16)
	var work Work
	if (c.StrideH > 1 || c.StrideW > 1) && c.Gate == nil {
		p := sortPhases(c)
		if flat := mapTiles(&p.conv, 16); flat.cost() < m.cost()*3/4 {
			work.Steps = append(work.Steps, bundle(p, p.time()))
			work.Scratch = p.conv.In.Size()
			c, s.offsets, m, s.sorted = &p.conv, p.offsets(), flat, true
		}
	}
	// With at most two pairs, weights from beyond L2 are the bottleneck: TilesTall
	// reads them once for both.
	s.tall = products == 12 && len(m.tiles) <= 4 && (len(m.tiles) > 2 || len(w.data) > weightsInL2)
	s.setPairs(c, &m)
	groups := roundUp(c.Out.C, 32) / 32
	s.perGroup = groups
	if c.Group > 1 {
		s.perGroup = c.Out.C / c.Group / 32
		s.groupIn = c.In.C / c.Group / 32 * c.In.Block
	}
	s.args = amd64.TileArgs{
		Config: amd64.TileConfig(m.rows), Offsets: &s.offsets[0], Steps: len(s.offsets),
		RowStride: m.stride, WeightsGroup: w.panel, BiasGroup: 128, Segments: &s.segments[0],
		PerStep: (2*m.rows + len(s.offsets) - 1) / len(s.offsets),
	}
	s.setOutput(c)
	s.setActivation(c.Act)
	step := float64(products) * tileTime(m.rows)
	unit := math.Max(step*float64(len(s.offsets)), 3.5*float64(2*m.rows)) + step
	if read := float64(w.panel) / 28 / float64(len(s.pairs)); read > unit {
		unit = read
	}
	count := len(s.pairs)
	if s.tall {
		s.args.PerStep *= 2
		count, unit = count/2, 2*unit
	}
	s.grid = cutGrid(count, groups, unit, len(w.data), c.In.Size())
	if c.Gate != nil {
		g := newTileGate(c, w)
		s.gated = true
		return Work{Steps: []Step{g, s}, Scratch: len(w.data) + w.Chunks()*g.roomBytes()}, nil
	}
	work.Steps = append(work.Steps, s)
	return work, nil
}

// setPairs converts tiles to the pairs and segments that the kernel reads. If tiles
// are missing in the last pairs, the last tile takes their place, and no segment
// stores their rows.
func (s *tiled) setPairs(c *Conv, m *tileMap) {
	residual := c.Out
	if c.Residual != nil {
		residual = *c.Residual
	}
	add := func(p *amd64.TilePair, t *rowTile, first int) {
		for _, r := range t.runs {
			s.segments = append(s.segments, amd64.TileSegment{
				Sums: 128 * (first + int(r.row)), Rows: int(r.count),
				Out:      int(r.n)*c.Out.Image + c.Out.Pixel(int(r.y), int(r.x)),
				Residual: int(r.n)*residual.Image + residual.Pixel(int(r.y), int(r.x)),
			})
			p.Count++
		}
	}
	each, last := 2, len(m.tiles)-1
	if s.tall {
		each = 4
	}
	runs := 0
	for i := range m.tiles {
		runs += len(m.tiles[i].runs)
	}
	s.segments = slices.Grow(s.segments, runs)
	s.pairs = slices.Grow(s.pairs, (last/each+1)*each/2)
	for i := 0; i <= last; i += each {
		first := len(s.pairs)
		for j := i; j < i+each; j += 2 {
			s.pairs = append(s.pairs, amd64.TilePair{
				InA: m.tiles[min(j, last)].in, InB: m.tiles[min(j+1, last)].in,
				First: len(s.segments) * int(unsafe.Sizeof(amd64.TileSegment{})),
			})
		}
		for j := i; j <= min(i+each-1, last); j++ {
			add(&s.pairs[first], &m.tiles[j], 16*(j-i))
		}
	}
}

// Spans is part of Local. A sorted input has been read by the step before.
func (s *tileConv) Spans(chunk int) (reads, writes RowSpan) {
	reads, writes = s.tiled.Spans(chunk)
	if s.sorted {
		reads = RowSpan{}
	}
	return reads, writes
}

// setOutput sets the formats and strides of the output and the residual.
func (s *tileConv) setOutput(c *Conv) {
	a := &s.args
	a.OutKind, a.OutGroup, a.OutHalf = rowKind(&c.Out)
	a.OutGroupOdd = a.OutGroup
	a.OutStep = c.Out.Format.PixelBytes()
	a.MaskA, a.MaskB, s.lastMask = 0xffff, 0xffff, 0xffff
	if c.Out.Format == F32x16 && c.Out.Blocks()%2 == 1 {
		s.lastMask = 0
	}
	if r := c.Residual; r != nil {
		a.ResidualKind, a.ResidualGroup, a.ResidualHalf = rowKind(r)
		a.ResidualStep = r.Format.PixelBytes()
		if r.Format == F32x16 && r.Blocks()%2 == 1 {
			s.lastMask = 0
		}
	}
}

// rowKind returns the kernel's code of a format, the bytes from a group of 32
// channels to the next, and those from the first 16 channels of a group to the
// other 16.
func rowKind(l *Layout) (kind, group, half int) {
	switch l.Format {
	case Split32:
		return amd64.TileSplit, l.Block, 0
	case BF16x32:
		return amd64.TileBF16, l.Block, 0
	}
	return amd64.TileF32, 2 * l.Block, l.Block
}

func (s *tileConv) setActivation(act Activation) {
	a := &s.args
	a.Alpha, a.Beta = act.Alpha, act.Beta
	a.Low, a.High = float32(math.Inf(-1)), float32(math.Inf(1))
	switch act.Kind {
	case Identity:
	case Clip:
		a.Low, a.High = act.Alpha, act.Beta
	default:
		a.Act = int(act.Kind)
	}
}

func (s *tiled) Chunks() int { return s.grid.chunks() }

// Spans is part of Local.
func (s *tiled) Spans(chunk int) (reads, writes RowSpan) {
	c := &s.conv
	if c.In.N > 1 {
		return EveryRow, EveryRow
	}
	pair, pairs, _, _ := s.grid.at(chunk)
	part, parts := pair/s.grid.pairsEach, s.grid.pairRuns()
	if s.tall {
		pair, pairs = 2*pair, 2*pairs
	}
	var rows RowSpan
	for _, p := range s.pairs[pair : pair+pairs] {
		first := p.First / int(unsafe.Sizeof(amd64.TileSegment{}))
		for _, g := range s.segments[first : first+p.Count] {
			y := c.Out.row(g.Out)
			rows = rows.with(RowSpan{y, y + 1})
		}
	}
	return c.reads(rows), rows.with(c.Out.haloPart(part, parts))
}

// Run computes a range of groups of outputs for a range of pairs of tiles, and
// fills its share of their halo.
func (s *tileConv) Run(chunk int, m *Memory) {
	pair, pairs, group, groups := s.grid.at(chunk)
	part, parts := pair/s.grid.pairsEach, s.grid.pairRuns()
	var scratch [8192 + 64]byte // on the stack, because chunks run concurrently
	a := s.args
	a.Scratch = unsafe.Pointer(&scratch[-uintptr(unsafe.Pointer(&scratch))&63])
	a.Pairs, a.Count = &s.pairs[pair], pairs
	if s.tall {
		a.Pairs = &s.pairs[2*pair]
	}
	operands := *m
	if s.sorted {
		operands.In = m.Scratch
	}
	s.runGroups(&a, &operands, group, groups, pair)
	s.clearHalo(chunk, part, parts, m)
}

// runGroups computes groups [group, group+groups) of outputs for the pairs in a, of
// which the first is number pair.
func (s *tileConv) runGroups(a *amd64.TileArgs, m *Memory, group, groups, pair int) {
	for end := group + groups; group < end; {
		n := min(end-group, s.perGroup-group%s.perGroup)
		if s.lastMask == 0 && group+n == s.grid.groups {
			if n > 1 {
				n--
			} else {
				a.MaskB = s.lastMask
			}
		}
		s.call(a, m, group, n, pair)
		group += n
	}
}

// prefetch sets which weights a call prefetches: those of the next group of outputs,
// of which the chunks of a block take equal shares. Weights that stay in L2 are
// prefetched by the first block only.
func (g *grid) prefetch(a *amd64.TileArgs, pair, pairs, bytes int) {
	if g.pairs == 1 && bytes > weightsInL2 { // each weight is used once: the kernel streams them
		a.Next, a.Limit = 0, 1
		return
	}
	if pair >= g.block && bytes < 256<<10 {
		a.Next = math.MaxUint
		return
	}
	next := uintptr(a.Weights) + uintptr(a.WeightsGroup)
	from := pair % g.block
	a.Next = next + uintptr(a.WeightsGroup*from/g.block&^63)
	a.Limit = next + uintptr(a.WeightsGroup*(from+pairs)/g.block)
}

// call runs the kernel on n groups of outputs of one convolution group.
func (s *tileConv) call(a *amd64.TileArgs, m *Memory, group, n, pair int) {
	w := s.weights
	a.In = unsafe.Add(m.In, group/s.perGroup*s.groupIn)
	a.Weights = unsafe.Add(s.packed(m), group*w.panel)
	a.Bias = unsafe.Pointer(&w.bias[32*group])
	a.Out = unsafe.Add(m.Out, group*a.OutGroup)
	if a.ResidualKind != amd64.TileNone {
		a.Residual = unsafe.Add(m.Residual, group*a.ResidualGroup)
	}
	a.Groups = n
	s.grid.prefetch(a, pair, a.Count, len(w.data))
	switch { // direct calls, because a would escape to the heap in a call through a function value
	case s.tall:
		amd64.TilesTall(a)
	case w.format == Split32:
		amd64.TilesSplit(a)
	case w.format == Planar:
		amd64.TilesApart(a)
	default:
		amd64.TilesBF16(a)
	}
}

// clearHalo zeroes the chunk's share of the halo around its outputs.
func (s *tileConv) clearHalo(chunk, part, parts int, m *Memory) {
	_, _, group, groups := s.grid.at(chunk)
	each := 32 / s.conv.Out.Format.Channels()
	for n := range s.conv.Out.N {
		for b := group * each; b < min((group+groups)*each, s.conv.Out.Blocks()); b++ {
			s.conv.Out.clearHalo(unsafe.Add(m.Out, n*s.conv.Out.Image+b*s.conv.Out.Block), part, parts)
		}
	}
}
