package plan

import (
	"github.com/visionzoo/vision/engine/ir"
	"github.com/visionzoo/vision/engine/kernel"
)

// The time of a product of few rows is that of reading its weights. With bfloat16
// precision they have half the size. Such a product runs as a convolution of one
// tap: [1 25088]·[4096 25088]^T is one picture of one pixel, of 25088 channels to 4096.

// streamsBF16 reports whether a product should read its weights as bfloat16: the numbers
// of a column of B must be contiguous, as the weights of an output channel are, and if
// there are several rows of C, each must be complete vectors, because vectors are stored
// whole.
func (b *builder) streamsBF16(p *product) bool {
	g := &p.gemm
	return b.opt.BF16 && b.opt.Rung.Pays(kernel.BF16x32) && p.weights != nil && g.TransB && g.Scale == 1 &&
		g.M <= kernel.InPlaceRows && len(g.Batch) == 0 && (g.M == 1 || g.N%16 == 0) && p.residual == nil &&
		(p.bias == nil || p.bias.Len() == g.N && p.beta == 1)
}

// addBF16 plans such a product for the rows at a.
func (b *builder) addBF16(n *ir.Node, p *product, a place) error {
	g := &p.gemm
	rows := kernel.NewLayout(kernel.Planar, g.M, g.K, 1, 1, kernel.Halo{})
	steps := (g.K + 31) / 32
	in := kernel.Layout{Format: kernel.BF16x32, N: g.M, C: g.K, H: 1, W: 1, Pitch: 1, Block: 64 * g.M, Image: 64}
	out := kernel.Layout{Format: kernel.F32x16, N: g.M, C: g.N, H: 1, W: 1, Pitch: 1, Block: 64, Image: 4 * g.N}
	narrow := place{buffer: b.newBuffer(steps * in.Block), layout: in}
	work, err := b.opt.Rung.Convert(rows, in)
	if err != nil {
		return err
	}
	b.addWork(n, "planar to bf16x32", work, []place{a}, nil, narrow)

	c := kernel.OneTap(in, out)
	c.Act = g.Act
	packed, err := b.packsFor(p.weights, p.bias).tile(c, filter{weights: p.weights, bias: p.bias})
	if err != nil {
		return err
	}
	product, err := b.opt.Rung.NewBF16(c, packed)
	if err != nil {
		return err
	}
	size := (g.M-1)*out.Image + out.Blocks()*out.Block // the last vector is complete
	to := place{buffer: b.newBuffer(size), layout: planarLayout(b.facts[p.out])}
	b.places[p.out] = to
	b.addWork(n, n.Op+" bf16", product, []place{narrow}, nil, to)
	return nil
}
