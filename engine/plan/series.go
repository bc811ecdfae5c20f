package plan

import (
	"github.com/visionzoo/vision/engine/kernel"
	"github.com/visionzoo/vision/engine/team"
)

// A series is a sequence of kernels that threads run without waiting for each other
// after each kernel: the top rows of one step can be computed while the bottom rows
// of the step before are still being computed, if neither reads or overwrites what
// the other writes. Two convolutions of 3x3 on 12 rows, each cut into four chunks of three
// rows, depend on each other like this:
//
//	first   writes rows   0-2   3-5   6-8   9-11
//	                        │ ╲ ╱ │ ╲ ╱ │ ╲ ╱ │
//	second  reads rows    0-3   2-6   5-9   8-11
//
// The chunk of the second in rows 3-5 reads 2-6, so it needs chunks 0, 1 and 2 of the first:
// as a set of bits, 0b0111. What the second one overwrites counts as well, if its output
// lies where the first still reads. Which rows a chunk touches, kernels say (kernel.Local);
// rows of two values are compared only if equal rows of both lie at the same place in the
// arena. Everything else waits for all chunks. A kernel of more than team.Longest chunks is
// run by itself.

// seriesSteps and seriesChunks bound a series: between two series, threads can
// switch to other runs, and their usefulness is measured.
const (
	seriesSteps  = 32
	seriesChunks = 512
)

// makeSeries divides the schedule into series, after its buffers were placed.
func (b *builder) makeSeries() {
	for at := 0; at < len(b.steps); {
		if k := b.steps[at].kernel; k == nil || k.Chunks() > team.Longest {
			at++
			continue
		}
		var loops []team.Loop
		for chunks := 0; at < len(b.steps) && len(loops) < seriesSteps && chunks < seriesChunks; at++ {
			s := &b.steps[at]
			if s.kernel == nil || s.kernel.Chunks() > team.Longest {
				break
			}
			loop := team.Loop{Chunks: s.kernel.Chunks()}
			if len(loops) > 0 {
				loop.Needs = b.needs(&b.steps[at-1], s)
			}
			loops = append(loops, loop)
			chunks += loop.Chunks
		}
		b.series = append(b.series, loops)
	}
}

// needs returns, for every chunk of a step, the chunks of the step before that must
// have ended when it begins; nil means all of them. The step before that one has ended
// anyway (team.Series).
func (b *builder) needs(before, after *step) []uint64 {
	n := before.kernel.Chunks()
	if n > team.MaxNeeded {
		return nil
	}
	needs := make([]uint64, after.kernel.Chunks())
	first, second := touches(before), touches(after)
	for i := range first {
		for j := range second {
			x, y := &first[i], &second[j]
			if !x.writes && !y.writes || !b.overlap(x.place, y.place) {
				continue
			}
			if x.rows == nil || y.rows == nil || !b.aligned(x.place, y.place) {
				return nil
			}
			addNeeds(needs, y.rows, x.rows)
		}
	}
	return needs
}

// addNeeds adds to the needs of each chunk those earlier chunks that touch rows of its own.
func addNeeds(needs []uint64, rows, earlier []kernel.RowSpan) {
	for chunk, own := range rows {
		for i, others := range earlier {
			if own.Meets(others) {
				needs[chunk] |= 1 << i
			}
		}
	}
}

// touched is an operand of a step, with the rows of it that each chunk touches; nil
// if they are not known.
type touched struct {
	place
	rows   []kernel.RowSpan
	writes bool
}

// touches lists the operands of a kernel with the rows that it touches, without those of
// which no chunk touches any.
func touches(s *step) (all []touched) {
	var reads, writes []kernel.RowSpan
	if local, ok := s.kernel.(kernel.Local); ok {
		for chunk := range local.Chunks() {
			r, w := local.Spans(chunk)
			reads, writes = append(reads, r), append(writes, w)
		}
	}
	add := func(p place, rows []kernel.RowSpan, written bool) {
		for _, r := range rows {
			if r.From < r.To {
				all = append(all, touched{p, rows, written})
				return
			}
		}
		if rows == nil {
			all = append(all, touched{p, nil, written})
		}
	}
	add(s.out, writes, true)
	for i, p := range s.in {
		if i > 0 {
			reads = nil // Spans describes the first only
		}
		add(p, reads, false)
	}
	if s.res != nil {
		add(*s.res, writes, false)
	}
	if s.mean != nil {
		add(*s.mean, nil, true)
	}
	add(s.scratch, nil, true)
	return all
}

// overlap reports whether two places overlap in the arena.
func (b *builder) overlap(x, y place) bool {
	if x.buffer < 0 || y.buffer < 0 {
		return false // nothing writes to inputs
	}
	from, end := b.extent(x)
	begin, to := b.extent(y)
	return from < to && begin < end
}

// extent returns where in the arena a place begins and ends.
func (b *builder) extent(p place) (from, to int) {
	buf := &b.buffers[p.buffer]
	if size := p.layout.Size(); size > 0 && p.layout.N == 1 {
		return buf.offset + p.offset, buf.offset + p.offset + size
	}
	return buf.offset, buf.offset + buf.size
}

// aligned reports whether in two overlapping places equal rows, and only these, share
// memory: planes are equally far apart, rows are equally long, and each begins where a
// plane of the other does.
func (b *builder) aligned(x, y place) bool {
	l, m := &x.layout, &y.layout
	from, _ := b.extent(x)
	begin, _ := b.extent(y)
	return l.N == 1 && m.N == 1 && l.Block == m.Block && l.Top == m.Top && (from-begin)%l.Block == 0 &&
		l.Pitch*l.Format.PixelBytes() == m.Pitch*m.Format.PixelBytes()
}
