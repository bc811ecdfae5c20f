package kernel

import (
	"fmt"
	"math"
	"sync"
	"unsafe"
)

// Pool describes a pooling between two layouts, both F32x8 or each any of F32x16,
// Split32 and BF16x32. The input needs no halo. Sizes and padding are in pixels.
// PadBottom and PadRight matter only for CountPad.
type Pool struct {
	In, Out              Layout
	KernelH, KernelW     int
	StrideH, StrideW     int
	DilationH, DilationW int
	PadTop, PadLeft      int
	PadBottom, PadRight  int
	CountPad             bool // an average counts padding as zeros
}

// pool is a planned pooling. If the input is not float32, a chunk converts the rows
// that it reads to float32, in a buffer called a room.
type pool struct {
	rows
	Pool
	rung   *Rung
	op     windowOp
	source Layout // the input, or a room
	copied bool   // the source is a room
	most   int    // rows of output that are computed from one filling of the source
	rooms  *sync.Pool
	row    windowRow
	spans  []windowSpan

	// By columns first, see byColumns: the offsets of a column's rows, and of a row's columns
	// in the room of their maxima, which has right columns of padding on its right.
	down, across []int
	right        int
}

// poolRoom is the size of a room in bytes, which stays in L2. Only if the rows of a
// single window take more is a room larger.
const poolRoom = 128 << 10

// poolRooms holds rooms of that size, for all pools.
var poolRooms = sync.Pool{New: func() any { return newRoom(poolRoom) }}

// MaxPool plans a max pool. Padding is ignored; a window of nothing but padding gives
// -Inf, or a very low number in formats that cannot hold it.
func (r *Rung) MaxPool(p Pool) (Work, error) { return r.pool(p, windowMax) }

// byColumns reports whether it takes fewer steps to find the maximum of each column of a
// row's windows first, and then the maxima of these: for 3x3 with stride 1, three and three,
// and two to keep them, of nine. Then edges take no more time than other windows, too. Every
// window must overlap the input.
func (p *Pool) byColumns() bool {
	if p.KernelH*p.StrideW+p.KernelW+2 > p.KernelH*p.KernelW {
		return false
	}
	for x := range p.Out.W {
		if from, end := windowInside(x*p.StrideW-p.PadLeft, p.KernelW, p.DilationW, p.In.W); from == end {
			return false
		}
	}
	for y := range p.Out.H {
		if from, end := windowInside(y*p.StrideH-p.PadTop, p.KernelH, p.DilationH, p.In.H); from == end {
			return false
		}
	}
	return true
}

// columnsRead is the number of columns of a row of the input with those of the padding that windows
// read. It may be more than an int of 32 bits holds.
func (p *Pool) columnsRead() int64 {
	last := int64(p.Out.W-1)*int64(p.StrideW) + int64(p.KernelW-1)*int64(p.DilationW)
	return max(int64(p.PadLeft)+int64(p.In.W), last+1)
}

// AveragePool plans an average pool. Padding counts only with CountPad.
func (r *Rung) AveragePool(p Pool) (Work, error) { return r.pool(p, windowSum) }

// pool plans a pooling by windows.
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
	s := &pool{Pool: p, rung: r, op: op, source: p.In, most: p.Out.H, row: r.lanes(p.In.width()).WindowRow}
	if !p.In.Format.blockedF32() {
		s.widen()
	}
	pixel := s.source.Format.PixelBytes()
	if room := p.columnsRead() * int64(pixel); op == windowMax && room <= poolRoom && p.byColumns() {
		s.right = int(room)/pixel - p.PadLeft - p.In.W
		s.down, s.across = s.source.taps(p.KernelH, p.DilationH, 0, 1, 0), s.source.taps(1, 0, 0, p.KernelW, p.DilationW)
		s.rows = newRows(p.Out, 4+2*float64(p.KernelH*p.StrideW+p.KernelW))
		return Work{Steps: []Step{s}}, nil
	}
	s.spans = p.windowSpans(&s.source)
	s.rows = newRows(p.Out, 4+2*float64(p.KernelH*p.KernelW))
	return Work{Steps: []Step{s}}, nil
}

// widen makes chunks convert the rows that they read to float32, in a room.
func (s *pool) widen() {
	window := (s.KernelH-1)*s.DilationH + 1
	row := 2 * s.In.W * F32x16.PixelBytes()
	s.most = min(s.Out.H, max(1, (poolRoom/row-window)/s.StrideH+1))
	rows := min(s.In.H, (s.most-1)*s.StrideH+window)
	s.copied, s.source = true, NewLayout(F32x16, 1, 32, rows, s.In.W, Halo{})
	s.rooms = &poolRooms
	if size := s.source.Size(); size > poolRoom {
		s.rooms = &sync.Pool{New: func() any { return newRoom(size) }}
	}
}

// Run is part of Step.
func (s *pool) Run(chunk int, m *Memory) {
	f := frames.Get().(*frame)
	var room, maxima unsafe.Pointer
	if s.copied {
		room = s.rooms.Get().(unsafe.Pointer)
		defer s.rooms.Put(room)
	}
	if s.down != nil {
		maxima = poolRooms.Get().(unsafe.Pointer)
		defer poolRooms.Put(maxima)
		s.clearSides(maxima)
	}
	s.groups(chunk, s.most, func(n, plane, top, count int) {
		from, first := s.In.strips(m.In, n, plane), 0
		if s.copied {
			from, first = s.fill(room, from, top, count)
		}
		for y := top; y < top+count; y++ {
			out := s.Out.strips(m.Out, n, plane)
			if s.down != nil {
				s.outByColumns(f, maxima, from, out, y, first)
			} else {
				s.outRow(f, from, out, y, first)
			}
			s.Out.clearRows(out, y, 1)
		}
	})
	f.window = windowArgs{}
	frames.Put(f)
}

// fill converts the rows of the input from which rows [top, top+count) of the output
// are computed. It returns the room as a plane, and the row with which it begins.
func (s *pool) fill(room unsafe.Pointer, from strips, top, count int) (strips, int) {
	first := max(0, top*s.StrideH-s.PadTop)
	end := min(s.In.H, (top+count-1)*s.StrideH-s.PadTop+(s.KernelH-1)*s.DilationH+1)
	to := s.source.strips(room, 0, 0)
	for y := first; y < end; y++ {
		s.rung.load(&s.In, from, y, 0, s.In.W, to.add(s.source.Pixel(y-first, 0)))
	}
	return to, first
}

// outRow computes row y of the output; from begins with row first of the input.
func (s *pool) outRow(f *frame, from, out strips, y, first int) {
	top := y*s.StrideH - s.PadTop
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
			s.span(f, span, from[j], to[j], top, first)
		}
		s.rung.store(&s.Out, out, y, span.x, span.w, to)
	}
}

// clearSides fills the columns of padding in the room of the maxima.
func (s *pool) clearSides(maxima unsafe.Pointer) {
	pixel := s.source.Format.PixelBytes()
	for _, side := range [2][]float32{
		floats(maxima, s.PadLeft*pixel/4),
		floats(unsafe.Add(maxima, (s.PadLeft+s.In.W)*pixel), s.right*pixel/4),
	} {
		for i := range side {
			side[i] = float32(math.Inf(-1))
		}
	}
}

// outByColumns is outRow by columns first.
func (s *pool) outByColumns(f *frame, maxima unsafe.Pointer, from, out strips, y, firstRow int) {
	pixel, top := s.source.Format.PixelBytes(), y*s.StrideH-s.PadTop
	first, end := windowInside(top, s.KernelH, s.DilationH, s.In.H)
	for x := 0; x < s.Out.W; x += maxUnit {
		w := min(maxUnit, s.Out.W-x)
		to := s.Out.target(out, y, x, f.strips(0))
		for j := range to {
			if to[j] == nil {
				continue
			}
			if from[j] == nil {
				clear(floats(to[j], w*s.Out.width()))
				continue
			}
			left := x*s.StrideW - s.PadLeft // the first column that these windows need, and how many
			begin := max(0, left)
			columns := min(s.In.W, left+(w-1)*s.StrideW+(s.KernelW-1)*s.DilationW+1) - begin
			f.window = windowArgs{In: from[j], First: s.source.Pixel(top-firstRow, begin), Out: unsafe.Add(maxima, (s.PadLeft+begin)*pixel),
				Offsets: unsafe.Pointer(&s.down[first]), Taps: end - first, PixelStride: pixel, Count: columns}
			s.windows(&f.window)
			f.window = windowArgs{In: maxima, First: x * s.StrideW * pixel, Out: to[j],
				Offsets: unsafe.Pointer(&s.across[0]), Taps: s.KernelW, PixelStride: s.StrideW * pixel, Count: w}
			s.windows(&f.window)
		}
		s.rung.store(&s.Out, out, y, x, w, to)
	}
}

// span computes the outputs of a span whose windows begin in row top of the input;
// from begins with row firstRow.
func (s *pool) span(f *frame, span *windowSpan, from, to unsafe.Pointer, top, firstRow int) {
	first, end := windowInside(top, s.KernelH, s.DilationH, s.In.H)
	if first == end || span.columns == 0 { // all padding
		s.empty(floats(to, span.w*s.Out.width()))
		return
	}
	left := span.x*s.StrideW - s.PadLeft
	f.window = windowArgs{In: from, First: s.source.Pixel(top-firstRow, left), Out: to,
		Offsets: unsafe.Pointer(&span.offsets[first*span.columns]), Taps: (end - first) * span.columns,
		PixelStride: s.StrideW * s.source.Format.PixelBytes(), Count: span.w}
	if s.op == windowSum && s.CountPad {
		// Windows that extend beyond the padding on the right count fewer columns.
		rows := min(s.KernelH, (s.In.H+s.PadBottom-1-top)/s.DilationH+1)
		for x := 0; x < span.w; {
			columns := s.counted(span.x + x)
			n := 1
			for x+n < span.w && s.counted(span.x+x+n) == columns {
				n++
			}
			a := &f.window
			a.Count, a.Scale = n, 1/float32(rows*columns)
			s.windows(a)
			a.First += n * a.PixelStride
			if x += n; x < span.w {
				a.Out = unsafe.Add(a.Out, n*4*s.Out.width())
			}
		}
		return
	}
	f.window.Scale = 1 / float32(f.window.Taps)
	s.windows(&f.window)
}

// windows computes a run of windows. Kernels compute eight at a time, and each
// remaining one takes as long as eight. So the last eight overlap the ones before.
func (s *pool) windows(a *windowArgs) {
	const together = 8
	rest := a.Count % together
	if rest == 0 || a.Count < together {
		s.row(s.op, a)
		return
	}
	last := *a
	a.Count -= rest
	s.row(s.op, a)
	back := a.Count + rest - together
	a.First += back * a.PixelStride
	a.Out = unsafe.Add(a.Out, back*4*s.Out.width())
	a.Count = together
	s.row(s.op, a)
	*a = last
}

// counted returns how many columns of the window of output column x lie inside the
// input and its padding.
func (s *pool) counted(x int) int {
	return min(s.KernelW, (s.In.W+s.PadRight-1-(x*s.StrideW-s.PadLeft))/s.DilationW+1)
}

// empty writes the pool of a window of nothing but padding: 0 for an average, and for a
// maximum -Inf or, as splitting an infinity into two parts would give NaN, a very low number.
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
