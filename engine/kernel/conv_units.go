package kernel

// A plane of outputs is cut into units, and units into register tiles. A tile has two parts
// of neighbouring pixels, each in one row, so that narrow pictures fill tiles. With at most
// 14 pixels to a tile (AVX-512), rows of 56 pixels are 4 tiles, whose parts are halves of 7;
// rows of 7 pixels are units of two rows, each one tile of 7 and 7:
//
//	row y     a a a a a a a      first part
//	row y+1   b b b b b b b      second part
//
// Where a part may end anywhere (breaks: AVX2), rows of 7 pixels are units of four rows,
// through which tiles run flat, here of 4 pixels:
//
//	row y     a a a a b b b
//	row y+1   b c c c c d d
//	row y+2   d d e e e e f
//	row y+3   f f f g g g g

// convUnit is the smallest piece of a plane that a chunk computes: rows rows from y on,
// columns [x, x+w).
type convUnit struct{ y, rows, x, w int }

// maxUnit is the widest unit, in pixels; a room of a frame holds one row of it.
const maxUnit = 112

// tileKind holds all tiles of a plane with the same shape: rows pixels, of which
// head are in the first part, and the distance in bytes to the second part. The
// tiles of unit u are positions[start[u]:start[u+1]].
type tileKind struct {
	rows, head                          int
	secondIn, secondOut, secondResidual int
	positions                           []convPosition
	start                               []int
}

// convPart is a range of pixels of a row.
type convPart struct{ y, x, n int }

// layTiles cuts a plane into units, and these into tiles of nearly equal size.
func (s *directConv) layTiles() {
	s.cutUnits()
	s.kinds[0] = s.layKinds(s.tile.pixels)
	if s.tile.pixels3 > 0 {
		s.kinds[1] = s.layKinds(s.tile.pixels3)
	}
}

// cutUnits cuts a plane into units of several rows, which tiles divide evenly, or of a row
// or a part of one.
func (s *directConv) cutUnits() {
	c := &s.conv
	rows := s.unitRows()
	if rows > 1 {
		for y := 0; y < c.Out.H; {
			n := rows
			if left := c.Out.H - y; left < 2*rows && s.flat() {
				n = left // too few for a unit of their own
			}
			n = min(n, c.Out.H-y)
			s.units = append(s.units, convUnit{y, n, 0, c.Out.W})
			y += n
		}
		return
	}
	parts := (c.Out.W + maxUnit - 1) / maxUnit
	for y := range c.Out.H {
		for i := range parts {
			x := i * c.Out.W / parts
			s.units = append(s.units, convUnit{y, 1, x, (i+1)*c.Out.W/parts - x})
		}
	}
}

// flat reports whether tiles continue from the end of one row of a unit to the
// beginning of the next, because tiles would not divide the rows of a narrow
// picture evenly.
func (s *directConv) flat() bool {
	const wide = 32 // in rows of many tiles one smaller tile does not matter
	return s.tile.breaks && s.conv.In.Format != Planar && !s.staged && s.conv.Out.W >= s.tile.pixels-1 && s.conv.Out.W < wide
}

// unitRows is the number of rows of a unit.
func (s *directConv) unitRows() int {
	c := &s.conv
	switch {
	case s.flat() && c.Out.W%s.tile.pixels3 == 0:
		return 1
	case s.flat() && 2*c.Out.W%s.tile.pixels3 == 0:
		return 2
	case s.flat():
		return s.tile.pixels3
	case 2*c.Out.W <= s.tile.pixels:
		return 2
	}
	return 1
}

// layKinds cuts the units into tiles of at most most pixels.
func (s *directConv) layKinds(most int) (kinds []tileKind) {
	for i, u := range s.units {
		switch {
		case s.flat():
			kinds = s.layFlat(kinds, i, most)
		case u.rows == 2 && 2*u.w <= most:
			kinds = s.addTile(kinds, i, convPart{u.y, u.x, u.w}, convPart{u.y + 1, u.x, u.w})
		default:
			kinds = s.layRows(kinds, i, most)
		}
	}
	for i := range kinds {
		kinds[i].fill(len(s.units))
	}
	return kinds
}

// layFlat cuts unit i into tiles that may continue from one row to the next.
func (s *directConv) layFlat(kinds []tileKind, i, most int) []tileKind {
	u := s.units[i]
	pixels := u.rows * u.w
	n := (pixels + most - 1) / most
	for t := range n {
		at, end := t*pixels/n, (t+1)*pixels/n
		first := convPart{u.y + at/u.w, at % u.w, min(end-at, u.w-at%u.w)}
		second := convPart{first.y + 1, 0, end - at - first.n}
		switch {
		case second.n == 0:
			kinds = s.addRow(kinds, i, first)
		case second.n > first.n:
			kinds = s.addTile(kinds, i, second, first)
		default:
			kinds = s.addTile(kinds, i, first, second)
		}
	}
	return kinds
}

// layRows cuts the rows of unit i into tiles.
func (s *directConv) layRows(kinds []tileKind, i, most int) []tileKind {
	u := s.units[i]
	n := (u.w + most - 1) / most
	for y := range u.rows {
		for t := range n {
			x := t * u.w / n
			kinds = s.addRow(kinds, i, convPart{u.y + y, u.x + x, (t+1)*u.w/n - x})
		}
	}
	return kinds
}

// addRow adds a tile of contiguous pixels to unit i.
func (s *directConv) addRow(kinds []tileKind, i int, p convPart) []tileKind {
	head := (p.n + 1) / 2
	return s.addTile(kinds, i, convPart{p.y, p.x, head}, convPart{p.y, p.x + head, p.n - head})
}

// addTile adds a tile of two parts to unit i.
func (s *directConv) addTile(kinds []tileKind, i int, first, second convPart) []tileKind {
	c, u := &s.conv, s.units[i]
	k := tileKind{rows: first.n + second.n, head: first.n}
	down, right := second.y-first.y, second.x-first.x
	k.secondIn = (down*c.StrideH*s.source.Pitch + right*c.StrideW) * s.source.Format.PixelBytes()
	k.secondOut = (down*c.Out.Pitch + right) * c.Out.Format.PixelBytes()
	if s.staged {
		k.secondOut = (down*u.w + right) * s.weights.block.PixelBytes()
	}
	if r := c.Residual; r != nil {
		k.secondResidual = (down*r.Pitch + right) * r.Format.PixelBytes()
	}
	at := 0
	for at < len(kinds) && !kinds[at].like(&k) {
		at++
	}
	if at == len(kinds) {
		kinds = append(kinds, k)
	}
	to := &kinds[at]
	to.fill(i)
	to.positions = append(to.positions, s.position(u, first))
	return kinds
}

// position returns the position of a tile with the given first part.
func (s *directConv) position(u convUnit, first convPart) convPosition {
	c := &s.conv
	p := convPosition{In: s.source.Pixel(first.y*c.StrideH-c.PadTop, first.x*c.StrideW-c.PadLeft)}
	if s.staged {
		p.Out = ((first.y-u.y)*u.w + first.x - u.x) * s.weights.block.PixelBytes()
		return p
	}
	p.Out = c.Out.Pixel(first.y, first.x)
	if c.Residual != nil {
		p.Residual = c.Residual.Pixel(first.y, first.x)
	}
	return p
}

// like reports whether two kinds are the same.
func (k *tileKind) like(o *tileKind) bool {
	return k.rows == o.rows && k.head == o.head &&
		k.secondIn == o.secondIn && k.secondOut == o.secondOut && k.secondResidual == o.secondResidual
}

// fill extends start up to unit i.
func (k *tileKind) fill(i int) {
	for len(k.start) <= i {
		k.start = append(k.start, len(k.positions))
	}
}
