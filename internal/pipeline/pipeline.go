// Package pipeline takes many pictures through a network, several at the same time,
// with results in order.
package pipeline

import (
	"context"
	"iter"
	"sync"
)

// Map yields do(n, v) for each v of in, in the order of in, while do already runs
// for later elements on up to workers goroutines. n is the number of the goroutine,
// from 0, so that each can keep memory of its own from one call to the next.
//
// in is read on another goroutine. At any time, at most Ahead(workers) of its
// elements have been read but not yielded. Once ctx is done, do is no longer
// called, and the loop ends when the calls under way have returned: do should
// observe ctx too. Leaving the loop ends everything in the same way.
func Map[In, Out any](ctx context.Context, workers int, in iter.Seq[In], do func(ctx context.Context, n int, v In) Out) iter.Seq[Out] {
	return func(yield func(Out) bool) {
		ctx, cancel := context.WithCancel(ctx)
		var all sync.WaitGroup
		defer all.Wait()
		defer cancel()
		// A worker that finds the next element waiting goes on without the
		// goroutines that read and yield, which saves many switches between
		// goroutines.
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

// Ahead is how many elements a Map with the given workers holds at most: those that
// wait for their turn, the one being yielded, and one that was just read.
func Ahead(workers int) int { return 2*workers + 2 }

// job is one element under way; out is valid once done is closed.
type job[In, Out any] struct {
	in   In
	out  Out
	done chan struct{}
}

// send reports false if the loop has ended.
func send[T any](ctx context.Context, to chan<- T, v T) bool {
	select {
	case to <- v:
		return true
	case <-ctx.Done():
		return false
	}
}
