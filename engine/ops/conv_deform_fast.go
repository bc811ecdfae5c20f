package ops

import (
	"math"

	"github.com/visionzoo/vision/engine/kernel/vec"
	"github.com/visionzoo/vision/engine/tensor"
)

// EvalFast multiplies the weights by columns of samples. A sample's place is computed
// once for all channels of its group.
func (op *deformConv) EvalFast(c *Call) (bool, error) {
	x, w := c.In[0], c.In[1]
	if x.DType() != tensor.Float32 || c.vec() == nil || x.Len() == 0 || w.Len() == 0 || w.Dim(1) == 1 || !finite(c.vec(), tensor.Data[float32](x)) {
		return false, nil
	}
	if _, err := op.Infer(factsOf(c.In)); err != nil {
		return true, err
	}
	s, err := op.slide(x.Shape()[2:], w.Shape()[2:])
	if err != nil {
		return true, err
	}
	if s.inSize() > math.MaxInt32 {
		return false, nil
	}
	return c.byColumns(s, s.shape(x.Dim(0), w.Dim(0)), op.group, c.input(3), func(n, first int, dst []float32, count int) error {
		return op.samples(c, s, n, first, dst, count)
	})
}

// finite reports whether all numbers are: taps outside of the picture are pixels of
// weight 0.
func finite(v *vec.Unit, x []float32) bool {
	return v.Smallest(x) >= -math.MaxFloat32 && v.Largest(x) <= math.MaxFloat32
}

// samples writes a row for each channel and tap of image n: what that tap meets in count windows
// from first on.
func (op *deformConv) samples(c *Call, s *slide, n, first int, dst []float32, count int) error {
	const piece = 512 // windows
	x, offset := tensor.Data[float32](imageOf(c.In[0], n)), tensor.Data[float32](imageOf(c.In[2], n))
	var mask []float32
	if t := c.input(4); t != nil {
		mask = tensor.Data[float32](imageOf(t, n))
	}
	taps, pixels, per := s.taps(), s.outSize(), c.In[0].Dim(1)/op.offsetGroup
	pieces := (count + piece - 1) / piece
	return c.share(op.offsetGroup*taps*pieces, piece*(15+2*float64(per)), func(from, to int) {
		work := gridWorks.Get().(*gridWork)
		defer gridWorks.Put(work)
		for i := from; i < to; i++ {
			at, to := i/pieces, i%pieces*piece
			pixel, size := first+to, min(piece, count-to)
			var weights []float32
			if mask != nil {
				weights = mask[at*pixels+pixel:][:size]
			}
			op.place(work, s, at%taps, pixel, offset[2*at*pixels+pixel:][:size], offset[(2*at+1)*pixels+pixel:][:size], weights)
			for ch := at / taps * per; ch < (at/taps+1)*per; ch++ {
				c.vec().PickSums(dst[(ch*taps+at%taps)*count+to:][:size], x[ch*s.inSize():][:s.inSize()], &work.taps)
			}
		}
	})
}

// place computes the four pixels around the samples of tap t, in the windows from first
// on.
func (op *deformConv) place(work *gridWork, s *slide, t, first int, dy, dx, mask []float32) {
	n, h, w := len(dy), s.in[1], s.in[2]
	work.room(4, n)
	for i := range n {
		oy, ox := (first+i)/s.out[2], (first+i)%s.out[2]
		y := float64(s.span[1].at(oy, t/s.span[2].kernel)) + float64(dy[i])
		x := float64(s.span[2].at(ox, t%s.span[2].kernel)) + float64(dx[i])
		weight := 1.0
		if mask != nil {
			weight = float64(mask[i])
		}
		if !(y > -1 && y < float64(h) && x > -1 && x < float64(w)) { // also true for NaN
			y, x, weight = 0, 0, 0*weight
		}
		fy, fx := math.Floor(y), math.Floor(x)
		byRow, byColumn := [2]float64{1 - (y - fy), y - fy}, [2]float64{1 - (x - fx), x - fx}
		for k := range 4 {
			py, px, part := int(fy)+k>>1, int(fx)+k&1, weight*byRow[k>>1]*byColumn[k&1]
			if py < 0 || py >= h || px < 0 || px >= w {
				py, px, part = 0, 0, 0
			}
			work.taps.Index[k*n+i], work.taps.Weight[k*n+i] = int32(py*w+px), float32(part)
		}
	}
}
