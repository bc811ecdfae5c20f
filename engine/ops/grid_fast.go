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
	outside bool        // some taps are outside the image
	axes    [3]gridAxis // those along each dimension, of which the taps are products
	at      [gridPiece]int64
	factor  [gridPiece]float64
}

// gridAxis holds the taps of positions along one dimension.
type gridAxis struct {
	at     [4][gridPiece]int64 // their pixels times the stride, gridOutside if there is none
	factor [4][gridPiece]float64
}

const (
	gridPiece   = 256      // positions that are sampled at a time
	gridOutside = -1 << 40 // whatever is added for other dimensions, the sum is negative
)

var gridWorks = sync.Pool{New: func() any { return new(gridWork) }}

// room makes room for n sums of per taps.
func (s *gridWork) room(per, n int) {
	if cap(s.taps.Index) < per*n {
		s.taps.Index, s.taps.Weight = make([]int32, per*n), make([]float32, per*n)
	}
	s.taps.Per, s.taps.Index, s.taps.Weight = per, s.taps.Index[:per*n], s.taps.Weight[:per*n]
}

// EvalFast samples float32 images of two and three dimensions: the taps of a position are
// used for all channels.
func (op *gridSample) EvalFast(c *Call) (bool, error) {
	x, grid := c.In[0], c.In[1]
	v := c.vec(x, grid)
	if v == nil {
		return false, nil
	}
	facts, err := op.Infer(factsOf(c.In))
	if err != nil {
		return true, err
	}
	shape, _ := facts[0].Shape.Ints()
	channels, size := x.Dim(1), x.Shape()[2:]
	pixels := tensor.MustCount(size)
	if pixels > math.MaxInt32 {
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
	const piece = gridPiece
	places, taps := tensor.MustCount(shape[2:]), float64(op.tapCount(len(size)))
	pieces := (places + piece - 1) / piece
	return true, c.share(x.Dim(0)*pieces, piece*(20+taps*(5+float64(channels))), func(from, to int) {
		work := gridWorks.Get().(*gridWork)
		defer gridWorks.Put(work)
		for i := from; i < to; i++ {
			n, first := i/pieces, i%pieces*piece
			count := min(piece, places-first)
			where := at[len(size)*(n*places+first):][:len(size)*count]
			op.tapsAt(work, where, size, 0)
			for ch := range channels {
				plane := src[(n*channels+ch)*pixels:][:pixels]
				out := dst[(n*channels+ch)*places+first:][:count]
				if !work.outside || plane[0]-plane[0] == 0 {
					v.PickSums(out, plane, &work.taps)
					continue
				}
				// The pixel that stands for those outside is infinite or NaN, and so would be its
				// products with 0.
				op.tapsAt(work, where, size, -1)
				pickInside(out, plane, &work.taps)
				op.tapsAt(work, where, size, 0)
			}
		}
	})
}

// tapCount is the number of taps of a position in an image of so many dimensions.
func (op *gridSample) tapCount(rank int) int {
	switch op.mode {
	case "nearest":
		return 1
	case "linear":
		return 1 << rank
	}
	return 1 << (2 * rank)
}

// tapsAt computes the taps of positions given by their coordinates, those along the last dimension
// first. Taps outside the image have weight 0 and the index outside.
func (op *gridSample) tapsAt(s *gridWork, at []float32, size []int, outside int32) {
	rank, each, stride := len(size), op.tapCount(1), 1
	n, last := len(at)/rank, rank-1
	for d := last; d >= 0; d-- {
		op.allAlong(&s.axes[d], at[last-d:], rank, n, size[d], stride)
		stride *= size[d]
	}
	s.room(op.tapCount(rank), n)
	s.outside = false
	for t := range s.taps.Per {
		from := s.taps.Per / each
		copy(s.at[:n], s.axes[0].at[t/from][:])
		copy(s.factor[:n], s.axes[0].factor[t/from][:])
		for d := 1; d < last; d++ {
			from /= each
			pixel, factor := &s.axes[d].at[t/from%each], &s.axes[d].factor[t/from%each]
			for i := range n {
				s.at[i] += pixel[i]
				s.factor[i] *= factor[i]
			}
		}
		pixel, factor := s.axes[last].at[t%each][:n], s.axes[last].factor[t%each][:n]
		index, weight := s.taps.Index[t*n:][:n], s.taps.Weight[t*n:][:n]
		for i := range index {
			place, w := s.at[i]+pixel[i], float32(s.factor[i]*factor[i])
			index[i], weight[i] = int32(place), w
			if place < 0 {
				index[i], weight[i], s.outside = outside, 0, true
			}
		}
	}
}

// allAlong sets the taps along one dimension of size pixels of n positions, whose coordinates are step
// apart.
func (op *gridSample) allAlong(a *gridAxis, at []float32, step, n, size, stride int) {
	if op.mode != "linear" || op.padding != "zeros" {
		for i := range n {
			op.along(a, i, op.locate(float64(at[i*step]), size), size, stride)
		}
		return
	}
	// As locate and along, without branches: which positions are outside is hard to predict.
	scale, shift := float64(size)/2, float64(size-1)/2
	if op.corners {
		scale = shift
	}
	left, right, lower, upper := a.at[0][:n], a.at[1][:n], a.factor[0][:n], a.factor[1][:n]
	for i := range left {
		v := min(max(float64(at[i*step])*scale+shift, -2), float64(size+1))
		base := int(v+2) - 2 // rounds down; of NaN it is outside on all processors
		l, r := int64(base*stride), int64((base+1)*stride)
		if uint(base) >= uint(size) {
			l = gridOutside
		}
		if uint(base+1) >= uint(size) {
			r = gridOutside
		}
		f := v - float64(base)
		left[i], right[i], lower[i], upper[i] = l, r, 1-f, f
	}
}

// along sets the taps along one dimension of n pixels of position i, which is at v.
func (op *gridSample) along(a *gridAxis, i int, v float64, n, stride int) {
	count, base := 1, math.Floor(v)
	f := v - base
	switch op.mode {
	case "nearest":
		a.factor[0][i] = 1
	case "linear":
		count, a.factor[0][i], a.factor[1][i] = 2, 1-f, f
	default:
		k := resize{cubicA: -0.75}
		count, base = 4, base-1
		a.factor[0][i], a.factor[1][i], a.factor[2][i], a.factor[3][i] = k.cubic(1+f), k.cubic(f), k.cubic(1-f), k.cubic(2-f)
	}
	if base >= 0 && base+float64(count) <= float64(n) {
		for t := range count {
			a.at[t][i] = int64((int(base) + t) * stride)
		}
		return
	}
	reach := math.Abs(v) < 1<<40 // false of NaN and of values too large for an index
	for t := range count {
		a.at[t][i] = gridOutside
		if reach {
			if pixel, ok := op.index(int(base)+t, n); ok {
				a.at[t][i] = int64(pixel * stride)
			}
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
