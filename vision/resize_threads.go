package vision

import (
	"runtime"
	"sync"
)

// workPerThread is the number of multiplications below which another goroutine
// costs more (a few microseconds) than it saves.
const workPerThread = 400_000

// workPerQuestion is the number of multiplications, some milliseconds, after which a
// thread asks whether the context is done. At each question it loses the rows that
// two bands share.
const workPerQuestion = 4_000_000

// threadsFor decides how many goroutines share the work; asked 0 means up to
// GOMAXPROCS.
func threadsFor(asked int, work int64) int {
	if asked <= 0 {
		asked = runtime.GOMAXPROCS(0)
	}
	return int(max(1, min(int64(asked), work/workPerThread)))
}

// inBands cuts n rows into one band per thread and runs them at the same time, the
// last one on the caller's goroutine. A panic in a band is passed on to the caller.
func inBands(n, threads int, do func(lo, hi int)) {
	threads = min(threads, n)
	if threads <= 1 {
		do(0, n)
		return
	}
	var wg sync.WaitGroup
	var once sync.Once
	var failure any
	run := func(lo, hi int) {
		defer func() {
			if p := recover(); p != nil {
				once.Do(func() { failure = p })
			}
		}()
		do(lo, hi)
	}
	for t := range threads - 1 {
		wg.Go(func() { run(n*t/threads, n*(t+1)/threads) })
	}
	run(n*(threads-1)/threads, n)
	wg.Wait()
	if failure != nil {
		panic(failure)
	}
}
