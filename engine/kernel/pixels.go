package kernel

import (
	"fmt"
	"unsafe"
)

// Pixels plans a copy between an activation in blocks and the same numbers pixel by pixel,
// row-major N H W C: to the blocks if in, else from them. A vector of channels is side by
// side in both, so that no number needs to be moved by itself, as it does on the way through
// planes:
//
//	F32x8        block 0: pixels of channels 0 to 7, block 1: pixels of channels 8 to 15, …
//	N H W C      pixel 0: channels 0 to 7, channels 8 to 15, …; pixel 1: …
func (r *Rung) Pixels(l Layout, in bool) (Work, error) {
	if sameFamily(&l) != nil || l.Format == U8x4 || l.Format == U8 {
		return Work{}, fmt.Errorf("pixels of %v: no kernel", l)
	}
	s := &pixels{rung: r, blocked: l, in: in}
	s.chunks = pieces(l.N*l.H, 6*float64(l.W*l.planes()))
	return Work{Steps: []Step{s}}, nil
}

// pixels is the step of Rung.Pixels. A chunk is some rows of the pictures.
type pixels struct {
	rung    *Rung
	blocked Layout
	in      bool
	chunks  int
}

// Chunks is part of Step.
func (s *pixels) Chunks() int { return s.chunks }

// Run is part of Step. All blocks of few pixels are copied, so that those of N H W C stay in
// L2 until they are whole; of fewer than 32, too little is read of a plane at a time for the
// processor to fetch it ahead.
func (s *pixels) Run(chunk int, m *Memory) {
	const few = 32 // at most maxUnit, as many as a room has
	f := frames.Get().(*frame)
	l := &s.blocked
	blocked, flat := m.In, m.Out
	if s.in {
		blocked, flat = m.Out, m.In
	}
	per := 32
	if l.Format == F32x8 {
		per = 8
	}
	for row := chunk * l.N * l.H / s.chunks; row < (chunk+1)*l.N*l.H/s.chunks; row++ {
		n, y := row/l.H, row%l.H
		for x := 0; x < l.W; x += few {
			w := min(few, l.W-x)
			for plane := range l.planes() {
				at := l.strips(blocked, n, plane)
				there := unsafe.Add(flat, 4*((row*l.W+x)*l.C+plane*per))
				if s.in {
					to := l.target(at, y, x, f.strips(0))
					s.strips(to, there, plane*per, w)
					s.rung.store(l, at, y, x, w, to)
				} else {
					s.strips(s.rung.load(l, at, y, x, w, f.strips(0)), there, plane*per, w)
				}
			}
		}
		for plane := 0; s.in && plane < l.planes(); plane++ {
			l.clearRows(l.strips(blocked, n, plane), y, 1)
		}
	}
	frames.Put(f)
}

// strips copies w pixels of channels from first on.
func (s *pixels) strips(p strips, flat unsafe.Pointer, first, w int) {
	width := s.blocked.width()
	for i := range p {
		channels := max(0, min(width, s.blocked.C-first-width*i))
		switch {
		case p[i] == nil:
		case s.in && channels < width:
			clear(floats(p[i], w*width))
			fallthrough
		case channels > 0:
			there := unsafe.Add(flat, min(4*width*i, 4*(s.blocked.C-first)))
			if s.in {
				copyPixels(p[i], there, 4*width, 4*s.blocked.C, channels, w)
			} else {
				copyPixels(there, p[i], 4*s.blocked.C, 4*width, channels, w)
			}
		}
	}
}

// copyPixels copies n pixels of some numbers each, which are a number of bytes apart.
func copyPixels(to, from unsafe.Pointer, toStep, fromStep, numbers, n int) {
	switch numbers {
	case 16:
		for i := range n {
			*(*[64]byte)(unsafe.Add(to, i*toStep)) = *(*[64]byte)(unsafe.Add(from, i*fromStep))
		}
	case 8:
		for i := range n {
			*(*[32]byte)(unsafe.Add(to, i*toStep)) = *(*[32]byte)(unsafe.Add(from, i*fromStep))
		}
	default:
		for i := range n {
			copy(floats(unsafe.Add(to, i*toStep), numbers), floats(unsafe.Add(from, i*fromStep), numbers))
		}
	}
}
