//go:build amd64 && !purego

package kernel

import (
	"fmt"
	"math/rand"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/visionzoo/vision/engine/kernel/amd64"
)

// BenchmarkShareOfPeak reports the share of the processor's peak multiply-adds that float32
// convolutions reach. Each run of a layer is between two runs of a loop of multiply-adds
// only, so that other load and changes of the clock affect both. The share is the median
// over the runs.
func BenchmarkShareOfPeak(b *testing.B) {
	for _, p := range []struct {
		rung  string
		lanes int
		loop  func(n int)
	}{{"avx2", 8, amd64.PeakAVX2}, {"avx512", 16, amd64.PeakAVX512}} {
		k, err := Select(p.rung)
		if err != nil {
			b.Logf("%s: %v", p.rung, err)
			continue
		}
		for _, test := range convBenchmarks {
			square := test.kh == test.kw && (test.kh == 3 || test.kh <= 1)
			if test.planar || !square || test.group > 1 || test.cin < 64 {
				continue
			}
			c := test.conv(k.Block, k.Block)
			b.Run(fmt.Sprintf("%s/%dx%dx%dx%dto%dk%ds%d", p.rung, c.In.N, c.In.C, c.In.H, c.In.W, c.Out.C, c.KernelH, c.StrideH), func(b *testing.B) {
				shareOfPeak(b, k, &c, p.lanes, p.loop)
			})
		}
	}
}

func shareOfPeak(b *testing.B, k *Rung, c *Conv, lanes int, loop func(n int)) {
	rng := rand.New(rand.NewSource(1))
	in, out := newCanvas(c.In).randomize(rng), newCanvas(c.Out)
	for _, x := range []*canvas{in, out} { // on huge pages, as in a session
		room := newSlab(len(x.data))
		defer runtime.KeepAlive(room)
		copy(room.memory, x.data)
		x.data = room.memory
	}
	w, err := k.PackConv(ConvDirect, c, normals(c.Out.C*c.In.C*c.KernelH*c.KernelW, rng), nil)
	if err != nil {
		b.Fatal(err)
	}
	packAll(w)
	work, err := k.Conv(ConvDirect, c, w)
	if err != nil {
		b.Fatal(err)
	}
	m := &Memory{In: in.base(), Out: out.base()}
	const rounds = 10_000 // about 20 µs
	peak := func() float64 {
		start := time.Now()
		loop(rounds)
		return float64(rounds*12*lanes) / time.Since(start).Seconds()
	}
	var shares []float64
	for b.Loop() {
		before := peak()
		start := time.Now()
		for _, s := range work.Steps {
			for i := range s.Chunks() {
				s.Run(i, m)
			}
		}
		speed := float64(c.In.N) * c.multiplyAdds() / time.Since(start).Seconds()
		shares = append(shares, 2*speed/(before+peak()))
	}
	slices.Sort(shares)
	b.ReportMetric(100*shares[len(shares)/2], "%-of-peak")
}
