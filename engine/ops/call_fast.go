package ops

import (
	"slices"
	"unsafe"

	"github.com/visionzoo/vision/engine/kernel"
	"github.com/visionzoo/vision/engine/kernel/vec"
	"github.com/visionzoo/vision/engine/tensor"
)

// This file has what all fast paths share: outputs that are not zeroed first, loops divided among
// the run's threads, and the execution of planned kernels. A typical EvalFast is
//
//	v := c.vec(c.In...)                                   // nil: other types, or no kernels
//	if v == nil {
//		return false, nil
//	}
//	y, err := c.output(tensor.Float32, c.In[0].Shape()...) // not zeroed
//	…
//	return true, c.share(len(dst), 0.5, func(from, to int) {  // 0.5 ns for each element
//		v.Apply(vec.Exp, dst[from:to], src[from:to], 0, 0)
//	})

// raw is New without zeroing memory of the plan: every element must be written.
func (c *Call) raw(d tensor.DType, shape ...int) (*tensor.Tensor, error) {
	if p := c.takePlanned(d, shape); p != nil {
		return p, nil
	}
	return c.New(d, shape...)
}

// output allocates output 0 of the call like raw.
func (c *Call) output(d tensor.DType, shape ...int) (*tensor.Tensor, error) {
	y, err := c.raw(d, shape...)
	c.Out[0] = y
	return y, err
}

// vec returns the row kernels if all operands are float32 and there are kernels,
// else nil.
func (c *Call) vec(in ...*tensor.Tensor) *vec.Unit {
	if c.Run.Kernel == nil {
		return nil
	}
	for _, t := range in {
		if t == nil || t.DType() != tensor.Float32 {
			return nil
		}
	}
	return &c.Run.Kernel.Vec
}

// In nanoseconds: the work of a chunk, the work that is not worth sharing, and
// the time between two checks for cancellation.
const (
	chunkTime = 20e3
	aloneTime = 30e3
	checkTime = 2e6
)

// share calls part for ranges that together are [0, n), on several threads if the run has them
// and the work pays. unit is the estimated time of one of the n, in nanoseconds: it decides how
// many make a range. A part may write only what belongs to its own range. A range is never cut, so
// one of the n must stay well below 10 ms, the time within which a cancelled run has to end.
func (c *Call) share(n int, unit float64, part func(from, to int)) error {
	alone := c.Run.Parallel == nil || float64(n)*unit < aloneTime
	time := chunkTime
	if alone {
		time = checkTime
	}
	each := n
	if float64(n)*unit > time {
		each = max(1, int(time/unit))
	}
	if n == 0 {
		return nil
	}
	if each >= n {
		part(0, n)
		return c.Run.Check()
	}
	chunk := func(i int) {
		if c.Run.Check() == nil {
			part(i*each, min((i+1)*each, n))
		}
	}
	chunks := (n + each - 1) / each
	if !alone {
		c.Run.Parallel(chunks, chunk)
		return c.Run.Check()
	}
	for i := range chunks {
		chunk(i)
	}
	return c.Run.Check()
}

// rows is walk.rows on several threads: row gets the number of elements in a row and the first
// element of each operand, whose elements are walk.step apart, and may be called concurrently.
// unit is the estimated time of one element in nanoseconds. Unlike walk.rows, which cuts rows at
// rowLength, it divides a row only among threads, and only if there are few rows.
func (c *Call) rows(w *walk, unit float64, row func(n int, at []int)) error {
	if slices.Contains(w.dims, 0) {
		return nil
	}
	last := len(w.dims) - 1
	inner, outer := 1, 1
	if last >= 0 {
		inner, outer = w.dims[last], tensor.MustCount(w.dims[:last])
	}
	parts := 1 // into which each row is divided
	if outer < 8 && float64(inner)*unit > chunkTime {
		parts = min(inner, int(float64(inner)*unit/chunkTime)+1)
	}
	each := (inner + parts - 1) / parts
	return c.share(outer*parts, float64(each)*unit+20, func(from, to int) {
		at, index := slices.Clone(w.start), make([]int, max(last, 0))
		i := from / parts
		for d := last - 1; d >= 0; d-- {
			index[d] = i % w.dims[d]
			i /= w.dims[d]
			for k := range at {
				at[k] += index[d] * w.strides[k][d]
			}
		}
		if parts == 1 {
			for range to - from {
				row(inner, at)
				w.next(index, at)
			}
			return
		}
		cut := make([]int, len(at))
		for p := from; p < to; p++ {
			begin := p % parts * each
			for k := range at {
				cut[k] = at[k] + begin*w.strides[k][last]
			}
			if n := min(each, inner-begin); n > 0 {
				row(n, cut)
			}
			if p%parts == parts-1 {
				w.next(index, at)
			}
		}
	})
}

// step returns the stride of operand k within a row; it is at least 0.
func (w *walk) step(k int) int {
	if len(w.dims) == 0 {
		return 0
	}
	return w.strides[k][len(w.dims)-1]
}

// do runs the planned work of a kernel.
func (c *Call) do(w *kernel.Work, m *kernel.Memory) error {
	if w.Scratch > 0 {
		scratch, err := c.Run.scratchBytes(w.Scratch)
		if err != nil {
			return err
		}
		m.Scratch = scratch
	}
	for _, s := range w.Steps {
		n := s.Chunks()
		if c.Run.Parallel != nil && n > 1 {
			c.Run.Parallel(n, func(i int) {
				if c.Run.Check() == nil {
					s.Run(i, m)
				}
			})
			continue
		}
		for i := range n {
			if c.Run.Check() != nil {
				break
			}
			s.Run(i, m)
		}
	}
	m.Scratch = nil
	return c.Run.Check()
}

// scratchBytes returns scratch memory aligned to a cache line; it belongs to the
// node until EvalFast returns.
func (r *Run) scratchBytes(n int) (unsafe.Pointer, error) {
	const line = 64
	if len(r.scratch) < n+line {
		if err := r.ReserveBytes(int64(n) + line); err != nil {
			return nil, err
		}
		r.scratch = make([]byte, n+line)
	}
	p := unsafe.Pointer(&r.scratch[0])
	return unsafe.Add(p, -uintptr(p)&(line-1)), nil
}

// addressOf returns the address of a tensor's elements.
func addressOf(t *tensor.Tensor) unsafe.Pointer { return unsafe.Pointer(unsafe.SliceData(t.Bytes())) }
