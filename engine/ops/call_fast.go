package ops

import (
	"slices"
	"unsafe"

	"github.com/visionzoo/vision/engine/kernel"
	"github.com/visionzoo/vision/engine/kernel/vec"
	"github.com/visionzoo/vision/engine/tensor"
)

// What fast paths share: outputs that are not cleared first, loops cut for the
// run's helpers, and planned kernels.

// raw is New for tensors of which every element is about to be written: what a
// plan has set aside keeps its old contents.
func (c *Call) raw(d tensor.DType, shape ...int) (*tensor.Tensor, error) {
	for i, p := range c.Planned {
		if p != nil && c.taken>>i&1 == 0 && p.DType() == d && slices.Equal(p.Shape(), shape) {
			c.taken |= 1 << i
			return p, nil
		}
	}
	return c.New(d, shape...)
}

// output is raw, and output 0 of the call.
func (c *Call) output(d tensor.DType, shape ...int) (*tensor.Tensor, error) {
	y, err := c.raw(d, shape...)
	c.Out[0] = y
	return y, err
}

// vec are the row kernels for float32 operands, nil where there is no fast path
// for these.
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

// chunkTime is what a piece of shared work should take and aloneTime what is
// not worth sharing, in nanoseconds; checkTime is between two looks at the
// deadline.
const (
	chunkTime = 20e3
	aloneTime = 30e3
	checkTime = 2e6
)

// share calls part for ranges that make up [0, n), at once where the run has
// helpers and the work, unit nanoseconds for each, is worth it. A part writes
// only what is its own.
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

// rows is walk.rows, shared: row gets where a run of n numbers starts in each
// operand, and may be called at once for several. unit is nanoseconds a number.
func (c *Call) rows(w *walk, unit float64, row func(n int, at []int)) error {
	if slices.Contains(w.dims, 0) {
		return nil
	}
	last := len(w.dims) - 1
	inner, outer := 1, 1
	if last >= 0 {
		inner, outer = w.dims[last], tensor.MustCount(w.dims[:last])
	}
	parts := 1 // of a row
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

// step is how far apart operand k's elements lie within a row: 0 or more.
func (w *walk) step(k int) int {
	if len(w.dims) == 0 {
		return 0
	}
	return w.strides[k][len(w.dims)-1]
}

// do runs planned kernel work.
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

// scratchBytes is memory that starts a cache line and is the node's until it
// returns.
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

// first is the address of a tensor's elements.
func first(t *tensor.Tensor) unsafe.Pointer { return unsafe.Pointer(unsafe.SliceData(t.Bytes())) }
