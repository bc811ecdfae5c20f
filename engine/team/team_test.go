package team

import (
	"errors"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

type counter struct{ hits []atomic.Int32 }

func (c *counter) Chunk(i int) { c.hits[i].Add(1) }

func (c *counter) check(t *testing.T, n int) {
	t.Helper()
	for i := range n {
		if got := c.hits[i].Load(); got != 1 {
			t.Fatalf("loop of %d: chunk %d ran %d times", n, i, got)
		}
	}
}

func TestEveryChunkRunsOnce(t *testing.T) {
	for _, workers := range []int{0, 1, 2, 5} {
		team := New(workers)
		defer team.Close()
		for n := range 700 {
			n := n % 37
			c := counter{make([]atomic.Int32, n)}
			if err := team.Run(n%4, n, &c); err != nil {
				t.Fatal(err)
			}
			c.check(t, n)
			if n == 36 {
				time.Sleep(2 * patience)
			}
		}
	}
}

func TestVeryLongLoop(t *testing.T) {
	team := New(1)
	defer team.Close()
	n := 2*Longest + 5
	c := counter{make([]atomic.Int32, n)}
	if err := team.Run(0, n, &c); err != nil {
		t.Fatal(err)
	}
	c.check(t, n)
	for _, threads := range []int{0, 1} {
		s := stopping{counter: counter{make([]atomic.Int32, n)}}
		if err := team.Run(threads, n, &s); err != nil || s.ran.Load() != Longest {
			t.Errorf("a loop of %d that stops at its first chunk ran %d chunks, error %v", n, s.ran.Load(), err)
		}
	}
}

// stopping is over once a chunk has run.
type stopping struct {
	counter
	ran atomic.Int32
}

func (s *stopping) Chunk(i int) {
	s.counter.Chunk(i)
	s.ran.Add(1)
}

func (s *stopping) Stopped() bool { return s.ran.Load() > 0 }

// TestConcurrentRuns is for the race detector: many callers, nested loops,
// more goroutines than processors.
func TestConcurrentRuns(t *testing.T) {
	team := New(3)
	defer team.Close()
	var all sync.WaitGroup
	for g := range 3 * slots / 2 {
		all.Go(func() {
			for n := range 60 {
				n = (n + g) % 23
				c := counter{make([]atomic.Int32, n)}
				var err error
				if g%5 == 0 {
					err = team.Run(0, 1, nested{team, &c, n})
				} else {
					err = team.Run(g%4, n, &c)
				}
				if err != nil {
					t.Error(err)
				}
				c.check(t, n)
			}
		})
	}
	all.Wait()
}

type nested struct {
	team *Team
	task Task
	n    int
}

func (o nested) Chunk(int) {
	if err := o.team.Run(0, o.n, o.task); err != nil {
		panic(err)
	}
}

type crowd struct{ now, most atomic.Int32 }

func (c *crowd) Chunk(int) {
	n := c.now.Add(1)
	for m := c.most.Load(); n > m && !c.most.CompareAndSwap(m, n); m = c.most.Load() {
	}
	runtime.Gosched()
	c.now.Add(-1)
}

func TestThreadsLimit(t *testing.T) {
	team := New(6)
	defer team.Close()
	for threads := 1; threads <= 7; threads++ {
		var c crowd
		for range 50 {
			if err := team.Run(threads, 64, &c); err != nil {
				t.Fatal(err)
			}
		}
		if most := c.most.Load(); most > int32(threads) {
			t.Errorf("%d goroutines at once, at most %d were allowed", most, threads)
		}
	}
}

type bomb struct {
	ran atomic.Int32
	at  int
}

func (b *bomb) Chunk(i int) {
	b.ran.Add(1)
	if i == b.at {
		panic("BUG: boom")
	}
}

func TestPanicIsAnError(t *testing.T) {
	for _, workers := range []int{0, 2} {
		team := New(workers)
		defer team.Close()
		for range 100 {
			b := bomb{at: 3}
			err := team.Run(0, 1000, &b)
			var p *PanicError
			if !errors.As(err, &p) || p.Value != "BUG: boom" || !strings.Contains(string(p.Stack), "bomb") {
				t.Fatalf("%d workers: error %v", workers, err)
			}
			c := counter{make([]atomic.Int32, 10)}
			if err := team.Run(0, 10, &c); err != nil {
				t.Fatalf("the loop after a panic: %v", err)
			}
			c.check(t, 10)
		}
	}
}

func TestRunDoesNotAllocate(t *testing.T) {
	team := New(2)
	defer team.Close()
	c := counter{make([]atomic.Int32, 100)}
	if n := testing.AllocsPerRun(100, func() { team.Run(0, 100, &c) }); n != 0 {
		t.Errorf("%v allocations a loop", n)
	}
}

func TestCloseEndsWorkers(t *testing.T) {
	before := runtime.NumGoroutine()
	team := New(4)
	time.Sleep(time.Millisecond)
	team.Close()
	for began := time.Now(); runtime.NumGoroutine() > before && time.Since(began) < time.Minute; {
		time.Sleep(time.Millisecond)
	}
	if n := runtime.NumGoroutine(); n > before {
		t.Errorf("%d goroutines are left, %d before", n, before)
	}
	c := counter{make([]atomic.Int32, 9)}
	if err := team.Run(0, 9, &c); err != nil {
		t.Error(err)
	}
	c.check(t, 9)
}

// meeting is a loop that ends only when two goroutines have each taken a
// chunk: the true price of a fork and join.
type meeting struct{ here atomic.Int64 }

func (m *meeting) Chunk(int) {
	for n := m.here.Add(1); m.here.Load() < (n+1)&^1; {
		pause()
	}
}

// BenchmarkForkJoin is the time of a loop that does nothing but bring two
// goroutines together, the worker looking out for it or asleep.
func BenchmarkForkJoin(b *testing.B) {
	if runtime.GOMAXPROCS(0) < 2 {
		b.Skip("needs two processors; run without taskset or GOMAXPROCS=1")
	}
	idle := func(time.Duration) {}
	for _, c := range []struct {
		name string
		idle func(time.Duration) // before each loop
	}{{"spinning", idle}, {"parked", busy}, {"after a pause", time.Sleep}} {
		b.Run(c.name, func(b *testing.B) {
			team := New(1)
			defer team.Close()
			var m meeting
			var took []time.Duration
			for b.Loop() {
				c.idle(2 * patience)
				start := time.Now()
				if err := team.Run(0, 2, &m); err != nil {
					b.Fatal(err)
				}
				took = append(took, time.Since(start))
			}
			var sum time.Duration
			for _, d := range took {
				sum += d
			}
			slices.Sort(took)
			b.ReportMetric(float64(sum.Nanoseconds())/float64(len(took)), "ns/loop")
			b.ReportMetric(float64(took[len(took)/2]), "median-ns")
		})
	}
}

// busy keeps its processor for a while.
func busy(d time.Duration) {
	for start := time.Now(); time.Since(start) < d; {
		pause()
	}
}

// TestChunksAreClaimedFromBothEnds: each has the neighbours of its own range, in
// order, and takes from the end of another's.
func TestChunksAreClaimedFromBothEnds(t *testing.T) {
	s := slot{ranges: make([]chunks, 2)}
	epoch := s.open(1, 7, &counter{})
	for _, step := range []struct {
		at, want  int
		own, none bool
	}{
		{0, 0, true, false}, {0, 1, true, false}, {1, 3, true, false}, {1, 6, false, false}, {0, 2, false, false},
		{0, 0, true, true}, {1, 5, false, false}, {1, 4, true, false}, {1, 0, false, true},
	} {
		if got, ok := s.ranges[step.at].claim(epoch, step.own); ok == step.none || ok && got != step.want {
			t.Errorf("range %d, own %v: chunk %d, %v; expected %+v", step.at, step.own, got, ok, step)
		}
	}
	if _, ok := s.ranges[0].claim(s.open(1, 7, &counter{})-1, true); ok {
		t.Error("a chunk of a loop was claimed for the one before")
	}
}

func TestHelpersThatCostMoreThanTheyBringAreLeftOut(t *testing.T) {
	const ms = int64(time.Millisecond)
	for name, delay := range map[string]func(w *worth){
		"the caller waits for a helper": func(w *worth) { w.add(4, 4, 1, 5*ms, 4*ms+ms/2) },
		"the caller stands still":       func(w *worth) { w.add(1, 20, 1, 4*ms, 0) },
	} {
		t.Run(name, func(t *testing.T) {
			var w worth
			for _, want := range []int64{shortest, 2 * shortest, 4 * shortest} {
				w.add(10, 10, 1, ms, 0)
				if delay(&w); w.helping() {
					t.Fatal("helpers are still called")
				}
				if w.lastAlone.Load() != want {
					t.Errorf("alone for %d ns, expected %d", w.lastAlone.Load(), want)
				}
				if w.aloneUntil.Store(1); !w.helping() {
					t.Fatal("helpers are never called again")
				}
			}
			w.add(10, 10, 1, 4*ms, 0)
			if delay(&w); !w.helping() {
				t.Error("what helpers brought does not count against a delay")
			}
			if w.add(10, 10, 1, 4*shortest, 0); w.lastAlone.Load() != 2*shortest {
				t.Errorf("after as much gain, the next time alone builds on %d ns", w.lastAlone.Load())
			}
		})
	}
	crowded := true
	w := worth{crowded: func() bool { return crowded }}
	w.add(4, 4, 1, 5*ms, 4*ms+ms/2)
	if w.aloneUntil.Store(1); w.helping() || w.aloneUntil.Load() < shortest {
		t.Error("helpers are called although no processor is to spare")
	}
	crowded = false
	if w.aloneUntil.Store(1); !w.helping() {
		t.Error("helpers are not called although a processor is to spare")
	}
	crowded = true
	w.aloneUntil.Store(1)
	if w.failedAt.Add(-trust); !w.helping() {
		t.Error("a system that stays crowded is trusted for ever")
	}
	w = worth{}
	if w.add(3, 3, 1, 40*ms, 9*ms); !w.helping() {
		t.Error("long chunks are taken for delays")
	}
}

// lines is memory of 64-byte cache lines that chunks write and read.
type lines struct {
	of    [][8]uint64
	other bool // a chunk takes the part that another wrote
	sum   atomic.Uint64
}

const handOverChunks = 8

func (l *lines) Chunk(i int) {
	if l.other {
		i = handOverChunks - 1 - i
	}
	n := len(l.of) / handOverChunks
	var sum uint64
	for k := range l.of[i*n : (i+1)*n] {
		line := &l.of[i*n+k]
		sum += line[0]
		line[0]++
	}
	l.sum.Add(sum)
}

// BenchmarkHandOver is the time of reading and writing a cache line that the
// same processor wrote in the loop before, or another one.
func BenchmarkHandOver(b *testing.B) {
	if runtime.GOMAXPROCS(0) < 2 {
		b.Skip("needs two processors; run without taskset or GOMAXPROCS=1")
	}
	for _, c := range []struct {
		name  string
		turns bool
	}{{"own", false}, {"another's", true}} {
		b.Run(c.name, func(b *testing.B) {
			team := New(1)
			defer team.Close()
			l := &lines{of: make([][8]uint64, 16<<10)} // 1 MiB
			for b.Loop() {
				if err := team.Run(0, handOverChunks, l); err != nil {
					b.Fatal(err)
				}
				l.other = l.other != c.turns
			}
			b.ReportMetric(2*float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(l.of)), "ns/line")
		})
	}
}
