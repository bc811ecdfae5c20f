//go:build !purego

package kernel

import (
	"sync"
	"time"

	"github.com/visionzoo/vision/engine/kernel/amd64"
	"github.com/visionzoo/vision/internal/clock"
)

// AVX512_BF16 has VDPBF16PS: in each of 16 lanes, two products of bfloat16 are added to a
// float32. A direct convolution on it is that of float32 with words of two channels in place
// of single channels: a pixel of BF16x32 is 16 such words, and weights are packed as for tiles
// of AMX, [output / 32][input / 32][tap][output / 16 % 2][word][output % 16].

// pairTileConv are the convolutions of the rung "avx512bf16".
var pairTileConv = TileConv{
	PackSplit: plainTileConv.PackSplit, NewSplit: plainTileConv.NewSplit,
	PackBF16: packBF16, NewBF16: newPairConv,
	Pays: func(f Format) bool { return f == BF16x32 && pairsPay() },
}

// pairsPay reports whether VDPBF16PS computes products in less than two thirds of the time that
// multiply-adds of float32 take. Zen 5 starts as many of either in a cycle; a processor that starts
// half as many computes no more products. The shortest of several turns counts.
var pairsPay = sync.OnceValue(func() bool {
	const rounds, turns = 1000, 10
	shortest := func(loop func(rounds int), least time.Duration) time.Duration {
		start := clock.Now()
		loop(rounds)
		return min(least, clock.Since(start))
	}
	floats, pairs := time.Hour, time.Hour
	for range turns {
		floats, pairs = shortest(amd64.PeakAVX512, floats), shortest(amd64.PeakBF16, pairs)
	}
	return 3*pairs < 4*floats // each computes two products
})

var convTilePairs = convTile{pixels: 14, narrows: true, run: func(rows, head, vecs int, a *convArgs) {
	amd64.ConvBF16[vecs][rows][head]((*amd64.ConvF32)(a))
}, ahead: 16}

// pairRows has the kernels for rows of outputs.
var pairRows = Rung{Activate: activateAVX512.apply, AddRow: amd64.AddRowAVX512,
	Split: amd64.SplitAVX512, Unsplit: amd64.UnsplitAVX512, Narrow: amd64.NarrowAVX512, Widen: amd64.WidenAVX512}

// newPairConv plans a convolution of BF16x32 with VDPBF16PS.
func newPairConv(c *Conv, w *TileWeights) (Work, error) {
	if err := w.fits(c); err != nil {
		return Work{}, err
	}
	s := &directConv{conv: *c, source: c.In, weights: w.columns(c), tile: convTilePairs, rung: &pairRows}
	s.plan()
	if c.Gate == nil {
		return Work{Steps: []Step{s}}, nil
	}
	g := newTileGate(c, w)
	s.gated = len(w.data)
	return Work{Steps: []Step{g, s}, Scratch: len(w.data) + w.Chunks()*g.roomBytes()}, nil
}

// columns returns the weights as those of a direct convolution, in columns of 32 outputs;
// the last has 16 if a float32 output has no more.
func (w *TileWeights) columns(c *Conv) *ConvWeights {
	as := &ConvWeights{keeper: w.keeper, block: F32x16, cin: w.cin, cout: w.cout, group: w.group, kh: w.kernelH, kw: w.kernelW,
		data: asFloats(w.data, len(w.data)/4), length: len(w.data) / 4, bias: w.bias}
	as.columns = cutColumns(c, F32x16)
	for i := range as.columns {
		as.columns[i].at = i * w.panel / 4
	}
	return as
}
