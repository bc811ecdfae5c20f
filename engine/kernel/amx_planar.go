//go:build amd64 && !purego

package kernel

import (
	"math"
	"sync"
	"unsafe"

	"github.com/visionzoo/vision/engine/kernel/amd64"
)

// planarTileConv is a convolution of a planar picture (a first layer) with AMX tiles. A
// chunk copies the rows that it reads to a room, as pixels of four bf16 high parts and,
// separately, four low parts, with zeros around. Eight such pixels are the 32 numbers of a
// step, so a step covers a kernel row of up to eight taps. The tile rows of neighbouring
// outputs overlap in memory; with a stride of 2, letters being pixels of r, g, b and 0:
//
//	row of the room   a b c d e f g h i j k l ...
//	output 0          a b c d e f g h
//	output 1              c d e f g h i j
//	output 2                  e f g h i j k l
type planarTileConv struct {
	tileConv
	in    Layout
	padX  int // in pixels
	padY  int // in pixels
	read  int // bytes of a row of the room: high parts, then low parts
	parts []planarPart
	rooms sync.Pool
}

// planarPart is the work of a chunk: pairs of tiles, from rows [y0, y1) of the padded
// picture.
type planarPart struct {
	rows                RowSpan // of the output
	y0, y1, pair, pairs int
}

// planarWindow is the number of pixels of a step, planarPixel the bytes of the high parts
// of a pixel.
const (
	planarWindow = 8
	planarPixel  = 8
)

func newPlanarTileConv(c *Conv, w *TileWeights) *planarTileConv {
	s := &planarTileConv{tileConv: tileConv{weights: w}, in: c.In, padX: c.PadLeft, padY: c.PadTop}
	s.conv = *c
	pitch := roundUp(max(c.PadLeft+roundUp(c.In.W, 16), (c.Out.W-1)*c.StrideW+planarWindow), 8)
	s.read = 2 * pitch * planarPixel
	for y := range c.KernelH {
		s.offsets = append(s.offsets, y*c.DilationH*s.read)
	}
	groups := roundUp(c.Out.C, 32) / 32
	s.perGroup = groups
	tiles, rows := even(c.Out.W, 16)
	steps := len(s.offsets)
	time := float64(tiles*groups) * 6 * float64(steps) * tileTime(rows)
	parts := max(1, min(pieces(c.Out.H, time), c.Out.H/4))
	for i := range parts {
		s.addPart(c, i*c.Out.H/parts, (i+1)*c.Out.H/parts, tiles, rows)
	}
	most := 0
	for _, p := range s.parts {
		most = max(most, p.y1-p.y0)
	}
	s.rooms.New = func() any { return newRoom(most * s.read) }
	s.args = amd64.TileArgs{
		Config: amd64.TileConfig(rows), Offsets: &s.offsets[0], Steps: steps, RowStride: c.StrideW * planarPixel,
		Apart: s.read / 2, WeightsGroup: w.panel, BiasGroup: 128, Segments: &s.segments[0],
		PerStep: (2*rows + steps - 1) / steps,
	}
	s.setOutput(c)
	s.setActivation(c.Act)
	s.grid = grid{pairs: len(s.parts), groups: groups, pairsEach: 1, groupRuns: 1, block: 1}
	return s
}

// addPart lists the tiles of output rows [y0, y1).
func (s *planarTileConv) addPart(c *Conv, y0, y1, count, rows int) {
	m := tileMap{rows: rows, tiles: make([]rowTile, 0, (y1-y0)*count)}
	runs := make([]pixelRun, 0, (y1-y0)*count)
	for y := y0; y < y1; y++ {
		for i := range count {
			x := i * rows
			start := min(x, max(0, c.Out.W-rows))
			runs = append(runs, newPixelRun(x-start, min(rows, c.Out.W-x), 0, y, x))
			m.tiles = append(m.tiles, rowTile{in: (y-y0)*c.StrideH*s.read + start*c.StrideW*planarPixel, runs: runs[len(runs)-1:]})
		}
	}
	p := planarPart{y0: y0 * c.StrideH, y1: (y1-1)*c.StrideH + (c.KernelH-1)*c.DilationH + 1, pair: len(s.pairs), rows: RowSpan{y0, y1}}
	s.setPairs(c, &m)
	p.pairs = len(s.pairs) - p.pair
	s.parts = append(s.parts, p)
}

func (s *planarTileConv) Chunks() int { return s.in.N * len(s.parts) }

// Spans is part of Local.
func (s *planarTileConv) Spans(chunk int) (reads, writes RowSpan) {
	if s.in.N > 1 {
		return EveryRow, EveryRow
	}
	rows := s.parts[chunk].rows
	return s.conv.reads(rows), rows.with(s.conv.Out.haloPart(chunk, len(s.parts)))
}

func (s *planarTileConv) Run(chunk int, m *Memory) {
	n, part := chunk/len(s.parts), chunk%len(s.parts)
	p := &s.parts[part]
	room := s.rooms.Get().(unsafe.Pointer)
	s.fill(room, unsafe.Add(m.In, n*s.in.Image), p.y0, p.y1)
	var scratch [4096 + 64]byte
	a := s.args
	a.Scratch = unsafe.Pointer(&scratch[-uintptr(unsafe.Pointer(&scratch))&63])
	a.Pairs, a.Count = &s.pairs[p.pair], p.pairs
	local := Memory{In: room, Out: unsafe.Add(m.Out, n*s.conv.Out.Image)}
	s.runGroups(&a, &local, 0, s.grid.groups, 0)
	s.rooms.Put(room)
	for b := range s.conv.Out.Blocks() {
		s.conv.Out.clearHalo(unsafe.Add(local.Out, b*s.conv.Out.Block), part, len(s.parts))
	}
}

// pixelOrder is the order in which pairs of channels are interleaved to pixels.
var pixelOrder = func() (o [32]int32) {
	for i := range o {
		o[i] = int32(i/2 + i%2*16)
	}
	return o
}()

// fill copies rows [y0, y1) of the padded picture to a room. The zeros on both sides of
// rows are never overwritten.
func (s *planarTileConv) fill(room, picture unsafe.Pointer, y0, y1 int) {
	l := &s.in
	a := amd64.SpreadArgs{
		Last: uint32(math.MaxUint16) >> (-l.W & 15), Runs: roundUp(l.W, 16) / 16,
		Apart: s.read / 2, Order: &pixelOrder,
	}
	for c := range l.C {
		a.Masks[c] = math.MaxUint16
	}
	for y := y0; y < y1; y++ {
		row, from := unsafe.Add(room, (y-y0)*s.read), y-s.padY
		if from < 0 || from >= l.H {
			clear(bytesAt(row, s.read))
			continue
		}
		for c := range a.Rows {
			a.Rows[c] = unsafe.Add(picture, l.At(0, min(c, l.C-1))+l.Pixel(from, 0))
		}
		a.High = unsafe.Add(row, s.padX*planarPixel)
		amd64.SpreadRow(&a)
	}
}

// packTaps packs the weights of 32 outputs for planarTileConv: a step for each kernel row,
// four channels for each of eight taps, two channels per word.
func (w *TileWeights) packTaps(g int) {
	kept := numberRooms.Get().(*[]float32)
	defer numberRooms.Put(kept)
	each := w.cin * w.kernelH * w.kernelW
	source := w.source.row(32*g*each, min(32, w.cout-32*g)*each, kept)
	for half := range 2 {
		for y := range w.kernelH {
			at := g*w.panel + half*w.panel/2 + y*2048
			for out := range 16 {
				for k := range 4 * w.kernelW {
					v := w.tap(source, g, 16*half+out, k%4, y, k/4)
					to := unsafe.Pointer(&w.data[at+k/2*64+out*4+k%2*2])
					high := toHalf(v)
					*(*uint16)(to) = high
					*(*uint16)(unsafe.Add(to, 1024)) = toHalf(v - fromHalf(high))
				}
			}
		}
	}
}

// tap returns a weight of group g, times its scale; 0 if there is no such output or
// channel.
func (w *TileWeights) tap(source []float32, g, out, channel, y, x int) float32 {
	if 32*g+out >= w.cout || channel >= w.cin {
		return 0
	}
	return source[((out*w.cin+channel)*w.kernelH+y)*w.kernelW+x] * factor(w.scale, 32*g+out)
}
