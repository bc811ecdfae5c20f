package plan

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"
	"unsafe"

	"github.com/visionzoo/vision/engine/kernel"
	"github.com/visionzoo/vision/internal/clock"
)

// Where the shape does not tell which method of a convolution is fastest, candidates are
// run while planning, on memory with arbitrary numbers. They take turns, so that a noisy
// moment hits all of them, and the shortest time of each counts: for [1 128 14 14] to 128
// channels by 3x3, direct and Winograd each run up to five times, part of the rows each
// time if all take longer than turnTime.

// measured remembers, for the life of the process, which method of a convolution was
// fastest on this machine.
var (
	measured sync.Map     // trial to kernel.ConvMethod
	choices  atomic.Int64 // of measured
)

// trial holds those properties of a convolution on which the choice of its method
// depends. All are of 3x3 with stride 1, else there is only one candidate; a residual or an
// activation costs all methods the same.
type trial struct {
	rung    string
	in, out kernel.Format
	cin     int
	cout    int
	h, w    int
	dilated [2]int
}

const (
	// mostTrial bounds the memory of a trial, in bytes.
	mostTrial = 64 << 20
	// mostMeasured bounds the number of remembered choices.
	mostMeasured = 10_000
	// mostTrying bounds the time that trials take for one plan. After that the
	// shape alone decides.
	mostTrying = 50 * time.Millisecond
	// turnTime is the approximate time of one turn of a trial; of larger
	// convolutions only a part runs in each.
	turnTime = 300 * time.Microsecond
)

// fastestMethod runs a convolution of one picture by several methods and returns the
// fastest.
func (b *builder) fastestMethod(c *kernel.Conv, methods []kernel.ConvMethod) (kernel.ConvMethod, error) {
	c = onePicture(c) // in detectors the number of pictures differs from run to run
	t := trial{b.opt.Rung.Name, c.In.Format, c.Out.Format, c.In.C, c.Out.C, c.Out.H, c.Out.W, [2]int{c.DilationH, c.DilationW}}
	if m, ok := measured.Load(t); ok {
		return m.(kernel.ConvMethod), nil
	}
	if b.trialTime > mostTrying {
		return methods[0], nil
	}
	if choices.Add(1) > mostMeasured {
		measured.Clear()
		choices.Store(0)
	}
	start := clock.Now()
	defer func() { b.trialTime += clock.Since(start) }()
	size, err := b.opt.Rung.ConvWeightBytes(methods[0], c) // that of all methods, which differ only in how they read the weights
	if err != nil {
		return 0, err
	}
	var runs []func(turn int) time.Duration
	memory := b.trialOperands.room(size + align + trialBytes(c))
	for _, m := range methods {
		run, err := b.trialRun(c, m, memory, size)
		if err != nil {
			return 0, err
		}
		runs = append(runs, run)
	}
	times := shortestTimes(runs)
	m := methods[slices.Index(times, slices.Min(times))]
	measured.Store(t, m)
	return m, nil
}

// onePicture is the convolution of one picture.
func onePicture(c *kernel.Conv) *kernel.Conv {
	one := *c
	one.In.N, one.Out.N, one.Residual = 1, 1, nil
	return &one
}

// trialBytes is how much memory trying a convolution takes, without weights.
func trialBytes(c *kernel.Conv) int { return c.In.Size() + align + c.Out.Size() }

// trialRun returns a function that runs a convolution by a method. All methods share the
// memory, because the results do not matter and new memory is expensive: the weights,
// of the given number of bytes, then the input, then the output. The function runs on the
// caller's goroutine, takes the next part of the chunks in each turn, and returns how long
// all of them would take. After the first turn it knows how many parts there should be.
func (b *builder) trialRun(c *kernel.Conv, m kernel.ConvMethod, memory []byte, weights int) (func(turn int) time.Duration, error) {
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
		run.Scratch = unsafe.Pointer(&b.trialScratch.room(max(1, work.Scratch))[0])
		for _, s := range work.Steps {
			n := s.Chunks()
			parts := min(parts, n)
			from, to := turn%parts*n/parts, (turn%parts+1)*n/parts
			start := clock.Now()
			for chunk := from; chunk < to; chunk++ {
				s.Run(chunk, &run)
			}
			whole += clock.Since(start) * time.Duration(n) / time.Duration(to-from)
		}
		parts = max(1, int(whole/turnTime))
		return whole
	}, nil
}

// shortestTimes runs functions in turns and returns the shortest time of each. The first
// turn warms up; the last ones are run only if times are close.
func shortestTimes(runs []func(turn int) time.Duration) []time.Duration {
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

// trialMemory is memory for trials, as large as the largest trial of a plan needs.
type trialMemory struct{ memoryBlock }

// room returns n bytes, aligned to a cache line, on pages that have been written:
// pages that were never written share one page of zeros, which always fits the
// cache.
func (r *trialMemory) room(n int) []byte {
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
func (r *trialMemory) close() {
	if r.free != nil {
		r.free()
		r.memoryBlock = memoryBlock{}
	}
}
