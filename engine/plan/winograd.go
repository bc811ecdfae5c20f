package plan

import "github.com/visionzoo/vision/engine/kernel"

// winogradFits is where Winograd's form beats the direct one: on small maps
// there are too few tiles for 36 sets of weights, with few channels the
// transforms outweigh the products.
//
// Its root mean square error is up to 3.5e-6 of that of a layer's output, four
// times that of the direct form and a third of what the tile unit's bf16x3 may
// have. So it serves strict float32 too: it is fused multiply-adds throughout.
func winogradFits(c *kernel.Conv) bool {
	side, channels := min(c.Out.H, c.Out.W), min(c.In.C, c.Out.C)
	switch {
	case side >= 20:
		return channels >= 16
	case side >= 12:
		return channels >= 96
	}
	return false
}

// method is how a convolution that is not the tile unit's is computed.
func (b *builder) method(c *kernel.Conv) kernel.ConvMethod {
	m := b.opt.Rung.ChooseConv(c)
	if m != kernel.ConvDirect || b.opt.Rung.Name == "purego" {
		return m
	}
	if !winogradFits(c) {
		return m
	}
	// The weights take four times the memory.
	if n, err := b.opt.Rung.ConvWeightBytes(kernel.ConvWinograd, c); err != nil || int64(n) > b.opt.Memory/8 {
		return m
	}
	return kernel.ConvWinograd
}
