package kernel

import (
	"fmt"
	"math"
)

// ConvMethod is a way to compute a float32 convolution.
type ConvMethod uint8

// The methods.
const (
	ConvDirect        ConvMethod = iota // any convolution of float32
	ConvDepthwise                       // one input channel for each output channel
	ConvWinograd                        // F(4x4, 3x3): 3x3 kernels of stride 1 between blocks of one format
	ConvSmallWinograd                   // F(2x2, 3x3): the same
)

var convMethods = [...]string{ConvDirect: "direct", ConvDepthwise: "depthwise", ConvWinograd: "winograd", ConvSmallWinograd: "small winograd"}

func (m ConvMethod) winograd() bool { return m == ConvWinograd || m == ConvSmallWinograd }

func (m ConvMethod) String() string { return convMethods[m] }

// beyond is how far beyond the input's bottom and right edge the kernel reads, in
// pixels; negative if it ends before.
func (c *Conv) beyond() (bottom, right int) {
	bottom = (c.Out.H-1)*c.StrideH + (c.KernelH-1)*c.DilationH + 1 - c.PadTop - c.In.H
	right = (c.Out.W-1)*c.StrideW + (c.KernelW-1)*c.DilationW + 1 - c.PadLeft - c.In.W
	return bottom, right
}

// Halo is the padding that a convolution reads around its input, which a blocked input has as
// its halo.
func (c *Conv) Halo() Halo {
	bottom, right := c.beyond()
	return Halo{c.PadTop, c.PadLeft, max(0, bottom), max(0, right)}
}

// OneTap returns a convolution of 1x1 and stride 1, in one group.
func OneTap(in, out Layout) *Conv {
	return &Conv{In: in, Out: out, KernelH: 1, KernelW: 1, StrideH: 1, StrideW: 1, DilationH: 1, DilationW: 1, Group: 1}
}

// OneTapOfRows returns a product of matrices, [rows k]·[k n] to row-major float32 or int32, as a
// convolution: each row is a picture of one pixel. The rows are in format f, Planar or U8.
func OneTapOfRows(f Format, rows, k, n int) *Conv {
	return OneTap(NewLayout(f, rows, k, 1, 1, Halo{}), NewLayout(Planar, rows, n, 1, 1, Halo{}))
}

// inside reports whether all pixels that the kernel reads lie in the input or its
// halo.
func (c *Conv) inside() bool {
	bottom, right := c.beyond()
	return c.PadTop <= c.In.Top && c.PadLeft <= c.In.Left && bottom <= c.In.Bottom && right <= c.In.Right
}

// gateFits reports whether the gate can be multiplied into the weights.
func (c *Conv) gateFits() bool {
	g := c.Gate
	return c.KernelH*c.KernelW == 1 && c.Group == 1 && c.In.Format != Planar && !c.isDepthwise() && g.Format.blockedF32() &&
		g.N == c.In.N && g.C == c.In.C && g.H == 1 && g.W == 1
}

// multiplyAdds is the number of multiply-adds of the direct form for one picture.
func (c *Conv) multiplyAdds() float64 {
	return float64(c.Out.H*c.Out.W) * float64(c.Out.C) * float64(c.In.C/c.Group*c.KernelH*c.KernelW)
}

func (c *Conv) String() string {
	return fmt.Sprintf("conv %dx%dx%d to %dx%dx%d kernel %dx%d stride %dx%d group %d, %s to %s",
		c.In.C, c.In.H, c.In.W, c.Out.C, c.Out.H, c.Out.W, c.KernelH, c.KernelW, c.StrideH, c.StrideW, c.Group, c.In.Format, c.Out.Format)
}

// blockedF32 reports whether f is one of the blocked float32 formats.
func (f Format) blockedF32() bool { return f == F32x8 || f == F32x16 }

// convBlock is the format whose vectors a convolution computes in.
func (r *Rung) convBlock(c *Conv) (Format, error) {
	switch {
	case c.In.Format == F32x8 && c.Out.Format == F32x8:
		return F32x8, nil
	case c.In.Format != Planar && c.In.Format != F32x16:
	case c.Out.Format == F32x8 && c.In.Format == Planar:
		return F32x8, nil
	case c.Out.Format == F32x16 || c.Out.Format == Split32 || c.Out.Format == BF16x32:
		return F32x16, nil
	}
	return 0, fmt.Errorf("%v: no float32 kernel for these formats", c)
}

// isDepthwise reports whether every channel has a kernel of its own.
func (c *Conv) isDepthwise() bool {
	return c.In.Format != Planar && c.Group == c.In.C && c.Group == c.Out.C
}

// check refuses convolutions that no plan of ours should contain.
func (c *Conv) check() error {
	switch {
	case c.Group < 1 || c.In.C%c.Group != 0 || c.Out.C%c.Group != 0:
		return fmt.Errorf("%v: the groups do not divide the channels", c)
	case min(c.In.C, c.In.H, c.In.W, c.Out.C, c.Out.H, c.Out.W, c.KernelH, c.KernelW, c.StrideH, c.StrideW, c.DilationH, c.DilationW, c.In.N) < 1:
		return fmt.Errorf("%v: every size must be at least 1", c)
	case c.In.N != c.Out.N:
		return fmt.Errorf("%v: %d pictures in, %d out", c, c.In.N, c.Out.N)
	case c.PadTop < 0 || c.PadLeft < 0:
		return fmt.Errorf("%v: negative padding", c)
	case c.In.Format != Planar && !c.inside():
		return fmt.Errorf("%v: the kernel reads past the halo %v of its input", c, c.In.Halo)
	case c.Mean != nil && !c.isDepthwise():
		return fmt.Errorf("%v: means are for depthwise convolutions", c)
	case c.Gate != nil && !c.gateFits():
		return fmt.Errorf("%v: a gate of %v is for 1x1 kernels of one group on blocks", c, c.Gate)
	case c.Residual != nil && (c.Residual.Format != c.Out.Format || c.Residual.N != c.Out.N || c.Residual.C != c.Out.C || c.Residual.H != c.Out.H || c.Residual.W != c.Out.W):
		return fmt.Errorf("%v: the residual %v is not of the output's shape", c, c.Residual)
	}
	return nil
}

// Method returns the plain method: ConvDepthwise if every channel has a kernel of its
// own, else ConvDirect.
func (c *Conv) Method() ConvMethod {
	if c.isDepthwise() {
		return ConvDepthwise
	}
	return ConvDirect
}

// Conv plans a float32 convolution with weights that PackConv has packed for this
// or another picture size, and for any method but ConvDepthwise, which has weights
// of its own; they need not be packed yet. The input is planar or blocked float32.
// The output and the residual are blocked alike; where that is F32x16, or the input
// is planar, they may also be Split32 or BF16x32.
func (r *Rung) Conv(m ConvMethod, c *Conv, w *ConvWeights) (Work, error) {
	if err := c.check(); err != nil {
		return Work{}, err
	}
	if err := w.fits(c); err != nil {
		return Work{}, err
	}
	switch {
	case w.depthwise != (m == ConvDepthwise):
		return Work{}, fmt.Errorf("%v: the weights were packed for another method than %v", c, m)
	case m == ConvDepthwise:
		return r.depthwise(c, w)
	case m.winograd():
		return r.winogradConv(m, c, w)
	}
	return r.directConv(c, w)
}

// limits returns the bounds to which sums are clipped in registers, and the
// activation that remains to be applied afterwards.
func (a Activation) limits() (low, high float32, rest Activation) {
	low, high = float32(math.Inf(-1)), float32(math.Inf(1))
	switch a.Kind {
	case Identity:
		return low, high, a
	case Clip:
		return a.Alpha, a.Beta, Activation{}
	}
	return low, high, a
}
