package kernel

import "unsafe"

// directConv is a direct convolution on register tiles: the sums of a tile stay in
// registers over all channels and taps. A column of outputs has a list of steps, runs of
// contiguous inputs at an offset from a pixel: for 3x3 on 64 channels in F32x16, 4 blocks
// times 9 taps, each a step of 16 channels. The offsets are all that the kernel knows of the
// taps, so strides, dilations, groups and planar pictures need no kernel of their own.
//
// Work is cut into units (rows, or a part of a row) and columns of output channels.
type directConv struct {
	conv       Conv
	source     Layout     // the input, or a room of pad
	pad        *padPlanar // nil: chunks read the input in place
	weights    *ConvWeights
	tile       convTile
	rung       *Rung
	args       convArgs     // what all calls have in common
	steps      [][]convStep // for each column
	blockSteps []int        // for each column, see convArgs.BlockSteps
	units      []convUnit
	kinds      [2][]tileKind // kinds[vecs/3]: for columns of at most two vectors, and of three
	cut        convCut
	rest       Activation // the activation that the tile does not apply itself
	staged     bool       // tiles are written to the frame first, because the output or the residual is Split32 or BF16x32
	gated      int        // bytes of the weights of a picture, which are in the scratch; 0: there is no gate
}

// directConv plans a direct convolution. Rooms of pad hold as many rows as a chunk reads, which
// the cut decides, and the cut needs the tiles in the padded picture: so pad is made twice.
func (r *Rung) directConv(c *Conv, w *ConvWeights) (Work, error) {
	s := &directConv{conv: *c, source: c.In, weights: w, rung: r, tile: r.lanes(w.block.Channels()).ConvTile}
	s.plan()
	if c.Gate == nil {
		return Work{Steps: []Step{s}}, nil
	}
	g := r.gateWeights(c, w)
	s.gated = g.bytes()
	return Work{Steps: []Step{g, s}, Scratch: c.In.N * s.gated}, nil
}

// plan decides how the convolution is cut, and lists its tiles and steps.
func (s *directConv) plan() {
	c := &s.conv
	low, high, rest := c.Act.limits()
	s.rest = rest
	switch same := c.Residual == nil || c.Residual.Format == c.Out.Format; {
	case s.tile.narrows && c.Out.Format == BF16x32 && same && rest.Kind == Identity:
		s.args.Narrow = 1
	case !c.Out.Format.blockedF32() || !same:
		s.staged = true
	}
	if s.staged && c.Residual != nil { // clipped after it is added
		low, high, _ = Activation{}.limits()
	}
	s.args.clip(low, high)
	padded := c.In.Format == Planar && !c.inside()
	if padded {
		s.pad = newPadPlanar(c, 0) // for its layout
		s.source = s.pad.to
	}
	s.layTiles()
	s.cut = s.cutWork()
	if padded {
		s.pad = newPadPlanar(c, s.rebase())
		s.source = s.pad.to
	}
	s.listSteps()
}

// inputRows returns the rows of the padded picture that units [u0, u1) read.
func (s *directConv) inputRows(u0, u1 int) (from, to int) {
	c, last := &s.conv, s.units[u1-1]
	return s.units[u0].y * c.StrideH, (last.y+last.rows-1)*c.StrideH + (c.KernelH-1)*c.DilationH + 1
}

// rebase makes the positions of the tiles of each chunk relative to the first row that it
// reads, because that is the first row of a room of pad. It returns the largest number of
// rows that a chunk reads.
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

// listSteps lists the steps of each column; columns with the same inputs share
// a list.
func (s *directConv) listSteps() {
	for i, g := range s.weights.columns {
		if i > 0 && g.from == s.weights.columns[i-1].from && g.to == s.weights.columns[i-1].to {
			s.steps, s.blockSteps = append(s.steps, s.steps[i-1]), append(s.blockSteps, s.blockSteps[i-1])
			continue
		}
		steps := s.columnSteps(g.from, g.to)
		s.steps, s.blockSteps = append(s.steps, steps), append(s.blockSteps, blockSteps(steps[:len(steps)-1], s.weights.block))
	}
}

// columnSteps lists the steps over input channels [from, to) in the order in
// which ConvWeights and TileWeights pack them.
func (s *directConv) columnSteps(from, to int) (steps []convStep) {
	c, l := &s.conv, &s.source
	lanes, pixel := l.Format.Channels(), l.Format.PixelBytes()
	add := func(offset, n int) {
		steps = append(steps, convStep{offset, int32(n / 4), int32(n % 4)})
	}
	for begin := from; begin < to; {
		end := min((begin/lanes+1)*lanes, to)
		inputs := end - begin
		if l.Format == BF16x32 { // words of two channels, all of them: the weights of those after the last are 0
			inputs = pixel / 4
		}
		for ky := range c.KernelH {
			at := begin/lanes*l.Block + begin%lanes*4 + ky*c.DilationH*l.Pitch*pixel
			if s.weights.runs {
				add(at, c.KernelW)
				continue
			}
			for kx := range c.KernelW {
				add(at+kx*c.DilationW*pixel, inputs)
			}
		}
		begin = end
	}
	return append(steps, steps[0]) // follows the last, see convArgs.BlockSteps
}

// blockSteps returns the number of first steps with a complete block of channels.
func blockSteps(steps []convStep, block Format) (n int) {
	for n < len(steps) && int(steps[n].Quads) == block.Channels()/4 && steps[n].Ones == 0 {
		n++
	}
	return n
}

// Chunks is part of Step.
func (s *directConv) Chunks() int { return s.conv.In.N * s.cut.unitRanges * s.cut.columnRanges }

// Run is part of Step.
func (s *directConv) Run(chunk int, m *Memory) {
	p := s.cut.at(chunk, s.conv.In.N, len(s.units), len(s.weights.columns))
	f := frames.Get().(*frame)
	a := &f.conv
	*a = s.args
	in := unsafe.Add(m.In, p.picture*s.conv.In.Image)
	var room unsafe.Pointer
	if s.pad != nil {
		room = s.pad.rooms.Get().(unsafe.Pointer)
		from, to := s.inputRows(p.u0, p.u1)
		s.pad.fill(room, in, from, to)
		in = room
	}
	a.In = in
	if s.conv.KernelH*s.conv.KernelW == 1 {
		a.NextIn = 1 // channel blocks are too far apart for the hardware prefetcher
	}
	a.PixelStride = s.conv.StrideW * s.source.Format.PixelBytes()
	for u := p.u0; u < p.u1; u += s.cut.batch {
		for col := p.c0; col < p.c1; col++ {
			s.runColumn(f, m, p, u, min(u+s.cut.batch, p.u1), col)
		}
	}
	*a = convArgs{}
	frames.Put(f)
	if s.pad != nil {
		s.pad.rooms.Put(room)
	}
}

// runColumn computes units [u0, u1) of one column of a piece.
func (s *directConv) runColumn(f *frame, m *Memory, p convPiece, u0, u1, col int) {
	n, g := p.picture, &s.weights.columns[col]
	a := &f.conv
	a.Weights = unsafe.Pointer(&s.weights.data[g.at])
	if s.gated > 0 {
		a.Weights = unsafe.Add(m.Scratch, n*s.gated+4*g.at)
	}
	a.Bias = unsafe.Pointer(&s.weights.bias[g.first])
	a.Steps = unsafe.Pointer(&s.steps[col][0])
	a.StepCount, a.BlockSteps = len(s.steps[col])-1, s.blockSteps[col]
	s.fetchNext(a, p, col)
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
		if v == 1 && !s.conv.Out.Format.blockedF32() {
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

// fetchNext sets which weights from beyond L2 a call prefetches. The pieces of a group
// share the panel of the next column, and the tiles of a piece share its part, so that
// prefetches are spread evenly.
func (s *directConv) fetchNext(a *convArgs, p convPiece, col int) {
	vecs := s.weights.columns[col].vecs
	if !s.cut.streamed || s.gated > 0 || col+1 == len(s.weights.columns) || vecs == 1 {
		a.fetch(nil, 0)
		return
	}
	const line = 16
	panel := s.weights.panel(col + 1)
	lines := len(panel) / line
	next := panel[lines*p.turn/p.turns*line : lines*(p.turn+1)/p.turns*line]
	a.fetch(next, (s.tiles(p.u1, vecs)-s.tiles(p.u0, vecs))*a.BlockSteps*s.tile.ahead)
}

// tiles returns the number of tiles of the units before u in a column of vecs vectors.
func (s *directConv) tiles(u, vecs int) (n int) {
	for _, k := range s.kinds[vecs/3] {
		n += k.start[u]
	}
	return n
}

// runTiles computes the tiles of units [u0, u1) of a column.
func (s *directConv) runTiles(a *convArgs, u0, u1, col int) {
	vecs := s.weights.columns[col].vecs
	for i := range s.kinds[vecs/3] {
		k := &s.kinds[vecs/3][i]
		first, end := k.start[u0], k.start[u1]
		if first == end {
			continue
		}
		a.SecondIn, a.SecondOut, a.SecondResidual = k.secondIn, k.secondOut, k.secondResidual
		a.Positions, a.Count = unsafe.Pointer(&k.positions[first]), end-first
		s.tile.run(k.rows, k.head, vecs, a)
		a.fetched(a.Count * a.BlockSteps * s.tile.ahead)
	}
}

// finishRows applies the rest of the activation to units [u0, u1) of a column.
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

// finishStaged adds the residual to the unit in the frame, applies the activation, and
// converts it to the format of the output if that is not float32.
func (s *directConv) finishStaged(f *frame, m *Memory, n, channel, unit int) {
	l, u := &s.conv.Out, s.units[unit]
	out := l.strips(m.Out, n, channel/32)
	for r := range u.rows {
		sums := f.strips(0).add(r * u.w * F32x16.PixelBytes())
		at := l.target(out, u.y+r, u.x, sums)
		if res := s.conv.Residual; res != nil {
			low, high, _ := s.conv.Act.limits()
			from := s.rung.load(res, res.strips(m.Residual, n, channel/32), u.y+r, u.x, u.w, f.strips(1))
			for i := range at {
				if at[i] != nil && from[i] != nil { // else there are no more channels
					s.rung.AddRow(at[i], sums[i], from[i], u.w*16, low, high)
				}
			}
		}
		if s.rest.Kind != Identity {
			for _, p := range at {
				if p != nil {
					s.rung.Activate(p, u.w*16, s.rest)
				}
			}
		}
		s.rung.store(l, out, u.y+r, u.x, u.w, at)
	}
}
