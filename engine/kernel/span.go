package kernel

import "math"

// RowSpan are rows [From, To) of every plane of an activation; those of the halo
// have numbers below 0 and from H on.
type RowSpan struct{ From, To int }

// EveryRow is all of them.
var EveryRow = RowSpan{math.MinInt, math.MaxInt}

func (s RowSpan) rows() int { return s.To - s.From }

// part is the i-th of n parts.
func (s RowSpan) part(i, n int) RowSpan {
	return RowSpan{s.From + i*s.rows()/n, s.From + (i+1)*s.rows()/n}
}

// Meets reports whether the spans have a row in common.
func (s RowSpan) Meets(t RowSpan) bool { return max(s.From, t.From) < min(s.To, t.To) }

// with is the span from the first to the last row of both.
func (s RowSpan) with(t RowSpan) RowSpan {
	switch {
	case s.From >= s.To:
		return t
	case t.From >= t.To:
		return s
	}
	return RowSpan{min(s.From, t.From), max(s.To, t.To)}
}

// Local is a Step whose chunks keep to some rows, so that a step behind it need
// not wait for all of them. Spans are the rows of Memory.In that make a difference
// to a chunk, and those of Memory.Out that it writes, the halo included; of a
// residual it reads no others. An empty span is no row at all.
type Local interface {
	Step
	Spans(chunk int) (reads, writes RowSpan)
}

// around are rows of the layout with the halo that is cleared with them: the
// right one of a row is the left one of the next.
func (l *Layout) around(s RowSpan) RowSpan {
	if l.Halo == (Halo{}) || s.From >= s.To {
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

// span are the rows of a chunk.
func (r *rows) span(chunk int) (s RowSpan) {
	if r.of.N > 1 {
		return EveryRow
	}
	r.runs(chunk, func(_, _, top, count int) { s = s.with(RowSpan{top, top + count}) })
	return s
}

// through are the spans of a chunk whose outputs come from windows of a
// convolution's shape.
func (r *rows) through(chunk int, c *Conv) (reads, writes RowSpan) {
	s := r.span(chunk)
	if s == EveryRow {
		return s, s
	}
	return c.reads(s), r.of.around(s)
}

// pixelwise is the window of steps that compute a pixel from the one in its
// place.
var pixelwise = Conv{KernelH: 1, StrideH: 1, DilationH: 1}

// conv is a convolution with the same windows.
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

// Spans is part of Local: of a pass.
func (t *winogradTogether) Spans(chunk int) (reads, writes RowSpan) {
	return (*winogradConv)(t).spans(&t.passes[chunk].parts[0])
}

// Spans is part of Local: all that it touches is the scratch.
func (s *winogradKernels) Spans(int) (reads, writes RowSpan) { return RowSpan{}, RowSpan{} }

// Spans is part of Local: all that stripes of a column touch is the scratch.
func (s winogradProducts) Spans(int) (reads, writes RowSpan) {
	if s.whole {
		writes = s.passSpans(s.pass)
	}
	return RowSpan{}, writes
}

// Spans is part of Local.
func (s *winogradFew) Spans(int) (reads, writes RowSpan) { return RowSpan{}, s.passSpans(s.pass) }

// passSpans are the rows that a pass writes.
func (s *winogradConv) passSpans(p *winogradPass) (writes RowSpan) {
	for i := range p.parts {
		_, rows := s.spans(&p.parts[i])
		writes = writes.with(rows)
	}
	return writes
}

// spans are the rows of a part's tiles.
func (s *winogradConv) spans(p *winogradPart) (reads, writes RowSpan) {
	c := &s.conv
	if c.In.N > 1 {
		return EveryRow, EveryRow
	}
	var rows RowSpan
	for i := range p.groups {
		for _, at := range p.groups[i].positions {
			y := c.Out.row(at.Out)
			rows = rows.with(RowSpan{y, min(y+s.unit.side, c.Out.H)})
		}
	}
	return c.reads(rows), c.Out.around(rows)
}

// row is the row of the pixel that lies so many bytes into a plane.
func (l *Layout) row(at int) int { return at/(l.Pitch*l.Format.PixelBytes()) - l.Top }

// Spans is part of Local: all that it touches is the scratch.
func (vacancy) Spans(int) (reads, writes RowSpan) { return RowSpan{}, RowSpan{} }

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

// Spans is part of Local, where the step is.
func (s toScratch) Spans(chunk int) (reads, writes RowSpan) {
	if l, ok := s.Step.(Local); ok {
		reads, _ = l.Spans(chunk)
		return reads, RowSpan{}
	}
	return EveryRow, RowSpan{}
}

// Spans is part of Local, where the step is.
func (s fromScratch) Spans(chunk int) (reads, writes RowSpan) {
	if l, ok := s.Step.(Local); ok {
		_, writes = l.Spans(chunk)
		return RowSpan{}, writes
	}
	return RowSpan{}, EveryRow
}
