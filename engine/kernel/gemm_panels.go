package kernel

import (
	"sync"
	"unsafe"

	"github.com/visionzoo/vision/engine/kernel/vec"
)

// placePanels allocates the panels of a constant B.
func placePanels(r *Rung, g *Gemm, w *GemmWeights) {
	w.place(&r.Vec, gemmPanels, r.GemmUnit.columns)
}

// place allocates panels of the given number of columns.
func (w *GemmWeights) place(v *vec.Unit, form gemmForm, columns int) {
	w.form, w.columns, w.depth, w.vec = form, columns, w.source.k, v
	w.panels = w.floats(roundUp(w.source.n, columns) * w.depth)
}

// packedColumns is the number of columns of B that a chunk packs: they are
// contiguous in each row.
const packedColumns = 128

// Chunks returns the number of chunks of the packing.
func (w *GemmWeights) Chunks() int {
	if w.form == gemmInPlace {
		return 0
	}
	return (w.source.n + packedColumns - 1) / packedColumns
}

// Chunk packs one chunk.
func (w *GemmWeights) Chunk(i int) {
	from, to := i*packedColumns, min((i+1)*packedColumns, w.source.n)
	switch w.form {
	case gemmTiles:
		w.source.packTiles(w.beside, w.tiles, from/32, (to+31)/32)
		return
	case gemmPairs:
		w.packPairs(from/w.columns, (to+w.columns-1)/w.columns)
		return
	}
	w.source.packPanels(w.vec, w.panels, w.columns, from/w.columns, (to+w.columns-1)/w.columns)
}

// packRows is the number of rows of B that are distributed over the panels at a
// time.
const packRows = 32

// packPanels packs panels [from, to) of the given number of columns each.
func (b *matrixB) packPanels(v *vec.Unit, panels []float32, columns, from, to int) {
	for row := 0; row < b.k; row += packRows {
		rows := min(packRows, b.k-row)
		for i := from; i < to; i++ {
			b.packBlock(v, panels[(i*b.k+row)*columns:][:rows*columns], columns, i, row)
		}
	}
}

// packBlock packs the rows from row on of panel i, as many as dst has.
func (b *matrixB) packBlock(v *vec.Unit, dst []float32, columns, i, row int) {
	rows, have := len(dst)/columns, min(columns, b.n-i*columns)
	if have < columns {
		clear(dst)
	}
	if b.trans {
		kept := numberRooms.Get().(*[]float32)
		defer numberRooms.Put(kept)
		p, apart := b.block(i*columns*b.row+row, b.row, have, rows, kept)
		v.TransposeMatrix(words(dst), unsafe.Slice((*uint32)(p), (have-1)*apart+rows), columns, apart, have, rows)
		return
	}
	for r := range rows {
		b.write(dst[r*columns:][:have], (row+r)*b.row+i*columns)
	}
}

// words returns numbers that are only moved.
func words(x []float32) []uint32 { return unsafe.Slice((*uint32)(unsafe.Pointer(&x[0])), len(x)) }

// panelGemm is a planned product on vector registers: register tiles of rows of A
// by a panel of B.
type panelGemm struct {
	gemm     Gemm
	rung     *Rung
	unit     gemmUnit
	weights  *GemmWeights // nil: B is the second input
	packed   int          // without weights: bytes of a packed B in the scratch; 0: B is read in place
	args     gemmArgs     // what all calls have in common
	rest     Activation   // the activation that the kernel does not apply itself
	tiles    int          // of rows
	grid     grid
	together int  // products of the batch in a chunk
	gathered bool // B is packed even where the kernel can read it in place
	k0       int  // the first row of B; gemm.K is the number of rows from there on
	narrowed bool // A lies in the scratch, see gemm_pairs_amd64.go
}

// planPanels plans a product of several rows. If B is an input that the kernel
// cannot read in place, a first step packs it.
func planPanels(r *Rung, g *Gemm, w *GemmWeights) (Work, error) {
	s := &panelGemm{gemm: *g, rung: r, unit: r.GemmUnit, weights: w}
	return s.plan(), nil
}

// plan cuts the product, and returns its steps.
func (s *panelGemm) plan() (work Work) {
	g, u, w := &s.gemm, &s.unit, s.weights
	s.args = gemmArgs{RowA: 4 * g.RowA, RowB: 4 * u.columns, RowC: 4 * g.RowC, RowResidual: 4 * g.RowResidual, K: g.K, Scale: g.Scale}
	s.args.Low, s.args.High, s.rest = g.Act.limits()
	panels := roundUp(g.N, u.columns) / u.columns
	switch {
	case w != nil:
	case g.TransB || !u.partial && g.N%u.columns != 0 || s.gathered:
		s.packed = 4 * panels * u.columns * g.K
		work.Scratch = s.packed * g.count()
		work.Steps = append(work.Steps, bundle(&panelPack{s, panels}, float64(g.K*u.columns)))
	default:
		s.args.RowB = 4 * g.RowB
	}
	s.tiles = (g.M + u.rows - 1) / u.rows
	s.grid, s.together = cutBatch(s.tiles, panels, s.unitTime(), 4*g.N*g.K, 4*g.M*g.K, g.count())
	for _, part := range s.cutK() {
		work.Steps = append(work.Steps, part)
	}
	return work
}

// cutK cuts a product with constant weights whose A does not stay in L2 along K into
// products for which it does: A [400][4096] into eight times [400][512]. The first writes C,
// with the bias, each further one adds to it, and the last one clips.
func (s *panelGemm) cutK() []*panelGemm {
	const stays = 768 << 10 // bytes of A that stay in L2 beside weights and C
	g := &s.gemm
	n := min((4*g.M*g.K+stays-1)/stays, g.K/512)
	if s.weights == nil || g.count() > 1 || n < 2 || 4*g.M*g.K <= 2*stays {
		return []*panelGemm{s}
	}
	all := make([]*panelGemm, n)
	for i := range all {
		part := *s
		part.k0 = i * g.K / n
		part.gemm.K = (i+1)*g.K/n - part.k0
		part.args.K = part.gemm.K
		if i > 0 {
			part.gemm.Residual, part.args.RowResidual = true, part.args.RowC
		}
		if i < n-1 {
			part.args.Low, part.args.High, part.rest = Activation{}.limits()
		}
		part.grid, part.together = cutBatch(s.grid.pairs, s.grid.groups, part.unitTime(), 4*g.N*part.gemm.K, 4*g.M*part.gemm.K, 1)
		all[i] = &part
	}
	return all
}

// unitTime is what one register tile takes, in nanoseconds.
func (s *panelGemm) unitTime() float64 {
	return 2 * float64(s.row(1)*s.unit.columns*s.gemm.K) / s.unit.gflops
}

// row returns the first row of a tile. Tiles differ by one row at most: a last tile of few
// rows would take much longer for each.
func (s *panelGemm) row(tile int) int { return tile * s.gemm.M / s.tiles }

// cutBatch cuts count equal products of tiles by panels units of unit nanoseconds
// each. It returns the grid of one product and how many products a chunk computes:
// several if they are small.
func cutBatch(tiles, panels int, unit float64, weightBytes, rowBytes, count int) (grid, int) {
	one := unit * float64(tiles*panels)
	if together := int(chunkTime / one); count > 1 && together >= 1 {
		return grid{pairs: tiles, groups: panels, pairsEach: tiles, groupRuns: 1, block: tiles}, min(together, count)
	}
	return cutGrid(tiles, panels, unit, weightBytes, rowBytes), 1
}

func (s *panelGemm) Chunks() int {
	return (s.gemm.count() + s.together - 1) / s.together * s.grid.chunks()
}

// gemmFrame holds the working memory of a chunk. Frames are reused, so that runs
// allocate nothing.
type gemmFrame struct {
	args gemmArgs
	tile [64]float32 // rows of a partial panel, for units that compute all columns
	more [64]float32 // their residual
}

var gemmFrames = sync.Pool{New: func() any { return new(gemmFrame) }}

func (s *panelGemm) Run(chunk int, m *Memory) {
	f := gemmFrames.Get().(*gemmFrame)
	each := s.grid.chunks()
	tile, tiles, panel, panels := s.grid.at(chunk % each)
	for i := chunk / each * s.together; i < min((chunk/each+1)*s.together, s.gemm.count()); i++ {
		for p := panel; p < panel+panels; p++ {
			s.column(f, m, i, p, tile, tiles, panel+panels)
		}
		if s.rest.Kind != Identity {
			s.activate(m, i, s.row(tile), s.row(tile+tiles), panel*s.unit.columns, min((panel+panels)*s.unit.columns, s.gemm.N))
		}
	}
	f.args = gemmArgs{}
	gemmFrames.Put(f)
}

// column computes row tiles [tile, tile+tiles) of one panel of product i; end is the
// end of the chunk's panels.
func (s *panelGemm) column(f *gemmFrame, m *Memory, i, panel, tile, tiles, end int) {
	g, u := &s.gemm, &s.unit
	atA, atB, atC := g.at(i)
	f.args = s.args
	a := &f.args
	first := panel * u.columns
	n := min(u.columns, g.N-first)
	a.MaskA, a.MaskB = u.masks(n)
	switch {
	case s.weights != nil:
		a.B = unsafe.Pointer(&s.panel(panel)[0])
		if s.weights.bias != nil && s.k0 == 0 {
			a.Bias = unsafe.Pointer(&s.weights.bias[first])
		}
	case s.packed > 0:
		a.B = unsafe.Add(m.Scratch, i*s.packed+4*first*g.K)
	default:
		a.B = unsafe.Add(m.More[0], atB+4*first)
	}
	in, residual := m.In, m.Residual
	if s.narrowed {
		in = m.Scratch
	}
	if s.k0 > 0 {
		residual = m.Out
	}
	next := s.nextPanel(panel)
	from, parts := 0, s.tiles // the tiles that share the prefetching of the next panel
	if panel+1 < end {
		from, parts = tile, tiles
	}
	for t := tile; t < tile+tiles; t++ {
		row := s.row(t)
		a.fetch(next, t-from, parts)
		a.Rows = s.row(t+1) - row
		a.A = unsafe.Add(in, atA+row*a.RowA+4*s.k0)
		a.C = unsafe.Add(m.Out, atC+row*a.RowC+4*first)
		if g.Residual {
			a.Residual = unsafe.Add(residual, atC+row*a.RowResidual+4*first)
		}
		if n < u.columns && !u.partial {
			s.through(f, n)
		} else {
			u.tile(a)
		}
	}
}

// nextPanel returns the constant panel after the given one, or nil.
func (s *panelGemm) nextPanel(panel int) []float32 {
	if s.weights == nil || (panel+1)*s.unit.columns >= s.gemm.N {
		return nil
	}
	return s.panel(panel + 1)
}

// panel returns the rows of a constant panel that the product reads.
func (s *panelGemm) panel(i int) []float32 {
	width := s.unit.columns
	return s.weights.panels[(i*s.weights.depth+s.k0)*width:][:s.gemm.K*width]
}

// fetch makes a call prefetch one of parts equal parts of the next panel: otherwise
// the first tile of each panel would wait for weights from beyond L2. B and K must
// be set.
func (a *gemmArgs) fetch(next []float32, part, parts int) {
	a.Ahead, a.AheadEach = a.B, 0
	if prefetches := a.K / 4 * 2; len(next) > 0 && prefetches > 0 {
		a.Ahead = unsafe.Pointer(&next[part*len(next)/parts])
		a.AheadEach = (4*len(next)/parts + prefetches - 1) / prefetches
	}
}

// through computes a tile of n columns, fewer than a panel has, with a kernel that reads and
// writes complete panels: residual and results pass through the frame.
func (s *panelGemm) through(f *gemmFrame, n int) {
	a := &f.args
	keep := *a
	width := s.unit.columns
	for from := 0; from < keep.Rows; from += len(f.tile) / width {
		a.Rows = min(len(f.tile)/width, keep.Rows-from)
		a.A = unsafe.Add(keep.A, from*keep.RowA)
		a.C, a.RowC = unsafe.Pointer(&f.tile), 4*width
		if keep.Residual != nil {
			a.Residual, a.RowResidual = unsafe.Pointer(&f.more), 4*width
			for y := range a.Rows {
				copy(f.more[y*width:][:n], floats(unsafe.Add(keep.Residual, (from+y)*keep.RowResidual), n))
			}
		}
		s.unit.tile(a)
		for y := range a.Rows {
			copy(floats(unsafe.Add(keep.C, (from+y)*keep.RowC), n), f.tile[y*width:])
		}
	}
	*a = keep
}

// activate applies the activation that the kernel does not apply itself, to rows
// [row, rows) and columns [column, columns) of product i. That is once for all panels
// of a chunk, because the activation of a short row takes longer to call than to
// compute.
func (s *panelGemm) activate(m *Memory, i, row, rows, column, columns int) {
	_, _, atC := s.gemm.at(i)
	for ; row < rows; row++ {
		s.rung.activateRow(unsafe.Add(m.Out, atC+4*(row*s.gemm.RowC+column)), columns-column, s.rest)
	}
}

// activateRow applies an activation to n numbers in place; n may be any.
func (r *Rung) activateRow(p unsafe.Pointer, n int, act Activation) {
	whole := n &^ 7
	r.Activate(p, whole, act)
	activate(unsafe.Add(p, 4*whole), n-whole, act)
}

// panelPack packs B of every product into the scratch; a chunk packs one panel.
type panelPack struct {
	*panelGemm
	panels int
}

func (s *panelPack) Chunks() int { return s.gemm.count() * s.panels }

func (s *panelPack) Run(chunk int, m *Memory) {
	g, width := &s.gemm, s.unit.columns
	i, p := chunk/s.panels, chunk%s.panels
	_, atB, _ := g.at(i)
	panels := floats(unsafe.Add(m.Scratch, i*s.packed), s.panels*width*g.K)
	b := g.matrixAt(unsafe.Add(m.More[0], atB))
	b.packPanels(&s.rung.Vec, panels, width, p, p+1)
}
