package plan

import (
	"slices"

	"github.com/visionzoo/vision/engine/ir"
	"github.com/visionzoo/vision/engine/kernel"
	"github.com/visionzoo/vision/engine/ops"
)

// core is h rows of w weights of a kernel, from row y and column x on; the zero
// value stands for all of them.
type core struct{ y, x, h, w int }

// trim leaves out the taps of a convolution that meet padding alone, wherever the
// kernel stands: the outer ones of a kernel that is dilated beyond a small map, as
// in atrous pyramids (DeepLabv3, arXiv:1706.05587, section 3.3).
func trim(c *kernel.Conv) core {
	if c.Group > 1 {
		return core{}
	}
	t := core{h: c.KernelH, w: c.KernelW}
	t.y, t.h = inside(c.KernelH, c.DilationH, c.StrideH, c.PadTop, c.In.H, c.Out.H)
	t.x, t.w = inside(c.KernelW, c.DilationW, c.StrideW, c.PadLeft, c.In.W, c.Out.W)
	if t.h == c.KernelH && t.w == c.KernelW {
		return core{}
	}
	c.KernelH, c.PadTop = t.h, c.PadTop-t.y*c.DilationH
	c.KernelW, c.PadLeft = t.w, c.PadLeft-t.x*c.DilationW
	return t
}

// inside is the range of taps of one dimension that meet the picture, of at least
// one; the padding before the first is not negative.
func inside(kernel, dilation, stride, pad, in, out int) (first, n int) {
	for n = kernel; n > 1 && (out-1)*stride+first*dilation < pad && (first+1)*dilation <= pad; n-- {
		first++
	}
	for n > 1 && (first+n-1)*dilation-pad >= in {
		n--
	}
	return first, n
}

// conv describes a convolution for the kernels; the layouts are planar until they
// are chosen.
func (b *builder) conv(n *ir.Node, op *ops.FusedConv) *kernel.Conv {
	c := b.untrimmed(n, op)
	trim(c)
	return c
}

// values are the weights of the taps.
func (f filter) values() kernel.Numbers {
	all := source(f.weights)
	return kernel.Numbers{Float32: tapsOf(f, all.Float32), Float16: tapsOf(f, all.Float16), BFloat16: tapsOf(f, all.BFloat16)}
}

// tapsOf are the weights of the taps among all of them; nil if there are none.
func tapsOf[T float32 | uint16](f filter, all []T) []T {
	if all == nil {
		return nil
	}
	if f.phase != (phase{}) {
		return phasesOf(f, all)
	}
	all = framesOf(f, all)
	if f.core == (core{}) {
		return all
	}
	kh, kw := f.weights.Dim(-2), f.weights.Dim(-1)
	left := make([]T, 0, len(all)/(kh*kw)*f.core.h*f.core.w)
	for plane := 0; plane < len(all); plane += kh * kw {
		for y := range f.core.h {
			row := plane + (f.core.y+y)*kw + f.core.x
			left = append(left, all[row:row+f.core.w]...)
		}
	}
	return left
}

// biases are the biases of all phases, nil if there are none.
func (f filter) biases() []float32 {
	if f.phase.down*f.phase.across > 1 && f.bias != nil {
		return slices.Repeat(numbers(f.bias), f.phase.down*f.phase.across)
	}
	return numbers(f.bias)
}
