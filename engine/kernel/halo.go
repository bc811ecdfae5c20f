package kernel

import "unsafe"

// clearAround fills the halo beside rows [y0, y1) of a plane: what lies between
// the end of each row and the begin of the next, above the first row of all,
// and below the last. Every halo pixel belongs to exactly one row, so chunks of
// rows may do this at once.
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
	b := unsafe.Slice((*byte)(unsafe.Add(plane, from)), to-from)
	if l.Fill == 0 {
		clear(b)
		return
	}
	for i := range b {
		b[i] = l.Fill
	}
}
