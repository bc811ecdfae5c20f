package kernel

import "fmt"

// Winograd's form of a 3x3 convolution, with the numbers of 64 to 64 channels on a map of
// 56x56 and F(4x4, 3x3):
//
//	input      196 tiles of 6x6 pixels, which overlap; 4x4 outputs each
//	transform  each becomes 36 numbers a channel; number i of all tiles is plane i: 196 x 64
//	products   36 products of matrices, plane i by the weights of plane i: [196 64]·[64 64]
//	transform  the 36 numbers of a tile and channel become 4x4 outputs
//
// conv_winograd_plain.go has the formulas. A product is a direct convolution of 1x1 with the
// tiles as pixels, on the register tiles that other convolutions use. Six planes, those of a
// column of the 6x6 numbers, are a stripe.
//
// If a convolution is dilated, the pixels of a tile are as far apart as its taps: the rows and
// columns of a picture fall into as many sets as the dilation says, and tiles are cut within
// a set. At a dilation of 2 a row of 9 pixels is cut into
//
//	1 2 1 2 1 2 1 2 3       1: columns 0 2 4 6; 2: columns 1 3 5 7; 3: column 8
//
// Weights are stored untransformed and are transformed in each pass, because transformed
// weights are up to four times as large and would take longer to come from beyond the core's
// caches.

// winogradConv is a 3x3 convolution in Winograd's form. Tiles are processed in passes; the
// transformed input and output of a pass (its sides) lie in a room of channel blocks, with
// the tiles as pixels.
type winogradConv struct {
	winogradMap
	weights     *ConvWeights
	unit        winogradUnit
	planes      int // numbers of a transformed tile: 36, or 16 of F(2x2, 3x3)
	stripes     int // columns of a transformed tile, and numbers in each column: 6 or 4
	tile        convTile
	rung        *Rung
	steps       []convStep // over the channels of one plane, followed by the first again
	blockSteps  int        // see convArgs.BlockSteps
	kBlocks     int        // runs of input channels whose weights are transformed together
	weightPlane int        // bytes of a plane of the transformed weights of a column and a K-block
	stripesEach int        // stripes whose weights are transformed together
	whole       bool       // a chunk computes all stripes of a column of output channels
	passes      []winogradPass
	block       int // bytes from one channel block of a transformed plane to the next
	in, out     int // bytes from one transformed plane to the next, in the input and in the output
	low, high   float32
}

// winogradMap says where the tiles of a convolution are.
type winogradMap struct {
	conv         Conv
	side         int           // of a tile's outputs
	pixel        int           // bytes of a tile in a transformed plane
	down, across []winogradCut // of a picture into rows and columns of tiles
	rest         Activation    // the activation that the transform does not apply itself
}

// cut cuts the picture.
func (s *winogradMap) cut() {
	c := &s.conv
	s.down, s.across = winogradCuts(c.Out.H, c.DilationH, s.side), winogradCuts(c.Out.W, c.DilationW, s.side)
}

// winogradPass is a run of tiles that are transformed together.
type winogradPass struct {
	tiles     int
	parts     []winogradPart // pieces of the transforms
	rows      [2][]tileKind  // rows[vecs/3]: the register tiles of the products with columns of at most two vectors, and of three
	registers [2]int         // how many these are
}

// winogradPart is a range of tiles of a pass.
type winogradPart struct {
	tiles  int
	groups []winogradGroup
	runs   []winogradRun // of the activation
	ends   []winogradEnd // of the halo
}

// winogradGroup holds tiles of which equal parts lie inside the picture: all but those at
// its right and lower edges are one group.
type winogradGroup struct {
	height, width int    // of the outputs inside
	rows, columns [6]int // see winogradArgs
	positions     []winogradPosition
}

// winogradCut is a row of tiles, or a column of them: where it begins, and how many of its
// outputs, at most the tile's side, are inside the picture.
type winogradCut struct{ at, outputs int }

// winogradCuts cuts the outputs of one dimension into tiles of side, from the first on.
func winogradCuts(outputs, dilation, side int) (cuts []winogradCut) {
	dilation = min(dilation, outputs) // of a kernel of 1x1 it may be any number
	for at := 0; at < outputs; at += dilation * side {
		for i := at; i < min(at+dilation, outputs); i++ {
			cuts = append(cuts, winogradCut{i, min(side, (outputs-i+dilation-1)/dilation)})
		}
	}
	return cuts
}

// winogradRun is a run of numbers that a part writes in every block.
type winogradRun struct{ at, numbers int }

// winogradEnd are rows of a picture whose ends a part writes.
type winogradEnd struct{ n, y0, y1 int }

// There are three ways through the work, by where weights and tiles stay:
//
//   - Transformed weights of at most winogradStays leave room in L2 for tiles
//     (winogradTogether). All weights are transformed first. Then each pass is one chunk,
//     small enough to stay in L2 too.
//   - Otherwise chunks are columns of output channels (whole), whose products are
//     transformed back while they are in the cache. A chunk transforms the weights of some
//     input channels at a time. If a picture has many tiles, these are one stripe of more
//     channels, because tiles that do not stay in L2 should be read few times; else they are
//     all stripes, and the weights are read once.
//   - Where a picture with many tiles has too few columns for the cores, or narrow vectors
//     (F32x8), for which its tiles would not arrive from beyond L2 in time for all stripes,
//     chunks are stripes of a column.
const (
	winogradStays   = 1 << 20   // bytes of transformed weights
	winogradRoom    = 768 << 10 // bytes of both transformed sides of a chunk, or of weights and the output side
	winogradKBlock  = 300 << 10 // bytes of transformed weights that are multiplied at a time
	winogradMany    = 32        // tiles of a picture that are many
	winogradColumns = 8         // number of chunks that is enough
	winogradWide    = 8 << 20   // bytes of both transformed sides of a pass that all cores share
	winogradPiece   = 56        // tiles of a part of such a pass
)

// winogradFits returns an error if a convolution cannot be computed in Winograd's
// form.
func (c *Conv) winogradFits() error {
	if c.KernelH != 3 || c.KernelW != 3 || c.StrideH != 1 || c.StrideW != 1 || c.Group != 1 ||
		!c.In.Format.blockedF32() || c.Out.Format != c.In.Format {
		return fmt.Errorf("%v: not a convolution for Winograd's form", c)
	}
	return nil
}

// InsideTiles returns which share of the outputs of all tiles of 4x4 is inside the picture.
// Without dilation it is at least 0.76 on maps from 20x20 on.
func (c *Conv) InsideTiles() float64 {
	tiles := len(winogradCuts(c.Out.H, c.DilationH, 4)) * len(winogradCuts(c.Out.W, c.DilationW, 4))
	return float64(c.Out.H*c.Out.W) / float64(16*tiles)
}

// WinogradPays reports whether a convolution of 3x3 and stride 1 is faster in the form
// F(4x4, 3x3) on any processor.
func (c *Conv) WinogradPays() bool {
	return min(c.Out.H, c.Out.W) >= 20 && min(c.In.C, c.Out.C) >= 32 && c.InsideTiles() >= 0.7
}

// winograd returns the transforms of a method.
func (r *Rung) winograd(f Format, m ConvMethod) winogradUnit {
	if m == ConvSmallWinograd {
		return r.lanes(f.Channels()).SmallWinograd
	}
	return r.lanes(f.Channels()).Winograd
}

// winogradConv plans a convolution by a method of Winograd's.
func (r *Rung) winogradConv(m ConvMethod, c *Conv, w *ConvWeights) (Work, error) {
	if err := c.winogradFits(); err != nil {
		return Work{}, err
	}
	unit := r.winograd(w.block, m)
	s := &winogradConv{winogradMap: winogradMap{conv: *c, side: unit.side, pixel: w.block.PixelBytes()},
		weights: w, unit: unit, planes: unit.planes(), stripes: unit.stripes(), tile: r.lanes(w.block.Channels()).ConvTile, rung: r}
	s.low, s.high, s.rest = c.Act.limits()
	s.cut()
	if unit.few != nil && s.tiles() <= winogradFewTiles {
		return s.few(), nil
	}
	most, together := s.chooseWay()
	s.cutChannels(together)
	s.layTiles(most, together)
	for b := range c.In.Blocks() {
		n := min(w.block.Channels(), c.In.C-b*w.block.Channels())
		s.steps = append(s.steps, convStep{b * s.block, int32(n / 4), int32(n % 4)})
	}
	s.blockSteps = blockSteps(s.steps, w.block)
	s.steps = append(s.steps, s.steps[0]) // follows the last, see convArgs.BlockSteps
	if together {
		return Work{Steps: []Step{newWinogradFilters(s), (*winogradTogether)(s)}, Scratch: len(w.columns) * s.planes * s.weightPlane}, nil
	}
	var steps []Step
	for i := range s.passes {
		p := &s.passes[i]
		steps = append(steps, newWinogradInput(s, p), winogradProducts{s, p})
		if !s.whole {
			steps = append(steps, newWinogradOutput(s, p))
		}
	}
	return Work{Steps: steps, Scratch: s.size()}, nil
}

// chooseWay chooses one of the three ways through the work (see winogradStays): together or
// not, and s.whole or not. It returns how many tiles a pass may have, a multiple of those of
// a register tile.
func (s *winogradConv) chooseWay() (most int, together bool) {
	rows, pixel := s.tile.pixels, s.weights.block.PixelBytes()
	blocks := s.conv.In.Blocks() + s.conv.Out.Blocks()
	most = (winogradRoom/(s.planes*blocks) - 2*64) / pixel / rows * rows // oddLines adds up to two lines
	transformed := 4 * len(s.weights.data) / 9 * s.planes                // bytes: planes numbers for each 9
	together = transformed <= winogradStays && most > 0
	s.whole = !together && (!s.many() || len(s.weights.columns) >= winogradColumns && s.weights.block == F32x16)
	switch {
	case s.whole:
		most = s.wholeTiles() / rows * rows
	case !together:
		most = max(rows, winogradWide/(s.planes*blocks*pixel)/rows*rows)
	}
	return most, together
}

// size is how many bytes the transformed sides take, without those that belong to
// single chunks.
func (s *winogradConv) size() int {
	if s.whole {
		return s.conv.In.Blocks() * s.block
	}
	return s.planes * (s.in + s.out)
}

// wholeTiles is the number of tiles per pass with which the products of a column,
// together with weights, fit the room of a chunk.
func (s *winogradConv) wholeTiles() int {
	return (winogradRoom-winogradKBlock)/(s.planes*s.widest()*s.weights.block.PixelBytes()) - 2
}

// widest is the largest number of vectors in a column.
func (s *winogradConv) widest() (vecs int) {
	for _, g := range s.weights.columns {
		vecs = max(vecs, g.vecs)
	}
	return vecs
}

// cutChannels cuts the input channels into K-blocks: runs of complete channel blocks,
// whose products are added up one run after the other. This determines the order of the
// sums, so it must not depend on the number of pictures.
func (s *winogradConv) cutChannels(together bool) {
	blocks := s.conv.In.Blocks()
	block := s.weights.block.Channels() * s.widest() * s.weights.block.PixelBytes() // bytes of a plane
	s.kBlocks, s.stripesEach = 1, s.stripes
	if !together {
		if s.many() {
			s.stripesEach = 1
		}
		most := max(1, (winogradKBlock/(s.stripesEach*s.stripes)-2*64)/block)
		s.kBlocks = (blocks + most - 1) / most
	}
	s.weightPlane = oddLines((blocks + s.kBlocks - 1) / s.kBlocks * block)
}

// many reports whether one picture has too many tiles to stay in L2.
func (s *winogradConv) many() bool { return s.tiles() >= winogradMany }

// tiles is the number of tiles of a picture.
func (s *winogradMap) tiles() int { return len(s.down) * len(s.across) }

// kBlock returns the range of channel blocks of K-block i.
func (s *winogradConv) kBlock(i int) (b0, b1 int) {
	blocks := s.conv.In.Blocks()
	return i * blocks / s.kBlocks, (i + 1) * blocks / s.kBlocks
}

// oddLines rounds up to an odd number of cache lines, so that planes at this
// distance do not alias in the cache.
func oddLines(n int) int { return ((n+63)/64 | 1) * 64 }

// layTiles cuts the tiles of all pictures into passes of nearly equal size.
func (s *winogradConv) layTiles(most int, together bool) {
	c := &s.conv
	all := c.Out.N * s.tiles()
	n := (all + most - 1) / most
	per := (all + n - 1) / n
	pixel := s.weights.block.PixelBytes()
	s.block = oddLines(per * pixel)
	s.in, s.out = c.In.Blocks()*s.block, c.Out.Blocks()*s.block
	if s.whole { // all planes of a block are written, and read, together
		s.in, s.out, s.block = s.block, s.block, s.planes*s.block
	}
	for i := range n {
		first, end := i*all/n, (i+1)*all/n
		p := winogradPass{tiles: end - first}
		parts := 1
		if !together {
			parts = (p.tiles + winogradPiece - 1) / winogradPiece
		}
		for j := range parts {
			p.parts = append(p.parts, s.part(first, first+j*p.tiles/parts, first+(j+1)*p.tiles/parts))
		}
		for j, most := range []int{s.tile.pixels, s.tile.pixels3} {
			if most > 0 {
				p.layRows(j, most, pixel)
			}
		}
		s.passes = append(s.passes, p)
	}
}

// part returns tiles [t0, t1) of a pass that begins with tile first.
func (s *winogradMap) part(first, t0, t1 int) winogradPart {
	c := &s.conv
	part := winogradPart{tiles: t1 - t0}
	for t := t0; t < t1; t++ {
		n, column := t/s.tiles(), t%len(s.across)
		down, across := s.down[t%s.tiles()/len(s.across)], s.across[column]
		y, x := down.at, across.at
		p := winogradPosition{Tile: (t - first) * s.pixel,
			In: n*c.In.Image + c.In.Pixel(y-c.PadTop, x-c.PadLeft), Out: n*c.Out.Image + c.Out.Pixel(y, x)}
		if c.Residual != nil {
			p.Residual = n*c.Residual.Image + c.Residual.Pixel(y, x)
		}
		g := part.group(down.outputs, across.outputs, c)
		g.positions = append(g.positions, p)
		for i := range down.outputs {
			row := y + i*c.DilationH
			if column == len(s.across)-1 {
				part.end(n, row)
			}
			switch at := n*c.Out.Image + c.Out.Pixel(row, x); {
			case s.rest.Kind == Identity:
			case c.DilationW > 1: // tiles of several sets take turns
				for range across.outputs {
					part.runs = append(part.runs, winogradRun{at, c.Out.Format.Channels()})
					at += c.DilationW * c.Out.Format.PixelBytes()
				}
			case t == t0 || column == 0:
				pixels := min((t1-t)*s.side, c.Out.W-x)
				part.runs = append(part.runs, winogradRun{at, pixels * c.Out.Format.Channels()})
			}
		}
	}
	return part
}

// end adds row y of picture n to the rows whose ends a part writes.
func (p *winogradPart) end(n, y int) {
	if last := len(p.ends) - 1; last >= 0 && p.ends[last].n == n && p.ends[last].y1 == y {
		p.ends[last].y1++
		return
	}
	p.ends = append(p.ends, winogradEnd{n, y, y + 1})
}

// group finds or makes the group of tiles of that size. Reads beyond the pixels on
// which the wanted outputs depend are redirected to the last of these: the values
// do not matter, but must be finite.
func (p *winogradPart) group(height, width int, c *Conv) *winogradGroup {
	for i := range p.groups {
		if g := &p.groups[i]; g.height == height && g.width == width {
			return g
		}
	}
	g := winogradGroup{height: height, width: width}
	for i := range 6 {
		g.rows[i] = min(i, height+1) * c.DilationH * c.In.Pitch * c.In.Format.PixelBytes()
		g.columns[i] = min(i, width+1) * c.DilationW * c.In.Format.PixelBytes()
	}
	p.groups = append(p.groups, g)
	return &p.groups[len(p.groups)-1]
}

// layRows cuts the tiles into register tiles of nearly equal size, of at most most
// tiles.
func (p *winogradPass) layRows(kind, most, pixel int) {
	n := (p.tiles + most - 1) / most
	p.registers[kind] = n
	kinds := p.rows[kind]
	for i := range n {
		from := i * p.tiles / n
		rows := (i+1)*p.tiles/n - from
		at := 0
		for at < len(kinds) && kinds[at].rows != rows {
			at++
		}
		if at == len(kinds) {
			head := (rows + 1) / 2
			kinds = append(kinds, tileKind{rows: rows, head: head, secondIn: head * pixel, secondOut: head * pixel, secondResidual: head * pixel})
		}
		kinds[at].positions = append(kinds[at].positions, convPosition{In: from * pixel, Out: from * pixel, Residual: from * pixel})
	}
	p.rows[kind] = kinds
}
