package ops

import "github.com/visionzoo/vision/engine/tensor"

// EvalFast pads row by row, on several threads.
func (op pad) EvalFast(c *Call) (bool, error) {
	x := c.In[0]
	size := x.DType().Size()
	if x.Rank() == 0 || size == 0 {
		return false, nil
	}
	p, err := op.read(c)
	if err != nil {
		return true, err
	}
	y, err := c.output(x.DType(), p.shape...)
	if err != nil || y.Len() == 0 {
		return true, err
	}
	// A row is along the last dimension with pads. Elements that are long are rows
	// themselves, so that even a single one can be divided among threads.
	last := x.Rank() - 1
	for last > 0 && p.before[last] == 0 && p.after[last] == 0 {
		last--
	}
	unit := size * tensor.MustCount(p.shape[last+1:])
	outer, err := op.origins(c, p, last+1)
	if err != nil {
		return true, err
	}
	line := []int{0}
	if unit < 1024 {
		outer, line = outer[:last], outer[last]
	}
	runs, width := padRuns(line, unit), len(line)*unit
	blank, err := c.New(x.DType(), width/size)
	if err != nil {
		return true, err
	}
	repeat(blank.Bytes(), copy(blank.Bytes(), p.value.Bytes()))
	src, dst, none, steps := x.Bytes(), y.Bytes(), blank.Bytes(), tensor.Strides(x.Shape())
	return true, c.share(len(dst)/width, 0.05*float64(width)+20, func(from, to int) {
		index, rest := make([]int, len(outer)), from
		for d := len(index) - 1; d >= 0; d-- {
			index[d] = rest % len(outer[d])
			rest /= len(outer[d])
		}
		for i := from; i < to; i++ {
			row, at := dst[i*width:(i+1)*width], 0
			for d, k := range index {
				if outer[d][k] < 0 {
					at = -1
					break
				}
				at += outer[d][k] * steps[d] * size
			}
			if at < 0 {
				copy(row, none)
			} else {
				for _, r := range runs {
					if r.from < 0 {
						copy(row[r.to:r.to+r.n], none)
					} else {
						copy(row[r.to:r.to+r.n], src[at+r.from:])
					}
				}
			}
			for d := len(index) - 1; d >= 0; d-- {
				if index[d]++; index[d] < len(outer[d]) {
					break
				}
				index[d] = 0
			}
		}
	})
}

// padRun is a part of a row, in bytes: n from from on, or of the constant value if that
// is below 0.
type padRun struct{ to, from, n int }

// padRuns joins neighbours among the origins of a row's elements of unit bytes.
func padRuns(origins []int, unit int) []padRun {
	var runs []padRun
	for i, o := range origins {
		if i > 0 && (o == origins[i-1]+1 && o > 0 || o < 0 && origins[i-1] < 0) {
			runs[len(runs)-1].n += unit
		} else {
			runs = append(runs, padRun{i * unit, o * unit, unit})
		}
	}
	return runs
}
