package ops

import (
	"fmt"
	"math"
	"slices"
	"sync"

	"github.com/visionzoo/vision/engine/kernel/num"
	"github.com/visionzoo/vision/engine/kernel/vec"
	"github.com/visionzoo/vision/engine/tensor"
)

// A cell of RoiAlign is the mean of samples on a grid. The bilinear weights of a
// sample are products of a row's weight and a column's, so the cell is separable
// too: each box has taps for its rows of cells, and taps for its columns.

// cellTaps holds the pixels of a cell along one axis. The weights are already
// divided by the number of samples.
type cellTaps struct {
	at     []int
	weight []float32
}

// axisTaps computes the taps of the cells along one axis of a box, with n samples
// each.
func axisTaps(cells []cellTaps, start, size float64, n, pixels int) {
	for i := range cells {
		t := &cells[i]
		t.at, t.weight = t.at[:0], t.weight[:0]
		for s := range n {
			v := start + float64(i)*size + (float64(s)+0.5)*size/float64(n)
			if !(v >= -1 && v <= float64(pixels)) || pixels == 0 {
				continue
			}
			low, high, f := neighbours(v, pixels)
			t.add(low, (1-f)/float64(n))
			t.add(high, f/float64(n))
		}
	}
}

func (t *cellTaps) add(at int, w float64) {
	for k := len(t.at) - 1; k >= max(0, len(t.at)-2); k-- { // only the last two can be equal: samples are in ascending order
		if t.at[k] == at {
			t.weight[k] += float32(w)
			return
		}
	}
	t.at, t.weight = append(t.at, at), append(t.weight, float32(w))
}

// roiWork is the scratch memory of one thread.
type roiWork struct {
	rows, columns []cellTaps
	low, width    int        // range of the image's columns that are used
	picks         []vec.Taps // for wide boxes: for each row of cells, the columns that are used
	between       []float32  // for each row of cells, the sums of all columns, and a zero at the end
	taps          vec.Taps   // of the cells, indices in between
	samples       roiSamples // where the maximum is wanted, instead of all others
	peaks         vec.Taps   // the samples' neighbours: the first of each cell, the second …
	values        []float32  // the neighbours times their weights
}

var roiWorks = sync.Pool{New: func() any { return new(roiWork) }}

// EvalFast computes the mean or the maximum of float32 samples.
func (op *roiAlign) EvalFast(c *Call) (bool, error) {
	x := c.In[0]
	v := c.vec(x, c.In[1])
	if v == nil || x.Rank() != 4 || x.Dim(2)*x.Dim(3) > math.MaxInt32 {
		return false, nil
	}
	if _, err := op.Infer(factsOf(c.In)); err != nil {
		return true, err
	}
	rois, pictures := tensor.Data[float32](c.In[1]), tensor.Data[int64](c.In[2])
	channels, h, w := x.Dim(1), x.Dim(2), x.Dim(3)
	y, err := c.output(tensor.Float32, len(pictures), channels, op.height, op.width)
	if err != nil || y.Len() == 0 {
		return true, err
	}
	boxes := make([]roiBox, len(pictures))
	for r, picture := range pictures {
		if picture < 0 || picture >= int64(x.Dim(0)) {
			return true, fmt.Errorf("box %d has batch index %d, there are %d images", r, picture, x.Dim(0))
		}
		if boxes[r], err = op.box(float64(rois[4*r]), float64(rois[4*r+1]), float64(rois[4*r+2]), float64(rois[4*r+3])); err != nil {
			return true, err
		}
	}
	src, dst := tensor.Data[float32](x), tensor.Data[float32](y)
	cells, plane := op.height*op.width, h*w
	// A piece of work is a box with some of its channels, so that there are
	// enough for all threads.
	const group = 64
	groups := (channels + group - 1) / group
	return true, c.share(len(pictures)*groups, (3*float64(cells)+200)*group, func(from, to int) {
		work := roiWorks.Get().(*roiWork)
		defer roiWorks.Put(work)
		for i := from; i < to; i++ {
			r, first := i/groups, i%groups*group
			if i == from || i%groups == 0 {
				if op.largest {
					if op.sample(c.Run, &work.samples, boxes[r], h, w) != nil {
						return // cancelled, as share finds
					}
					work.spreadSamples(cells)
				} else {
					op.prepare(work, boxes[r], h, w)
				}
			}
			for ch := first; ch < min(first+group, channels); ch++ {
				in, out := src[(int(pictures[r])*channels+ch)*plane:][:plane], dst[(r*channels+ch)*cells:][:cells]
				if op.largest {
					if c.Run.Check() != nil {
						return
					}
					work.largest(v, out, in)
				} else {
					work.cells(v, out, in, w)
				}
			}
		}
	})
}

// mostPeaks bounds the neighbours of a box's samples that a kernel weighs in one call.
const mostPeaks = 1 << 14

// spreadSamples lists the neighbours of the samples of all cells; a cell with fewer samples than others
// repeats its own. Of too many there are no peaks.
func (s *roiWork) spreadSamples(cells int) {
	most := 0
	for i := range cells {
		most = max(most, s.samples.end[i]-s.samples.begin(i))
	}
	n := 4 * most * cells
	if n > mostPeaks {
		n = 0
	}
	s.peaks = vec.Taps{Index: slices.Grow(s.peaks.Index[:0], n)[:n], Weight: slices.Grow(s.peaks.Weight[:0], n)[:n], Per: 1}
	s.values = slices.Grow(s.values[:0], n)[:n]
	for i := range n {
		from, end := s.samples.begin(i%cells), s.samples.end[i%cells]
		if s.peaks.Index[i], s.peaks.Weight[i] = 0, 0; from < end {
			at, k := from+i/cells/4%(end-from), i/cells%4
			s.peaks.Index[i], s.peaks.Weight[i] = s.samples.at[at][k], s.samples.weight[at][k]
		}
	}
}

// largest computes the maxima of all cells of one channel.
func (s *roiWork) largest(v *vec.Unit, out, plane []float32) {
	if len(s.values) == 0 {
		for i := range out {
			out[i] = largestSample(&s.samples, i, plane)
		}
		return
	}
	v.PickSums(s.values, plane, &s.peaks)
	copy(out, s.values)
	for at := len(out); at < len(s.values); at += len(out) {
		v.Zip(num.Max, out, out, s.values[at:])
	}
	for i := range out {
		switch n := s.samples.end[i] - s.samples.begin(i); {
		case n == 0:
			out[i] = 0
		case n < s.samples.count: // samples outside the image are 0
			out[i] = max(out[i], 0)
		}
	}
}

// narrow is the largest width of a box for which whole rows are summed: in wider
// boxes, most columns are used by no cell.
const narrow = 128

// prepare computes the taps of a box.
func (op *roiAlign) prepare(s *roiWork, b roiBox, h, w int) {
	if len(s.rows) != op.height || len(s.columns) != op.width {
		s.rows, s.columns = make([]cellTaps, op.height), make([]cellTaps, op.width)
	}
	axisTaps(s.rows, b.y, b.cellH, b.ny, h)
	axisTaps(s.columns, b.x, b.cellW, b.nx, w)
	low, high, most := w, -1, 0
	for _, t := range s.columns {
		for _, at := range t.at {
			low, high = min(low, at), max(high, at)
		}
		most = max(most, len(t.at))
	}
	s.low, s.width, s.picks = low, max(high-low+1, 0), s.picks[:0]
	if s.width > narrow {
		s.pickColumns(w)
	}
	n := op.height * s.width
	if cap(s.between) <= n {
		s.between = make([]float32, n+1)
	}
	s.between = s.between[:n+1]
	s.between[n] = 0
	s.spread(op.height, op.width, most)
}

// pickColumns restricts the columns of a wide box to those that are used.
func (s *roiWork) pickColumns(w int) {
	var used []int
	for _, t := range s.columns {
		used = append(used, t.at...)
	}
	slices.Sort(used)
	used = slices.Compact(used)
	for _, t := range s.columns {
		for k, at := range t.at {
			t.at[k], _ = slices.BinarySearch(used, at)
		}
	}
	s.low, s.width = 0, len(used)
	for _, r := range s.rows {
		p := vec.Taps{Per: len(r.at)}
		for k, y := range r.at {
			for _, x := range used {
				p.Index, p.Weight = append(p.Index, int32(y*w+x)), append(p.Weight, r.weight[k])
			}
		}
		s.picks = append(s.picks, p)
	}
}

// spread copies the columns' taps for all cells. Missing taps get the index of
// the zero.
func (s *roiWork) spread(height, width, per int) {
	cells := height * width
	if n := cells * per; cap(s.taps.Index) < n {
		s.taps.Index, s.taps.Weight = make([]int32, n), make([]float32, n)
	}
	s.taps.Index, s.taps.Weight, s.taps.Per = s.taps.Index[:cells*per], s.taps.Weight[:cells*per], per
	for i := range cells {
		t := &s.columns[i%width]
		for k := range per {
			at, weight := height*s.width, float32(0)
			if k < len(t.at) {
				at, weight = i/width*s.width+t.at[k]-s.low, t.weight[k]
			}
			s.taps.Index[k*cells+i], s.taps.Weight[k*cells+i] = int32(at), weight
		}
	}
}

// cells computes all cells of one channel of the current box.
func (s *roiWork) cells(v *vec.Unit, out, plane []float32, w int) {
	if s.width == 0 {
		clear(out)
		return
	}
	var offsets [32]int64
	for py := range s.rows {
		t, sum := &s.rows[py], s.between[py*s.width:(py+1)*s.width]
		switch {
		case len(s.picks) > 0:
			v.PickSums(sum, plane, &s.picks[py])
		case len(t.at) > len(offsets):
			clear(sum)
			for k, at := range t.at {
				v.AddScaled(sum, plane[at*w+s.low:], t.weight[k])
			}
		default:
			for k, at := range t.at {
				offsets[k] = 4 * int64(at*w+s.low)
			}
			v.BlendRows(sum, plane, offsets[:len(t.at)], t.weight)
		}
	}
	v.PickSums(out, s.between, &s.taps)
}
