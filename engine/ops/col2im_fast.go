package ops

import "github.com/visionzoo/vision/engine/tensor"

// EvalFast adds up float32, as a transposed convolution does with its products.
func (op *col2Im) EvalFast(c *Call) (bool, error) {
	x := c.In[0]
	if c.vec(x) == nil || x.Rank() != 3 || x.Len() == 0 {
		return false, nil
	}
	image, spans, counts, err := op.geometry(c)
	if err != nil || len(image) > 3 {
		return err != nil, err
	}
	s := newSlide(len(image))
	for i, j := 0, 3-len(image); j < 3; i, j = i+1, j+1 {
		s.in[j], s.out[j], s.span[j] = image[i], counts[i], spans[i]
	}
	if x.Dim(1)%s.taps() != 0 || x.Dim(2) != s.outSize() {
		return false, nil // Eval says what is wrong
	}
	y, err := c.output(tensor.Float32, append([]int{x.Dim(0), x.Dim(1) / s.taps()}, image...)...)
	if err != nil || y.Len() == 0 {
		return true, err
	}
	src, dst, plane, columns := tensor.Data[float32](x), tensor.Data[float32](y), s.inSize(), s.taps()*s.outSize()
	return true, c.share(len(dst)/plane, float64(columns), func(from, to int) {
		for i := from; i < to; i++ {
			s.addColumns(c.vec(), dst[i*plane:][:plane], src[i*columns:][:columns], 0)
		}
	})
}
