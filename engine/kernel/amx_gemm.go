//go:build amd64 && !purego

package kernel

import (
	"math"
	"unsafe"

	"github.com/visionzoo/vision/engine/kernel/amd64"
)

// tileUnitGemms computes the products of the rung "amx": in bf16x3 with AMX tiles
// (rms error at most 1e-5 of the rms output), in plain bf16 where B is constant and that is
// exact enough, or with vector registers if tileable reports false.
var tileUnitGemms = gemmKernels{
	pack: func(r *Rung, g *Gemm, w *GemmWeights) {
		if !tileable(g) {
			placePanels(r, g, w)
			return
		}
		w.form, w.beside = gemmTiles, Split32
		if g.BF16 {
			w.beside = BF16x32
		}
		w.tiles = w.bytes(gemmTileBytes(w.beside, g.N, g.K))
	},
	plan: func(r *Rung, g *Gemm, w *GemmWeights) (Work, error) {
		if w != nil && w.form == gemmPanels || w == nil && !tileable(g) {
			return planPanels(r, g, w)
		}
		return planTiles(g, w), nil
	},
	tiles: tileable,
}

// tileable reports whether tiles are faster than vector registers: with a short K or
// few rows, most of a tile would be empty.
func tileable(g *Gemm) bool { return !g.Strict && g.K >= 24 && g.M > InPlaceRows && g.N >= 16 }

// gemmTileBytes returns the size of a packed B beside an A of the given format: that of a step
// for each group of 32 columns and each 32 rows.
func gemmTileBytes(beside Format, n, k int) int {
	return roundUp(n, 32) / 32 * (roundUp(k, 32) / 32) * tileStepBytes(beside)
}

// packTiles packs groups [from, to) of 32 columns, for the given format of A.
func (b *matrixB) packTiles(beside Format, tiles []byte, from, to int) {
	if b.trans {
		for half := 2 * from; half < 2*to; half++ {
			b.packTileRows(beside, tiles, half)
		}
		return
	}
	kept := numberRooms.Get().(*[]float32)
	defer numberRooms.Put(kept)
	var unused [1024]byte
	steps := roundUp(b.k, 32) / 32
	for s := range steps { // 32 rows of B
		for half := 2 * from; half < 2*to; half++ {
			a := amd64.PackArgs{Rows: min(32, b.k-32*s), Taps: 1, MaskA: channelMask(b.n - 16*half)}
			a.High, a.Low = tileParts(beside, tiles, half, s, steps, &unused)
			column := min(16*half, b.n-1)
			source, apart := b.block(32*s*b.row+column, b.row, a.Rows, min(16, b.n-column), kept)
			a.Source, a.RowBytes = source, 4*apart
			amd64.PackColumns(&a)
		}
	}
}

// packTileRows packs 16 columns of a transposed B, in which they are rows.
func (b *matrixB) packTileRows(beside Format, tiles []byte, half int) {
	steps := roundUp(b.k, 32) / 32
	var index [16]int32
	for i := range index {
		index[i] = int32(4 * i)
	}
	a := amd64.PackArgs{Rows: max(0, min(16, b.n-16*half)), Taps: 1, Index: &index, Upper: 64, Contiguous: 1}
	kept := numberRooms.Get().(*[]float32)
	defer numberRooms.Put(kept)
	var unused [1024]byte
	for s := range steps {
		a.High, a.Low = tileParts(beside, tiles, half, s, steps, &unused)
		source, apart := b.block(min(16*half, b.n-1)*b.row+32*s, b.row, a.Rows, min(32, b.k-32*s), kept)
		a.Source, a.RowBytes = source, 4*apart
		a.MaskA, a.MaskB = channelMask(b.k-32*s), channelMask(b.k-32*s-16)
		amd64.PackRows(&a)
	}
}

// tileParts returns where the high and the low parts of 16 columns go, of the given step: those
// of Split32 side by side, all steps of one half of a group before those of the other. Beside
// BF16x32, both halves of a step lie side by side, and low parts are dropped into unused.
func tileParts(beside Format, tiles []byte, half, step, steps int, unused *[1024]byte) (high, low unsafe.Pointer) {
	if beside == BF16x32 {
		return unsafe.Pointer(&tiles[2048*(half/2*steps+step)+1024*(half%2)]), unsafe.Pointer(unused)
	}
	dst := tiles[2048*(half*steps+step):]
	return unsafe.Pointer(&dst[0]), unsafe.Pointer(&dst[1024])
}

// tileGemm is a planned product on AMX tiles. The scratch holds each A as pixels of
// Split32 or BF16x32, in blocks of 32 columns, and behind them each packed B, if B is not
// constant.
type tileGemm struct {
	gemm     Gemm
	weights  *GemmWeights   // nil: B is the second input
	pixels   Format         // of A in the scratch
	args     amd64.TileArgs // what all calls have in common
	pairs    []amd64.TilePair
	segments []amd64.TileSegment
	offsets  []int // bytes from a row of A to the input of each step
	bias     []float32
	grid     grid
	tall     bool // the kernel is TilesTall, which computes two pairs at a time
	together int  // products of the batch in a chunk
	split    int  // bytes of one A in the scratch
	packed   int  // bytes of one packed B in the scratch
}

func planTiles(g *Gemm, w *GemmWeights) Work {
	s := &tileGemm{gemm: *g, weights: w, pixels: Split32, bias: zeroBias}
	products := 12 // of tiles in a step of a pair
	if w != nil && w.beside == BF16x32 {
		s.pixels, products = BF16x32, 4
	}
	if w != nil && w.bias != nil {
		s.bias = w.bias
	}
	steps, pixel := roundUp(g.K, 32)/32, s.pixels.PixelBytes()
	for b := range steps {
		s.offsets = append(s.offsets, b*g.M*pixel)
	}
	s.split = steps * g.M * pixel
	if w == nil {
		s.packed = gemmTileBytes(Split32, g.N, g.K)
	}
	rows := s.setPairs()
	s.args = amd64.TileArgs{
		Config: amd64.TileConfig(rows), Offsets: &s.offsets[0], Steps: steps, RowStride: pixel,
		WeightsGroup: tileStepBytes(s.pixels) * steps, Segments: &s.segments[0], PerStep: (2*rows + steps - 1) / steps,
		OutKind: amd64.TileF32, OutGroup: 128, OutGroupOdd: 128, OutHalf: 64, OutStep: 4 * g.RowC, MaskA: 0xffff, MaskB: 0xffff,
		Low: float32(math.Inf(-1)), High: float32(math.Inf(1)), Alpha: g.Act.Alpha, Beta: g.Act.Beta,
	}
	a := &s.args
	if w != nil && w.bias != nil {
		a.BiasGroup = 128
	}
	switch g.Act.Kind {
	case Identity:
	case Clip:
		a.Low, a.High = g.Act.Alpha, g.Act.Beta
	default:
		a.Act = int(g.Act.Kind)
	}
	if g.Residual {
		a.ResidualKind, a.ResidualGroup, a.ResidualHalf, a.ResidualStep = amd64.TileF32, 128, 64, 4*g.RowResidual
	}
	unit := math.Max(float64(products)*tileTime(rows)*float64(steps), 3.5*float64(2*rows)) + 100
	count, groups := len(s.pairs), roundUp(g.N, 32)/32
	if s.tall {
		a.PerStep *= 2
		count, unit = count/2, 2*unit
	}
	s.grid, s.together = cutBatch(count, groups, unit, gemmTileBytes(s.pixels, g.N, g.K), s.split, g.count())
	prepare := newTilePrepare(s)
	pieceTime := float64(prepare.rows*steps) * 3
	return Work{Steps: []Step{bundle(prepare, pieceTime), s}, Scratch: (s.split + s.packed) * g.count()}
}

// zeroBias is the bias of products without one.
var zeroBias = make([]float32, 32)

// setPairs cuts the rows of A into pairs of tiles and returns the number of rows of a
// tile.
func (s *tileGemm) setPairs() int {
	g := &s.gemm
	count, rows := even(g.M, 16)
	each := 2
	if s.tall = s.weights != nil && s.pixels == Split32 && count <= 4 && (count > 2 || len(s.weights.tiles) > weightsInL2); s.tall {
		each = 4
	}
	in := func(tile int) int { return s.pixels.PixelBytes() * min(min(tile, count-1)*rows, g.M-rows) }
	for i := 0; i < count; i += each {
		first := len(s.pairs)
		for j := i; j < i+each; j += 2 { // the last tile takes the place of missing ones
			s.pairs = append(s.pairs, amd64.TilePair{InA: in(j), InB: in(j + 1), First: len(s.segments) * int(unsafe.Sizeof(amd64.TileSegment{}))})
		}
		for j := i; j < min(i+each, count); j++ {
			row := j * rows
			s.segments = append(s.segments, amd64.TileSegment{
				Sums: 128 * (16*(j-i) + row - min(row, g.M-rows)), Rows: min(rows, g.M-row),
				Out: 4 * row * g.RowC, Residual: 4 * row * g.RowResidual,
			})
			s.pairs[first].Count++
		}
	}
	return rows
}

func (s *tileGemm) Chunks() int {
	return (s.gemm.count() + s.together - 1) / s.together * s.grid.chunks()
}

func (s *tileGemm) Run(chunk int, m *Memory) {
	var scratch [8192 + 64]byte
	a := s.args
	a.Scratch = unsafe.Pointer(&scratch[-uintptr(unsafe.Pointer(&scratch))&63])
	each := s.grid.chunks()
	pair, pairs, group, groups := s.grid.at(chunk % each)
	a.Pairs, a.Count = &s.pairs[pair], pairs
	if s.tall {
		a.Pairs = &s.pairs[2*pair]
	}
	a.Next = math.MaxUint  // prefetches nothing: a B that is not constant was just packed
	whole := s.gemm.N / 32 // complete groups of 32 columns
	for i := chunk / each * s.together; i < min((chunk/each+1)*s.together, s.gemm.count()); i++ {
		a.MaskA, a.MaskB = 0xffff, 0xffff
		if n := min(group+groups, whole) - group; n > 0 {
			s.call(&a, m, i, group, n, pair)
		}
		if group+groups > whole {
			a.MaskA, a.MaskB = channelMask(s.gemm.N-32*whole), channelMask(s.gemm.N-32*whole-16)
			s.call(&a, m, i, whole, 1, pair)
		}
	}
}

// call runs the kernel on n groups of columns of product i.
func (s *tileGemm) call(a *amd64.TileArgs, m *Memory, i, group, n, pair int) {
	_, _, atC := s.gemm.at(i)
	count := s.gemm.count()
	a.In = unsafe.Add(m.Scratch, i*s.split)
	if s.weights != nil {
		a.Weights = unsafe.Pointer(&s.weights.tiles[group*a.WeightsGroup])
	} else {
		a.Weights = unsafe.Add(m.Scratch, count*s.split+i*s.packed+group*a.WeightsGroup)
	}
	a.Bias = unsafe.Pointer(&s.bias[group*a.BiasGroup/4])
	a.Out = unsafe.Add(m.Out, atC+128*group)
	if s.gemm.Residual {
		a.Residual = unsafe.Add(m.Residual, atC+128*group)
	}
	a.Groups = n
	if s.weights != nil {
		s.grid.prefetch(a, pair, a.Count, len(s.weights.tiles))
	}
	switch {
	case s.tall:
		amd64.TilesTall(a)
	case s.pixels == Split32:
		amd64.TilesSplit(a)
	default:
		amd64.TilesBF16(a)
	}
}

// tilePrepare is a step that converts every A to pixels and packs every B that is not
// constant.
type tilePrepare struct {
	*tileGemm
	rows   int // of A in a chunk
	parts  int // chunks per A
	groups int // chunks per B
}

func newTilePrepare(s *tileGemm) *tilePrepare {
	g := &s.gemm
	const pixels = chunkTime / 3 // a pixel of 32 numbers takes 3 ns
	p := &tilePrepare{tileGemm: s, rows: max(1, pixels*32/g.K)}
	p.parts = (g.M + p.rows - 1) / p.rows
	p.rows = (g.M + p.parts - 1) / p.parts
	if s.weights == nil {
		p.groups = roundUp(g.N, 32) / 32
	}
	return p
}

func (s *tilePrepare) Chunks() int { return s.gemm.count() * (s.parts + s.groups) }

func (s *tilePrepare) Run(chunk int, m *Memory) {
	g := &s.gemm
	count := g.count()
	if chunk >= count*s.parts {
		chunk -= count * s.parts
		i, group := chunk/s.groups, chunk%s.groups
		_, atB, _ := g.at(i)
		tiles := unsafe.Slice((*byte)(unsafe.Add(m.Scratch, count*s.split+i*s.packed)), s.packed)
		b := g.matrixAt(unsafe.Add(m.More[0], atB))
		b.packTiles(Split32, tiles, group, group+1)
		return
	}
	i, row := chunk/s.parts, chunk%s.parts*s.rows
	atA, _, _ := g.at(i)
	rest := g.K % 32
	pixel := s.pixels.PixelBytes()
	a := &amd64.SplitArgs{
		Source: unsafe.Add(m.In, atA+4*row*g.RowA), Pixels: unsafe.Add(m.Scratch, i*s.split+pixel*row),
		RowBytes: 4 * g.RowA, Block: pixel * g.M, Rows: min(s.rows, g.M-row), Whole: g.K / 32,
		MaskA: channelMask(rest), MaskB: channelMask(rest - 16), Scale: g.Scale,
	}
	if s.pixels == Split32 {
		amd64.SplitRows(a)
	} else {
		amd64.NarrowRows(a)
	}
}
