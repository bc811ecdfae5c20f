package detect

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/visionzoo/vision/vision"
)

// Mask says which pixels of a picture belong to an object, in COCO's run-length
// encoding: Counts are the lengths of runs down the columns, from left to right.
// Runs outside and inside alternate; the first is outside and may be 0. They add up
// to Width times Height.
type Mask struct {
	Width, Height int
	Counts        []uint32
}

// runs builds a mask's counts.
type runs struct {
	counts []uint32
	inside bool
	length uint32
}

// add appends n pixels.
func (r *runs) add(inside bool, n uint32) {
	if n == 0 {
		return
	}
	if inside != r.inside {
		r.counts = append(r.counts, r.length)
		r.inside, r.length = inside, 0
	}
	r.length += n
}

func (r *runs) mask(width, height int) *Mask {
	if r.length > 0 || len(r.counts) == 0 {
		r.counts = append(r.counts, r.length)
	}
	return &Mask{Width: width, Height: height, Counts: slices.Clip(r.counts)}
}

// maskOf makes a mask of the pixels in a window for which inside is true. The
// window is clipped to the picture.
func maskOf(width, height int, x0, y0, x1, y1 int, inside func(x, y int) bool) *Mask {
	x0, y0, x1, y1 = max(x0, 0), max(y0, 0), min(x1, width), min(y1, height)
	var r runs
	if x1 <= x0 || y1 <= y0 {
		r.add(false, uint32(width*height))
		return r.mask(width, height)
	}
	r.add(false, uint32(x0*height))
	for x := x0; x < x1; x++ {
		r.add(false, uint32(y0))
		for y := y0; y < y1; y++ {
			r.add(inside(x, y), 1)
		}
		r.add(false, uint32(height-y1))
	}
	r.add(false, uint32((width-x1)*height))
	return r.mask(width, height)
}

// check refuses masks whose runs do not add up to their size.
func (m *Mask) check() error {
	if m == nil || m.Width < 0 || m.Height < 0 || int64(m.Width)*int64(m.Height) > math.MaxUint32 {
		return errors.New("a mask without a sensible size")
	}
	sum := uint64(0)
	for _, c := range m.Counts {
		sum += uint64(c)
	}
	if sum != uint64(m.Width)*uint64(m.Height) {
		return fmt.Errorf("a mask's runs have %d pixels, its size %dx%d has %d", sum, m.Width, m.Height, m.Width*m.Height)
	}
	return nil
}

// Area is the number of pixels inside.
func (m *Mask) Area() int {
	n := 0
	for i := 1; i < len(m.Counts); i += 2 {
		n += int(m.Counts[i])
	}
	return n
}

// Bounds is the smallest box around the pixels inside, empty if there are none.
func (m *Mask) Bounds() Box {
	x0, y0, x1, y1 := m.Width, m.Height, 0, 0
	m.eachRun(func(from, to int) {
		first, last := from/m.Height, (to-1)/m.Height
		x0, x1 = min(x0, first), max(x1, last+1)
		if first != last {
			y0, y1 = 0, m.Height
			return
		}
		y0, y1 = min(y0, from%m.Height), max(y1, (to-1)%m.Height+1)
	})
	if x1 <= x0 {
		return Box{}
	}
	return Box{float64(x0), float64(y0), float64(x1), float64(y1)}
}

// eachRun calls f for each run inside with the positions of its first pixel and of
// the one after its last, counted down the columns. Runs beyond the mask's size are cut
// off.
func (m *Mask) eachRun(f func(from, to int)) {
	at, end := 0, max(m.Width, 0)*max(m.Height, 0)
	for i, c := range m.Counts {
		to := at + min(int(c), end-at)
		if i%2 == 1 && to > at {
			f(at, to)
		}
		at = to
	}
}

// IoU is the number of pixels inside both masks divided by the number inside at
// least one; 0 for masks of different sizes.
func (m *Mask) IoU(o *Mask) float64 {
	inter, union := m.overlap(o)
	if union == 0 {
		return 0
	}
	return float64(inter) / float64(union)
}

// overlap counts the pixels inside both masks and inside at least one.
func (m *Mask) overlap(o *Mask) (inter, union int) {
	if m.Width != o.Width || m.Height != o.Height {
		return 0, 0
	}
	m.walk(o, func(n uint32, inM, inO bool) {
		if inM && inO {
			inter += int(n)
		}
		if inM || inO {
			union += int(n)
		}
	})
	return inter, union
}

// walk calls f for the runs of pixels in which neither mask changes.
func (m *Mask) walk(o *Mask, f func(n uint32, inM, inO bool)) {
	i, k := 0, 0
	var a, b uint32 // what is left of the current runs, those before i and k
	for {
		for a == 0 && i < len(m.Counts) {
			a = m.Counts[i]
			i++
		}
		for b == 0 && k < len(o.Counts) {
			b = o.Counts[k]
			k++
		}
		n := min(a, b)
		if n == 0 {
			return
		}
		f(n, i%2 == 0, k%2 == 0)
		a, b = a-n, b-n
	}
}

// Picture is the mask in the form that package vision draws, cropped to its bounds.
func (m *Mask) Picture() *vision.Mask {
	b := m.Bounds()
	out := &vision.Mask{Left: int(b.X1), Top: int(b.Y1), Width: int(b.Width()), Height: int(b.Height())}
	out.Pix = make([]byte, out.Width*out.Height)
	m.eachRun(func(from, to int) {
		for at := from; at < to; at++ {
			x, y := at/m.Height-out.Left, at%m.Height-out.Top
			out.Pix[y*out.Width+x] = 255
		}
	})
	return out
}

// RLE is the counts as COCO's compressed string. Each number, from the fourth on
// its difference to the one two before, is written in groups of five bits, the
// lowest first; bit 5 (32) of a group is set if more follow, and 48 is added to
// make it a character.
func (m *Mask) RLE() string {
	out := make([]byte, 0, len(m.Counts)*2)
	for i, c := range m.Counts {
		x := int64(c)
		if i > 2 {
			x -= int64(m.Counts[i-2])
		}
		for more := true; more; {
			group := byte(x & 31)
			x >>= 5
			more = x != -1 || group&16 == 0
			if group&16 == 0 {
				more = x != 0
			}
			if more {
				group |= 32
			}
			out = append(out, group+48)
		}
	}
	return string(out)
}

// ParseRLE reads what RLE writes, for a picture of width × height.
func ParseRLE(s string, width, height int) (*Mask, error) {
	m := &Mask{Width: width, Height: height}
	for at := 0; at < len(s); {
		x, shift := int64(0), 0
		for {
			if at == len(s) || s[at] < 48 || s[at] > 48+63 || shift > 35 {
				return nil, errors.New("a mask's counts are no COCO run lengths")
			}
			group := s[at] - 48
			at++
			x |= int64(group&31) << shift
			shift += 5
			if group&32 == 0 {
				if group&16 != 0 {
					x |= -1 << shift
				}
				break
			}
		}
		if len(m.Counts) > 2 {
			x += int64(m.Counts[len(m.Counts)-2])
		}
		if x < 0 || x > math.MaxUint32 {
			return nil, errors.New("a mask's counts hold a run of a negative or huge length")
		}
		m.Counts = append(m.Counts, uint32(x))
	}
	return m, m.check()
}
