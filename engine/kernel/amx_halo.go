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
		y := row - l.Top
		if y < 0 || y >= l.H {
			l.fillBytes(plane, row*l.Pitch*size, (row*l.Pitch+l.Pitch+l.Left)*size)
			continue
		}
		l.fillBytes(plane, row*l.Pitch*size, (row*l.Pitch+l.Left)*size)
		l.fillBytes(plane, (row*l.Pitch+l.Left+l.W)*size, (row*l.Pitch+l.Left+l.Pitch)*size)
	}
}
