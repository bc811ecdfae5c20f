package kernel

import (
	"fmt"
	"math"
	"unsafe"
)

// Pool describes a pooling between two layouts of F32x8, or of any of F32x16,
// Split32 and BF16x32. The input needs no halo. Padding at the bottom and right
// is told, since an average may count it.
type Pool struct {
	In, Out              Layout
	KernelH, KernelW     int
	StrideH, StrideW     int
	DilationH, DilationW int
	PadTop, PadLeft      int
	PadBottom, PadRight  int
	CountPad             bool // an average counts padding as zeros
}

type pool struct {
	rows
	Pool
	rung   *Rung
	op     windowOp
	source Layout // the input, or its copy in float32
	copied bool
	row    windowRow
	spans  []windowSpan
}

// MaxPool plans the largest number of each window; padding is not counted.
func (r *Rung) MaxPool(p Pool) (Work, error) { return r.pool(p, windowMax) }

// AveragePool plans the mean of each window.
func (r *Rung) AveragePool(p Pool) (Work, error) { return r.pool(p, windowSum) }

func (r *Rung) pool(p Pool, op windowOp) (Work, error) {
	if err := sameFamily(&p.In, &p.Out); err != nil {
		return Work{}, err
	}
	if p.In.N != p.Out.N || p.In.C != p.Out.C {
		return Work{}, fmt.Errorf("pool of %v to %v: pictures or channels differ", p.In, p.Out)
	}
	if min(p.KernelH, p.KernelW, p.StrideH, p.StrideW, p.DilationH, p.DilationW) < 1 {
		return Work{}, fmt.Errorf("pool of %v: every size must be at least 1", p.In)
	}
	s := &pool{Pool: p, rung: r, op: op, source: p.In, row: r.WindowRow16}
	if p.In.Format == F32x8 {
		s.row = r.WindowRow8
	}
	var work Work
	if !p.In.Format.blockedF32() {
		s.source, s.copied = NewLayout(F32x16, p.In.N, p.In.C, p.In.H, p.In.W, Halo{}), true
		widen, err := r.Pointwise(Pointwise{Op: Copy, A: p.In, Out: s.source})
		if err != nil {
			return Work{}, err
		}
		work.Steps = append(work.Steps, toScratch{widen.Steps[0]})
		work.Scratch = s.source.Size()
	}
	s.spans = windowSpans(&s.source, p.Out.W, p.KernelH, p.KernelW, p.StrideW, p.DilationH, p.DilationW, p.PadLeft, false)
	s.rows = newRows(p.Out, 4+2*float64(p.KernelH*p.KernelW))
	work.Steps = append(work.Steps, s)
	return work, nil
}

// toScratch is a step whose output is the scratch.
type toScratch struct{ Step }

func (s toScratch) Run(chunk int, m *Memory) {
	f := frames.Get().(*frame)
	f.memory = *m
	f.memory.Out = m.Scratch
	s.Step.Run(chunk, &f.memory)
	f.memory = Memory{}
	frames.Put(f)
}

// Run is part of Step.
func (s *pool) Run(chunk int, m *Memory) {
	f := frames.Get().(*frame)
	from := m.In
	if s.copied {
		from = m.Scratch
	}
	s.each(chunk, func(n, plane, y int) {
		s.outRow(f, s.source.strips(from, n, plane), s.Out.strips(m.Out, n, plane), y)
	})
	f.window = windowArgs{}
	frames.Put(f)
}

// outRow computes a row of outputs.
func (s *pool) outRow(f *frame, from, out strips, y int) {
	top := y*s.StrideH - s.PadTop
	first, end := windowInside(top, s.KernelH, s.DilationH, s.In.H)
	room := f.strips(0)
	for i := range s.spans {
		span := &s.spans[i]
		to := s.Out.target(out, y, span.x, room)
		for j := range to {
			if to[j] == nil {
				continue
			}
			if from[j] == nil {
				clear(floats(to[j], span.w*s.Out.width()))
				continue
			}
			s.span(f, span, from[j], to[j], y, top, first, end)
		}
		s.rung.store(&s.Out, out, y, span.x, span.w, to)
	}
	s.Out.clearRow(out, y)
}

// span computes the outputs of a span from kernel rows [first, end).
func (s *pool) span(f *frame, span *windowSpan, from, to unsafe.Pointer, y, top, first, end int) {
	if first == end || span.columns == 0 { // all padding
		s.empty(floats(to, span.w*s.Out.width()))
		return
	}
	left := span.x*s.StrideW - s.PadLeft
	f.window = windowArgs{In: from, First: s.source.Pixel(top, left), Out: to,
		Offsets: unsafe.Pointer(&span.offsets[first*span.columns]), Taps: (end - first) * span.columns,
		PixelStride: s.StrideW * s.source.Format.PixelBytes(), Count: span.w}
	if s.op == windowSum && s.CountPad {
		// Windows past the padding on the right differ in what they count.
		rows := min(s.KernelH, (s.In.H+s.PadBottom-1-top)/s.DilationH+1)
		for x := 0; x < span.w; {
			columns := s.counted(span.x + x)
			n := 1
			for x+n < span.w && s.counted(span.x+x+n) == columns {
				n++
			}
			a := &f.window
			a.Count, a.Scale = n, 1/float32(rows*columns)
			s.row(s.op, a)
			a.First += n * a.PixelStride
			if x += n; x < span.w {
				a.Out = unsafe.Add(a.Out, n*4*s.Out.width())
			}
		}
		return
	}
	f.window.Scale = 1 / float32(f.window.Taps)
	s.row(s.op, &f.window)
}

// counted is how many columns of the window of column x lie inside the picture
// and its padding.
func (s *pool) counted(x int) int {
	return min(s.KernelW, (s.In.W+s.PadRight-1-(x*s.StrideW-s.PadLeft))/s.DilationW+1)
}

// empty is the pool of nothing: of a maximum minus infinity or, in formats that
// have none, the lowest number.
func (s *pool) empty(out []float32) {
	v := float32(0)
	switch {
	case s.op == windowMax && s.Out.Format.blockedF32():
		v = float32(math.Inf(-1))
	case s.op == windowMax:
		v = -math.MaxFloat32 / 2
	}
	for i := range out {
		out[i] = v
	}
}

// GlobalAverage plans the mean of each plane of in into out, which has H and W
// of 1 and may be planar.
func (r *Rung) GlobalAverage(in, out Layout) (Work, error) {
	if out.Format != Planar {
		if err := sameFamily(&in, &out); err != nil {
			return Work{}, err
		}
	}
	if in.N != out.N || in.C != out.C || out.H != 1 || out.W != 1 || in.Format == Planar || in.Format == U8x64 {
		return Work{}, fmt.Errorf("global average of %v to %v: not so", in, out)
	}
	const pixelTime = 4 // ns
	s := &globalAverage{in: in, out: out, rung: r, bands: 1}
	if in.H >= 14 && float64(in.planes()*in.H*in.W)*pixelTime > chunkTime {
		s.bands = 8
		work := Work{Scratch: in.N * s.bands * s.bandBytes()}
		work.Steps = []Step{bandSums{s}, s}
		s.chunks = in.N
		return work, nil
	}
	s.chunks = pieces(in.N*in.planes(), float64(in.H*in.W)*pixelTime)
	return Work{Steps: []Step{s}}, nil
}

// globalAverage takes the sums of whole planes, or adds up those of the bands of
// larger pictures, which bandSums left in the scratch.
type globalAverage struct {
	in, out       Layout
	rung          *Rung
	bands, chunks int
}

// bandSums sums each plane over a band of rows, as convolutions cut them.
type bandSums struct{ *globalAverage }

// bandBytes is the size of the sums of all planes of a band.
func (s *globalAverage) bandBytes() int { return s.in.planes() * 2 * 64 }

// bandSums is where the sums of a plane over a band lie.
func (s *globalAverage) bandSums(m *Memory, n, band, plane int) strips {
	at := unsafe.Add(m.Scratch, (n*s.bands+band)*s.bandBytes()+plane*2*64)
	return strips{at, unsafe.Add(at, 64)}
}

// Chunks is part of Step.
func (b bandSums) Chunks() int { return b.in.N * b.bands }

// Run is part of Step.
func (b bandSums) Run(chunk int, m *Memory) {
	n, band := chunk/b.bands, chunk%b.bands
	f := frames.Get().(*frame)
	for plane := range b.in.planes() {
		b.sum(f, m, b.bandSums(m, n, band, plane), n, plane, band*b.in.H/b.bands, (band+1)*b.in.H/b.bands)
	}
	frames.Put(f)
}

// Chunks is part of Step.
func (s *globalAverage) Chunks() int { return s.chunks }

// Run is part of Step.
func (s *globalAverage) Run(chunk int, m *Memory) {
	f := frames.Get().(*frame)
	sums := f.strips(1)
	width := s.in.width()
	scale := 1 / float32(s.in.H*s.in.W)
	all := s.in.N * s.in.planes()
	for i := chunk * all / s.chunks; i < (chunk+1)*all/s.chunks; i++ {
		n, plane := i/s.in.planes(), i%s.in.planes()
		if s.bands == 1 {
			s.sum(f, m, sums, n, plane, 0, s.in.H)
		} else {
			s.addBands(m, sums, n, plane)
		}
		for _, p := range sums {
			for k := range floats(p, width) {
				floats(p, width)[k] *= scale
			}
		}
		s.write(m, n, plane, sums)
	}
	frames.Put(f)
}

// sum adds up rows [top, end) of a plane.
func (s *globalAverage) sum(f *frame, m *Memory, sums strips, n, plane, top, end int) {
	from := s.in.strips(m.In, n, plane)
	width := s.in.width()
	clear(floats(sums[0], width))
	clear(floats(sums[1], width))
	for y := top; y < end; y++ {
		for x := 0; x < s.in.W; x += maxUnit {
			w := min(maxUnit, s.in.W-x)
			for i, p := range s.rung.load(&s.in, from, y, x, w, f.strips(0)) {
				if p == nil {
					continue
				}
				if width == 8 {
					s.rung.SumRow8(sums[i], p, w)
				} else {
					s.rung.SumRow16(sums[i], p, w)
				}
			}
		}
	}
}

// addBands adds up the sums of a plane's bands.
func (s *globalAverage) addBands(m *Memory, sums strips, n, plane int) {
	for i, p := range sums {
		to := floats(p, s.in.width())
		clear(to)
		for band := range s.bands {
			for k, v := range floats(s.bandSums(m, n, band, plane)[i], len(to)) {
				to[k] += v
			}
		}
	}
}

func (s *globalAverage) write(m *Memory, n, plane int, sums strips) {
	if s.out.Format == Planar {
		first := plane * 2 * 16
		if s.in.Format == F32x8 {
			first = plane * 8
		}
		for i, p := range sums {
			for j, v := range floats(p, s.in.width()) {
				if c := first + 16*i + j; c < s.out.C && (i == 0 || s.in.Format != F32x8) {
					*(*float32)(unsafe.Add(m.Out, s.out.At(n, c))) = v
				}
			}
		}
		return
	}
	at := s.out.strips(m.Out, n, plane)
	for i, to := range s.out.target(at, 0, 0, sums) {
		if to != nil && to != sums[i] {
			copy(floats(to, s.in.width()), floats(sums[i], s.in.width()))
		}
	}
	s.rung.store(&s.out, at, 0, 0, 1, sums)
	s.out.clearRow(at, 0)
}

func sumRow8(sum, src unsafe.Pointer, pixels int)  { sumRowAny(8, sum, src, pixels) }
func sumRow16(sum, src unsafe.Pointer, pixels int) { sumRowAny(16, sum, src, pixels) }

func sumRowAny(lanes int, sum, src unsafe.Pointer, pixels int) {
	to := floats(sum, lanes)
	for i := range pixels {
		for j, x := range floats(unsafe.Add(src, 4*lanes*i), lanes) {
			to[j] += x
		}
	}
}
