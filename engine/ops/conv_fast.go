package ops

import (
	"github.com/visionzoo/vision/engine/kernel"
	"github.com/visionzoo/vision/engine/tensor"
)

// EvalFast convolves with weights that another node makes, so that nothing can be packed in
// advance. The pixels that each window covers become a column (im2col), and a product of the
// weights [M C·taps] with the columns [C·taps pixels] gives all outputs of an image. Convolutions
// with one input channel for each group (depthwise) have too few products for that, and are left to
// Eval.
func (op *conv) EvalFast(c *Call) (bool, error) {
	x, w, bias := c.In[0], c.In[1], c.input(2)
	if c.vec(x, w) == nil || bias != nil && bias.DType() != tensor.Float32 || x.Len() == 0 || w.Len() == 0 || w.Dim(1) == 1 {
		return false, nil
	}
	if _, err := op.Infer(factsOf(c.In)); err != nil {
		return true, err
	}
	s, err := op.slide(x.Shape()[2:], w.Shape()[2:])
	if err != nil {
		return true, err
	}
	shape := s.shape(x.Dim(0), w.Dim(0))
	s.pointwise()
	if s.taps() == 1 && s.inSize() == s.outSize() { // the picture is its own columns
		return c.byColumns(s, shape, op.group, bias, nil)
	}
	return c.byColumns(s, shape, op.group, bias, func(n int, dst []float32) error {
		return c.columns(s, dst, tensor.Data[float32](imageOf(x, n)))
	})
}

// byColumns multiplies the weights, input 1, in groups by the columns of each image of
// input 0, which columns writes; nil: the image itself. The output has the given shape.
func (c *Call) byColumns(s *slide, shape []int, group int, bias *tensor.Tensor, columns func(n int, dst []float32) error) (bool, error) {
	x, w := c.In[0], c.In[1]
	m, depth, pixels := w.Dim(0), w.Dim(1)*s.taps(), s.outSize()
	rows := group * depth
	size, err := tensor.Count([]int{4, rows, pixels})
	if err != nil || pixels == 0 || c.Run.ReserveBytes(int64(size)) != nil {
		return false, nil
	}
	p := c.planned(x, w, func() *kernel.Gemm {
		return &kernel.Gemm{M: m / group, N: pixels, K: depth, RowA: depth, RowB: pixels, RowC: pixels, RowResidual: pixels, Scale: 1, Residual: bias != nil,
			Batch: []kernel.GemmBatch{{Count: group, A: m / group * depth, B: depth * pixels, C: m / group * pixels}}}
	})
	if p == nil {
		return false, nil
	}
	y, err := c.output(tensor.Float32, shape...)
	if err != nil {
		return true, err
	}
	var scratch *tensor.Tensor
	if columns != nil {
		if scratch, err = c.New(tensor.Float32, rows, pixels); err != nil {
			return true, err
		}
	}
	for n := range x.Dim(0) {
		image, out := imageOf(x, n), imageOf(y, n)
		if columns != nil {
			if err := columns(n, tensor.Data[float32](scratch)); err != nil {
				return true, err
			}
			image = scratch
		}
		if bias != nil {
			dst := tensor.Data[float32](out)
			for i, b := range tensor.Data[float32](bias) {
				for j := range dst[i*pixels : (i+1)*pixels] {
					dst[i*pixels+j] = b
				}
			}
			p.mem.Residual = addressOf(out)
		}
		if err := p.run(c, out, w, image); err != nil {
			return true, err
		}
	}
	return true, nil
}

// imageOf returns image n of a batch, without a shape.
func imageOf(t *tensor.Tensor, n int) *tensor.Tensor {
	size := len(t.Bytes()) / t.Dim(0)
	return tensor.View(t.DType(), t.Bytes()[n*size:(n+1)*size], nil)
}

// columns writes a row for each channel and tap, with the pixel that the tap meets in every window, 0
// outside the image. dst is [channels taps pixels of the output].
func (c *Call) columns(s *slide, dst, image []float32) error {
	taps, pixels := s.taps(), s.outSize()
	kh, kw := s.span[1].kernel, s.span[2].kernel
	return c.share(len(dst)/pixels, 0.3*float64(pixels)+20, func(from, to int) {
		for i := from; i < to; i++ {
			plane, tap, row := image[i/taps*s.inSize():][:s.inSize()], i%taps, dst[i*pixels:(i+1)*pixels]
			lo, hi := s.span[2].inside(tap%kw, s.in[2], s.out[2])
			for o := range s.out[0] * s.out[1] {
				line := row[o*s.out[2] : (o+1)*s.out[2]]
				z := o/s.out[1]*s.span[0].stride + tap/kw/kh*s.span[0].dilation - s.span[0].before
				y := o%s.out[1]*s.span[1].stride + tap/kw%kh*s.span[1].dilation - s.span[1].before
				if lo >= hi || z < 0 || z >= s.in[0] || y < 0 || y >= s.in[1] {
					clear(line)
					continue
				}
				clear(line[:lo])
				clear(line[hi:])
				at, step := (z*s.in[1]+y)*s.in[2]+lo*s.span[2].stride+tap%kw*s.span[2].dilation-s.span[2].before, s.span[2].stride
				if step == 1 {
					copy(line[lo:hi], plane[at:])
					continue
				}
				for j := range line[lo:hi] {
					line[lo+j] = plane[at+j*step]
				}
			}
		}
	})
}
