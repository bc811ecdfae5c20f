package plan

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"
)

// slowPacking is one large constant, whose pieces take a millisecond each.
type slowPacking struct {
	ran  []atomic.Int32
	half func() // called in the middle
}

func (p *slowPacking) Blocks() int  { return 3 }
func (p *slowPacking) Populate(int) {}
func (p *slowPacking) Chunks() int  { return len(p.ran) }

func (p *slowPacking) Chunk(i int) {
	if i == len(p.ran)/4 {
		p.half()
	}
	p.ran[i].Add(1)
	time.Sleep(time.Millisecond)
}

// TestPackingEnds: a context ends packing within a constant; the next run packs the
// rest of it, and no piece twice.
func TestPackingEnds(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	var cancelled time.Time
	p := &slowPacking{ran: make([]atomic.Int32, 400), half: func() { cancelled = time.Now(); cancel() }}
	w := newWeights(&Options{Threads: 1})
	w.later(p, 1<<30)
	if err := w.pack(ctx); !errors.Is(err, context.Canceled) {
		t.Fatalf("cancelled packing gives %v", err)
	}
	if took := time.Since(cancelled); took > 50*time.Millisecond {
		t.Errorf("packing went on for %v", took)
	}
	w.later(&slowPacking{}, 1) // of another plan
	if err := w.pack(context.Background()); err != nil || len(w.due) > 0 || w.begun != nil {
		t.Fatalf("the rest: %v, %d due", err, len(w.due))
	}
	for i := range p.ran {
		if n := p.ran[i].Load(); n != 1 {
			t.Fatalf("piece %d was packed %d times", i, n)
		}
	}
}
