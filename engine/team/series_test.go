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
	t      *testing.T
	stages []Stage
	ended  [][]atomic.Bool
	runs   atomic.Int64
}

func newWitness(t *testing.T, stages []Stage) *witness {
	w := &witness{t: t, stages: stages}
	for i := range stages {
		w.ended = append(w.ended, make([]atomic.Bool, stages[i].Chunks))
	}
	return w
}

func (w *witness) StageChunk(stage, chunk int) {
	for at := range stage {
		for c := range w.ended[at] {
			needed := at < stage-1 || w.stages[stage].Needs == nil || w.stages[stage].Needs[chunk]>>c&1 > 0
			if needed && !w.ended[at][c].Load() {
				w.t.Errorf("chunk %d of stage %d ran before chunk %d of stage %d had ended", chunk, stage, c, at)
			}
		}
	}
	w.runs.Add(1)
	if w.ended[stage][chunk].Swap(true) {
		w.t.Errorf("chunk %d of stage %d ran twice", chunk, stage)
	}
}

// stagesOf makes random loops.
func stagesOf(rng *rand.Rand) (stages []Stage, chunks int64) {
	for i := range 1 + rng.Intn(12) {
		s := Stage{Chunks: 1 + rng.Intn(20)}
		if rng.Intn(10) == 0 {
			s.Chunks += MaxNeeded
		}
		if i > 0 && stages[i-1].Chunks <= MaxNeeded && rng.Intn(4) > 0 {
			for range s.Chunks {
				s.Needs = append(s.Needs, rng.Uint64()&rng.Uint64()&(1<<stages[i-1].Chunks-1))
			}
		}
		stages, chunks = append(stages, s), chunks+int64(s.Chunks)
	}
	return stages, chunks
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
					stages, chunks := stagesOf(rng)
					s := NewSeries(stages, 1+rng.Intn(4))
					for range 3 { // it may be run again
						w := newWitness(t, stages)
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

type stumble struct{ stage, chunk int }

func (s stumble) StageChunk(stage, chunk int) {
	if s.stage == stage && s.chunk == chunk {
		panic("over a stone")
	}
}

func TestPanicInASeries(t *testing.T) {
	team := New(2)
	defer team.Close()
	s := NewSeries([]Stage{{Chunks: 5}, {Chunks: 70}, {Chunks: 7}}, 3)
	for stage, chunk := range []int{4, 69, 0} {
		for range 50 {
			at, err := team.RunSeries(s, stumble{stage, chunk})
			if p := new(PanicError); !errors.As(err, &p) || p.Value != "over a stone" || at != stage {
				t.Fatalf("stage %d, error %v", at, err)
			}
		}
	}
	if _, err := team.RunSeries(s, stumble{stage: -1}); err != nil {
		t.Errorf("after panics: %v", err)
	}
}

func TestSeriesDoesNotAllocate(t *testing.T) {
	team := New(1)
	defer team.Close()
	s := NewSeries([]Stage{{Chunks: 5}, {Chunks: 5, Needs: []uint64{1, 2, 4, 8, 16}}}, 2)
	if n := testing.AllocsPerRun(100, func() {
		if _, err := team.RunSeries(s, stumble{stage: -1}); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations a run", n)
	}
}

// layers are loops whose chunks take turns in which of them is long.
type layers struct{ stage int }

func (l *layers) Chunk(i int) { l.StageChunk(l.stage, i) }

func (l *layers) StageChunk(stage, chunk int) {
	busy(time.Duration(6+4*((stage+chunk/2)%2)) * time.Microsecond)
}

// BenchmarkSeries runs 30 loops of four chunks one by one, and as a series in which a
// chunk needs those beside it.
func BenchmarkSeries(b *testing.B) {
	if runtime.GOMAXPROCS(0) < 2 {
		b.Skip("needs two processors; run without taskset or GOMAXPROCS=1")
	}
	stages := make([]Stage, 30)
	for i := range stages {
		stages[i] = Stage{4, []uint64{0b0011, 0b0111, 0b1110, 0b1100}}
	}
	team := New(1)
	defer team.Close()
	b.Run("loops", func(b *testing.B) {
		for b.Loop() {
			l := &layers{}
			for l.stage = range stages {
				if err := team.Run(2, 4, l); err != nil {
					b.Fatal(err)
				}
			}
		}
	})
	b.Run("series", func(b *testing.B) {
		s := NewSeries(stages, 2)
		for b.Loop() {
			if _, err := team.RunSeries(s, &layers{}); err != nil {
				b.Fatal(err)
			}
		}
	})
}
