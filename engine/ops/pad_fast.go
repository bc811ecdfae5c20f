package ops

import (
	"unsafe"

	"github.com/visionzoo/vision/engine/tensor"
)

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
	first, last := 0, x.Rank()-1
	for first < last && p.before[first] == 0 && p.after[first] == 0 {
		first++
	}
	for last > first && p.before[last] == 0 && p.after[last] == 0 {
		last--
	}
	unit, runs, end := size*tensor.MustCount(p.shape[last+1:]), []padRun{}, last
	width := unit
	if err := c.Run.reserveList(p.shape[last], int64(unsafe.Sizeof(padRun{}))); err != nil {
		return true, err
	}
	if unit < 1024 {
		runs, width = op.runs(x.Dim(last), p.before[last], p.after[last], unit), unit*p.shape[last]
	} else {
		runs, end = append(runs, padRun{0, 0, unit}), last+1
	}
	outer, err := op.origins(c, p, first, end)
	if err != nil {
		return true, err
	}
	blank, err := c.New(x.DType(), width/size)
	if err != nil {
		return true, err
	}
	repeat(blank.Bytes(), copy(blank.Bytes(), p.value.Bytes()))
	src, dst, none, steps := x.Bytes(), y.Bytes(), blank.Bytes(), tensor.Strides(x.Shape())
	whole := size * tensor.MustCount(x.Shape()[first:]) // of src, where no dimension before has pads
	origin := func(i int) (at int) {                    // the first byte of row i in src, -1 if it is all constant
		for d := len(outer) - 1; d >= 0; d-- {
			o := outer[d][i%len(outer[d])]
			if o < 0 {
				return -1
			}
			at += o * steps[first+d] * size
			i /= len(outer[d])
		}
		return at + i*whole
	}
	return true, c.share(len(dst)/width, 0.05*float64(width)+20, func(from, to int) {
		for i := from; i < to; i++ {
			row := dst[i*width : (i+1)*width]
			if at := origin(i); at >= 0 {
				writeRuns(runs, row, src, at, none)
			} else {
				copy(row, none)
			}
		}
	})
}

// padRun is a part of a row, in bytes: n from from on, or of the constant value if that
// is below 0.
type padRun struct{ to, from, n int }

// writeRuns writes a row that begins at byte at of src, or would without what is padded before it.
func writeRuns(runs []padRun, row, src []byte, at int, none []byte) {
	for _, r := range runs {
		switch {
		case r.from < 0:
			copy(row[r.to:r.to+r.n], none)
		case r.n == 4: // a float32 that an edge repeats
			*(*[4]byte)(row[r.to:]) = [4]byte(src[at+r.from:])
		default:
			copy(row[r.to:r.to+r.n], src[at+r.from:])
		}
	}
}

// runs returns the parts of a row of elements of unit bytes.
func (op pad) runs(dim, before, after, unit int) []padRun {
	var runs []padRun
	n, inside := dim+before+after, max(before, 0)
	for i := 0; i < n; {
		o, count := op.from(i, dim, before, after), 1
		switch {
		case i == inside && o >= 0:
			count = n - max(after, 0) - inside
		case o < 0 && i < inside:
			count = inside - i
		case o < 0:
			count = n - i
		}
		runs = append(runs, padRun{i * unit, o * unit, count * unit})
		i += count
	}
	return runs
}
