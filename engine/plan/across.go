package plan

import (
	"github.com/visionzoo/vision/engine/ir"
	"github.com/visionzoo/vision/engine/kernel"
	"github.com/visionzoo/vision/engine/ops"
)

// Spatial attention (Woo et al. 2018, "CBAM", arXiv:1807.06521) takes the mean and the
// maximum of each pixel's channels, [1 64 56 56] to [1 1 56 56], computes one number for
// each pixel from both, and multiplies the 64 channels of the pixel by it. Both ends read
// the 64 channels in blocks: acrossNode reduces them, the role pixelGate multiplies.

// acrossNode schedules a reduction of the channels of blocked activations; it reports
// false if the operator has to compute it.
func (b *builder) acrossNode(n *ir.Node) (bool, error) {
	if len(n.Outputs) != 1 || n.Input(0) == nil || !b.picture(n.Inputs[0]) {
		return false, nil
	}
	in, ok := b.blocked[n.Inputs[0]]
	if !ok {
		return false, nil
	}
	join, mean, ok := ops.ReducedChannels(n, b.inputFacts(n))
	if !ok {
		return false, nil
	}
	y := n.Outputs[0]
	l := in.layout
	out := place{layout: kernel.NewLayout(kernel.Planar, l.N, 1, l.H, l.W, kernel.Halo{})}
	work, err := b.opt.Rung.Across(kernel.Across{In: l, Out: out.layout, Join: join, Mean: mean})
	if err != nil {
		return false, nil // blocks of bytes
	}
	out.buffer = b.newBuffer(out.layout.Size())
	b.addWork(n, n.Op, work, []place{in}, nil, out)
	out.layout = planarLayout(b.fact(y))
	b.places[y] = out
	return true, nil
}

// pixelGateOperands returns the operands of a product with one number per pixel: the
// activation and those numbers.
func (b *builder) pixelGateOperands(n *ir.Node) (x, by *ir.Value) {
	x, by = n.Inputs[0], n.Inputs[1]
	if b.channels(x) == 1 {
		x, by = by, x
	}
	return x, by
}
