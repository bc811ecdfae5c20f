package ops

import (
	"context"
	"fmt"
	"math"
	"sync/atomic"
	"unsafe"

	"github.com/visionzoo/vision/engine/kernel"
	"github.com/visionzoo/vision/engine/tensor"
)

// Run is what the nodes of one run share: the deadline, the budgets, and the
// kernels they may use. One goroutine at a time calls nodes of a Run.
type Run struct {
	ctx        context.Context
	limit      int64 // bytes
	live       int64
	fresh      []*tensor.Owner // made by the node at work
	iterations int64
	left       atomic.Int64
	scratch    []byte // of the node at work
	ahead      int64  // turns that the innermost loop has left after this one, 0 where that is not known

	Kernel   *kernel.Rung                   // nil: reference kernels only
	Strict   bool                           // products by multiply-add of float32 only
	Parallel func(n int, chunk func(i int)) // nil: inline
}

// perTensor is what a tensor takes besides its elements, in bytes.
const perTensor = 192

// NewRun starts a run that may hold limit bytes at once and turn loops
// iterations times.
func NewRun(ctx context.Context, limit, iterations int64) *Run {
	r := &Run{ctx: ctx, limit: limit, iterations: iterations}
	r.left.Store(iterations)
	return r
}

// Reset readies a run that was used before.
func (r *Run) Reset(ctx context.Context) {
	r.ctx, r.live, r.ahead = ctx, 0, 0
	r.fresh = r.fresh[:0]
	r.left.Store(r.iterations)
}

// Context is the context of the run.
func (r *Run) Context() context.Context { return r.ctx }

// MemoryError is wrapped by errors about the memory limit.
type MemoryError struct{ Need, Live, Limit int64 }

func (e *MemoryError) Error() string {
	return fmt.Sprintf("needs %s of memory where %s of the limit of %s are in use; raise it (VISION_MEMORY_LIMIT, engine.MemoryLimit) if the model is sound",
		bytesText(e.Need), bytesText(e.Live), bytesText(e.Limit))
}

func bytesText(n int64) string {
	for _, u := range []struct {
		size int64
		name string
	}{{1 << 40, "TiB"}, {1 << 30, "GiB"}, {1 << 20, "MiB"}, {1 << 10, "KiB"}} {
		if n >= u.size {
			return fmt.Sprintf("%.1f %s", float64(n)/float64(u.size), u.name)
		}
	}
	return fmt.Sprintf("%d bytes", n)
}

// Reserve checks that a tensor fits the memory limit.
func (r *Run) Reserve(d tensor.DType, shape []int) error {
	n, err := tensor.Count(shape)
	if err != nil {
		return fmt.Errorf("memory: %w", err)
	}
	size := max(d.Size(), 1)
	if d == tensor.String {
		size = int(unsafe.Sizeof(""))
	}
	return r.reserveList(n, int64(size))
}

// reserveList checks that n elements of size bytes fit the memory limit. Sizes of
// what has no elements come from strangers too: the product may pass 64 bits.
func (r *Run) reserveList(n int, size int64) error {
	if int64(n) > math.MaxInt64/size {
		return &MemoryError{math.MaxInt64, r.live, r.limit}
	}
	return r.ReserveBytes(int64(n) * size)
}

// ReserveBytes checks that more bytes fit the memory limit.
func (r *Run) ReserveBytes(n int64) error {
	if n > r.limit-r.live {
		return &MemoryError{n, r.live, r.limit}
	}
	return nil
}

// Left is how many bytes more fit the memory limit.
func (r *Run) Left() int64 { return r.limit - r.live }

// Grow counts memory that lies outside tensors, Shrink takes it off again.
func (r *Run) Grow(bytes int64) { r.live += bytes }

// Shrink undoes Grow.
func (r *Run) Shrink(bytes int64) { r.live -= bytes }

// allocated notes a tensor of the node at work.
func (r *Run) allocated(t *tensor.Tensor) {
	o := t.Own(r, int64(len(t.Bytes()))+perTensor)
	r.live += o.Bytes
	r.fresh = append(r.fresh, o)
}

// Adopt counts memory that was allocated outside operators.
func (r *Run) Adopt(t *tensor.Tensor) {
	for _, e := range t.Elems() {
		r.Adopt(e)
	}
	r.live += t.Own(r, int64(len(t.Bytes()))+perTensor).Bytes
}

// owner is the note of this run on a tensor's memory, nil where it has none.
func (r *Run) owner(t *tensor.Tensor) *tensor.Owner {
	if o := t.Owner(); o != nil && o.By == any(r) {
		return o
	}
	return nil
}

// Owns reports whether the memory of t was allocated in this run and is all
// t's.
func (r *Run) Owns(t *tensor.Tensor) bool {
	o := r.owner(t)
	return o != nil && (o.Bytes == int64(len(t.Bytes()))+perTensor || o.End > 0 && o.End == len(t.Bytes()))
}

// forget takes memory that nobody holds off the budget.
func (r *Run) forget(o *tensor.Owner) {
	r.live -= o.Bytes
	o.By = nil
}

// Hold notes that a value holds the memory of t.
func (r *Run) Hold(t *tensor.Tensor) {
	if t == nil {
		return
	}
	for _, e := range t.Elems() {
		r.Hold(e)
	}
	if o := r.owner(t); o != nil {
		o.Uses++
	}
}

// Release notes that a value is gone; memory that no value holds is counted
// free.
func (r *Run) Release(t *tensor.Tensor) {
	if t == nil {
		return
	}
	for _, e := range t.Elems() {
		r.Release(e)
	}
	if o := r.owner(t); o != nil {
		if o.Uses--; o.Uses <= 0 {
			r.forget(o)
		}
	}
}

// Return gives up a hold but leaves the memory with the node at work, which
// hands it on.
func (r *Run) Return(t *tensor.Tensor) {
	if t == nil {
		return
	}
	for _, e := range t.Elems() {
		r.Return(e)
	}
	if o := r.owner(t); o != nil {
		o.Uses--
		r.fresh = append(r.fresh, o)
	}
}

// Done forgets what the node at work made and no value holds.
func (r *Run) Done() {
	for _, o := range r.fresh {
		if o.Uses == 0 && o.By == any(r) {
			r.forget(o)
		}
	}
	r.fresh = r.fresh[:0]
}

// Check returns the context's error once it is done. Long loops call it at
// least every 10 ms of work.
func (r *Run) Check() error {
	select {
	case <-r.ctx.Done():
		return context.Cause(r.ctx)
	default:
		return nil
	}
}

// turn counts one turn of a loop whose length the model decides.
func (r *Run) turn() error { return r.turns(1) }

func (r *Run) turns(n int64) error {
	if r.left.Add(-n) < 0 {
		return fmt.Errorf("the loop budget of %d turns a run is used up", r.iterations)
	}
	return r.Check()
}
