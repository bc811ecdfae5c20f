package ops

import "github.com/visionzoo/vision/engine/tensor"

// strided fills y, in row-major order, with the elements of x that lie at
// base + Σ index·step: a transposition, a slice, a broadcast. Dimensions that
// lie behind one another in both are walked as one.
func strided(run *Run, y, x *tensor.Tensor, steps []int, base int) error {
	if y.Len() == 0 {
		return nil
	}
	shape, steps := merged(y.Shape(), steps)
	last := len(shape) - 1
	n, step := shape[last], steps[last]
	b := newBlocks(y, x)
	index := make([]int, last)
	from := base
	rows := y.Len() / n
	every := max(1, 1<<18/n) // rows between looks at the context
	for row := range rows {
		if row%every == every-1 {
			if err := run.Check(); err != nil {
				return err
			}
		}
		b.row(row*n, from, step, n)
		for i := last - 1; i >= 0; i-- {
			index[i]++
			from += steps[i]
			if index[i] < shape[i] {
				break
			}
			from -= steps[i] * shape[i]
			index[i] = 0
		}
	}
	return nil
}

// merged drops dimensions of size 1 and joins those whose steps follow from
// one another; one dimension at least is left.
func merged(shape, steps []int) ([]int, []int) {
	var s, t []int
	for i, d := range shape {
		switch k := len(s) - 1; {
		case d == 1:
		case k >= 0 && t[k] == steps[i]*d:
			s[k] *= d
			t[k] = steps[i]
		default:
			s, t = append(s, d), append(t, steps[i])
		}
	}
	if s == nil {
		return []int{1}, []int{1}
	}
	return s, t
}

// row copies n elements that lie step apart.
func (b *blocks) row(to, from, step, n int) {
	switch {
	case step == 1:
		b.copy(to, from, n)
	case step == 0:
		b.fill(to, from, n)
	default:
		switch b.size {
		case 0:
			pick(b.dstText[to:to+n], b.srcText, from, step)
		case 1:
			pick(b.dst[to:to+n], b.src, from, step)
		case 2:
			pick(words[uint16](b.dst)[to:to+n], words[uint16](b.src), from, step)
		case 4:
			pick(words[uint32](b.dst)[to:to+n], words[uint32](b.src), from, step)
		case 8:
			pick(words[uint64](b.dst)[to:to+n], words[uint64](b.src), from, step)
		default:
			pick(words[complex128](b.dst)[to:to+n], words[complex128](b.src), from, step)
		}
	}
}

func pick[T any](dst, src []T, from, step int) {
	for i := range dst {
		dst[i] = src[from]
		from += step
	}
}
