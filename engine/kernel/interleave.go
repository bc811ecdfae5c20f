package kernel

import (
	"fmt"
	"unsafe"
)

// Interleave describes how pixels of several blocked layouts are laid side by side: pixel
// (y, x) of Out is pixel (y/Rows, x/Columns) of In[y%Rows·Columns + x%Columns]. All are
// F32x8 or all F32x16. The first input is Memory.In, the others are Memory.More.
type Interleave struct {
	In            []Layout
	Rows, Columns int
	Out           Layout
}

// Interleave plans it.
func (r *Rung) Interleave(p Interleave) (Work, error) {
	if p.Rows < 1 || p.Columns < 1 || len(p.In) != p.Rows*p.Columns || !p.Out.Format.blockedF32() {
		return Work{}, fmt.Errorf("%d layouts in %d rows and %d columns cannot be interleaved to %v", len(p.In), p.Rows, p.Columns, p.Out)
	}
	for i, l := range p.In {
		h, w := (p.Out.H-i/p.Columns+p.Rows-1)/p.Rows, (p.Out.W-i%p.Columns+p.Columns-1)/p.Columns
		if l.Format != p.Out.Format || l.N != p.Out.N || l.C != p.Out.C || l.H != h || l.W != w {
			return Work{}, fmt.Errorf("interleaving to %v: layout %d is %v, it must have %dx%d pixels", p.Out, i, l, h, w)
		}
	}
	s := &interleaving{Interleave: p}
	s.rows = newRows(p.Out, 4)
	return Work{Steps: []Step{s}}, nil
}

type interleaving struct {
	rows
	Interleave
}

// Run is part of Step.
func (s *interleaving) Run(chunk int, m *Memory) {
	s.runs(chunk, func(n, plane, top, count int) {
		to := s.Out.strips(m.Out, n, plane)
		for i := range s.In {
			in, base := &s.In[i], m.In
			if i > 0 {
				base = m.More[i-1]
			}
			from := in.strips(base, n, plane)
			for y := top + (i/s.Columns-top%s.Rows+s.Rows)%s.Rows; y < top+count; y += s.Rows {
				for k := range to {
					if to[k] != nil {
						spreadPixels(unsafe.Add(to[k], s.Out.Pixel(y, i%s.Columns)), unsafe.Add(from[k], in.Pixel(y/s.Rows, 0)), in.W, s.Columns, in.Format.PixelBytes())
					}
				}
			}
		}
		s.Out.clearRows(to, top, count)
	})
}

// Spans is part of Local.
func (s *interleaving) Spans(chunk int) (reads, writes RowSpan) {
	return EveryRow, s.of.around(s.span(chunk))
}

// spreadPixels copies n pixels of 32 or 64 bytes to every step-th pixel.
func spreadPixels(to, from unsafe.Pointer, n, step, size int) {
	if size == 32 {
		for x := range n {
			*(*[32]byte)(unsafe.Add(to, 32*step*x)) = *(*[32]byte)(unsafe.Add(from, 32*x))
		}
		return
	}
	for x := range n {
		*(*[64]byte)(unsafe.Add(to, 64*step*x)) = *(*[64]byte)(unsafe.Add(from, 64*x))
	}
}
