package kernel

import (
	"fmt"
	"unsafe"
)

// Convert plans a copy of an activation to another layout of the same shape: between planar layouts,
// between planar numbers and blocks of any format but bytes, or between blocks whose pixels consist of
// strips of the same width. (Shuffle moves channels within blocks.)
func (r *Rung) Convert(from, to Layout) (Work, error) {
	if err := sameShape(&from, &to); err != nil {
		return Work{}, err
	}
	switch {
	case from.Format == Planar && to.Format == Planar:
		return Work{Steps: []Step{&copyPlanes{newRows(to, 10), from, to}}}, nil
	case sameFamily(&from, &to) == nil:
		return r.Pointwise(Pointwise{Op: Copy, A: from, Out: to})
	case from.Format == Planar && sameFamily(&to) == nil:
		return Work{Steps: []Step{newTranspose(r, from, to, true)}}, nil
	case to.Format == Planar && sameFamily(&from) == nil:
		return Work{Steps: []Step{newTranspose(r, from, to, false)}}, nil
	}
	return Work{}, fmt.Errorf("convert %v to %v: no kernel", from, to)
}

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

// copyPlanes copies planar numbers to places that are other strides apart.
type copyPlanes struct {
	rows
	from, to Layout
}

// Run is part of Step.
func (s *copyPlanes) Run(chunk int, m *Memory) {
	s.each(chunk, func(n, c, y int) {
		copy(floats(unsafe.Add(m.Out, s.to.At(n, c)+s.to.Pixel(y, 0)), s.to.W), floats(unsafe.Add(m.In, s.from.At(n, c)+s.from.Pixel(y, 0)), s.to.W))
	})
}
