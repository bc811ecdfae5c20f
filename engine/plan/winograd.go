package plan

import "github.com/visionzoo/vision/engine/kernel"

// candidates lists the methods by which a convolution of 3x3 may be fastest, several if that
// depends on the machine; none stands for direct. Winograd's transforms have a price: with
// few channels, there are too few products to pay for transforming the tiles, and small maps
// have too few tiles of 4x4 outputs to pay for transforming 36 sets of weights, but enough
// tiles of 2x2 outputs for 16 sets; a long map, such as 4x26 of a line of text, has enough of
// both. On maps of up to 8x8, which are four tiles of 4x4, a
// kernel of AVX-512 transforms the weights in registers (kernel's winogradFew), which is
// faster than both. Dilated kernels have their tiles on every second row and column, or every
// third; on a map that is not much larger than the dilation, most of a tile is outside.
//
// The rms error of Winograd's form is up to 3.5e-6 of the rms of a layer's output,
// four times that of the direct form and a third of what is allowed for the tile
// unit's bf16x3. It consists of fused multiply-adds of float32 throughout, so
// strict float32 uses it too.
func candidates(c *kernel.Conv) []kernel.ConvMethod {
	side, channels := min(c.Out.H, c.Out.W), min(c.In.C, c.Out.C)
	inside := c.InsideTiles()
	switch {
	case inside < 1./3:
		return nil
	case c.WinogradPays():
		return []kernel.ConvMethod{kernel.ConvWinograd}
	case side >= 20 && channels >= 16, side >= 12 && channels >= 48:
		return []kernel.ConvMethod{kernel.ConvWinograd, kernel.ConvDirect}
	case side >= 6 && max(c.Out.H, c.Out.W) <= 8 && channels >= 64 && inside >= 0.5 && c.In.Format == kernel.F32x16:
		return []kernel.ConvMethod{kernel.ConvWinograd}
	case side >= 4 && channels >= 64:
		return []kernel.ConvMethod{kernel.ConvSmallWinograd, kernel.ConvWinograd, kernel.ConvDirect}
	}
	return nil
}

// beatsPairs reports whether Winograd's form in float32 is faster than VDPBF16PS, which computes
// two products in the time of one: on a map of so many tiles of 4x4 outputs that 36 products in
// place of 144 pay for the transforms. AMX is faster still.
func (b *builder) beatsPairs(c *kernel.Conv) bool {
	return !b.opt.Rung.Pays(kernel.Split32) && c.KernelH == 3 && c.KernelW == 3 && c.Group == 1 &&
		c.StrideH*c.StrideW == 1 && min(c.Out.H, c.Out.W) >= 20 && min(c.In.C, c.Out.C) >= 16 && c.InsideTiles() >= 0.7
}

// method chooses the method of a convolution that does not run on the tile unit, by
// its shape or, if candidates are close, by timing them.
func (b *builder) method(c *kernel.Conv) (kernel.ConvMethod, error) {
	m := c.Method()
	if m != kernel.ConvDirect || b.opt.Rung.Name == "purego" {
		return m, nil
	}
	var fit []kernel.ConvMethod
	for _, m := range candidates(c) {
		if _, err := b.opt.Rung.ConvWeightBytes(m, c); err == nil {
			fit = append(fit, m)
		}
	}
	switch {
	case len(fit) == 0:
		return m, nil
	case len(fit) > 1 && trialBytes(c) <= mostTrial:
		return b.fastestMethod(c, fit)
	}
	return fit[0], nil
}
