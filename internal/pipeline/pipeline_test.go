package pipeline

// Each test runs in a bubble of package synctest, which fails where a goroutine
// stays behind.

import (
	"context"
	"iter"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func upTo(n int, read *atomic.Int64) iter.Seq[int] {
	return func(yield func(int) bool) {
		for i := range n {
			read.Add(1)
			if !yield(i) {
				return
			}
		}
	}
}

// Whatever the number of workers and however long each takes: the order of the
// elements, each once, and never two calls at a time with one number.
func TestOrder(t *testing.T) { synctest.Test(t, testOrder) }

func testOrder(t *testing.T) {
	for workers := 1; workers <= 5; workers++ {
		var read atomic.Int64
		busy := make([]atomic.Bool, workers)
		want := 0
		for got := range Map(t.Context(), workers, upTo(200, &read), func(_ context.Context, n, v int) int {
			if busy[n].Swap(true) {
				t.Errorf("two calls with number %d", n)
			}
			if v%7 == 0 {
				time.Sleep(time.Millisecond)
			}
			busy[n].Store(false)
			return v * v
		}) {
			if got != want*want {
				t.Fatalf("%d workers: element %d is %d", workers, want, got)
			}
			want++
		}
		if want != 200 {
			t.Errorf("%d workers: %d elements", workers, want)
		}
	}
}

// A slow reader of results holds the elements up.
func TestBound(t *testing.T) { synctest.Test(t, testBound) }

func testBound(t *testing.T) {
	var read atomic.Int64
	const workers = 3
	for range Map(t.Context(), workers, upTo(1000, &read), func(_ context.Context, _, v int) int { return v }) {
		synctest.Wait() // all that can go ahead has
		break
	}
	if n := read.Load(); n > int64(Ahead(workers)) {
		t.Errorf("%d elements were read while the first was looked at, more than %d", n, Ahead(workers))
	}
}

// Once the context is done nothing is begun and nothing stays behind, whether
// the loop waits for a result or looks at one.
func TestCancelled(t *testing.T) { synctest.Test(t, testCancelled) }

func testCancelled(t *testing.T) {
	for _, at := range []int{0, 5} {
		ctx, cancel := context.WithCancel(t.Context())
		var read atomic.Int64
		seen := 0
		for range Map(ctx, 2, upTo(1000, &read), func(ctx context.Context, _, v int) int {
			if v == at+1 {
				cancel()
				<-ctx.Done()
			}
			return v
		}) {
			seen++
		}
		if seen > at+1 || read.Load() > int64(at+1+Ahead(2)) {
			t.Errorf("cancelled at %d: %d results, %d read", at, seen, read.Load())
		}
		cancel()
	}
}
