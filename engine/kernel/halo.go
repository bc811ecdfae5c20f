package kernel

import "unsafe"

// Whoever writes a layout fills its halo too. There are two ways to share that among the
// chunks of a step: chunks that write complete rows fill what is around these
// (clearAround); chunks that write anything else each fill a part of the whole halo
// (clearHalo). In both, the halo between the pixels of two rows belongs to the upper one, so
// that no two chunks write the same bytes: in
//
//	0 0 0 0
//	0 a b c
//	0 d e f
//	0 0 0 0 0
//
// the 0 between c and d belongs to the row of a.

// clearHalo fills part of parts of the halo of the channel block at plane. Parts are rows,
// counted from the top of the halo.
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

// haloPart returns the rows that clearHalo writes.
func (l *Layout) haloPart(part, parts int) RowSpan {
	if l.Halo == (Halo{}) {
		return RowSpan{}
	}
	rows := RowSpan{-l.Top, l.H + l.Bottom}.part(part, parts)
	return RowSpan{rows.From, rows.To + 1}
}

// clearAround fills the halo that belongs to rows [y0, y1) of a plane: between the end of
// each row and the beginning of the next, above the first row of the plane, and below its
// last.
func (l *Layout) clearAround(plane unsafe.Pointer, y0, y1 int) {
	if l.Halo == (Halo{}) {
		return
	}
	if y0 == 0 {
		l.fillBytes(plane, 0, l.Pixel(0, 0))
	}
	for y := y0; y < y1; y++ {
		end := l.Pixel(y+1, 0)
		if y == l.H-1 {
			end = l.Pixel(l.H-1+l.Bottom, l.W+l.Right)
		}
		l.fillBytes(plane, l.Pixel(y, l.W), end)
	}
}

func (l *Layout) fillBytes(plane unsafe.Pointer, from, to int) {
	if to-from == cacheLine && l.Fill == 0 { // between two rows of F32x16, by far the most frequent
		*(*[cacheLine]byte)(unsafe.Add(plane, from)) = [cacheLine]byte{}
		return
	}
	b := unsafe.Slice((*byte)(unsafe.Add(plane, from)), to-from)
	if l.Fill == 0 {
		clear(b)
		return
	}
	for done := copy(b, []byte{l.Fill}); done < len(b); {
		done += copy(b[done:], b[:done])
	}
}

// clearByteHalo fills part of parts of the halo of each block of channels that begins
// within groups [group, group+groups) of outputs channels each.
func clearByteHalo(l *Layout, base unsafe.Pointer, part, parts, group, groups, outputs int) {
	if l.Halo == (Halo{}) {
		return
	}
	each := l.Format.Channels()
	for n := range l.N {
		for b := (group*outputs + each - 1) / each; b < min(l.Blocks(), ((group+groups)*outputs+each-1)/each); b++ {
			l.clearHalo(unsafe.Add(base, n*l.Image+b*l.Block), part, parts)
		}
	}
}

// Clear plans zeros in all of a layout.
func Clear(l Layout) Work {
	const each = 64 << 10
	return Work{Steps: []Step{zeros{l.N * l.Blocks() * l.Block, each}}}
}

// zeros fills size bytes, each of them at a time.
type zeros struct{ size, each int }

// Chunks is part of Step.
func (z zeros) Chunks() int { return (z.size + z.each - 1) / z.each }

// Run is part of Step.
func (z zeros) Run(chunk int, m *Memory) {
	from := chunk * z.each
	clear(unsafe.Slice((*byte)(unsafe.Add(m.Out, from)), min(z.each, z.size-from)))
}
