package kernel

import (
	"fmt"
	"sync"
	"unsafe"

	"github.com/visionzoo/vision/engine/kernel/num"
)

// Across describes a reduction across the channels of each pixel by Join: Add, Min or Max. A
// mean is divided by their number. The output is planar and has one channel.
//
// Blocks are joined number by number to one, whose 8 or 16 numbers a pixel are then
// transposed and joined, vectors of pixels at a time. A last block that is not full is
// transposed by itself, so that its undefined channels do not count.
type Across struct {
	In, Out Layout
	Join    num.Pair
	Mean    bool
}

// Across plans a reduction of channels.
func (r *Rung) Across(p Across) (Work, error) {
	if err := sameFamily(&p.In); err != nil {
		return Work{}, err
	}
	if p.Out.Format != Planar || p.Out.C != 1 || p.In.N != p.Out.N || p.In.H != p.Out.H || p.In.W != p.Out.W {
		return Work{}, fmt.Errorf("channels of %v cannot be reduced to %v", p.In, p.Out)
	}
	s := &across{Across: p, rung: r, many: []float32{float32(p.In.C)}}
	s.rows = newRows(p.Out, 2*float64(p.In.C/p.In.width()+2))
	return Work{Steps: []Step{s}}, nil
}

type across struct {
	rows
	Across
	rung *Rung
	many []float32 // the number of channels
}

// acrossRoom has maxUnit pixels of one vector each: what blocks of channels were joined
// to, and a block with its channels one after the other.
type acrossRoom struct{ joined, turned [16 * maxUnit]float32 }

var acrossRooms = sync.Pool{New: func() any { return new(acrossRoom) }}

// Run is part of Step.
func (s *across) Run(chunk int, m *Memory) {
	f, room := frames.Get().(*frame), acrossRooms.Get().(*acrossRoom)
	s.each(chunk, func(n, _, y int) {
		out := floats(unsafe.Add(m.Out, n*s.Out.Image+4*y*s.Out.W), s.Out.W)
		for x := 0; x < s.Out.W; x += maxUnit {
			s.pixels(f, room, m.In, n, y, x, out[x:min(x+maxUnit, s.Out.W)])
		}
	})
	acrossRooms.Put(room)
	frames.Put(f)
}

// Spans is part of Local.
func (s *across) Spans(chunk int) (reads, writes RowSpan) { return s.through(chunk, &pixelwise) }

// pixels computes pixels of a row, from x on.
func (s *across) pixels(f *frame, room *acrossRoom, in unsafe.Pointer, n, y, x int, out []float32) {
	v, width := &s.rung.Vec, s.In.width()
	joined := room.joined[:width*len(out)]
	full := s.In.C / width // blocks
	begun := false         // out has a number for each pixel
	for block, plane := 0, 0; plane < s.In.planes(); plane++ {
		for _, p := range s.rung.load(&s.In, s.In.strips(in, n, plane), y, x, len(out), f.strips(0)) {
			if p == nil {
				continue
			}
			pixels := floats(p, len(joined))
			switch {
			case block == 0 && full > 0:
				copy(joined, pixels)
			case block < full:
				v.Zip(s.Join, joined, joined, pixels)
			case block*width < s.In.C: // the last block, which is not full
				s.fold(room, out, pixels, s.In.C-block*width, begun)
			}
			if block++; block == full {
				s.fold(room, out, joined, width, false)
				begun = true
			}
		}
	}
	if s.Mean {
		v.Zip(num.Div, out, out, s.many)
	}
}

// fold joins the first channels of pixels of one vector, and what out has if it has begun.
func (s *across) fold(room *acrossRoom, out, pixels []float32, channels int, begun bool) {
	v, n := &s.rung.Vec, len(out)
	turned := room.turned[:len(pixels)]
	v.TransposeMatrix(words(turned), words(pixels), n, s.In.width(), n, s.In.width())
	for i := range channels {
		channel := turned[i*n:][:n]
		if i == 0 && !begun {
			copy(out, channel)
			continue
		}
		v.Zip(s.Join, out, out, channel)
	}
}
