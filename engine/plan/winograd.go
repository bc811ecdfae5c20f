package plan

import "github.com/visionzoo/vision/engine/kernel"

// forms lists in which forms a convolution may be fastest: more than one where it
// depends on the machine. Small maps have few tiles of 4x4 outputs to transform 36
// sets of weights for, but enough of 2x2 for 16; with AVX-512 the weights of four
// tiles are transformed in registers, and all takes less time than the direct form.
// With few channels there are few products to transform the tiles for.
//
// The root mean square error of Winograd's form is up to 3.5e-6 of that of a
// layer's output, four times that of the direct form and a third of what the tile
// unit's bf16x3 may have. So it serves strict float32 too: it is fused
// multiply-adds throughout.
func forms(c *kernel.Conv) []kernel.ConvMethod {
	side, channels := min(c.Out.H, c.Out.W), min(c.In.C, c.Out.C)
	switch {
	case side >= 20 && channels >= 32:
		return []kernel.ConvMethod{kernel.ConvWinograd}
	case side >= 20 && channels >= 16, side >= 12 && channels >= 48:
		return []kernel.ConvMethod{kernel.ConvWinograd, kernel.ConvDirect}
	case side >= 6 && max(c.Out.H, c.Out.W) <= 8 && channels >= 64 && c.In.Format == kernel.F32x16:
		return []kernel.ConvMethod{kernel.ConvWinograd}
	case side >= 5 && channels >= 64:
		return []kernel.ConvMethod{kernel.ConvSmallWinograd, kernel.ConvDirect}
	}
	return nil
}

// method is how a convolution that is not the tile unit's is computed: by what
// its shape says or, where forms are close, by trying them.
func (b *builder) method(c *kernel.Conv) (kernel.ConvMethod, error) {
	m := b.opt.Rung.ChooseConv(c)
	if m != kernel.ConvDirect || b.opt.Rung.Name == "purego" {
		return m, nil
	}
	var fit []kernel.ConvMethod
	for _, m := range forms(c) {
		if _, err := b.opt.Rung.ConvWeightBytes(m, c); err == nil {
			fit = append(fit, m)
		}
	}
	switch {
	case len(fit) == 0:
		return m, nil
	case len(fit) > 1 && trialBytes(c) <= mostTrial:
		return b.fastest(c, fit)
	}
	return fit[0], nil
}
