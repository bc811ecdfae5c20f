// Package pipeline brings many pictures through a network: several at a time,
// results in order. No promise: it serves this module alone.
package pipeline

import (
	"context"
	"iter"
	"sync"
)

// Map yields do(n, v) for each v of in, in the order of in, while later ones are
// at work on up to workers goroutines; n, from 0, says on which of them, so that
// each may keep memory of its own from one call to the next.
//
// in is read on another goroutine. At most Ahead(workers) of its elements have
// been read and not yet been yielded. Once ctx is done do is no longer called
// and the loop ends, after the calls that were under way: do should heed ctx
// too. Leaving the loop ends everything likewise.
func Map[In, Out any](ctx context.Context, workers int, in iter.Seq[In], do func(ctx context.Context, n int, v In) Out) iter.Seq[Out] {
	return func(yield func(Out) bool) {
		ctx, cancel := context.WithCancel(ctx)
		var all sync.WaitGroup
		defer all.Wait()
		defer cancel()
		// Workers that find the next element waiting go on without those who read
		// and yield, who are many switches of goroutines otherwise.
		order, waiting := make(chan *job[In, Out], 2*workers), make(chan *job[In, Out], 2*workers)
		all.Go(func() {
			defer close(order)
			defer close(waiting)
			for v := range in {
				j := &job[In, Out]{in: v, done: make(chan struct{})}
				if !send(ctx, order, j) || !send(ctx, waiting, j) {
					return
				}
			}
		})
		for n := range workers {
			all.Go(func() {
				for j := range waiting {
					if ctx.Err() != nil {
						return
					}
					j.out = do(ctx, n, j.in)
					close(j.done)
				}
			})
		}
		for j := range order {
			select {
			case <-j.done:
			case <-ctx.Done():
				return
			}
			if ctx.Err() != nil || !yield(j.out) {
				return
			}
		}
	}
}

// Ahead is how many elements a Map with so many workers holds at most: those
// that wait for their turn, one that is being yielded, one that was just read.
func Ahead(workers int) int { return 2*workers + 2 }

// job is one element on its way; out is there once done is closed.
type job[In, Out any] struct {
	in   In
	out  Out
	done chan struct{}
}

// send reports false where the loop has ended.
func send[T any](ctx context.Context, to chan<- T, v T) bool {
	select {
	case to <- v:
		return true
	case <-ctx.Done():
		return false
	}
}
