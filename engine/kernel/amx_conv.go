//go:build amd64 && !purego

package kernel

import (
	"math"
	"slices"
	"unsafe"

	"github.com/visionzoo/vision/engine/kernel/amd64"
)

// tileConv is a convolution planned for the tile unit: for every group of 32
// output channels the kernel walks pairs of row tiles, and for every pair the
// steps, one for each channel block and tap. Rounding aside (bf16x3: rms error
// at most 1e-5 of the rms output) its result does not depend on the chunks.
type tileConv struct {
	tiled
	weights  *TileWeights
	gated    bool // the weights are those that tileGate left in the scratch
	groupIn  int  // bytes from the input of a convolution group to the next
	perGroup int  // groups of 32 outputs in a convolution group
	lastMask uint32
	sorted   bool // the input lies in the scratch, by phases
}

// tiled is what every planned convolution of tiles has.
type tiled struct {
	args     amd64.TileArgs // but for the operands
	pairs    []amd64.TilePair
	segments []amd64.TileSegment
	offsets  []int
	grid     grid
	conv     Conv // as it was asked for
	tall     bool // pairs by twos: TilesTall
}

// tileUnitConv are the convolutions of the rung "amx".
var tileUnitConv = TileConv{
	PackSplit: packSplit, NewSplit: newSplitConv,
	PackBF16: packBF16, NewBF16: newBF16Conv,
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

// newTileConv: products is the number of tile products in a step.
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
	// Two pairs are all there is: their weights come from far and pass once.
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

// setPairs turns tiles into what the kernel walks. Where the last pairs lack
// tiles the last one stands in, of which no row is wanted then.
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

// Spans is part of Local: what sorted the input has read it.
func (s *tileConv) Spans(chunk int) (reads, writes RowSpan) {
	reads, writes = s.tiled.Spans(chunk)
	if s.sorted {
		reads = RowSpan{}
	}
	return reads, writes
}

// setOutput says how rows of the output and the residual lie.
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

// rowKind gives the kernel's number of a format, and the bytes from a group of
// 32 channels to the next and from its first half to its second.
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

// Run computes some groups of outputs for some pairs of tiles, and its share of
// their halo.
func (s *tileConv) Run(chunk int, m *Memory) {
	pair, pairs, group, groups := s.grid.at(chunk)
	part, parts := pair/s.grid.pairsEach, s.grid.pairRuns()
	var scratch [8192 + 64]byte // on this goroutine's stack: steps are reentrant
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

// runGroups computes groups of outputs for the pairs that a names, from pair on.
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

// prefetch says what a call asks for beside its own weights: those of the group
// after each of its own, of which the chunks of a block take equal shares. Weights
// that stay in L2 are not asked for again by the blocks after the first.
func (g *grid) prefetch(a *amd64.TileArgs, pair, pairs, bytes int) {
	if g.pairs == 1 && bytes > weightsInL2 { // the weights pass once
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
	switch { // not through a variable: a would go to the heap
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
