package ops

import (
	"fmt"
	"math"
	"sync"

	"github.com/visionzoo/vision/engine/kernel/vec"
	"github.com/visionzoo/vision/engine/tensor"
)

// gridWork holds the taps of some positions of a grid: which pixels make up the sample at each, with
// which weights. They are computed once and used for all channels.
type gridWork struct {
	taps    vec.Taps
	outside bool // some taps have index -1 (value 0)
}

var gridWorks = sync.Pool{New: func() any { return new(gridWork) }}

// room makes room for n sums of per taps.
func (s *gridWork) room(per, n int) {
	if cap(s.taps.Index) < per*n {
		s.taps.Index, s.taps.Weight = make([]int32, per*n), make([]float32, per*n)
	}
	s.taps.Per, s.taps.Index, s.taps.Weight = per, s.taps.Index[:per*n], s.taps.Weight[:per*n]
}

// EvalFast samples two-dimensional float32 images: the taps of a position are
// used for all channels.
func (op *gridSample) EvalFast(c *Call) (bool, error) {
	x, grid := c.In[0], c.In[1]
	v := c.vec(x, grid)
	if v == nil || op.mode == "cubic" || x.Rank() != 4 {
		return false, nil
	}
	facts, err := op.Infer(factsOf(c.In))
	if err != nil {
		return true, err
	}
	shape, _ := facts[0].Shape.Ints()
	channels, h, w := x.Dim(1), x.Dim(2), x.Dim(3)
	if h*w > math.MaxInt32 {
		return false, nil
	}
	y, err := c.output(tensor.Float32, shape...)
	if err != nil || y.Len() == 0 {
		return true, err
	}
	if x.Len() == 0 {
		return true, fmt.Errorf("the image is empty: its shape is %v", x.Shape())
	}
	src, dst, at := tensor.Data[float32](x), tensor.Data[float32](y), tensor.Data[float32](grid)
	const piece = 512 // positions
	places := shape[2] * shape[3]
	pieces := (places + piece - 1) / piece
	return true, c.share(x.Dim(0)*pieces, piece*(40+4*float64(channels)), func(from, to int) {
		work := gridWorks.Get().(*gridWork)
		defer gridWorks.Put(work)
		for i := from; i < to; i++ {
			n, first := i/pieces, i%pieces*piece
			count := min(piece, places-first)
			op.tapsAt(work, at[2*(n*places+first):][:2*count], h, w)
			for ch := range channels {
				plane := src[(n*channels+ch)*h*w:][:h*w]
				out := dst[(n*channels+ch)*places+first:][:count]
				if work.outside {
					pickInside(out, plane, &work.taps)
				} else {
					v.PickSums(out, plane, &work.taps)
				}
			}
		}
	})
}

// tapsAt computes the taps of positions given as pairs of x and y: one for mode nearest, four for
// linear.
func (op *gridSample) tapsAt(s *gridWork, at []float32, h, w int) {
	n := len(at) / 2
	s.outside = false
	if s.room(4, n); op.mode == "nearest" {
		s.room(1, n)
	}
	for i := range n {
		x, y := op.locate(float64(at[2*i]), w), op.locate(float64(at[2*i+1]), h)
		reach := math.Abs(x) < 1<<40 && math.Abs(y) < 1<<40
		bx, by := math.Floor(x), math.Floor(y)
		fx, fy := x-bx, y-by
		for t := range s.taps.Per {
			index, weight := int32(-1), (1-fx)*(1-fy)
			switch t {
			case 1:
				weight = fx * (1 - fy)
			case 2:
				weight = (1 - fx) * fy
			case 3:
				weight = fx * fy
			}
			if s.taps.Per == 1 {
				weight = 1
			}
			if reach {
				px, okX := op.index(int(bx)+t&1, w)
				py, okY := op.index(int(by)+t>>1, h)
				if okX && okY {
					index = int32(py*w + px)
				}
			}
			s.outside = s.outside || index < 0
			s.taps.Index[t*n+i], s.taps.Weight[t*n+i] = index, float32(weight)
		}
	}
}

// pickInside is vec.Unit.PickSums without the taps of index -1.
func pickInside(out, plane []float32, t *vec.Taps) {
	n := len(out)
	clear(out)
	for k := range t.Per {
		index, weight := t.Index[k*n:][:n], t.Weight[k*n:][:n]
		for i, at := range index {
			if at >= 0 {
				out[i] += weight[i] * plane[at]
			}
		}
	}
}
