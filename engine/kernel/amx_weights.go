package kernel

import (
	"fmt"
)

// TileConv has the convolutions of Split32, BF16x32, and of planar pictures for which
// TakesPlanar reports true. With the rung "amx" they use AMX tiles, with "avx512bf16" those of
// BF16x32 use VDPBF16PS; otherwise they are twins in Go. Kernels, strides, dilations, padding
// and numbers of channels may be any; with Group > 1, the channels of a group must be multiples
// of 32. The output may be Split32, BF16x32 or F32x16; the residual may be any of these, also in
// the memory of the output. A gate is for a single picture.
//
// Pack functions allocate packed weights. The caller packs them by calling Chunk for every
// number below Chunks, concurrently and in any order, before a step that uses them runs.
// The weights [Cout][Cin/Group][KernelH][KernelW] may lie in a mapped file at any address,
// and must not change until then; the bias, [Cout] or nil, is copied. New functions plan a
// convolution for one shape.
type TileConv struct {
	PackSplit func(c *Conv, weights Numbers, bias []float32) (*TileWeights, error)
	NewSplit  func(c *Conv, w *TileWeights) (Work, error) // Split32 or planar in: bf16x3, rms error ≤ 1e-5 of the rms output
	PackBF16  func(c *Conv, weights Numbers, bias []float32) (*TileWeights, error)
	NewBF16   func(c *Conv, w *TileWeights) (Work, error) // BF16x32 in: bf16 products, float32 sums

	// Pays reports whether convolutions that read a format are faster here than those of
	// float32.
	Pays func(f Format) bool
}

// TakesPlanar reports whether TileConv computes c from a planar picture: at most four
// channels, kernels at most eight wide and not dilated along rows, no residual.
func (c *Conv) TakesPlanar() bool {
	return c.In.Format == Planar && c.Group == 1 && c.In.C <= 4 && c.KernelW <= 8 && c.DilationW == 1 && c.Residual == nil
}

// TileWeights holds the weights and the bias of a convolution of Split32, BF16x32 or a
// planar picture, in the form that one rung reads. They serve every Conv of the same
// kernel, group and channels, of any size.
type TileWeights struct {
	keeper
	format           Format
	cin, cout, group int
	kernelH, kernelW int
	data             []byte    // of each group of 32 outputs, panel bytes: see packGroup
	panel            int       // bytes of a group of 32 outputs
	bias             []float32 // padded to complete groups
	plain            []float32 // the weights of the twin, otherwise nil
	source           numbers   // the weights to pack
	scale            []float32 // see ScaleBy; nil: all are 1
}

// ScaleBy makes packing multiply the weights of each output by its scale; scale is [Cout]
// and is copied. It must be called before the first Chunk.
func (w *TileWeights) ScaleBy(scale []float32) { w.scale = paddedScale(scale) }

// Bytes returns the size of the packed weights.
func (w *TileWeights) Bytes() int { return len(w.data) + 4*len(w.bias) + 4*len(w.plain) }

// Chunks returns the number of chunks of the packing: one for each 32 outputs.
func (w *TileWeights) Chunks() int { return len(w.bias) / 32 }

// newTileWeights does what is common to all rungs: it checks the convolution and the
// weights, and pads the bias.
func newTileWeights(f Format, c *Conv, weights numbers, bias []float32) (*TileWeights, error) {
	w := &TileWeights{format: f, cin: c.In.C, cout: c.Out.C, group: c.Group, kernelH: c.KernelH, kernelW: c.KernelW}
	if err := c.tileable(f); err != nil {
		return nil, err
	}
	taps := w.kernelH * w.kernelW
	if want := w.cout * (w.cin / w.group) * taps; weights.len() != want {
		return nil, fmt.Errorf("convolution: %d weights, its shape needs %d", weights.len(), want)
	}
	if bias != nil && len(bias) != w.cout {
		return nil, fmt.Errorf("convolution: %d numbers of bias, its shape needs %d", len(bias), w.cout)
	}
	w.source = weights
	w.bias = make([]float32, roundUp(w.cout, 32))
	copy(w.bias, bias)
	return w, nil
}

// tileable returns an error if formats or groups of c are not those of TileConv: groups
// must have complete blocks of channels.
func (c *Conv) tileable(f Format) error {
	switch {
	case c.In.Format != f || f == Planar && !c.TakesPlanar():
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

// fits returns an error if w was packed for another kind of convolution, or if the
// layouts of c do not fit it.
func (w *TileWeights) fits(c *Conv) error {
	if err := c.tileable(w.format); err != nil {
		return err
	}
	if w.cin != c.In.C || w.cout != c.Out.C || w.group != c.Group || w.kernelH != c.KernelH || w.kernelW != c.KernelW {
		return fmt.Errorf("convolution: weights of %d to %d channels, %dx%d, group %d serve another convolution", w.cin, w.cout, w.kernelH, w.kernelW, w.group)
	}
	if c.Gate != nil && (!c.gateFits() || c.In.N != 1) {
		return fmt.Errorf("%v: a gate of %v is for 1x1 kernels of one group and one picture", c, c.Gate)
	}
	if w.format != Planar && !c.inside() {
		return fmt.Errorf("%v: the kernel reads past the halo %v of its input", c, c.In.Halo)
	}
	if c.Out.N != c.In.N || min(c.In.N, c.In.H, c.In.W, c.Out.H, c.Out.W, c.StrideH, c.StrideW, c.DilationH, c.DilationW) < 1 {
		return fmt.Errorf("%v: every size must be at least 1, and as many pictures out as in", c)
	}
	if r := c.Residual; r != nil && (r.N != c.Out.N || r.C != c.Out.C || r.H != c.Out.H || r.W != c.Out.W) {
		return fmt.Errorf("%v: the residual %v is not of the output's shape", c, *r)
	}
	return nil
}

// Chunk packs one chunk.
func (w *TileWeights) Chunk(i int) {
	if w.plain == nil {
		w.packGroup(i)
		return
	}
	each := w.cin / w.group * w.kernelH * w.kernelW
	kept := numberRooms.Get().(*[]float32)
	defer numberRooms.Put(kept)
	for co := 32 * i; co < min(32*i+32, w.cout); co++ {
		for k, x := range w.source.row(co*each, each, kept) {
			w.plain[co*each+k] = x * factor(w.scale, co)
		}
	}
}
