//go:build linux && amd64 && !purego

package kernel

import (
	"bytes"
	"io"
	"math/rand"
	"os"
	"runtime"
	"runtime/debug"
	"runtime/pprof"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
	"unsafe"
)

// TestSignals runs tile kernels on more goroutines than processors, while the garbage
// collector, preemption signals and the profiler's timer interrupt them. Linux saves live
// tiles in the signal frame (11952 bytes of the 32768 of Go's signal stacks) and restores
// them; all results must be equal, bit for bit.
func TestSignals(t *testing.T) {
	k, err := Select("amx")
	if err != nil {
		t.Skipf("%v; run on a processor with AMX", err)
	}
	duration := time.Second
	if testing.Short() {
		duration = 100 * time.Millisecond
	}
	defer debug.SetGCPercent(debug.SetGCPercent(5))
	if err := pprof.StartCPUProfile(io.Discard); err == nil {
		defer pprof.StopCPUProfile()
	}
	var stop atomic.Bool
	var helpers, workers sync.WaitGroup
	helpers.Add(2)
	go func() { // preemption signals, to threads that Linux chooses
		defer helpers.Done()
		for !stop.Load() {
			syscall.Kill(os.Getpid(), syscall.SIGURG)
		}
	}()
	go func() { // garbage
		defer helpers.Done()
		var keep [64][]byte
		for i := 0; !stop.Load(); i++ {
			keep[i%64] = make([]byte, 1<<14)
		}
		runtime.KeepAlive(keep)
	}()
	deadline := time.Now().Add(duration)
	for worker := range 4 {
		workers.Add(1)
		go func() {
			defer workers.Done()
			steps, m, out := exampleConv(t, k, square("", 64, 28, 64, 3, 1), int64(worker))
			runAll(steps, m)
			want := bytes.Clone(out)
			for time.Now().Before(deadline) {
				clear(out)
				runAll(steps, m)
				if !bytes.Equal(want, out) {
					t.Error("a result changed under signals")
					return
				}
			}
		}()
	}
	workers.Wait()
	stop.Store(true)
	helpers.Wait()
}

// exampleConv plans a case on random numbers.
func exampleConv(tb testing.TB, k *Rung, c tileCase, seed int64) ([]Step, *Memory, []byte) {
	rng := rand.New(rand.NewSource(seed))
	conv := c.conv()
	in, out := alignedBytes(conv.In.Size()), alignedBytes(conv.Out.Size())
	randomize(&conv.In, in, rng)
	pack, plan := k.PackSplit, k.NewSplit
	if c.in == BF16x32 {
		pack, plan = k.PackBF16, k.NewBF16
	}
	w, err := pack(&conv, Numbers{Float32: normal(rng, c.cout*c.cin/c.group*c.kh*c.kw, 0.05)}, nil)
	if err != nil {
		tb.Error(err)
		runtime.Goexit()
	}
	packAll(w)
	work, err := plan(&conv, w)
	if err != nil {
		tb.Error(err)
		runtime.Goexit()
	}
	m := &Memory{In: unsafe.Pointer(&in[0]), Out: unsafe.Pointer(&out[0]), Scratch: unsafe.Pointer(&alignedBytes(work.Scratch + 64)[0])}
	if conv.Residual != nil {
		m.Residual = m.Out
	}
	return work.Steps, m, out
}

// TestRunAllocatesNothing: a Step promises so.
func TestRunAllocatesNothing(t *testing.T) {
	k, err := Select("amx")
	if err != nil {
		t.Skipf("%v; run on a processor with AMX", err)
	}
	steps, m, _ := exampleConv(t, k, square("", 64, 14, 64, 3, 1), 1)
	if n := testing.AllocsPerRun(100, func() { runAll(steps, m) }); n != 0 {
		t.Errorf("%v allocations a run", n)
	}
}

// BenchmarkColdWeights runs layers of few pixels on weights that left the caches,
// as a large network's do from run to run: copies of 128 MiB take turns.
func BenchmarkColdWeights(b *testing.B) {
	k, err := Select("amx")
	if err != nil {
		b.Skipf("%v; run on a processor with AMX", err)
	}
	for _, c := range []tileCase{
		square("2048to512x7k1", 2048, 7, 512, 1, 1), square("512x7k3", 512, 7, 512, 3, 1), square("1024to256x14k1", 1024, 14, 256, 1, 1),
	} {
		b.Run(c.why, func(b *testing.B) {
			conv := c.conv()
			rng := rand.New(rand.NewSource(1))
			weights := normal(rng, c.cout*c.cin*c.kh*c.kw, 0.05)
			var works []Work
			bytes := 0
			for total := 0; total < 128<<20; total += bytes {
				w, err := k.PackSplit(&conv, Numbers{Float32: weights}, nil)
				if err != nil {
					b.Fatal(err)
				}
				packAll(w)
				bytes = w.Bytes()
				work, err := k.NewSplit(&conv, w)
				if err != nil {
					b.Fatal(err)
				}
				works = append(works, work)
			}
			in, out := alignedBytes(conv.In.Size()), alignedBytes(conv.Out.Size())
			randomize(&conv.In, in, rng)
			m := &Memory{In: unsafe.Pointer(&in[0]), Out: unsafe.Pointer(&out[0]), Scratch: unsafe.Pointer(&alignedBytes(works[0].Scratch + 64)[0])}
			for i := 0; b.Loop(); i++ {
				runAll(works[i%len(works)].Steps, m)
			}
			b.ReportMetric(float64(bytes*b.N)/b.Elapsed().Seconds()/1e9, "GB/s")
		})
	}
}

// BenchmarkTileConv runs layers of resnet50 with warm weights.
func BenchmarkTileConv(b *testing.B) {
	k, err := Select("amx")
	if err != nil {
		b.Skipf("%v; run on a processor with AMX", err)
	}
	for _, c := range []tileCase{
		square("64x56k3", 64, 56, 64, 3, 1), square("64to256x56k1add", 64, 56, 256, 1, 1).with(func(c *tileCase) { c.residual, c.inPlace = Split32, true }),
		square("256to64x56k1", 256, 56, 64, 1, 1), square("128x28k3", 128, 28, 128, 3, 1), square("128to512x28k1", 128, 28, 512, 1, 1),
		square("512to128x28k1", 512, 28, 128, 1, 1),
		square("256x14k3", 256, 14, 256, 3, 1), square("256to1024x14k1", 256, 14, 1024, 1, 1), square("1024to256x14k1", 1024, 14, 256, 1, 1), square("512x7k3", 512, 7, 512, 3, 1),
		square("512x14k3s2", 512, 14, 512, 3, 2), square("256to512x56k1s2", 256, 56, 512, 1, 2), square("2048to512x7k1", 2048, 7, 512, 1, 1),
	} {
		for _, f := range []Format{Split32, BF16x32} {
			c.in, c.out = f, f
			if c.residual != Planar {
				c.residual = f
			}
			b.Run(f.String()+"/"+c.why, func(b *testing.B) {
				steps, m, _ := exampleConv(b, k, c, 1)
				for b.Loop() {
					runAll(steps, m)
				}
				conv := c.conv()
				flop := 2 * float64(conv.Out.H*conv.Out.W*c.cout*c.cin*c.kh*c.kw)
				b.ReportMetric(flop*float64(b.N)/b.Elapsed().Seconds()/1e9, "GFLOP/s")
				b.ReportMetric(float64(steps[len(steps)-1].Chunks()), "chunks")
			})
		}
	}
}

// BenchmarkPack packs the weights of one layer.
func BenchmarkPack(b *testing.B) {
	k, err := Select("amx")
	if err != nil {
		b.Skipf("%v; run on a processor with AMX", err)
	}
	for _, c := range []tileCase{square("k3", 512, 7, 512, 3, 1), square("k1", 1024, 7, 1024, 1, 1)} {
		b.Run(c.why, func(b *testing.B) {
			conv := c.conv()
			w := normal(rand.New(rand.NewSource(1)), c.cout*c.cin*c.kh*c.kw, 1)
			for b.Loop() {
				packed, err := k.PackSplit(&conv, Numbers{Float32: w}, nil)
				if err != nil {
					b.Fatal(err)
				}
				packAll(packed)
			}
			b.ReportMetric(b.Elapsed().Seconds()*1e6/float64(b.N)/(float64(4*len(w))/(1<<20)), "us/MiB")
		})
	}
}
