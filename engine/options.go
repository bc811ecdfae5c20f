package engine

import (
	"fmt"
	"io/fs"
	"math"
	"runtime/debug"

	"github.com/visionzoo/vision/engine/kernel"
	"github.com/visionzoo/vision/engine/ops"
	"github.com/visionzoo/vision/engine/plan"
)

// Option changes how a model is opened.
type Option func(*options)

type options struct {
	memory  int64
	turns   int64
	files   fs.FS
	plain   bool
	threads int
	rung    *kernel.Rung
	err     error
}

// plan are the options of the machinery below.
func (o *options) plan() plan.Options {
	return plan.Options{Rung: o.rung, Threads: o.threads, Memory: o.memory, Turns: o.turns, Plain: o.plain}
}

func newOptions(opts []Option) options {
	o := options{turns: 10_000_000}
	for _, opt := range opts {
		opt(&o)
	}
	if o.rung == nil {
		rung, err := kernel.Select("")
		if err != nil && o.err == nil {
			o.err = err
		}
		o.rung = rung
	}
	if o.memory == 0 {
		o.memory = defaultMemoryLimit()
	}
	return o
}

// MemoryLimit bounds the memory that a run may hold at once, in bytes. The
// default is the smaller of 75 % of the machine's memory and GOMEMLIMIT.
func MemoryLimit(bytes int64) Option {
	return func(o *options) {
		if bytes <= 0 {
			o.err = fmt.Errorf("memory limit %d is not positive", bytes)
		}
		o.memory = bytes
	}
}

// LoopBudget bounds the turns that the loops of one run may take together. The
// default is 10 million.
func LoopBudget(turns int64) Option { return func(o *options) { o.turns = turns } }

// Threads bounds the goroutines that work on one Run; 1 runs it on the caller
// alone. The default is one for each processor.
func Threads(n int) Option {
	return func(o *options) {
		if n < 1 {
			o.err = fmt.Errorf("%d threads; at least 1 is needed", n)
		}
		o.threads = n
	}
}

// Plain runs every operator by its reference kernel on the graph as the file
// has it: slow, and what the fast paths are checked against.
func Plain() Option { return func(o *options) { o.plain = true } }

// fits checks a constant against the memory limit.
func (o *options) fits(bytes int) error {
	if int64(bytes) > o.memory {
		return &ops.ErrMemory{Need: int64(bytes), Limit: o.memory}
	}
	return nil
}

func defaultMemoryLimit() int64 {
	limit := physicalMemory() / 4 * 3
	if limit <= 0 {
		limit = math.MaxInt64
	}
	if g := debug.SetMemoryLimit(-1); g < limit {
		limit = g
	}
	return limit
}
