package kernel

import (
	"fmt"
	"unsafe"
)

// TileConv are the convolutions of activations in 32-channel pixels. They are
// fast where there is a tile unit (the rung "amx"), elsewhere a Go twin. Any
// kernel, stride, dilation and padding, any count of channels; with Group > 1
// each group must have multiples of 32. The output may be Split32, BF16x32 or
// F32x16, the residual any of these and may be the output itself.
//
// Pack prepares weights; they may lie in a mapped file at any address, and are
// not needed afterwards. New plans a convolution for one shape.
type TileConv struct {
	PackSplit func(c *Conv, weights, bias []float32, each Runner) (*TileWeights, error)
	NewSplit  func(c *Conv, w *TileWeights) (Step, error) // Split32 in: bf16x3, rms error ≤ 1e-5 of the rms output
	PackBF16  func(c *Conv, weights, bias []float32, each Runner) (*TileWeights, error)
	NewBF16   func(c *Conv, w *TileWeights) (Step, error) // BF16x32 in: bf16
}

// TileWeights are the weights and the bias of a convolution in the form one
// rung wants them for Split32 or BF16x32 activations. They serve every Conv of
// the same kernel, group and channels, whatever its size, and never change.
type TileWeights struct {
	format           Format
	cin, cout, group int
	kernelH, kernelW int
	data             []byte    // by groups of 32 outputs, then channel blocks, then taps
	panel            int       // bytes of a group of 32 outputs
	bias             []float32 // a whole number of groups
	plain            []float32 // what the twin works from, elsewhere nil
}

// Bytes is the memory the packed weights hold.
func (w *TileWeights) Bytes() int { return len(w.data) + 4*len(w.bias) + 4*len(w.plain) }

// Runner calls run for every chunk from 0 to chunks-1, at once where it can, and
// returns when all are done. A nil Runner means one after the other.
type Runner func(chunks int, run func(chunk int))

func (each Runner) run(chunks int, run func(chunk int)) {
	if each != nil {
		each(chunks, run)
		return
	}
	for i := range chunks {
		run(i)
	}
}

// newTileWeights checks what is common to all rungs and pads the bias.
func newTileWeights(f Format, c *Conv, weights, bias []float32) (*TileWeights, error) {
	w := &TileWeights{format: f, cin: c.In.C, cout: c.Out.C, group: c.Group, kernelH: c.KernelH, kernelW: c.KernelW}
	if err := c.tileable(f); err != nil {
		return nil, err
	}
	taps := w.kernelH * w.kernelW
	if want := w.cout * (w.cin / w.group) * taps; len(weights) != want {
		return nil, fmt.Errorf("convolution: %d weights, its shape needs %d", len(weights), want)
	}
	if bias != nil && len(bias) != w.cout {
		return nil, fmt.Errorf("convolution: %d numbers of bias, its shape needs %d", len(bias), w.cout)
	}
	w.bias = make([]float32, roundUp(w.cout, 32))
	copy(w.bias, bias)
	return w, nil
}

// tileable says whether 32-channel tiles can carry c: whole blocks a group.
func (c *Conv) tileable(f Format) error {
	switch {
	case c.In.Format != f:
		return fmt.Errorf("convolution: input is %v, this kernel reads %v", c.In.Format, f)
	case c.Group < 1 || c.In.C%c.Group != 0 || c.Out.C%c.Group != 0:
		return fmt.Errorf("convolution: %d groups do not divide %d and %d channels", c.Group, c.In.C, c.Out.C)
	case c.Group > 1 && (c.In.C/c.Group%32 != 0 || c.Out.C/c.Group%32 != 0):
		return fmt.Errorf("convolution: groups of %d and %d channels are not multiples of 32; use float32", c.In.C/c.Group, c.Out.C/c.Group)
	case c.Out.Format != Split32 && c.Out.Format != BF16x32 && c.Out.Format != F32x16:
		return fmt.Errorf("convolution: output is %v, this kernel writes split32, bf16x32 or f32x16", c.Out.Format)
	}
	return nil
}

// fits checks that w was packed for such a convolution and that the layouts
// hold what c reads and writes.
func (w *TileWeights) fits(c *Conv) error {
	if err := c.tileable(w.format); err != nil {
		return err
	}
	if w.cin != c.In.C || w.cout != c.Out.C || w.group != c.Group || w.kernelH != c.KernelH || w.kernelW != c.KernelW {
		return fmt.Errorf("convolution: weights of %d to %d channels, %dx%d, group %d serve another convolution", w.cin, w.cout, w.kernelH, w.kernelW, w.group)
	}
	return c.reach()
}

// reach checks the padding that c needs against the halo that its input has,
// and its residual against its output.
func (c *Conv) reach() error {
	bottom := (c.Out.H-1)*c.StrideH + (c.KernelH-1)*c.DilationH - c.PadTop - (c.In.H - 1)
	right := (c.Out.W-1)*c.StrideW + (c.KernelW-1)*c.DilationW - c.PadLeft - (c.In.W - 1)
	need := Halo{c.PadTop, c.PadLeft, max(bottom, 0), max(right, 0)}
	have := c.In.Halo
	switch {
	case c.Out.N != c.In.N || c.Out.N < 1 || c.Out.H < 1 || c.Out.W < 1:
		return fmt.Errorf("convolution: output %v does not follow from input %v", c.Out, c.In)
	case need.Top > have.Top || need.Left > have.Left || need.Bottom > have.Bottom || need.Right > have.Right:
		return fmt.Errorf("convolution: padding %v needs a wider halo than %v of the input", need, have)
	}
	if r := c.Residual; r != nil && (r.N != c.Out.N || r.C != c.Out.C || r.H != c.Out.H || r.W != c.Out.W) {
		return fmt.Errorf("convolution: residual %v is not of the output's shape %v", *r, c.Out)
	}
	return nil
}

func roundUp(n, m int) int { return (n + m - 1) / m * m }

// lineBytes returns n zero bytes that start a cache line.
func lineBytes(n int) []byte {
	b := make([]byte, n+64)
	off := int(-uintptr(unsafe.Pointer(unsafe.SliceData(b))) & 63)
	return b[off : off+n : off+n]
}
