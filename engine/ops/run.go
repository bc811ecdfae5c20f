package ops

import (
	"context"
	"fmt"
	"math"
	"sync/atomic"
	"unsafe"

	"github.com/visionzoo/vision/engine/kernel"
	"github.com/visionzoo/vision/engine/tensor"
	"github.com/visionzoo/vision/internal/limit"
)

// The memory budget of a run counts the memory behind values, not tensors: views share it. Each
// piece of memory that an operator allocates has a record (tensor.Owner) with the number of values
// that use it:
//
//	New             allocates: the memory counts as the current node's
//	Hold, Release   a value begins and ceases to use it; without users it leaves the budget
//	Return          a value ceases to use it, but the current node passes it on
//	Done            the current node has ended: what it allocated and no value uses leaves the budget
//
// So scratch memory needs no release of its own. Leaving the budget only uncounts memory; the garbage
// collector frees it.

// Run is the state that the nodes of one run share: context, budgets, and the
// kernels they may use. Only one goroutine at a time may evaluate nodes of a Run.
type Run struct {
	ctx        context.Context
	limit      int64           // of memory, in bytes
	live       int64           // bytes in use
	fresh      []*tensor.Owner // allocated by the current node, or passed on by it
	iterations int64           // limit of loop iterations
	left       atomic.Int64    // of iterations
	scratch    []byte          // of the current node, see scratchBytes
	ahead      int64           // iterations left in the innermost loop after the current one, 0 if unknown

	Kernel   *kernel.Rung                   // nil: reference kernels only
	Strict   bool                           // float32 products by fused multiply-add only
	Parallel func(n int, chunk func(i int)) // nil: inline
}

// perTensor is what a tensor takes in addition to its elements, in bytes: without it, a model could
// make any number of empty tensors.
const perTensor = 192

// NewRun starts a run that may hold limit bytes at once and execute the given
// number of loop iterations.
func NewRun(ctx context.Context, limit, iterations int64) *Run {
	r := &Run{ctx: ctx, limit: limit, iterations: iterations}
	r.left.Store(iterations)
	return r
}

// Reset prepares a run for reuse.
func (r *Run) Reset(ctx context.Context) {
	r.ctx, r.live, r.ahead = ctx, 0, 0
	r.fresh = r.fresh[:0]
	r.left.Store(r.iterations)
}

// Context returns the context of the run.
func (r *Run) Context() context.Context { return r.ctx }

// MemoryError reports a request of Need bytes beyond the memory limit.
type MemoryError struct{ Need, Live, Limit int64 }

func (e *MemoryError) Error() string {
	return fmt.Sprintf("needs %s of memory where %s of the limit of %s are in use; raise it (VISION_MEMORY_LIMIT, engine.MemoryLimit) if the model is sound",
		bytesText(e.Need), bytesText(e.Live), bytesText(e.Limit))
}

// Is finds it as an error about a limit.
func (*MemoryError) Is(target error) bool { return target == limit.Err }

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

// Reserve checks that a tensor of this dtype and shape fits the memory limit.
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

// reserveList checks that n elements of size bytes fit the memory limit. The
// product may overflow 64 bits: a tensor without elements can have any other
// dimension.
func (r *Run) reserveList(n int, size int64) error {
	if int64(n) > math.MaxInt64/size {
		return &MemoryError{math.MaxInt64, r.live, r.limit}
	}
	return r.ReserveBytes(int64(n) * size)
}

// ReserveBytes checks that n more bytes fit the memory limit.
func (r *Run) ReserveBytes(n int64) error {
	if n > r.limit-r.live {
		return &MemoryError{n, r.live, r.limit}
	}
	return nil
}

// Left returns how many more bytes fit the memory limit.
func (r *Run) Left() int64 { return r.limit - r.live }

// Grow counts memory outside tensors against the limit.
func (r *Run) Grow(bytes int64) { r.live += bytes }

// Shrink undoes Grow.
func (r *Run) Shrink(bytes int64) { r.live -= bytes }

// allocated counts a new tensor as the current node's.
func (r *Run) allocated(t *tensor.Tensor) {
	o := t.Own(r, int64(len(t.Bytes()))+perTensor)
	r.live += o.Bytes
	r.fresh = append(r.fresh, o)
}

// Adopt counts the memory of a tensor that was allocated outside operators, and for a container that
// of its elements.
func (r *Run) Adopt(t *tensor.Tensor) {
	for _, e := range t.Elems() {
		r.Adopt(e)
	}
	r.live += t.Own(r, int64(len(t.Bytes()))+perTensor).Bytes
}

// owner returns this run's record of a tensor's memory, nil if it has none.
func (r *Run) owner(t *tensor.Tensor) *tensor.Owner {
	if o := t.Owner(); o != nil && o.By == any(r) {
		return o
	}
	return nil
}

// Owns reports whether the memory of t was allocated in this run and no other
// tensor uses a part of it.
func (r *Run) Owns(t *tensor.Tensor) bool {
	o := r.owner(t)
	return o != nil && (o.Bytes == int64(len(t.Bytes()))+perTensor || o.End > 0 && o.End == len(t.Bytes()))
}

// forget subtracts memory without users from the budget.
func (r *Run) forget(o *tensor.Owner) {
	r.live -= o.Bytes
	o.By = nil
}

// Hold counts a value that uses the memory of t, and of its elements.
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

// Release undoes Hold; memory that no value uses any more is subtracted from the
// budget.
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

// Return undoes Hold but keeps the memory counted, as the current node's: a loop passes the last
// values that it carried on as its outputs, which other values hold only after the node has ended.
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

// Done subtracts what the current node allocated and no value uses.
func (r *Run) Done() {
	for _, o := range r.fresh {
		if o.Uses == 0 && o.By == any(r) {
			r.forget(o)
		}
	}
	r.fresh = r.fresh[:0]
}

// Check returns the context's error once it is done. Long loops call it at least
// every 10 ms.
func (r *Run) Check() error {
	select {
	case <-r.ctx.Done():
		return context.Cause(r.ctx)
	default:
		return nil
	}
}

// iterate counts n iterations of a loop whose length the model determines against the run's limit,
// and checks for cancellation.
func (r *Run) iterate(n int64) error {
	if r.left.Add(-n) < 0 {
		return limit.Errorf("the model ran more than %d loop iterations, the limit of a run", r.iterations)
	}
	return r.Check()
}
