package engine_test

import (
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/visionzoo/vision/engine"
)

// benchNetworks calls run for each file that VISION_EXPORTS and VISION_CASES
// name: see TestNetworks.
func benchNetworks(b *testing.B, run func(name, file string)) {
	dir := os.Getenv("VISION_EXPORTS")
	if dir == "" {
		b.Skip("VISION_EXPORTS names no folder of exported networks; export_models.py makes one")
	}
	files, _ := filepath.Glob(filepath.Join(dir, "*.onnx"))
	only := os.Getenv("VISION_CASES")
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".onnx")
		if only == "" || strings.Contains(","+only+",", ","+name+",") {
			run(name, file)
		}
	}
}

// benchRun opens a network and returns a run of it on its golden inputs.
func benchRun(b *testing.B, file string, threads int) (run func()) {
	s, err := engine.Open(file, engine.Threads(threads))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { s.Close() })
	golden := readNpz(b, strings.TrimSuffix(file, ".onnx")+".npz")
	in, out := engine.Values{}, engine.Values{}
	for _, i := range s.Inputs() {
		in[i.Name] = golden[i.Name]
	}
	for _, o := range s.Outputs() {
		out[o.Name] = golden[o.Name].Clone()
	}
	run = func() {
		if err := s.RunInto(context.Background(), in, out); err != nil {
			b.Fatal(err)
		}
	}
	run()
	return run
}

// BenchmarkNetworks times one run of each exported network.
func BenchmarkNetworks(b *testing.B) {
	benchNetworks(b, func(name, file string) {
		for _, threads := range []int{1, 2} {
			b.Run(name+"/"+string(rune('0'+threads)), func(b *testing.B) {
				run := benchRun(b, file, threads)
				b.ReportAllocs()
				for b.Loop() {
					run()
				}
			})
		}
	})
}

// BenchmarkBesideNeighbours is what helpers are worth while other processes keep
// all processors but one: a network on one thread and on as many as there are
// processors, in turns of 30 ms with pauses of 20 ms. The metric is the median
// time on one thread over that on all.
func BenchmarkBesideNeighbours(b *testing.B) {
	if runtime.GOMAXPROCS(0) < 2 {
		b.Skip("needs two processors; run without taskset or GOMAXPROCS=1")
	}
	benchNetworks(b, func(name, file string) {
		b.Run(name, func(b *testing.B) {
			one, all := benchRun(b, file, 1), benchRun(b, file, runtime.GOMAXPROCS(0))
			for range runtime.GOMAXPROCS(0) - 1 {
				startNeighbour(b)
			}
			var ones, alls []time.Duration
			for b.Loop() {
				ones, alls = append(ones, turn(one)...), append(alls, turn(all)...)
			}
			b.ReportMetric(float64(medianOf(ones))/float64(medianOf(alls)), "one/all")
		})
	})
}

// turn calls run for 30 ms, tells how long each call took and takes a pause.
func turn(run func()) (each []time.Duration) {
	for began := time.Now(); time.Since(began) < 30*time.Millisecond; {
		at := time.Now()
		run()
		each = append(each, time.Since(at))
	}
	time.Sleep(20 * time.Millisecond)
	return each
}

func medianOf(d []time.Duration) time.Duration {
	slices.Sort(d)
	return d[len(d)/2]
}

// startNeighbour has a process keep a processor busy until the benchmark ends.
func startNeighbour(b *testing.B) {
	c := exec.Command(os.Args[0], "-test.run=^TestNeighbour$")
	c.Env = append(os.Environ(), "VISION_NEIGHBOUR=1", "GOMAXPROCS=1")
	stop, err := c.StdinPipe()
	if err == nil {
		err = c.Start()
	}
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		stop.Close()
		c.Wait()
	})
}

// TestNeighbour is the other process of BenchmarkBesideNeighbours; it ends when
// its standard input does.
func TestNeighbour(t *testing.T) {
	if os.Getenv("VISION_NEIGHBOUR") == "" {
		t.Skip("a part of BenchmarkBesideNeighbours, which starts it")
	}
	var over atomic.Bool
	go func() {
		io.Copy(io.Discard, os.Stdin)
		over.Store(true)
	}()
	for !over.Load() {
	}
}
