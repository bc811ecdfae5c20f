package engine

import (
	"context"
	"fmt"
	"io/fs"
	"math"
	"runtime/debug"
	"slices"

	"github.com/visionzoo/vision/engine/kernel"
	"github.com/visionzoo/vision/engine/onnx"
	"github.com/visionzoo/vision/engine/ops"
	"github.com/visionzoo/vision/engine/pass"
	"github.com/visionzoo/vision/engine/plan"
	"github.com/visionzoo/vision/internal/await"
)

// Option changes how a model is opened or run.
type Option func(*options)

type options struct {
	memory int64 // MemoryLimit
	turns  int64 // LoopBudget
	name   string

	external  *onnx.Files     // external data, if elsewhere; nil: none
	elsewhere bool            // WithFiles was given
	plain     bool            // reference kernels only
	outputs   []string        // inner values that are outputs too
	without   map[string]bool // disabled passes
	bf16      bool
	strict    bool
	trace     func(Event)
	planned   func() // called when weights are packed: releases the memory of the file's pages
	threads   int    // 0: one per processor
	rung      *kernel.Rung
	err       error // the last wrong option
}

// plan returns the options for package plan.
func (o *options) plan() plan.Options {
	return plan.Options{Rung: o.rung, Threads: o.threads, Memory: o.memory, Turns: o.turns, Plain: o.plain,
		BF16: o.bf16, Strict: o.strict, Trace: o.trace, FLOPs: flopsOf, Planned: o.planned}
}

func newOptions(opts []Option) options {
	o := options{turns: 10_000_000}
	for _, opt := range opts {
		if opt != nil {
			opt(&o)
		}
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
	if o.strict { // also between DequantizeLinear and QuantizeLinear
		WithoutPass("quant")(&o)
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

// LoopBudget bounds the total number of iterations in one run: of all Loop, Scan and SequenceMap
// operators, and of copying the lists of growing sequences. The default is 10 million, which takes
// seconds, not minutes, if the bodies are small.
func LoopBudget(turns int64) Option {
	return func(o *options) {
		if turns < 1 {
			o.err = fmt.Errorf("a loop budget of %d; it must be at least 1", turns)
		}
		o.turns = turns
	}
}

// Threads bounds the goroutines that work on one Run, and on packing weights when
// the session opens; with 1 everything runs on the caller's goroutine. The default
// is one per processor.
func Threads(n int) Option {
	return func(o *options) {
		if n < 1 {
			o.err = fmt.Errorf("%d threads; there must be at least 1", n)
		}
		o.threads = n
	}
}

// Arithmetic is how convolutions and matrix products of float32 are computed.
type Arithmetic uint8

// The arithmetics.
const (
	F32       Arithmetic = iota // float32 accuracy: on a CPU with AMX, three products of bfloat16 halves; rms error at most 1e-5 of a layer's rms output
	F32Strict                   // fused multiply-add of float32 only, even between DequantizeLinear and QuantizeLinear
	BF16                        // bfloat16 operands and float32 sums where that is faster (see FastBF16); elsewhere the same as F32
)

// Precision chooses the arithmetic. The default is F32.
func Precision(a Arithmetic) Option {
	return func(o *options) {
		if a > BF16 {
			o.err = fmt.Errorf("precision %d is none of F32, F32Strict, BF16", a)
		}
		o.bf16, o.strict = a == BF16, a == F32Strict
	}
}

// ParsePrecision reads "f32", "f32strict" or "bf16".
func ParsePrecision(s string) (Arithmetic, error) {
	switch s {
	case "", "f32":
		return F32, nil
	case "f32strict":
		return F32Strict, nil
	case "bf16":
		return BF16, nil
	}
	return 0, fmt.Errorf("precision %q is none of f32, f32strict, bf16", s)
}

// CPU makes the session use one class of kernels: purego, avx2, avx512, vnni,
// avx512bf16, amx, neon, dotprod or i8mm. The default is the one that the environment variable VISION_CPU names,
// else the best this machine can run.
func CPU(name string) Option {
	return func(o *options) {
		r, err := kernel.Select(name)
		if err != nil {
			o.err = err
		}
		o.rung = r
	}
}

// Outputs makes inner values outputs of the model too, after its own.
func Outputs(names ...string) Option {
	return func(o *options) { o.outputs = append(o.outputs, names...) }
}

// WithoutPass disables optimisations by name; Session.Passes lists them.
func WithoutPass(names ...string) Option {
	return func(o *options) {
		if o.without == nil {
			o.without = map[string]bool{}
		}
		for _, n := range names {
			if !slices.ContainsFunc(pass.All, func(p pass.Pass) bool { return p.Name == n }) {
				o.err = fmt.Errorf("there is no optimisation %q; Passes (vision inspect --passes) lists them", n)
			}
			o.without[n] = true
		}
	}
}

// Event is one step of a run, as Trace sees it: the Node's name and operator (Op)
// as in the graph that runs, the Kernel that computed it, when it started (Start)
// and how long it Took, the FLOPs as Cost counts them, and the Bytes of the values that
// are read and written, each once. Where a node takes several steps, the last has its
// FLOPs and Bytes.
type Event = plan.Event

// Trace calls f after every step of every run, from the goroutine of that run; if
// several runs are under way at the same time, f must be safe for concurrent use.
// With Trace, and while runtime/trace is on, threads finish one step before they begin
// the next, which takes a little longer, and regions of runtime/trace and the label
// "node" of runtime/pprof name the node at work. If f panics, the run ends with an error
// that says so.
func Trace(f func(Event)) Option { return func(o *options) { o.trace = f } }

// Name names the model in messages. The default is its file's name, or "model".
func Name(name string) Option { return func(o *options) { o.name = name } }

// WithFiles gives a file system to read external data from. The default is the model's
// folder for Open, and none for OpenBytes. With nil there is none for Open either: a
// server that takes models from strangers refuses external data, since a name in its
// folder may be a hard link to any file.
func WithFiles(sys fs.FS) Option {
	return func(o *options) {
		o.external, o.elsewhere = onnx.FilesFrom(sys), true
	}
}

// Plain runs every operator with its reference kernel, on the graph as it is in the
// file. It is slow; the fast paths are checked against it.
func Plain() Option { return func(o *options) { o.plain = true } }

// check reports the first wrong option, or a context with which nothing can be opened.
func (o *options) check(ctx context.Context) error {
	switch {
	case o.err != nil:
		return o.err
	case ctx == nil:
		return await.ErrNil
	case ctx.Err() != nil:
		return context.Cause(ctx)
	}
	return nil
}

// fits checks a constant against the memory limit.
func (o *options) fits(bytes int) error {
	if int64(bytes) > o.memory {
		return &ops.MemoryError{Need: int64(bytes), Limit: o.memory}
	}
	return nil
}

// Memory returns the machine's memory, 0 if it is not known, and how much of it a
// session may use by default (see MemoryLimit), in bytes.
func Memory() (physical, limit int64) { return physicalMemory(), defaultMemoryLimit() }

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

// FastBF16 reports whether sessions compute in bfloat16 by default where [BF16] asks for it: on
// a CPU with AMX, or with AVX512_BF16 that computes more products than multiply-adds of float32.
func FastBF16() bool { return kernel.Best().Pays(kernel.BF16x32) }

// BestCPU names the class of kernels that sessions use by default.
func BestCPU() string { return kernel.Best().Name }

// CPUs names the classes of kernels this machine can run, lowest first.
func CPUs() []string { return kernel.Available() }
