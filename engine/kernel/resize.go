package kernel

import (
	"fmt"
	"sync"
	"unsafe"

	"github.com/visionzoo/vision/engine/kernel/vec"
)

// The taps of an axis say from which elements of the input each element of the output is
// computed: bilinear from 4 to 8 has two taps for each of 8 outputs, such as 1/4·in[0] +
// 3/4·in[1] for the third.

// Resize describes a resizing of planes between two layouts, both F32x8 or each any of
// F32x16, Split32 and BF16x32. Rows are weighted sums of rows of the input, and then
// columns are weighted sums of columns of these. A nil axis is not resized; taps without
// weights select an element. The input needs no halo.
type Resize struct {
	In, Out       Layout
	Rows, Columns *vec.Taps
}

// Resize plans a resizing.
func (r *Rung) Resize(p Resize) (Work, error) {
	if err := sameFamily(&p.In, &p.Out); err != nil {
		return Work{}, err
	}
	if p.In.N != p.Out.N || p.In.C != p.Out.C || !p.Rows.Fit(p.In.H, p.Out.H) || !p.Columns.Fit(p.In.W, p.Out.W) {
		return Work{}, fmt.Errorf("resize of %v to %v: the sizes do not fit", p.In, p.Out)
	}
	picks := p.Rows.Picks() && p.Columns.Picks()
	format := p.Out.Format
	if !picks && !format.blockedF32() {
		format = F32x16
	}
	var work Work
	source := p.In
	if source.Format != format {
		source = NewLayout(format, p.In.N, p.In.C, p.In.H, p.In.W, Halo{})
		copied, err := r.Pointwise(Pointwise{Op: Copy, A: p.In, Out: source})
		if err != nil {
			return Work{}, err
		}
		work.Steps, work.Scratch = append(work.Steps, toScratch{copied.Steps[0], 0}), source.Size()
		p.In = source
	}
	step := newResizing(r, p, picks)
	if work.Scratch > 0 {
		step = fromScratch{step, 0}
	}
	work.Steps = append(work.Steps, step)
	return work, nil
}

// newResizing plans the resizing of an input of the right format.
func newResizing(r *Rung, p Resize, picks bool) Step {
	if picks {
		s := &picking{Resize: p}
		s.rows = newRows(p.Out, 4)
		return s
	}
	s := &blending{Resize: p, rung: r}
	pixel := p.In.Format.PixelBytes()
	s.down = newTapRuns(p.Rows, p.Out.H, p.In.Pitch*pixel)
	if p.Columns != nil {
		s.along = newTapRuns(p.Columns, p.Out.W, pixel)
	}
	s.rows = newRows(p.Out, 12+8*float64(s.down.most+s.along.most))
	s.rooms.New = func() any { return newRoom(2 * p.In.W * pixel) }
	return s
}

// picking is a resize that only copies pixels.
type picking struct {
	rows
	Resize
}

// Run is part of Step.
func (s *picking) Run(chunk int, m *Memory) {
	s.runs(chunk, func(n, plane, top, count int) {
		from, to := s.In.strips(m.In, n, plane), s.Out.strips(m.Out, n, plane)
		for i := range to {
			if to[i] != nil {
				s.strip(to[i], from[i], top, count)
			}
		}
		s.Out.clearRows(to, top, count)
	})
}

// strip writes count rows. A row from the same input row as the one above is a copy of
// that.
func (s *picking) strip(to, from unsafe.Pointer, top, count int) {
	size := s.Out.Format.PixelBytes()
	above := -1
	for y := top; y < top+count; y++ {
		row := unsafe.Add(to, s.Out.Pixel(y, 0))
		at := y
		if s.Rows != nil {
			at = int(s.Rows.Index[y])
		}
		in := unsafe.Add(from, s.In.Pixel(at, 0))
		switch {
		case at == above:
			in = unsafe.Add(to, s.Out.Pixel(y-1, 0))
			fallthrough
		case s.Columns == nil:
			copy(unsafe.Slice((*byte)(row), size*s.Out.W), unsafe.Slice((*byte)(in), size*s.Out.W))
		default:
			pickPixels(row, in, s.Columns.Index, size)
		}
		above = at
	}
}

// pickPixels copies pixels of 32, 64 or 128 bytes.
func pickPixels(to, from unsafe.Pointer, index []int32, size int) {
	switch size {
	case 32:
		for x, i := range index {
			*(*[32]byte)(unsafe.Add(to, 32*x)) = *(*[32]byte)(unsafe.Add(from, 32*int(i)))
		}
	case 64:
		for x, i := range index {
			*(*[64]byte)(unsafe.Add(to, 64*x)) = *(*[64]byte)(unsafe.Add(from, 64*int(i)))
		}
	default:
		for x, i := range index {
			copy(unsafe.Slice((*byte)(unsafe.Add(to, size*x)), size), unsafe.Slice((*byte)(unsafe.Add(from, size*int(i))), size))
		}
	}
}

// blending is a resize with weighted sums: of rows, into a room, and then of its columns.
type blending struct {
	rows
	Resize
	rung        *Rung
	down, along tapRuns
	rooms       sync.Pool
}

// tapRuns has the taps of each element of an axis whose weights are not zero.
type tapRuns struct {
	from    []int // for each element its first tap; and the end
	offsets []int64
	weights []float32
	most    int // the largest number of taps of an element
}

// newTapRuns lists the taps of n elements; those of the input are bytes apart.
func newTapRuns(t *vec.Taps, n, bytes int) tapRuns {
	r := tapRuns{from: make([]int, 1, n+1)}
	for i := range n {
		switch {
		case t == nil:
			r.offsets, r.weights = append(r.offsets, int64(i*bytes)), append(r.weights, 1)
		case t.Weight == nil:
			r.offsets, r.weights = append(r.offsets, int64(int(t.Index[i])*bytes)), append(r.weights, 1)
		default:
			for k := i; k < t.Per*n; k += n {
				if w := t.Weight[k]; w != 0 {
					r.offsets, r.weights = append(r.offsets, int64(int(t.Index[k])*bytes)), append(r.weights, w)
				}
			}
		}
		r.most = max(r.most, len(r.offsets)-r.from[i])
		r.from = append(r.from, len(r.offsets))
	}
	return r
}

// of returns the taps of element i.
func (r *tapRuns) of(i int) ([]int64, []float32) {
	a, b := r.from[i], r.from[i+1]
	return r.offsets[a:b], r.weights[a:b]
}

// Run is part of Step.
func (s *blending) Run(chunk int, m *Memory) {
	f := frames.Get().(*frame)
	room := s.rooms.Get().(unsafe.Pointer)
	s.each(chunk, func(n, plane, y int) {
		from, to := s.In.strips(m.In, n, plane), s.Out.strips(m.Out, n, plane)
		s.row(f, room, from, to, y)
		s.Out.clearRows(to, y, 1)
	})
	s.rooms.Put(room)
	frames.Put(f)
}

// row computes a row of outputs.
func (s *blending) row(f *frame, room unsafe.Pointer, from, to strips, y int) {
	offsets, weights := s.down.of(y)
	width := s.In.width()
	var rows strips
	for i, p := range from {
		if p == nil {
			continue
		}
		rows[i] = unsafe.Add(room, i*4*width*s.In.W)
		picture := floats(unsafe.Add(p, s.In.Pixel(0, 0)), (s.In.H-1)*s.In.Pitch*width+s.In.W*width)
		s.rung.Vec.BlendRows(floats(rows[i], s.In.W*width), picture, offsets, weights)
	}
	for x := 0; x < s.Out.W; x += maxUnit {
		w := min(maxUnit, s.Out.W-x)
		out := s.Out.target(to, y, x, f.strips(0))
		for i := range out {
			switch {
			case out[i] == nil:
			case rows[i] == nil:
				clear(floats(out[i], w*width))
			default:
				s.columns(out[i], rows[i], x, w)
			}
		}
		s.rung.store(&s.Out, to, y, x, w, out)
	}
}

// columns writes w pixels from x on of a row.
func (s *blending) columns(to, row unsafe.Pointer, x, w int) {
	width := s.In.width()
	if s.Columns == nil {
		copy(floats(to, w*width), floats(unsafe.Add(row, 4*width*x), w*width))
		return
	}
	for i := range w {
		offsets, weights := s.along.of(x + i)
		pixel := unsafe.Add(to, 4*width*i)
		if len(offsets) == 0 {
			clear(floats(pixel, width))
			continue
		}
		s.rung.Vec.Blend(pixel, row, unsafe.Pointer(&offsets[0]), unsafe.Pointer(&weights[0]), len(offsets), width)
	}
}
