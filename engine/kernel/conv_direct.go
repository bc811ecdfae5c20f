package kernel

import (
	"fmt"
	"unsafe"
)

// directConv is the direct form on register tiles: the sums of a tile stay in
// registers over all channels and taps. Work is cut into units (a row or a part
// of one, or two rows of a narrow picture) and columns of output channels.
type directConv struct {
	conv    Conv
	source  Layout     // the input, or a room of pad
	pad     *padPlanar // or nil: chunks read the input where it is
	weights *ConvWeights
	tile    convTile
	rung    *Rung
	args    convArgs     // what all calls have in common
	steps   [][]convStep // for each column
	units   []convUnit
	kinds   [2][]tileKind // for columns of at most two vectors, and of three
	cut     convCut
	rest    Activation   // what the tile does not do itself
	staged  bool         // tiles go to the frame first, and from there to split pixels
	gate    *gateWeights // what makes the weights of each picture, or nil
}

// convUnit is the smallest piece of a plane: rows rows from y on, columns
// [x, x+w).
type convUnit struct{ y, rows, x, w int }

// maxUnit is the widest unit; a frame holds one.
const maxUnit = 112

// tileKind is all tiles of a plane that have the same number of pixels. Those
// of unit u are positions[start[u]:start[u+1]].
type tileKind struct {
	rows      int
	pair      bool // the second half lies in the next row
	positions []convPosition
	start     []int
}

func (r *Rung) directConv(c *Conv, w *ConvWeights) (Work, error) {
	s := &directConv{conv: *c, source: c.In, weights: w, rung: r, tile: r.convTile(w.block)}
	s.staged = !c.Out.Format.blockedF32()
	s.args.Low, s.args.High, s.rest = c.Act.limits()
	if s.staged && c.Residual != nil { // the clipping waits for it
		s.args.Low, s.args.High, _ = Activation{}.limits()
	}
	padded := c.In.Format == Planar && !c.inside()
	if padded {
		s.pad = newPadPlanar(c, 0)
		s.source = s.pad.to
	}
	s.layTiles()
	s.cut = s.cutWork()
	if padded {
		s.pad = newPadPlanar(c, s.rebase())
		s.source = s.pad.to
	}
	s.listSteps()
	if c.Gate == nil {
		return Work{Steps: []Step{s}}, nil
	}
	s.gate = r.gateWeights(c, w)
	return Work{Steps: []Step{s.gate, s}, Scratch: c.In.N * s.gate.bytes()}, nil
}

// inputRows are the rows of the padded picture that units [u0, u1) read.
func (s *directConv) inputRows(u0, u1 int) (from, to int) {
	c, last := &s.conv, s.units[u1-1]
	return s.units[u0].y * c.StrideH, (last.y+last.rows-1)*c.StrideH + (c.KernelH-1)*c.DilationH + 1
}

// rebase lets the positions of each chunk begin with the first row it reads,
// and returns the most rows that one reads.
func (s *directConv) rebase() (most int) {
	for r := range s.cut.unitRanges {
		u0, u1 := r*len(s.units)/s.cut.unitRanges, (r+1)*len(s.units)/s.cut.unitRanges
		from, to := s.inputRows(u0, u1)
		most = max(most, to-from)
		for _, kinds := range s.kinds {
			for _, k := range kinds {
				for p := k.start[u0]; p < k.start[u1]; p++ {
					k.positions[p].In -= 4 * from * s.source.Pitch
				}
			}
		}
	}
	return most
}

// layTiles cuts a plane into units and these into tiles of nearly equal size.
func (s *directConv) layTiles() {
	c, most := &s.conv, s.tile.most
	if 2*c.Out.W <= most && c.Out.H > 1 {
		for y := 0; y < c.Out.H; y += 2 {
			s.units = append(s.units, convUnit{y, min(2, c.Out.H-y), 0, c.Out.W})
		}
	} else {
		parts := (c.Out.W + maxUnit - 1) / maxUnit
		for y := range c.Out.H {
			for i := range parts {
				x := i * c.Out.W / parts
				s.units = append(s.units, convUnit{y, 1, x, (i+1)*c.Out.W/parts - x})
			}
		}
	}
	s.kinds[0] = s.layKinds(most, s.tile.row)
	if s.tile.tall > 0 {
		s.kinds[1] = s.layKinds(s.tile.tall, 0)
	}
}

// layKinds cuts the units into tiles of at most most pixels, or rows of exactly
// row.
func (s *directConv) layKinds(most, row int) (kinds []tileKind) {
	for i, u := range s.units {
		if u.rows == 2 && 2*u.w <= most {
			kinds = s.addTile(kinds, i, 2*u.w, true, u.y, u.x)
			continue
		}
		n := (u.w + most - 1) / most
		if u.w == row {
			n = 1
		}
		for y := range u.rows {
			for t := range n {
				x := t * u.w / n
				kinds = s.addTile(kinds, i, (t+1)*u.w/n-x, false, u.y+y, u.x+x)
			}
		}
	}
	for i := range kinds {
		kinds[i].fill(len(s.units))
	}
	return kinds
}

// addTile adds a tile to unit i, beginning at row y and column x.
func (s *directConv) addTile(kinds []tileKind, i, rows int, pair bool, y, x int) []tileKind {
	c, u := &s.conv, s.units[i]
	at := 0
	for at < len(kinds) && (kinds[at].rows != rows || kinds[at].pair != pair) {
		at++
	}
	if at == len(kinds) {
		kinds = append(kinds, tileKind{rows: rows, pair: pair})
	}
	k := &kinds[at]
	k.fill(i)
	p := convPosition{In: s.source.Pixel(y*c.StrideH-c.PadTop, x*c.StrideW-c.PadLeft)}
	if s.staged {
		p.Out = ((y-u.y)*u.w + x - u.x) * s.weights.block.PixelBytes()
	} else {
		p.Out = c.Out.Pixel(y, x)
		if c.Residual != nil {
			p.Residual = c.Residual.Pixel(y, x)
		}
	}
	k.positions = append(k.positions, p)
	return kinds
}

// fill makes start reach up to unit i.
func (k *tileKind) fill(i int) {
	for len(k.start) <= i {
		k.start = append(k.start, len(k.positions))
	}
}

// listSteps lists the steps of each column; columns with the same inputs share
// a list.
func (s *directConv) listSteps() {
	for i, g := range s.weights.columns {
		if i > 0 && g.from == s.weights.columns[i-1].from && g.to == s.weights.columns[i-1].to {
			s.steps = append(s.steps, s.steps[i-1])
			continue
		}
		s.steps = append(s.steps, s.columnSteps(g.from, g.to))
	}
}

// columnSteps lists the steps over input channels [from, to) in the order in
// which ConvWeights packs them.
func (s *directConv) columnSteps(from, to int) (steps []convStep) {
	c, l := &s.conv, &s.source
	lanes, pixel := l.Format.Channels(), l.Format.PixelBytes()
	add := func(offset, n int) {
		steps = append(steps, convStep{offset, int32(n / 4), int32(n % 4)})
	}
	for begin := from; begin < to; {
		end := min((begin/lanes+1)*lanes, to)
		for ky := range c.KernelH {
			at := begin/lanes*l.Block + begin%lanes*4 + ky*c.DilationH*l.Pitch*pixel
			if s.weights.runs {
				add(at, c.KernelW)
				continue
			}
			for kx := range c.KernelW {
				add(at+kx*c.DilationW*pixel, end-begin)
			}
		}
		begin = end
	}
	return append(steps, steps[0]) // follows the last, see convArgs.NextIn
}

// Chunks is part of Step.
func (s *directConv) Chunks() int { return s.conv.In.N * s.cut.unitRanges * s.cut.columnRanges }

// Run is part of Step.
func (s *directConv) Run(chunk int, m *Memory) {
	n, u0, u1, c0, c1 := s.cut.at(chunk, s.conv.In.N, len(s.units), len(s.weights.columns))
	f := frames.Get().(*frame)
	a := &f.conv
	*a = s.args
	in := unsafe.Add(m.In, n*s.conv.In.Image)
	var room unsafe.Pointer
	if s.pad != nil {
		room = s.pad.rooms.Get().(unsafe.Pointer)
		from, to := s.inputRows(u0, u1)
		s.pad.fill(room, in, from, to)
		in = room
	}
	a.In = in
	if s.conv.KernelH*s.conv.KernelW == 1 && s.source.Format != Planar {
		a.NextIn = 1
	}
	a.PixelStride = s.conv.StrideW * s.source.Format.PixelBytes()
	for u := u0; u < u1; u += s.cut.batch {
		for col := c0; col < c1; col++ {
			s.runColumn(f, m, n, u, min(u+s.cut.batch, u1), col)
		}
	}
	*a = convArgs{}
	frames.Put(f)
	if s.pad != nil {
		s.pad.rooms.Put(room)
	}
}

// runColumn computes units [u0, u1) of one column.
func (s *directConv) runColumn(f *frame, m *Memory, n, u0, u1, col int) {
	g := &s.weights.columns[col]
	a := &f.conv
	a.Weights = unsafe.Pointer(&s.weights.data[g.at])
	if s.gate != nil {
		a.Weights = unsafe.Add(m.Scratch, n*s.gate.bytes()+4*g.at)
	}
	a.Bias = unsafe.Pointer(&s.weights.bias[g.first])
	a.Steps = unsafe.Pointer(&s.steps[col][0])
	a.StepCount = len(s.steps[col]) - 1
	s.fetchNext(a, u0, u1, col)
	out := unsafe.Add(m.Out, s.conv.Out.At(n, g.first))
	if s.staged {
		for u := u0; u < u1; u++ {
			a.Out, a.OutBlock = f.room()
			s.runTiles(a, u, u+1, col)
			s.finishStaged(f, m, n, g.first, u)
		}
	} else {
		a.Out, a.OutBlock = out, s.conv.Out.Block
		if r := s.conv.Residual; r != nil {
			a.Residual, a.ResidualBlock = unsafe.Add(m.Residual, r.At(n, g.first)), r.Block
		}
		s.runTiles(a, u0, u1, col)
		s.finishRows(u0, u1, g.vecs, out)
	}
	for v := range g.vecs {
		if s.staged && v == 1 {
			break
		}
		plane := unsafe.Add(out, v*s.conv.Out.Block)
		for _, u := range s.units[u0:u1] {
			if u.x+u.w == s.conv.Out.W {
				s.conv.Out.clearAround(plane, u.y, u.y+u.rows)
			}
		}
	}
}

// fetchNext prefetches weights that pass but once and come from beyond L2: the
// tiles of a column share the panel of the next, so that it arrives no faster
// than it can.
func (s *directConv) fetchNext(a *convArgs, u0, u1, col int) {
	var next []float32
	vecs := s.weights.columns[col].vecs
	before, after, all := s.tiles(u0, vecs), s.tiles(u1, vecs), s.tiles(len(s.units), vecs)
	if s.cut.columnsFirst && s.gate == nil && col+1 < len(s.weights.columns) {
		const line = 16
		panel := s.weights.panel(col + 1)
		lines := len(panel) / line
		next = panel[lines*before/all*line : lines*after/all*line]
	}
	a.fetch(&s.tile, next, after-before, a.StepCount, s.inputs(col))
}

// inputs is how many inputs each tile of a column has.
func (s *directConv) inputs(col int) int {
	return len(s.weights.panel(col)) / (s.weights.columns[col].vecs * s.weights.block.Channels())
}

// tiles counts the tiles of the units before u in a column of so many vectors.
func (s *directConv) tiles(u, vecs int) (n int) {
	for _, k := range s.kinds[vecs/3] {
		n += k.start[u]
	}
	return n
}

// runTiles computes the tiles of units [u0, u1) of a column.
func (s *directConv) runTiles(a *convArgs, u0, u1, col int) {
	vecs, inputs := s.weights.columns[col].vecs, s.inputs(col)
	for i := range s.kinds[vecs/3] {
		k := &s.kinds[vecs/3][i]
		first, end := k.start[u0], k.start[u1]
		if first == end {
			continue
		}
		half := (k.rows + 1) / 2
		a.SecondIn = half * a.PixelStride
		a.SecondOut = half * s.weights.block.PixelBytes()
		a.SecondResidual = a.SecondOut
		if k.pair {
			a.SecondIn = s.conv.StrideH * s.source.Pitch * s.source.Format.PixelBytes()
			if !s.staged {
				a.SecondOut = s.conv.Out.Pitch * s.conv.Out.Format.PixelBytes()
			}
			if r := s.conv.Residual; r != nil {
				a.SecondResidual = r.Pitch * r.Format.PixelBytes()
			}
		}
		a.Positions, a.Count = unsafe.Pointer(&k.positions[first]), end-first
		s.tile.run(k.rows, vecs, a)
		a.fetched(a.StepCount, inputs)
	}
}

// finishRows applies the rest of the activation to what was just written.
func (s *directConv) finishRows(u0, u1, vecs int, out unsafe.Pointer) {
	if s.rest.Kind == Identity {
		return
	}
	l := &s.conv.Out
	for _, u := range s.units[u0:u1] {
		for r := range u.rows {
			for v := range vecs {
				at := unsafe.Add(out, v*l.Block+l.Pixel(u.y+r, u.x))
				s.rung.Activate(at, u.w*l.Format.Channels(), s.rest)
			}
		}
	}
}

// finishStaged turns the unit in the frame into pixels of halves.
func (s *directConv) finishStaged(f *frame, m *Memory, n, channel, unit int) {
	l, u := &s.conv.Out, s.units[unit]
	out := l.strips(m.Out, n, channel/32)
	for r := range u.rows {
		at := f.strips(0).add(r * u.w * F32x16.PixelBytes())
		if res := s.conv.Residual; res != nil {
			low, high, _ := s.conv.Act.limits()
			from := s.rung.load(res, res.strips(m.Residual, n, channel/32), u.y+r, u.x, u.w, f.strips(1))
			for i := range at {
				s.rung.AddRow(at[i], at[i], from[i], u.w*16, low, high)
			}
		}
		if s.rest.Kind != Identity {
			s.rung.Activate(at[0], u.w*16, s.rest)
			s.rung.Activate(at[1], u.w*16, s.rest)
		}
		s.rung.store(l, out, u.y+r, u.x, u.w, at)
	}
}

func (s *directConv) String() string {
	return fmt.Sprintf("%v: %d units, %d columns, cut %+v", &s.conv, len(s.units), len(s.weights.columns), s.cut)
}
