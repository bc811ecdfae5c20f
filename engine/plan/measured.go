package plan

import (
	"sync"
	"sync/atomic"
	"time"
	"unsafe"

	"github.com/visionzoo/vision/engine/kernel"
	"github.com/visionzoo/vision/engine/tensor"
)

// measured remembers, for as long as the process lives, which form of a
// convolution was faster on this machine.
var (
	measured sync.Map     // trial to kernel.ConvMethod
	choices  atomic.Int64 // of measured
)

// trial is a convolution on kernels.
type trial struct {
	rung     string
	conv     kernel.Conv
	residual bool
}

// mostTrial bounds the memory of a trial, in bytes.
const mostTrial = 64 << 20

// mostMeasured bounds how many choices are remembered.
const mostMeasured = 10_000

// fastest runs forms of a convolution of one picture on memory of its own and
// tells which takes the least time. All are packed for it; the weights of the
// others are let go.
func (b *builder) fastest(c *kernel.Conv, data, bias *tensor.Tensor, methods []kernel.ConvMethod) (kernel.ConvMethod, error) {
	c = ofOne(c) // detectors have another number of pictures in every run
	t := trial{b.opt.Rung.Name, *c, c.Residual != nil}
	t.conv.Residual = nil
	if m, ok := measured.Load(t); ok {
		return m.(kernel.ConvMethod), nil
	}
	if choices.Add(1) > mostMeasured {
		measured.Clear()
		choices.Store(0)
	}
	var runs []func()
	for _, m := range methods {
		w, err := b.weights.vector(c, m, data, bias)
		if err != nil {
			return 0, err
		}
		work, err := b.opt.Rung.Conv(c, w)
		if err != nil {
			return 0, err
		}
		runs = append(runs, rehearsal(c, work))
	}
	best := fastest(runs)
	measured.Store(t, methods[best])
	for i, m := range methods {
		if i != best {
			loser := b.weights.key(c, data, bias)
			loser.method = m
			delete(b.weights.conv, loser)
		}
	}
	return methods[best], nil
}

// ofOne is the convolution of one picture.
func ofOne(c *kernel.Conv) *kernel.Conv {
	one := *c
	one.In.N, one.Out.N = 1, 1
	if c.Residual != nil {
		r := *c.Residual
		r.N = 1
		one.Residual = &r
	}
	return &one
}

// trialBytes is how much memory trying a convolution takes, without weights.
func trialBytes(c *kernel.Conv) int { return c.In.Image + 2*c.Out.Image }

// rehearsal is a run of the work on zeros, by the caller alone.
func rehearsal(c *kernel.Conv, w kernel.Work) func() {
	in, out, scratch := heap(c.In.Size()), heap(c.Out.Size()), heap(max(w.Scratch, 1))
	m := kernel.Memory{In: unsafe.Pointer(&in[0]), Out: unsafe.Pointer(&out[0]), Scratch: unsafe.Pointer(&scratch[0])}
	if c.Residual != nil {
		m.Residual = unsafe.Pointer(&heap(c.Residual.Size())[0])
	}
	return func() {
		for _, s := range w.Steps {
			for chunk := range s.Chunks() {
				s.Run(chunk, &m)
			}
		}
	}
}

// fastest runs functions in turns and tells which has the shortest run. The
// first turn warms up.
func fastest(runs []func()) (best int) {
	const turns = 4
	shortest := make([]time.Duration, len(runs))
	for turn := range turns {
		for i, run := range runs {
			start := time.Now()
			run()
			if took := time.Since(start); turn <= 1 || took < shortest[i] {
				shortest[i] = took
			}
		}
	}
	for i := range runs {
		if shortest[i] < shortest[best] {
			best = i
		}
	}
	return best
}
