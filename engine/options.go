package engine

import (
	"fmt"
	"io/fs"
	"math"
	"runtime/debug"

	"github.com/visionzoo/vision/engine/ops"
)

// Option changes how a model is opened.
type Option func(*options)

type options struct {
	memory int64
	turns  int64
	files  fs.FS
	plain  bool
	err    error
}

func newOptions(opts []Option) options {
	o := options{turns: 10_000_000}
	for _, opt := range opts {
		opt(&o)
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
