package team

import (
	"errors"
	"math/rand"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// witness notes what has ended and sees whether what was needed had.
type witness struct {
	t     *testing.T
	loops []Loop
	ended [][]atomic.Bool
	runs  atomic.Int64
}

func newWitness(t *testing.T, loops []Loop) *witness {
	w := &witness{t: t, loops: loops}
	for i := range loops {
		w.ended = append(w.ended, make([]atomic.Bool, loops[i].Chunks))
	}
	return w
}

func (w *witness) LoopChunk(loop, chunk int) {
	for at := range loop {
		for c := range w.ended[at] {
			needed := at < loop-1 || w.loops[loop].Needs == nil || w.loops[loop].Needs[chunk]>>c&1 > 0
			if needed && !w.ended[at][c].Load() {
				w.t.Errorf("chunk %d of loop %d ran before chunk %d of loop %d had ended", chunk, loop, c, at)
			}
		}
	}
	w.runs.Add(1)
	if w.ended[loop][chunk].Swap(true) {
		w.t.Errorf("chunk %d of loop %d ran twice", chunk, loop)
	}
}

// loopsOf makes random loops.
func loopsOf(rng *rand.Rand) (loops []Loop, chunks int64) {
	for i := range 1 + rng.Intn(12) {
		s := Loop{Chunks: 1 + rng.Intn(20)}
		if rng.Intn(10) == 0 {
			s.Chunks += MaxNeeded
		}
		if i > 0 && loops[i-1].Chunks <= MaxNeeded && rng.Intn(4) > 0 {
			for range s.Chunks {
				s.Needs = append(s.Needs, rng.Uint64()&rng.Uint64()&(1<<loops[i-1].Chunks-1))
			}
		}
		loops, chunks = append(loops, s), chunks+int64(s.Chunks)
	}
	return loops, chunks
}

func TestSeriesKeepsItsNeeds(t *testing.T) {
	for _, workers := range []int{0, 1, 3} {
		team := New(workers)
		defer team.Close()
		var all sync.WaitGroup
		for caller := range 3 {
			all.Go(func() {
				rng := rand.New(rand.NewSource(int64(caller)))
				for range 100 {
					loops, chunks := loopsOf(rng)
					s := NewSeries(loops, 1+rng.Intn(4))
					for range 3 { // it may be run again
						w := newWitness(t, loops)
						if _, err := team.RunSeries(s, w); err != nil {
							t.Error(err)
						}
						if w.runs.Load() != chunks {
							t.Errorf("%d of %d chunks ran", w.runs.Load(), chunks)
						}
					}
				}
			})
		}
		all.Wait()
	}
}

type stumble struct{ loop, chunk int }

func (s stumble) LoopChunk(loop, chunk int) {
	if s.loop == loop && s.chunk == chunk {
		panic("over a stone")
	}
}

func TestPanicInASeries(t *testing.T) {
	team := New(2)
	defer team.Close()
	s := NewSeries([]Loop{{Chunks: 5}, {Chunks: 70}, {Chunks: 7}}, 3)
	for loop, chunk := range []int{4, 69, 0} {
		for range 50 {
			at, err := team.RunSeries(s, stumble{loop, chunk})
			if p := new(PanicError); !errors.As(err, &p) || p.Value != "over a stone" || at != loop {
				t.Fatalf("loop %d, error %v", at, err)
			}
		}
	}
	if _, err := team.RunSeries(s, stumble{loop: -1}); err != nil {
		t.Errorf("after panics: %v", err)
	}
}

func TestSeriesDoesNotAllocate(t *testing.T) {
	team := New(1)
	defer team.Close()
	s := NewSeries([]Loop{{Chunks: 5}, {Chunks: 5, Needs: []uint64{1, 2, 4, 8, 16}}}, 2)
	if n := testing.AllocsPerRun(100, func() {
		if _, err := team.RunSeries(s, stumble{loop: -1}); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations a run", n)
	}
}

// layers are loops whose chunks take turns in which of them is long.
type layers struct{ loop int }

func (l *layers) Chunk(i int) { l.LoopChunk(l.loop, i) }

func (l *layers) LoopChunk(loop, chunk int) {
	busy(time.Duration(6+4*((loop+chunk/2)%2)) * time.Microsecond)
}

// BenchmarkSeries runs 30 loops of four chunks one by one, and as a series in which a
// chunk needs those beside it.
func BenchmarkSeries(b *testing.B) {
	if runtime.GOMAXPROCS(0) < 2 {
		b.Skip("needs two processors; run without taskset or GOMAXPROCS=1")
	}
	loops := make([]Loop, 30)
	for i := range loops {
		loops[i] = Loop{4, []uint64{0b0011, 0b0111, 0b1110, 0b1100}}
	}
	team := New(1)
	defer team.Close()
	b.Run("loops", func(b *testing.B) {
		for b.Loop() {
			l := &layers{}
			for l.loop = range loops {
				if err := team.Run(2, 4, l); err != nil {
					b.Fatal(err)
				}
			}
		}
	})
	b.Run("series", func(b *testing.B) {
		s := NewSeries(loops, 2)
		for b.Loop() {
			if _, err := team.RunSeries(s, &layers{}); err != nil {
				b.Fatal(err)
			}
		}
	})
}
