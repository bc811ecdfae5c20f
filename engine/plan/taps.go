package plan

import (
	"github.com/visionzoo/vision/engine/ir"
	"github.com/visionzoo/vision/engine/kernel"
)

// A kernel whose dilation is not small beside the map meets padding with most of its
// taps over large parts of the map, as in atrous pyramids (DeepLabv3,
// arXiv:1706.05587, section 3.3). Of a 3x3 kernel whose taps are 24 apart, on a map of
// 32x32, the tap at the top left reads the pixel 24 rows up and 24 columns to the left, and
// meets the picture for the last 8x8 outputs only; of all 9·32·32 pairs of a tap and an
// output, a quarter meet it:
//
//	tap (0, 0)   tap (0, 1)   tap (1, 1)
//	. . . .      . . . .      # # # #      # outputs for which it meets the picture,
//	. . . .      . . . .      # # # #        each sign 8x8 of them
//	. . . .      . . . .      # # # #
//	. . . #      # # # #      # # # #
//
// Such a convolution is computed as a sum of 1x1 convolutions, one for each tap, on the
// outputs where that tap meets the picture. The tap that meets it everywhere comes last,
// with the bias and the activation. Nothing reads a halo, which would be several times as
// large as the map.

// tap is the weights at row y and column x of the kernel, and the outputs
// [top, bottom) x [left, right) for which they meet the picture.
type tap struct{ y, x, top, bottom, left, right int }

func (t *tap) pixels() int { return (t.bottom - t.top) * (t.right - t.left) }

// tapByTap returns the taps of a convolution that is computed tap by tap, the one
// that meets the picture everywhere last; nil if it is not.
func (b *builder) tapByTap(n *ir.Node) []tap {
	const (
		worth    = 0.7 // the largest share of the products that may be left
		channels = 64  // with fewer, reading and writing sums takes longer than the products
	)
	c := b.untrimmed(n)
	if c.Group > 1 || c.StrideH*c.StrideW > 1 || c.DilationH*c.DilationW == 1 || c.In.C < channels || hasResidual(n) || b.gates[n] != nil || b.tiled(n, c) {
		return nil
	}
	var taps []tap
	pixels, whole := 0, -1
	for y := range c.KernelH {
		for x := range c.KernelW {
			t := tap{y: y, x: x}
			t.top, t.bottom = meets(c.PadTop-y*c.DilationH, c.In.H, c.Out.H)
			t.left, t.right = meets(c.PadLeft-x*c.DilationW, c.In.W, c.Out.W)
			if t.top >= t.bottom || t.left >= t.right {
				continue
			}
			if t.pixels() == c.Out.H*c.Out.W {
				whole = len(taps)
			}
			pixels += t.pixels()
			taps = append(taps, t)
		}
	}
	if len(taps) < 2 || c.In.N+len(taps) > mostPasses || whole < 0 || float64(pixels) > worth*float64(c.KernelH*c.KernelW*c.Out.H*c.Out.W) {
		return nil
	}
	last := len(taps) - 1
	taps[whole], taps[last] = taps[last], taps[whole]
	return taps
}

// meets returns which of out outputs of one dimension, [from, to), meet one of in inputs with
// a tap that reads pad before the output: output i reads input i-pad.
func meets(pad, in, out int) (from, to int) { return max(0, pad), min(out, in+pad) }

// tapsNode schedules a convolution tap by tap.
func (b *builder) tapsNode(n *ir.Node, taps []tap) error {
	u := b.untrimmed(n)
	from, err := b.inFormat(n.Inputs[0], b.opt.Rung.Block)
	if err != nil {
		return err
	}
	out := b.home(n.Outputs[0])
	for i := range out.layout.N {
		picture := out.at(i*out.layout.Image, inARow(out.layout, 1))
		b.addWork(n, "zeros", kernel.Clear(picture.layout), nil, nil, picture)
	}
	f := filterOf(n)
	for i, t := range taps {
		h, w := t.bottom-t.top, t.right-t.left
		in := crop(from, t.top+t.y*u.DilationH-u.PadTop, t.left+t.x*u.DilationW-u.PadLeft, h, w)
		sum := out // the last one writes the halo too
		var act kernel.Activation
		if i < len(taps)-1 {
			sum = crop(out, t.top, t.left, h, w)
		} else {
			f.bias, act = b.bias(n), u.Act
		}
		c := kernel.OneTap(in.layout, sum.layout)
		c.Residual, c.Act = &sum.layout, act
		f.rect = tapRect{t.y, t.x, 1, 1}
		packed, err := b.weights.vector(c, kernel.ConvDirect, f)
		if err != nil {
			return err
		}
		work, err := b.opt.Rung.Conv(kernel.ConvDirect, c, packed)
		if err != nil {
			return err
		}
		for i := range work.Steps {
			work.Steps[i] = withoutSpans{work.Steps[i]}
		}
		b.addWork(n, "conv tap", work, []place{in}, &sum, sum)
	}
	b.blocked[n.Outputs[0]] = out
	return nil
}

// crop is the part of a place with h rows and w columns from pixel (y, x) on.
func crop(p place, y, x, h, w int) place {
	p.offset += p.layout.Pixel(y, x)
	p.layout.H, p.layout.W, p.layout.Halo = h, w, kernel.Halo{}
	return p
}

// withoutSpans hides the rows that a kernel's chunks touch (kernel.Local): they are counted in
// the window, which begins elsewhere than the buffer.
type withoutSpans struct{ kernel.Step }
