package kernel

import "math"

// Which rows a chunk reads and writes decides when it may run (engine/plan's series.go). This
// file has the answers of all steps that know; of others, every chunk waits for all before.

// RowSpan is the rows [From, To) of all planes of an activation; rows of the halo are
// negative or at least H.
type RowSpan struct{ From, To int }

// EveryRow is the span of all rows.
var EveryRow = RowSpan{math.MinInt, math.MaxInt}

func (s RowSpan) rows() int { return s.To - s.From }

// part returns the i-th of n parts.
func (s RowSpan) part(i, n int) RowSpan {
	return RowSpan{s.From + i*s.rows()/n, s.From + (i+1)*s.rows()/n}
}

// Meets reports whether the spans have a row in common.
func (s RowSpan) Meets(t RowSpan) bool { return max(s.From, t.From) < min(s.To, t.To) }

// with returns the smallest span that contains both.
func (s RowSpan) with(t RowSpan) RowSpan {
	switch {
	case s.From >= s.To:
		return t
	case t.From >= t.To:
		return s
	}
	return RowSpan{min(s.From, t.From), max(s.To, t.To)}
}

// Local is a Step whose chunks access only some rows, so that the next step need not wait
// for all of them. Spans returns the rows of Memory.In on which a chunk depends, and those
// of Memory.Out that it writes, including the halo; of a residual it reads only the rows
// that it writes.
type Local interface {
	Step
	Spans(chunk int) (reads, writes RowSpan)
}

// around returns rows of the layout with the halo that clearAround fills. The right halo
// of a row is the left one of the next.
func (l *Layout) around(s RowSpan) RowSpan {
	if l.Halo == (Halo{}) || s.From >= s.To || s == EveryRow {
		return s
	}
	if s.From == 0 {
		s.From = -l.Top
	}
	if s.To == l.H {
		s.To += l.Bottom
	}
	return RowSpan{s.From, s.To + 1}
}

// span returns the rows of a chunk; of several pictures all, because spans do not tell
// pictures apart.
func (r *rows) span(chunk int) (s RowSpan) {
	if r.of.N > 1 {
		return EveryRow
	}
	r.runs(chunk, func(_, _, top, count int) { s = s.with(RowSpan{top, top + count}) })
	return s
}

// through returns the spans of a chunk whose outputs depend on the same windows as those
// of a convolution.
func (r *rows) through(chunk int, c *Conv) (reads, writes RowSpan) {
	s := r.span(chunk)
	if s == EveryRow {
		return s, s
	}
	return c.reads(s), r.of.around(s)
}

// pixelwise has the window of steps that compute a pixel from the one at the same place.
var pixelwise = Conv{KernelH: 1, StrideH: 1, DilationH: 1}

// conv returns a convolution with the windows of the pool.
func (p *Pool) conv() *Conv {
	return &Conv{KernelH: p.KernelH, StrideH: p.StrideH, DilationH: p.DilationH, PadTop: p.PadTop}
}

// Spans is part of Local.
func (s *pool) Spans(chunk int) (reads, writes RowSpan) { return s.through(chunk, s.Pool.conv()) }

// Spans is part of Local.
func (s *byteMaxStep) Spans(chunk int) (reads, writes RowSpan) {
	return s.through(chunk, s.Pool.conv())
}

// Spans is part of Local.
func (s *pointwise) Spans(chunk int) (reads, writes RowSpan) { return s.through(chunk, &pixelwise) }

// Spans is part of Local.
func (s *shuffling) Spans(chunk int) (reads, writes RowSpan) { return s.through(chunk, &pixelwise) }

// Spans is part of Local.
func (s *bytePair) Spans(chunk int) (reads, writes RowSpan) { return s.through(chunk, &pixelwise) }

// Spans is part of Local.
func (s *depthwise) Spans(chunk int) (reads, writes RowSpan) { return s.through(chunk, &s.conv) }

// Spans is part of Local.
func (s *picking) Spans(chunk int) (reads, writes RowSpan) {
	return EveryRow, s.of.around(s.span(chunk))
}

// Spans is part of Local.
func (s *blending) Spans(chunk int) (reads, writes RowSpan) {
	return EveryRow, s.of.around(s.span(chunk))
}

// Spans is part of Local.
func (s *directConv) Spans(chunk int) (reads, writes RowSpan) {
	c := &s.conv
	if c.In.N > 1 {
		return EveryRow, EveryRow
	}
	p := s.cut.at(chunk, 1, len(s.units), len(s.weights.columns))
	last := s.units[p.u1-1]
	rows := RowSpan{s.units[p.u0].y, last.y + last.rows}
	return c.reads(rows), c.Out.around(rows)
}

// Spans is part of Local. A chunk is a pass.
func (t *winogradTogether) Spans(chunk int) (reads, writes RowSpan) {
	return (*winogradConv)(t).spans(&t.passes[chunk].parts[0])
}

// Spans is part of Local. The step accesses only the scratch.
func (s *winogradFilters) Spans(int) (reads, writes RowSpan) { return RowSpan{}, RowSpan{} }

// Spans is part of Local. Stripes of a column access only the scratch.
func (s winogradProducts) Spans(int) (reads, writes RowSpan) {
	if s.whole {
		writes = s.passSpans(s.pass)
	}
	return RowSpan{}, writes
}

// Spans is part of Local.
func (s *winogradFew) Spans(int) (reads, writes RowSpan) { return RowSpan{}, s.passSpans(s.pass) }

// passSpans returns the rows that a pass writes.
func (s *winogradConv) passSpans(p *winogradPass) (writes RowSpan) {
	for i := range p.parts {
		_, rows := s.spans(&p.parts[i])
		writes = writes.with(rows)
	}
	return writes
}

// spans returns the spans of a part's tiles.
func (s *winogradConv) spans(p *winogradPart) (reads, writes RowSpan) {
	c := &s.conv
	if c.In.N > 1 {
		return EveryRow, EveryRow
	}
	var rows RowSpan
	for i := range p.groups {
		g := &p.groups[i]
		for _, at := range g.positions {
			y := c.Out.row(at.Out)
			rows = rows.with(RowSpan{y, y + (g.height-1)*c.DilationH + 1})
		}
	}
	return c.reads(rows), c.Out.around(rows)
}

// row returns the row of the pixel at an offset of bytes in a plane.
func (l *Layout) row(at int) int { return at/(l.Pitch*l.Format.PixelBytes()) - l.Top }

// Spans is part of Local. The step accesses only the scratch.
func (freeRooms) Spans(int) (reads, writes RowSpan) { return RowSpan{}, RowSpan{} }

// Spans is part of Local.
func (s *bands) Spans(chunk int) (reads, writes RowSpan) {
	last := len(s.chain) - 1
	out := &s.chain[last].Out
	if out.N > 1 {
		return EveryRow, EveryRow
	}
	rows := RowSpan{0, out.H}.part(chunk, len(s.runs))
	reads = rows
	for k := last; k >= 0; k-- {
		reads = s.chain[k].reads(reads)
	}
	return reads, out.around(rows)
}

// Spans is part of Local.
func (s toScratch) Spans(chunk int) (reads, writes RowSpan) {
	if l, ok := s.Step.(Local); ok {
		reads, _ = l.Spans(chunk)
		return reads, RowSpan{}
	}
	return EveryRow, RowSpan{}
}

// Spans is part of Local.
func (s fromScratch) Spans(chunk int) (reads, writes RowSpan) {
	if l, ok := s.Step.(Local); ok {
		_, writes = l.Spans(chunk)
		return RowSpan{}, writes
	}
	return RowSpan{}, EveryRow
}
