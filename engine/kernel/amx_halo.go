package kernel

import "unsafe"

// clearHalo writes the halo of some rows of one channel block at plane: part of
// parts, so that the chunks of a step can share the work. Rows count from the
// top of the halo.
func (l *Layout) clearHalo(plane unsafe.Pointer, part, parts int) {
	if l.Halo == (Halo{}) {
		return
	}
	size := l.Format.PixelBytes()
	all := l.Top + l.H + l.Bottom
	for row := part * all / parts; row < (part+1)*all/parts; row++ {
		first, last := 0, l.Pitch+l.Left // the right halo is the left of the next row
		y := row - l.Top
		if y < 0 || y >= l.H {
			l.fill(unsafe.Add(plane, row*l.Pitch*size), (last-first)*size)
			continue
		}
		l.fill(unsafe.Add(plane, row*l.Pitch*size), l.Left*size)
		l.fill(unsafe.Add(plane, (row*l.Pitch+l.Left+l.W)*size), (l.Pitch-l.W)*size)
	}
}

func (l *Layout) fill(at unsafe.Pointer, n int) {
	b := unsafe.Slice((*byte)(at), n)
	if l.Fill == 0 {
		clear(b)
		return
	}
	for i := range b {
		b[i] = l.Fill
	}
}
