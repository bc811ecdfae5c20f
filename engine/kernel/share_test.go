//go:build amd64 && !purego

package kernel

import (
	"fmt"
	"math/rand"
	"runtime"
	"slices"
	"testing"
	"time"
	"unsafe"

	"github.com/visionzoo/vision/engine/kernel/amd64"
)

// peak is a rung whose multiply-adds a loop of nothing else counts.
type peak struct {
	rung  string
	lanes int
	loop  func(n int)
}

var peaks = []peak{{"avx2", 8, amd64.PeakAVX2}, {"avx512", 16, amd64.PeakAVX512}}

// BenchmarkShareOfPeak reports the share of the processor's peak multiply-adds that float32
// convolutions and matrix products reach. Each run of a layer is between two runs of a loop
// of multiply-adds only, so that other load and changes of the clock affect both. The share
// is the median over the runs.
func BenchmarkShareOfPeak(b *testing.B) {
	for _, p := range peaks {
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
				convShare(b, k, &c, p)
			})
		}
		for _, c := range gemmShares {
			c.scale = 1
			b.Run(fmt.Sprintf("%s/%s", p.rung, c.why), func(b *testing.B) { gemmShare(b, k, c, p) })
		}
	}
}

// gemmShares are the products of a vision transformer of 768 channels.
var gemmShares = []gemmCase{
	{why: "197x768x2304", m: 197, n: 2304, k: 768, constant: true},
	{why: "197x768x768", m: 197, n: 768, k: 768, constant: true},
	{why: "197x768x3072", m: 197, n: 3072, k: 768, constant: true},
	{why: "197x3072x768", m: 197, n: 768, k: 3072, constant: true},
	{why: "12 of 197x64x197", m: 197, n: 197, k: 64, trans: true, batch: []int{1, 12}},
	{why: "12 of 197x197x64", m: 197, n: 64, k: 197, batch: []int{1, 12}},
}

func convShare(b *testing.B, k *Rung, c *Conv, p peak) {
	rng := rand.New(rand.NewSource(1))
	in, out := newCanvas(b, c.In).randomize(rng), newCanvas(b, c.Out)
	in.data, out.data = onSlab(b, in.data), onSlab(b, out.data)
	work := packed(b, k, c, ConvDirect, normals(c.Out.C*c.In.C*c.KernelH*c.KernelW, rng), nil)
	p.share(b, work, &Memory{In: in.base(), Out: out.base()}, float64(c.In.N)*c.multiplyAdds())
}

func gemmShare(b *testing.B, k *Rung, c gemmCase, p peak) {
	rng := rand.New(rand.NewSource(1))
	g, sizeA, sizeB, sizeC := gemmOf(c)
	of := func(n int) unsafe.Pointer {
		at := unsafe.Pointer(&onSlab(b, make([]byte, 4*n))[0])
		copy(floats(at, n), normal(rng, n, 1))
		return at
	}
	m := &Memory{In: of(sizeA), Out: of(sizeC), More: []unsafe.Pointer{of(sizeB)}}
	var w *GemmWeights
	if c.constant {
		var err error
		if w, err = k.PackGemm(g, Numbers{Float32: floats(m.More[0], sizeB)}, nil); err != nil {
			b.Fatal(err)
		}
		packAll(w)
	}
	work, err := k.Gemm(g, w)
	if err != nil {
		b.Fatal(err)
	}
	if work.Scratch > 0 {
		m.Scratch = unsafe.Pointer(&onSlab(b, make([]byte, work.Scratch))[0])
	}
	p.share(b, work, m, float64(c.m*c.n*c.k*g.count()))
}

// onSlab copies numbers to huge pages, as in a session.
func onSlab(b *testing.B, data []byte) []byte {
	room := newSlab(len(data))
	b.Cleanup(func() { runtime.KeepAlive(room) })
	copy(room.memory, data)
	return room.memory
}

func (p peak) share(b *testing.B, work Work, m *Memory, multiplyAdds float64) {
	const rounds = 10_000 // about 20 µs
	peak := func() float64 {
		start := time.Now()
		p.loop(rounds)
		return float64(rounds*12*p.lanes) / time.Since(start).Seconds()
	}
	var shares []float64
	for b.Loop() {
		before := peak()
		start := time.Now()
		runAll(work.Steps, m)
		speed := multiplyAdds / time.Since(start).Seconds()
		shares = append(shares, 2*speed/(before+peak()))
	}
	slices.Sort(shares)
	b.ReportMetric(100*shares[len(shares)/2], "%-of-peak")
}
