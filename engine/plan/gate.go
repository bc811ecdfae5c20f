package plan

import (
	"github.com/visionzoo/vision/engine/ir"
	"github.com/visionzoo/vision/engine/kernel"
)

// Squeeze and excitation (Hu et al. 2018, arXiv:1709.01507): the mean of each channel goes
// through a small network, whose outputs, the gates, are multiplied with all pixels of
// their channel:
//
//	depthwise ─▶ x [1 96 56 56] ─┬───────────────────────────────▶ Mul ─▶ 1x1, 24 channels
//	                             └▶ mean ─▶ … ─▶ gate [1 96 1 1] ──┘
//
// Computed as written, the mean and the product each read the whole activation once more.
// Here the depthwise convolution before computes the means too (meanOf), and the gates are
// multiplied into the weights of the 1x1 convolution after (foldGates): 24·96 products
// instead of 96·56·56. Then the Mul schedules nothing.

// foldGates decides which gates are multiplied into the weights of the convolution
// that reads the product, and records them in b.gates and b.gated.
func (b *builder) foldGates(nodes []*ir.Node) {
	b.gates, b.gated = map[*ir.Node]*ir.Node{}, map[*ir.Node]*ir.Node{}
	for _, n := range nodes {
		if b.roles[n] != gate {
			continue
		}
		if c, ok := b.foldable(n); ok {
			b.gates[c], b.gated[n] = n, c
		}
	}
}

// foldable returns the convolution whose weights can take the gate of product n: it is
// 1x1, alone reads the product, and has fewer weights than the product has numbers.
func (b *builder) foldable(n *ir.Node) (*ir.Node, bool) {
	y := n.Outputs[0]
	if b.needed[y] || len(b.readers[y]) != 1 {
		return nil, false
	}
	r := b.readers[y][0]
	if b.roles[r] != convolve || r.Inputs[0] != y {
		return nil, false
	}
	x, _ := b.gateOperands(n)
	for _, v := range r.Inputs[1:] {
		if v == x || v == y { // a value that is read as a residual may be overwritten
			return nil, false
		}
	}
	c := b.conv(r)
	if c.KernelH*c.KernelW > 1 || c.Group > 1 || c.Halo() != (kernel.Halo{}) || c.In.C < 8 {
		return nil, false
	}
	// A weight is read, multiplied and written, just as a number of the product.
	if b.tiled(r, c) { // its weights are read from the file as they are, and split too
		return r, 8*c.Out.C <= c.In.H*c.In.W
	}
	return r, c.Out.C <= c.In.H*c.In.W
}

// gatedTiles schedules a convolution of the tile unit with a gate, one picture
// after the other, because each needs weights of its own.
func (b *builder) gatedTiles(n *ir.Node, c *kernel.Conv, in []place, res *place, out place) error {
	for i := range c.In.N {
		one := *c
		x, g, y := pictureOf(in[0], i), pictureOf(in[1], i), pictureOf(out, i)
		one.In, one.Gate, one.Out = x.layout, &g.layout, y.layout
		var z *place
		if res != nil {
			p := pictureOf(*res, i)
			z, one.Residual = &p, &p.layout
		}
		work, name, err := b.convWork(n, &one, true)
		if err != nil {
			return err
		}
		b.addWork(n, name, work, []place{x, g}, z, y)
	}
	return nil
}

// pictureOf is picture i of a place.
func pictureOf(p place, i int) place {
	p.offset += i * p.layout.Image
	p.layout.N = 1
	return p
}

// gateOperands returns the operands of a gate's product: the activation and the
// gate.
func (b *builder) gateOperands(n *ir.Node) (x, g *ir.Value) {
	x, g = n.Inputs[0], n.Inputs[1]
	if _, _, h, w := b.dims(x); h == 1 && w == 1 {
		x, g = g, x
	}
	return x, g
}

// meanOf returns the output of the global pool that reads a depthwise convolution's
// output, which the convolution computes too; nil if there is none.
func (b *builder) meanOf(n *ir.Node, c *kernel.Conv) *ir.Node {
	if c.Group != c.In.C || c.Group != c.Out.C || c.In.Format == kernel.Planar {
		return nil
	}
	for _, r := range b.readers[n.Outputs[0]] {
		if b.roles[r] == globalPool {
			return r
		}
	}
	return nil
}
