package ops

import (
	"math"

	"github.com/visionzoo/vision/engine/ir"
	"github.com/visionzoo/vision/engine/kernel/num"
	"github.com/visionzoo/vision/engine/kernel/vec"
	"github.com/visionzoo/vision/engine/tensor"
)

// EvalFast computes float32 row by row if the places of the maxima are not wanted.
func (op *maxPool) EvalFast(c *Call) (bool, error) {
	if c.wants(1) {
		return false, nil
	}
	return c.poolRows(&op.window, num.Max, float32(math.Inf(-1)), nil)
}

// EvalFast computes float32 row by row.
func (op *averagePool) EvalFast(c *Call) (bool, error) {
	return c.poolRows(&op.window, num.Add, 0, func(s *slide, axis, o int) int {
		p := s.span[axis]
		start := o*p.stride - p.before
		from, to := tapsIn(start, p, 0, s.in[axis])
		if op.includePad {
			from, to = tapsIn(start, p, -p.before, s.in[axis]+p.after)
		}
		return to - from
	})
}

// poolRows joins the elements of each window with a function of two (maximum or sum), which need
// not be done window by window: for an output row, the rows of the input that its windows cover are
// joined first, with each other, and then the elements of the row that results. Windows without any
// element are none. If count is given, it returns by how many elements a window is divided along
// one axis.
func (c *Call) poolRows(w *window, op num.Pair, none float32, count func(s *slide, axis, o int) int) (bool, error) {
	x := c.In[0]
	v := c.vec(x)
	if v == nil || x.Len() == 0 || x.Rank() < 3 || x.Rank() > 5 {
		return false, nil
	}
	if _, err := spatial(ir.TypeOf(x)); err != nil {
		return true, err
	}
	s, err := w.slide(x.Shape()[2:], nil)
	if err != nil {
		return true, err
	}
	y, err := c.output(tensor.Float32, s.shape(x.Dim(0), x.Dim(1))...)
	if err != nil || y.Len() == 0 {
		return true, err
	}
	width := s.out[2]
	if err := c.Run.reserveList(2*width+s.in[2], 4); err != nil {
		return true, err
	}
	var counts []float32
	if count != nil {
		counts = make([]float32, width)
		for o := range counts {
			counts[o] = float32(count(s, 2, o))
		}
	}
	src, dst := tensor.Data[float32](x), tensor.Data[float32](y)
	across := 0.1
	if s.span[2].stride > 1 {
		across = 1
	}
	unit := 0.1*float64(s.in[2]*s.span[0].kernel*s.span[1].kernel) + across*float64(width*s.span[2].kernel) + 30
	return true, c.share(len(dst)/width, unit, func(from, to int) {
		sum, by := make([]float32, s.in[2]), make([]float32, width)
		for i := from; i < to; i++ {
			out := dst[i*width:][:width]
			plane, oz, oy := i/s.out[1]/s.out[0], i/s.out[1]%s.out[0], i%s.out[1]
			for o := range out {
				out[o] = none
			}
			if s.joinRows(v, op, sum, src[plane*s.inSize():][:s.inSize()], oz, oy) {
				s.joinTaps(v, op, out, sum, by)
			}
			if count != nil {
				v.Apply(vec.Affine, by, counts, float32(count(s, 0, oz)*count(s, 1, oy)), 0)
				v.Apply(vec.Clip, by, by, 1, infinity)
				v.Zip(num.Div, out, out, by)
			}
		}
	})
}

// joinRows joins the rows that the windows of output row (oz, oy) cover; it reports
// false if they cover none.
func (s *slide) joinRows(v *vec.Unit, op num.Pair, sum, plane []float32, oz, oy int) bool {
	z, y := oz*s.span[0].stride-s.span[0].before, oy*s.span[1].stride-s.span[1].before
	z0, z1 := tapsIn(z, s.span[0], 0, s.in[0])
	y0, y1 := tapsIn(y, s.span[1], 0, s.in[1])
	for kz := z0; kz < z1; kz++ {
		for ky := y0; ky < y1; ky++ {
			at := ((z+kz*s.span[0].dilation)*s.in[1] + y + ky*s.span[1].dilation) * s.in[2]
			if kz == z0 && ky == y0 {
				copy(sum, plane[at:])
				continue
			}
			v.Zip(op, sum, sum, plane[at:][:s.in[2]])
		}
	}
	return z0 < z1 && y0 < y1
}

// joinTaps joins the elements of a row that each window covers with those of out. room is as
// long as out.
func (s *slide) joinTaps(v *vec.Unit, op num.Pair, out, row, room []float32) {
	p := s.span[2]
	// The taps of the last window that lie behind the row's begin, and of the first before its end.
	k, _ := tapsIn((s.out[2]-1)*p.stride-p.before, p, 0, s.in[2])
	_, end := tapsIn(-p.before, p, 0, s.in[2])
	for ; k < end; k++ {
		first, last := p.inside(k, s.in[2], s.out[2])
		if first >= last {
			continue
		}
		at := first*p.stride + k*p.dilation - p.before
		to := out[first:last]
		from := row[at:]
		if p.stride > 1 {
			from = room
			for i := range to {
				room[i] = row[at+i*p.stride]
			}
		}
		v.Zip(op, to, to, from[:len(to)])
	}
}
