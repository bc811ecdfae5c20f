package kernel

import (
	"fmt"
	"unsafe"
)

// Row-wise steps (pools, sums, resizing, ...) compute rows of planes in an order that suits
// the steps around them. A plane here is 32 channels as two strips of F32x16, or a block of
// F32x8 or of 32 channels as one. Of 28 rows of 96 channels in F32x16, three planes, bands
// have 7 rows:
//
//	band 0   plane 0: rows 0-6     plane 1: rows 0-6     plane 2: rows 0-6
//	band 1   plane 0: rows 7-13    plane 1: rows 7-13    ...
//
// Cut into 6 chunks of 14 rows, chunk 0 has rows 0-6 of planes 0 and 1, chunk 1 has rows 0-6
// of plane 2 and rows 7-13 of plane 0.

// rows is the outer loop of row-wise steps: the sequence of the rows of all planes of a
// layout, cut into chunks. A plane here has one or two strips. The sequence goes through
// a picture in bands of rows, each with all planes, so that the first chunks are the top
// of the picture, as those of convolutions are.
type rows struct {
	of     Layout
	planes int // of a picture
	bands  int // of a picture
	chunks int
}

// newRows cuts the rows of l into chunks of about chunkTime; pixelTime is the time for a
// pixel of a plane, in nanoseconds.
func newRows(l Layout, pixelTime float64) rows {
	// Bands are high because neighbouring rows share input. A picture of 13 rows is cut
	// into two bands, as convolutions cut it, one of 7 rows only by channels.
	const most, height = 8, 7
	r := rows{of: l, planes: l.planes(), bands: min(most, max(1, (l.H+1)/height))}
	r.chunks = pieces(l.N*r.planes*l.H, pixelTime*float64(l.W))
	return r
}

// Chunks is part of Step.
func (r *rows) Chunks() int { return r.chunks }

// each calls visit for the rows of a chunk.
func (r *rows) each(chunk int, visit func(n, plane, y int)) {
	r.runs(chunk, func(n, plane, top, count int) {
		for y := top; y < top+count; y++ {
			visit(n, plane, y)
		}
	})
}

// groups calls visit for the rows of a chunk, for up to most rows of a plane at a time.
func (r *rows) groups(chunk, most int, visit func(n, plane, y, count int)) {
	r.runs(chunk, func(n, plane, top, count int) {
		for y, end := top, top+count; y < end; y += most {
			visit(n, plane, y, min(most, end-y))
		}
	})
}

// runs calls visit for the rows of a chunk, once for each run of neighbouring rows of a
// plane.
func (r *rows) runs(chunk int, visit func(n, plane, top, count int)) {
	h := r.of.H
	all := r.of.N * r.planes * h
	for i, end := chunk*all/r.chunks, (chunk+1)*all/r.chunks; i < end; {
		n, at := i/(r.planes*h), i%(r.planes*h)
		band := at / r.planes * r.bands / h // this one or the next
		if (band+1)*h/r.bands*r.planes <= at {
			band++
		}
		top := band * h / r.bands
		height := (band+1)*h/r.bands - top
		at -= top * r.planes
		plane, y := at/height, at%height
		count := min(height-y, end-i)
		visit(n, plane, top+y, count)
		i += count
	}
}

// together returns how many rows of the layouts, if these are contiguous, make up a run
// of at most maxUnit pixels. For short rows, calls take longer than the computation.
func together(ls ...*Layout) int {
	for _, l := range ls {
		if l.Pitch != l.W || l.Format == Planar {
			return 1
		}
	}
	return max(1, maxUnit/max(1, ls[0].W))
}

// strips is a plane of a row-wise step: a block of F32x8 as one strip of pixels of 8
// float32, or 32 channels as two strips of pixels of 16 float32. The second strip is nil
// for F32x8, and for the last of an odd number of F32x16 blocks.
type strips [2]unsafe.Pointer

// add moves the strips that exist by n bytes.
func (s strips) add(n int) strips {
	for i := range s {
		if s[i] != nil {
			s[i] = unsafe.Add(s[i], n)
		}
	}
	return s
}

// width returns the number of float32 in a pixel of a strip.
func (l *Layout) width() int {
	if l.Format == F32x8 {
		return 8
	}
	return 16
}

// planes returns the number of planes of a picture.
func (l *Layout) planes() int {
	if l.Format == F32x16 {
		return (l.C + 31) / 32
	}
	return l.Blocks()
}

// strips returns a plane of a blocked layout. The second strip is also nil for Split32 and
// BF16x32, whose pixels have both.
func (l *Layout) strips(base unsafe.Pointer, n, plane int) strips {
	if l.Format != F32x16 {
		return strips{unsafe.Add(base, n*l.Image+plane*l.Block), nil}
	}
	s := strips{unsafe.Add(base, n*l.Image+2*plane*l.Block), nil}
	if 2*plane+1 < l.Blocks() {
		s[1] = unsafe.Add(s[0], l.Block)
	}
	return s
}

// load returns w pixels of a row as float32: in place if they are, otherwise converted in
// the room.
func (r *Rung) load(l *Layout, at strips, y, x, w int, room strips) strips {
	at = at.add(l.Pixel(y, x))
	switch l.Format {
	case Split32:
		r.Unsplit(room[0], room[1], at[0], w)
		return room
	case BF16x32:
		r.Widen(room[0], room[1], at[0], w)
		return room
	}
	return at
}

// target returns where pixels of a row are to be written as float32: in place or, if the
// layout is not float32, in the room, from which store converts them.
func (l *Layout) target(at strips, y, x int, room strips) strips {
	if l.Format.blockedF32() {
		return at.add(l.Pixel(y, x))
	}
	return room
}

// store converts w pixels of a row from the room, unless target returned their place.
func (r *Rung) store(l *Layout, at strips, y, x, w int, room strips) {
	switch to := unsafe.Add(at[0], l.Pixel(y, x)); l.Format {
	case Split32:
		r.Split(to, room[0], room[1], w)
	case BF16x32:
		r.Narrow(to, room[0], room[1], w)
	}
}

// clearRows fills the halo beside rows [y, y+count) of a plane.
func (l *Layout) clearRows(at strips, y, count int) {
	for _, p := range at {
		if p != nil {
			l.clearAround(p, y, y+count)
		}
	}
}

// sameFamily returns an error if row-wise steps cannot combine the formats: their pixels
// must all have strips of 8 numbers, or all of 16.
func sameFamily(ls ...*Layout) error {
	for _, l := range ls {
		if l.Format == Planar || l.Format == U8x64 || (l.Format == F32x8) != (ls[0].Format == F32x8) {
			return fmt.Errorf("%v and %v: no row-wise kernel for these formats", ls[0], l)
		}
	}
	return nil
}

// sameShape returns an error if the shapes of a and b differ.
func sameShape(a, b *Layout) error {
	if a.N != b.N || a.C != b.C || a.H != b.H || a.W != b.W {
		return fmt.Errorf("%v and %v: the shapes differ", a, b)
	}
	return nil
}
