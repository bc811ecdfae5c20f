package plan

import (
	"slices"

	"github.com/visionzoo/vision/engine/ir"
	"github.com/visionzoo/vision/engine/kernel"
)

// A kernel that is dilated beyond a small map has outer taps that meet padding alone. Of
// 3x3 taps that are 12 apart, on a map of 8x8, all but the middle one do: the convolution
// is one of 1x1.

// tapRect is the taps of a kernel that are left: h rows of w, from row y and column x on. The
// zero value stands for all of them.
type tapRect struct{ y, x, h, w int }

// trim leaves out the outer taps of a convolution that meet padding alone, wherever the
// kernel stands, as in atrous pyramids (DeepLabv3, arXiv:1706.05587, section 3.3).
func trim(c *kernel.Conv) tapRect {
	if c.Group > 1 {
		return tapRect{}
	}
	t := tapRect{h: c.KernelH, w: c.KernelW}
	t.y, t.h = tapsInside(c.KernelH, c.DilationH, c.StrideH, c.PadTop, c.In.H, c.Out.H)
	t.x, t.w = tapsInside(c.KernelW, c.DilationW, c.StrideW, c.PadLeft, c.In.W, c.Out.W)
	if t.h == c.KernelH && t.w == c.KernelW {
		return tapRect{}
	}
	c.KernelH, c.PadTop = t.h, c.PadTop-t.y*c.DilationH
	c.KernelW, c.PadLeft = t.w, c.PadLeft-t.x*c.DilationW
	return t
}

// tapsInside returns the taps of one dimension without the outer ones that never meet the
// picture: n from first on, at least one. A tap before them that only meets padding stays
// if the padding would become negative without it.
func tapsInside(kernel, dilation, stride, pad, in, out int) (first, n int) {
	for n = kernel; n > 1 && (out-1)*stride+first*dilation < pad && (first+1)*dilation <= pad; n-- {
		first++
	}
	for n > 1 && (first+n-1)*dilation-pad >= in {
		n--
	}
	return first, n
}

// conv describes a convolution (an ops.FusedConv) for the kernels, without the taps that trim
// leaves out. Its layouts are planar until they are chosen.
func (b *builder) conv(n *ir.Node) *kernel.Conv {
	c := b.untrimmed(n)
	trim(c)
	return c
}

// values are the weights of the taps that the filter names, of all weights of the file.
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
	all = depthTapsOf(f, all)
	if f.rect == (tapRect{}) {
		return all
	}
	kh, kw := f.weights.Dim(-2), f.weights.Dim(-1)
	left := make([]T, 0, len(all)/(kh*kw)*f.rect.h*f.rect.w)
	for plane := 0; plane < len(all); plane += kh * kw {
		for y := range f.rect.h {
			row := plane + (f.rect.y+y)*kw + f.rect.x
			left = append(left, all[row:row+f.rect.w]...)
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
