package kernel

import (
	"fmt"
	"unsafe"
)

// Convert plans a copy of an activation to another layout of the same N, H and W, of any
// format but those of bytes. The channels of from become channels first, first+1, ... of to:
// it can write one operand of a concatenation. If to has other channels too, both must be
// float32, and only the channels of from (and the halo of their blocks) are written.
func (r *Rung) Convert(from, to Layout, first int) (Work, error) {
	if from.N != to.N || from.H != to.H || from.W != to.W || first < 0 || first+from.C > to.C {
		return Work{}, fmt.Errorf("convert %v to %v from channel %d on: the shapes differ", from, to, first)
	}
	if from.Format == U8x64 || to.Format == U8x64 {
		return Work{}, fmt.Errorf("convert %v to %v: no kernel for bytes", from, to)
	}
	whole := first == 0 && from.C == to.C
	switch {
	case whole && from.Format != Planar && to.Format != Planar && sameFamily(&from, &to) == nil:
		return r.Pointwise(Pointwise{Op: Copy, A: from, Out: to})
	case whole && from.Format == Planar && to.Format != Planar:
		return Work{Steps: []Step{newTranspose(r, from, to, true)}}, nil
	case whole && to.Format == Planar && from.Format != Planar:
		return Work{Steps: []Step{newTranspose(r, from, to, false)}}, nil
	case floatFormat(from.Format) && floatFormat(to.Format):
		s := &moveChannels{from: from, to: to, first: first}
		s.rows = newRows(to, 40)
		return Work{Steps: []Step{s}}, nil
	case whole: // between F32x8 and Split32 or BF16x32: through a planar copy
		mid := NewLayout(Planar, from.N, from.C, from.H, from.W, Halo{})
		a, b := newTranspose(r, from, mid, false), newTranspose(r, mid, to, true)
		return Work{Steps: []Step{toScratch{a, 0}, fromScratch{b, 0}}, Scratch: mid.Size()}, nil
	}
	return Work{}, fmt.Errorf("convert %v to %v from channel %d on: a shift of channels needs float32", from, to, first)
}

// floatFormat reports whether the numbers of f are float32.
func floatFormat(f Format) bool { return f == Planar || f.blockedF32() }

// transpose converts between planar and blocked layouts.
type transpose struct {
	rows
	rung            *Rung
	planar, blocked Layout
	in              bool // from planar to blocked
}

func newTranspose(r *Rung, from, to Layout, in bool) *transpose {
	s := &transpose{rung: r, planar: from, blocked: to, in: in}
	if !in {
		s.planar, s.blocked = to, from
	}
	s.rows = newRows(s.blocked, 10)
	return s
}

// Run is part of Step.
func (s *transpose) Run(chunk int, m *Memory) {
	f := frames.Get().(*frame)
	planar, blocked := m.In, m.Out
	if !s.in {
		planar, blocked = m.Out, m.In
	}
	s.runs(chunk, func(n, plane, top, count int) {
		at := s.blocked.strips(blocked, n, plane)
		first := plane * 32
		if s.blocked.Format == F32x8 {
			first = plane * 8
		}
		flat := unsafe.Add(planar, s.planar.At(n, first))
		rows, pixels := count, s.blocked.W
		if s.blocked.Pitch == s.blocked.W { // without halo the rows are one
			rows, pixels = 1, count*pixels
		}
		for y := top; y < top+rows; y++ {
			for x := 0; x < pixels; x += maxUnit {
				w := min(maxUnit, pixels-x)
				from := unsafe.Add(flat, s.planar.Pixel(y, x))
				if s.in {
					to := s.blocked.target(at, y, x, f.strips(0))
					s.strips(to, from, first, w)
					s.rung.store(&s.blocked, at, y, x, w, to)
				} else {
					s.strips(s.rung.load(&s.blocked, at, y, x, w, f.strips(0)), from, first, w)
				}
			}
		}
		if s.in {
			s.blocked.clearRows(at, top, count)
		}
	})
	frames.Put(f)
}

// strips transposes w pixels of channels from first on.
func (s *transpose) strips(p strips, flat unsafe.Pointer, first, w int) {
	width := s.blocked.width()
	k := s.rung.lanes(width)
	for i := range p {
		if p[i] == nil {
			continue
		}
		channels := max(0, min(width, s.blocked.C-first-width*i))
		planes := flat
		if channels > 0 {
			planes = unsafe.Add(flat, width*i*s.planar.Block)
		}
		if s.in {
			k.Interleave(p[i], planes, s.planar.Block, channels, w)
		} else {
			k.Deinterleave(planes, p[i], s.planar.Block, channels, w)
		}
	}
}

func interleaveLanes(lanes int, dst, src unsafe.Pointer, plane, channels, pixels int) {
	to := floats(dst, lanes*pixels)
	for c := range lanes {
		if c >= channels {
			for i := range pixels {
				to[i*lanes+c] = 0
			}
			continue
		}
		for i, x := range floats(unsafe.Add(src, c*plane), pixels) {
			to[i*lanes+c] = x
		}
	}
}

func deinterleaveLanes(lanes int, dst, src unsafe.Pointer, plane, channels, pixels int) {
	from := floats(src, lanes*pixels)
	for c := range channels {
		to := floats(unsafe.Add(dst, c*plane), pixels)
		for i := range to {
			to[i] = from[i*lanes+c]
		}
	}
}

// moveChannels copies float32 numbers one by one: it is for channels that do not begin at
// a block, and for blocks of another width. Behind the last channel it writes zeros to the
// end of the block: the tile unit multiplies what is there.
type moveChannels struct {
	rows
	from, to Layout
	first    int
}

// Run is part of Step.
func (s *moveChannels) Run(chunk int, m *Memory) {
	per := 32
	if s.to.Format == F32x8 {
		per = 8
	} else if s.to.Format == Planar {
		per = 1
	}
	fromStride, toStride := s.from.Format.PixelBytes(), s.to.Format.PixelBytes()
	end := s.first + s.from.C
	behind := end
	if end == s.to.C && s.to.Format != Planar {
		behind = roundUp(end, s.to.Format.Channels())
	}
	s.each(chunk, func(n, plane, y int) {
		for c := max(plane*per, end); c < min(plane*per+per, behind); c++ {
			dst := s.to.place(m.Out, n, c, y)
			for x := range s.to.W {
				*(*float32)(unsafe.Add(dst, x*toStride)) = 0
			}
		}
		for c := max(plane*per, s.first); c < min(plane*per+per, end); c++ {
			src := s.from.place(m.In, n, c-s.first, y)
			dst := s.to.place(m.Out, n, c, y)
			for x := range s.to.W {
				*(*float32)(unsafe.Add(dst, x*toStride)) = *(*float32)(unsafe.Add(src, x*fromStride))
			}
		}
		if s.to.Format != Planar && plane*per < end && plane*per+per > s.first {
			s.to.clearRows(s.to.strips(m.Out, n, plane), y, 1)
		}
	})
}

// place returns the address of the first number of a channel's row, in float32.
func (l *Layout) place(base unsafe.Pointer, n, c, y int) unsafe.Pointer {
	return unsafe.Add(base, l.At(n, c)+l.Pixel(y, 0)+c%l.Format.Channels()*4)
}
