package detect

import (
	"fmt"
	"math"
	"slices"
)

// decodeNanoDet reads for each stride a matrix of class probabilities and one of
// distances, or one matrix with both side by side (NanoDet-Plus). The distance
// from the cell's point to a side of the box is distributed over bins: the
// softmax's mean bin times the stride (Li et al. 2020, "Generalized Focal Loss").
// The point is the cell's centre; that of NanoDet-Plus, which has a fourth stride,
// is its corner (get_single_level_center_point and get_single_level_center_priors
// in nanodet/model/head). Boxes are clipped to the input before suppression, as
// distance2bbox does.
func decodeNanoDet(f *frame) (found, error) {
	levels, err := nanoLevels(f)
	if err != nil {
		return found{}, err
	}
	slices.SortStableFunc(levels, func(a, b nanoLevel) int { return b.cls.shape[0] - a.cls.shape[0] })
	point := 0.5 // in cells
	if len(levels) > 3 {
		point = 0
	}
	input := Box{0, 0, float64(f.g.InputWidth), float64(f.g.InputHeight)}
	var made found
	for _, l := range levels {
		made.classes = l.classes
		n := l.cls.shape[0]
		stride, columns, err := f.levelStride(n)
		if err != nil {
			return found{}, fmt.Errorf("output %q: %w", l.cls.name, err)
		}
		for i := range n {
			scores := l.cls.row(i)[:l.classes]
			k, ok := best(scores)
			if !ok || !(float64(scores[k]) >= f.score) {
				continue
			}
			sides := l.dist.row(i)[l.from:]
			x, y := (float64(i%columns)+point)*stride, (float64(i/columns)+point)*stride
			d := [4]float64{}
			for side := range d {
				d[side] = meanBin(sides[side*l.bins:(side+1)*l.bins]) * stride
			}
			made.candidates = append(made.candidates, candidate{
				box: Box{x - d[0], y - d[1], x + d[2], y + d[3]}.Intersect(input), score: float64(scores[k]), class: k, row: i})
		}
	}
	return made, nil
}

// nanoLevel is one stride's outputs: classes in cls, 4*bins numbers in dist from
// column from on.
type nanoLevel struct {
	cls, dist           array
	classes, from, bins int
}

// nanoBins is the number of bins that NanoDet distributes a distance over.
const nanoBins = 8

func nanoLevels(f *frame) ([]nanoLevel, error) {
	var all []array
	for _, a := range f.out {
		a = a.squeeze(2)
		if _, err := a.rows(0); err != nil {
			return nil, err
		}
		all = append(all, a)
	}
	if len(all) == 1 {
		return splitLevels(all[0], f)
	}
	var levels []nanoLevel
	for i, a := range all {
		for _, b := range all[i+1:] {
			if a.shape[0] != b.shape[0] {
				continue
			}
			cls, dist := a, b
			if a.shape[1] == 4*nanoBins && b.shape[1] != 4*nanoBins {
				cls, dist = b, a
			}
			if dist.shape[1]%4 != 0 || dist.shape[1] < 8 || cls.shape[1] < 1 {
				return nil, fmt.Errorf("outputs %q %v and %q %v; the head needs classes and 4 distributions", cls.name, cls.shape, dist.name, dist.shape)
			}
			levels = append(levels, nanoLevel{cls: cls, dist: dist, classes: cls.shape[1], bins: dist.shape[1] / 4})
		}
	}
	if len(levels) == 0 || len(levels)*2 != len(all) {
		return nil, fmt.Errorf("%d outputs do not pair up by rows; the head needs classes and distances of each stride", len(all))
	}
	return levels, nil
}

// splitLevels cuts NanoDet-Plus' one matrix into its strides.
func splitLevels(a array, f *frame) ([]nanoLevel, error) {
	classes, at := a.shape[1]-4*nanoBins, 0
	if classes < 1 {
		return nil, fmt.Errorf("output %q is %v; the head needs classes and %d numbers of distances", a.name, a.shape, 4*nanoBins)
	}
	var levels []nanoLevel
	for stride := 8; at < a.shape[0] && stride <= 64; stride *= 2 {
		n := ((f.g.InputWidth + stride - 1) / stride) * ((f.g.InputHeight + stride - 1) / stride)
		if at+n > a.shape[0] {
			break
		}
		part := array{name: a.name, shape: []int{n, a.shape[1]}, data: a.data[at*a.shape[1] : (at+n)*a.shape[1]]}
		levels = append(levels, nanoLevel{cls: part, dist: part, classes: classes, from: classes, bins: nanoBins})
		at += n
	}
	if at != a.shape[0] {
		return nil, fmt.Errorf("output %q has %d rows, which are not the cells of an input of %dx%d", a.name, a.shape[0], f.g.InputWidth, f.g.InputHeight)
	}
	return levels, nil
}

// levelStride finds the stride of a grid of n cells, and its columns.
func (f *frame) levelStride(n int) (stride float64, columns int, err error) {
	for s := 4; s <= 128; s *= 2 {
		columns := (f.g.InputWidth + s - 1) / s
		if columns*((f.g.InputHeight+s-1)/s) == n {
			return float64(s), columns, nil
		}
	}
	return 0, 0, fmt.Errorf("%d rows are not the cells of an input of %dx%d at any stride", n, f.g.InputWidth, f.g.InputHeight)
}

// meanBin is the mean of 0, 1, 2 … under the softmax of v.
func meanBin(v []float32) float64 {
	most := float64(slices.Max(v))
	sum, mean := 0.0, 0.0
	for i, x := range v {
		e := math.Exp(float64(x) - most)
		sum += e
		mean += e * float64(i)
	}
	return mean / sum
}

// matchNanoDet: its outputs are named by stride.
func matchNanoDet(o outputs) bool {
	return o.has("cls_pred_stride_8", "dis_pred_stride_8")
}
