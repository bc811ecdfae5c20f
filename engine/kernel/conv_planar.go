package kernel

import (
	"sync"
	"unsafe"
)

// padPlanar provides the chunks of a convolution of a planar picture with the rows
// they read, surrounded by zeros, so that the kernel needs no tests at the edges.
// Each chunk copies its rows into a room of its own, which stays in the core's
// cache; a padded copy of the whole picture would go to memory and back.
type padPlanar struct {
	from  Layout
	to    Layout // with the Pitch and Block of a room
	rooms sync.Pool
}

// padRows is how many rows of output a chunk has. With fewer, neighbouring chunks
// copy too many rows twice; with more, a room does not fit the first-level cache.
const padRows = 4

// newPadPlanar plans rooms for chunks that read up to rows rows.
func newPadPlanar(c *Conv, rows int) *padPlanar {
	p := &padPlanar{from: c.In, to: c.In}
	p.to.Halo = Halo{Top: c.PadTop, Left: c.PadLeft, Right: c.Halo().Right}
	p.to.Pitch = p.to.Left + p.to.W + p.to.Right
	p.to.Block = 4 * p.to.Pitch * rows
	p.rooms.New = func() any { return newRoom(p.to.C * p.to.Block) }
	return p
}

// fill copies rows [y0, y1) of a padded picture into a room; row PadTop is the
// picture's first.
func (p *padPlanar) fill(room, picture unsafe.Pointer, y0, y1 int) {
	l := &p.to
	for c := range l.C {
		for y := y0; y < y1; y++ {
			row := floats(unsafe.Add(room, c*l.Block+4*(y-y0)*l.Pitch), l.Pitch)
			from := y - l.Top
			if from < 0 || from >= l.H {
				clear(row)
				continue
			}
			clear(row[:l.Left])
			copy(row[l.Left:], floats(unsafe.Add(picture, p.from.At(0, c)+p.from.Pixel(from, 0)), l.W))
			clear(row[l.Left+l.W:])
		}
	}
}
