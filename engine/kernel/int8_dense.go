//go:build amd64 && !purego

package kernel

import (
	"unsafe"

	"github.com/visionzoo/vision/engine/kernel/amd64"
)

// tileUnitQConvs are the integer convolutions of the rung "amx": dense ones with
// TDPBUSD, depthwise ones and those with outputs in float32 with VNNI.
var tileUnitQConvs = qconvKernels{fast: true, plan: func(r *Rung, c *QConv, w *QConvWeights) (Work, error) {
	if w.form == qconvDepthwise || c.Floats != nil {
		return vnniQConvs.plan(r, c, w)
	}
	return Work{Steps: []Step{newDenseQConv(c, w)}}, nil
}}

// denseQConv is a convolution of complete blocks of channels planned for AMX
// tiles.
type denseQConv struct {
	tiled
	weights  *QConvWeights
	block    int // bytes from one block of the output to the next
	perGroup int // groups of 32 outputs in a group of the convolution
	groupIn  int // bytes from the input of a group of the convolution to the next
}

func newDenseQConv(c *QConv, w *QConvWeights) *denseQConv {
	s := &denseQConv{weights: w, block: c.Out.Block}
	s.conv = c.Conv
	s.offsets = qconvOffsets(c, w)
	m := mapTiles(&c.Conv, 16)
	s.setPairs(&c.Conv, &m)
	groups := roundUp(c.Out.C, 32) / 32
	s.perGroup = groups
	if c.Group > 1 {
		s.perGroup = c.Out.C / c.Group / 32
		s.groupIn = c.In.C / c.Group / 64 * c.In.Block
	}
	steps := len(s.offsets)
	s.args = amd64.TileArgs{
		Config: amd64.TileConfig(m.rows), Offsets: &s.offsets[0], Steps: steps,
		RowStride: m.stride, WeightsGroup: w.panel, BiasGroup: 256, Segments: &s.segments[0],
		PerStep: (2*m.rows + steps - 1) / steps, OutStep: 64, MaskA: 0xffff, MaskB: 0xffff,
		Zero: int32(c.OutZero), Low: -float32(c.OutZero), High: 255 - float32(c.OutZero),
	}
	time := max(4*tileTime(m.rows)*float64(steps), 2*float64(2*m.rows)) + 10
	s.grid = cutGrid(len(s.pairs), groups, time, len(w.data), c.In.Size())
	return s
}

// Run computes a range of groups of outputs for a range of pairs of tiles, and
// fills its share of their halo.
func (s *denseQConv) Run(chunk int, m *Memory) {
	pair, pairs, group, groups := s.grid.at(chunk)
	var scratch [4096 + 64]byte
	a := s.args
	a.Scratch = unsafe.Pointer(&scratch[-uintptr(unsafe.Pointer(&scratch))&63])
	a.Pairs, a.Count = &s.pairs[pair], pairs
	w := s.weights
	for g := group; g < group+groups; {
		n := min(group+groups-g, s.perGroup-g%s.perGroup)
		a.In = unsafe.Add(m.In, g/s.perGroup*s.groupIn)
		a.Weights, a.Bias = unsafe.Pointer(&w.data[g*w.panel]), unsafe.Pointer(&w.ends[256*g])
		a.Out = unsafe.Add(m.Out, g/2*s.block+g%2*32)
		a.OutGroup, a.OutGroupOdd = 32, s.block-32
		if g%2 == 1 {
			a.OutGroup, a.OutGroupOdd = a.OutGroupOdd, a.OutGroup
		}
		a.Groups = n
		s.grid.prefetch(&a, pair, pairs, len(w.data))
		amd64.TilesU8(&a)
		g += n
	}
	clearByteHalo(&s.conv.Out, m.Out, pair/s.grid.pairsEach, s.grid.pairRuns(), group, groups, 32)
}
