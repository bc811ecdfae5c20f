package plan

import (
	"github.com/visionzoo/vision/engine/kernel"
	"github.com/visionzoo/vision/engine/tensor"
)

// fit says how a convolution suits Winograd's form.
type fit uint8

const (
	unfit   fit = iota
	perhaps     // it depends on the machine
	suited
)

// winogradFit is where Winograd's form beats the direct one: on small maps there
// are too few tiles for 36 sets of weights, with few channels the transforms
// outweigh the products.
//
// Its root mean square error is up to 3.5e-6 of that of a layer's output, four
// times that of the direct form and a third of what the tile unit's bf16x3 may
// have. So it serves strict float32 too: it is fused multiply-adds throughout.
func winogradFit(c *kernel.Conv) fit {
	side, channels := min(c.Out.H, c.Out.W), min(c.In.C, c.Out.C)
	switch {
	case side >= 20 && channels >= 32:
		return suited
	case side >= 20 && channels >= 16, side >= 12 && channels >= 64:
		return perhaps
	}
	return unfit
}

// method is how a convolution that is not the tile unit's is computed: by what
// its shape says or, where two forms are close, by trying both.
func (b *builder) method(c *kernel.Conv, data, bias *tensor.Tensor) (kernel.ConvMethod, error) {
	m := b.opt.Rung.ChooseConv(c)
	if m != kernel.ConvDirect || b.opt.Rung.Name == "purego" {
		return m, nil
	}
	suits := winogradFit(c)
	// The weights take four times the memory.
	if n, err := b.opt.Rung.ConvWeightBytes(kernel.ConvWinograd, c); err != nil || int64(n) > b.opt.Memory/8 || suits == unfit {
		return m, nil
	}
	if suits == perhaps && trialBytes(c) <= mostTrial {
		return b.faster(c, data, bias)
	}
	return kernel.ConvWinograd, nil
}
