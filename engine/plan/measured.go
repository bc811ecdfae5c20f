package plan

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"
	"unsafe"

	"github.com/visionzoo/vision/engine/kernel"
)

// measured remembers, for the life of the process, which form of a convolution was
// fastest on this machine.
var (
	measured sync.Map     // trial to kernel.ConvMethod
	choices  atomic.Int64 // of measured
)

// trial holds those properties of a convolution on which the choice of its form
// depends; a residual or an activation costs all forms the same.
type trial struct {
	rung    string
	in, out kernel.Format
	cin     int
	cout    int
	h, w    int
}

const (
	// mostTrial bounds the memory of a trial, in bytes.
	mostTrial = 64 << 20
	// mostMeasured bounds the number of remembered choices.
	mostMeasured = 10_000
	// mostTrying bounds the time that trials take for one plan. After that the
	// shape alone decides.
	mostTrying = 50 * time.Millisecond
	// turnTime is the approximate time of one turn of a trial; of large
	// convolutions only a part runs.
	turnTime = 300 * time.Microsecond
)

// fastest runs several forms of a convolution on one picture and returns the
// fastest.
func (b *builder) fastest(c *kernel.Conv, methods []kernel.ConvMethod) (kernel.ConvMethod, error) {
	c = ofOne(c) // in detectors the number of pictures differs from run to run
	t := trial{b.opt.Rung.Name, c.In.Format, c.Out.Format, c.In.C, c.Out.C, c.Out.H, c.Out.W}
	if m, ok := measured.Load(t); ok {
		return m.(kernel.ConvMethod), nil
	}
	if b.tried > mostTrying {
		return methods[0], nil
	}
	if choices.Add(1) > mostMeasured {
		measured.Clear()
		choices.Store(0)
	}
	start := time.Now()
	defer func() { b.tried += time.Since(start) }()
	size, err := b.opt.Rung.ConvWeightBytes(methods[0], c) // all forms share the memory of the weights
	if err != nil {
		return 0, err
	}
	var runs []func(turn int) time.Duration
	memory := b.trials.room(size + align + trialBytes(c))
	for _, m := range methods {
		run, err := b.rehearsal(c, m, memory, size)
		if err != nil {
			return 0, err
		}
		runs = append(runs, run)
	}
	times := fastest(runs)
	m := methods[slices.Index(times, slices.Min(times))]
	measured.Store(t, m)
	return m, nil
}

// ofOne is the convolution of one picture.
func ofOne(c *kernel.Conv) *kernel.Conv {
	one := *c
	one.In.N, one.Out.N, one.Residual = 1, 1, nil
	return &one
}

// trialBytes is how much memory trying a convolution takes, without weights.
func trialBytes(c *kernel.Conv) int { return c.In.Size() + align + c.Out.Size() }

// rehearsal returns a function that runs a form of a convolution on shared memory,
// because the results do not matter and new memory is expensive; weights is the
// number of bytes of its weights. It runs on the caller's goroutine, takes the next
// part of the work in each turn, and returns how long all of it would take.
func (b *builder) rehearsal(c *kernel.Conv, m kernel.ConvMethod, memory []byte, weights int) (func(turn int) time.Duration, error) {
	round := func(n int) int { return (n + align - 1) &^ (align - 1) }
	w, err := b.opt.Rung.ConvWeightsIn(memory, m, c)
	if err != nil {
		return nil, err
	}
	work, err := b.opt.Rung.Conv(m, c, w)
	if err != nil {
		return nil, err
	}
	at := memory[round(weights):]
	run := kernel.Memory{In: unsafe.Pointer(&at[0]), Out: unsafe.Pointer(&at[round(c.In.Size())])}
	parts := 8
	return func(turn int) time.Duration {
		var whole time.Duration
		run.Scratch = unsafe.Pointer(&b.scratch.room(max(1, work.Scratch))[0])
		for _, s := range work.Steps {
			n := s.Chunks()
			parts := min(parts, n)
			from, to := turn%parts*n/parts, (turn%parts+1)*n/parts
			start := time.Now()
			for chunk := from; chunk < to; chunk++ {
				s.Run(chunk, &run)
			}
			whole += time.Since(start) * time.Duration(n) / time.Duration(to-from)
		}
		parts = max(1, int(whole/turnTime))
		return whole
	}, nil
}

// fastest runs functions in turns and returns the shortest time of each. The first
// turn warms up; the last ones are run only if times are close.
func fastest(runs []func(turn int) time.Duration) []time.Duration {
	const turns = 5
	shortest := make([]time.Duration, len(runs))
	for turn := range turns {
		for i, run := range runs {
			if took := run(turn); turn <= 1 || took < shortest[i] {
				shortest[i] = took
			}
		}
		if sorted := slices.Sorted(slices.Values(shortest)); turn >= 2 && sorted[0] < sorted[1]/2 {
			break
		}
	}
	return shortest
}

// rehearsals is the memory for trials, as large as the largest trial of a plan
// needs.
type rehearsals struct{ block }

// room returns n bytes, aligned to a cache line, on pages that have been written:
// pages that were never written share one page of zeros, which always fits the
// cache.
func (r *rehearsals) room(n int) []byte {
	if len(r.memory) < n {
		r.close()
		r.memory, r.free = allocate(n)
		const page, many = 4 << 10, 4 << 20
		for i := 0; n >= many && i < kernel.PopulateBlocks(r.memory); i++ {
			kernel.PopulateBlock(r.memory, i)
		}
		for i := 0; i < n; i += page {
			r.memory[i] = 0
		}
	}
	return r.memory[:n]
}

// close gives the memory back.
func (r *rehearsals) close() {
	if r.free != nil {
		r.free()
		r.block = block{}
	}
}
