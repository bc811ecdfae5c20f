package kernel

import "unsafe"

// clearHalo writes the halo of some rows of one channel block at plane: part of
// parts, so that the chunks of a step can share the work. Rows count from the
// top of the halo. What lies between the pixels of two rows belongs to the
// upper one, so that no two chunks write the same bytes.
func (l *Layout) clearHalo(plane unsafe.Pointer, part, parts int) {
	if l.Halo == (Halo{}) {
		return
	}
	size := l.Format.PixelBytes()
	all := l.Top + l.H + l.Bottom
	first, last := part*all/parts, (part+1)*all/parts
	if first == 0 && last > 0 {
		l.fillBytes(plane, 0, l.Left*size)
	}
	for row := first; row < last; row++ {
		from := row*l.Pitch + l.Left
		if y := row - l.Top; y >= 0 && y < l.H {
			from += l.W
		}
		l.fillBytes(plane, from*size, (row*l.Pitch+l.Left+l.Pitch)*size)
	}
}

// haloPart are the rows that clearHalo touches.
func (l *Layout) haloPart(part, parts int) RowSpan {
	if l.Halo == (Halo{}) {
		return RowSpan{}
	}
	rows := RowSpan{-l.Top, l.H + l.Bottom}.part(part, parts)
	return RowSpan{rows.From, rows.To + 1}
}
