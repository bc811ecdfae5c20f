package kernel

import (
	"fmt"
	"slices"
	"unsafe"
)

// A step that moves channels writes block by block. This is what block 0 of F32x8 takes where
// the channels of two inputs alternate, the second from its channel 5 on:
//
//	Out, block 0      a0  b5  a1  b6  a2  b7  a3  b8
//	a, block 0        a0      a1      a2      a3          the first call: of two blocks, the
//	b, block 0            b5      b6      b7              numbers of each pixel that are wanted
//	b, block 1                                    b8      the second: one number more

// Shuffle describes a choice of channels: channel i of Out is channel Channels[i] of the
// inputs, whose channels are counted one input after another. The inputs are all F32x8 or
// all F32x16; Out is of their family. The first input is Memory.In, the others are
// Memory.More. Out may be in the memory of an input whose blocks it writes where they lie.
type Shuffle struct {
	In       []Layout
	Channels []int
	Out      Layout
}

// Shuffle plans it.
func (r *Rung) Shuffle(p Shuffle) (Work, error) {
	s := &shuffling{rung: r, Shuffle: p, move: r.lanes(p.Out.width()).Shuffle}
	all := []*Layout{&p.Out}
	for i := range p.In {
		l := &s.In[i]
		if full := (Layout{N: l.N, C: p.Out.C, H: l.H, W: l.W}); !l.Format.blockedF32() || sameFamily(l, &p.Out) != nil || sameShape(&full, &p.Out) != nil {
			return Work{}, fmt.Errorf("channels of %v cannot go to %v", l, p.Out)
		}
		all = append(all, l)
	}
	if len(p.Channels) != p.Out.C {
		return Work{}, fmt.Errorf("%d channels for %v", len(p.Channels), p.Out)
	}
	for width := p.Out.width(); len(s.blocks)*width < p.Out.C; {
		at := len(s.blocks) * width
		b, err := s.block(p.Channels[at:min(at+width, p.Out.C)])
		if err != nil {
			return Work{}, err
		}
		s.blocks = append(s.blocks, b)
	}
	s.rows = newRows(p.Out, 6)
	s.together = together(all...)
	return Work{Steps: []Step{s}}, nil
}

// shuffling is the step of a Shuffle.
type shuffling struct {
	rows
	Shuffle
	rung     *Rung
	move     func(dst, a, b, lanes unsafe.Pointer, rest, pixels int)
	together int           // rows that are computed as one run of pixels
	blocks   [][]lanesFrom // by block of Out
}

// lanesFrom is what a block takes from up to two blocks of inputs: lane i is number lanes[i]
// of a pixel of a and one of b side by side, or, if that is negative, none of them.
type lanesFrom struct {
	a, b  blockOf
	lanes [16]int32
}

// blockOf is a channel block of an input.
type blockOf struct{ in, block int }

// block returns from where a block takes its channels.
func (s *shuffling) block(channels []int) (all []lanesFrom, err error) {
	width := s.Out.width()
	var from []blockOf
	for lane, c := range channels {
		in := 0
		for in < len(s.In) && c >= s.In[in].C {
			c -= s.In[in].C
			in++
		}
		if c < 0 || in == len(s.In) {
			return nil, fmt.Errorf("channel %d is not one of the inputs", channels[lane])
		}
		at := blockOf{in, c / width}
		i := slices.Index(from, at)
		if i < 0 {
			i = len(from)
			from = append(from, at)
		}
		if i/2 == len(all) {
			all = append(all, lanesFrom{a: at})
			for k := range all[i/2].lanes {
				all[i/2].lanes[k] = -1
			}
		}
		all[i/2].lanes[lane] = int32(i%2*width + c%width)
	}
	for i, at := range from {
		all[i/2].b = at // a once more if there is no other
	}
	return all, nil
}

// Run is part of Step.
func (s *shuffling) Run(chunk int, m *Memory) {
	f := frames.Get().(*frame)
	s.groups(chunk, s.together, func(n, plane, y, count int) {
		out := s.Out.strips(m.Out, n, plane)
		pixels := s.Out.W * count
		for x := 0; x < pixels; x += maxUnit {
			w := min(maxUnit, pixels-x)
			to := s.Out.target(out, y, x, f.strips(0))
			for i := range to {
				switch block := plane*s.perPlane() + i; {
				case to[i] == nil:
				case block >= len(s.blocks): // of a pixel of 32 channels, of which there are at most 16
					clear(floats(to[i], w*s.Out.width()))
				default:
					s.fill(to[i], m, block, n, y, x, w)
				}
			}
			s.rung.store(&s.Out, out, y, x, w, to)
		}
		s.Out.clearRows(out, y, count)
	})
	frames.Put(f)
}

// perPlane returns the number of blocks of a plane.
func (s *shuffling) perPlane() int {
	if s.Out.width() == 8 {
		return 1
	}
	return 2
}

// fill writes w pixels of a block.
func (s *shuffling) fill(to unsafe.Pointer, m *Memory, block, n, y, x, w int) {
	for i := range s.blocks[block] {
		l := &s.blocks[block][i]
		s.move(to, s.pixels(m, l.a, n, y, x), s.pixels(m, l.b, n, y, x), unsafe.Pointer(&l.lanes), i, w)
	}
}

// pixels returns where the pixels of an input's block lie from (y, x) on.
func (s *shuffling) pixels(m *Memory, b blockOf, n, y, x int) unsafe.Pointer {
	base, l := m.In, &s.In[b.in]
	if b.in > 0 {
		base = m.More[b.in-1]
	}
	return unsafe.Add(base, n*l.Image+b.block*l.Block+l.Pixel(y, x))
}

// plainShuffle returns the twin of laneKernels.Shuffle.
func plainShuffle(width int) func(dst, a, b, lanes unsafe.Pointer, rest, pixels int) {
	return func(dst, a, b, lanes unsafe.Pointer, rest, pixels int) {
		to, from := floats(dst, width*pixels), [2][]float32{floats(a, width*pixels), floats(b, width*pixels)}
		var pixel [16]float32 // dst may be a or b
		for at := 0; at < len(to); at += width {
			for i, lane := range unsafe.Slice((*int32)(lanes), width) {
				switch {
				case lane >= 0:
					pixel[i] = from[int(lane)/width][at+int(lane)%width]
				case rest == 0:
					pixel[i] = 0
				default:
					pixel[i] = to[at+i]
				}
			}
			copy(to[at:at+width], pixel[:])
		}
	}
}
