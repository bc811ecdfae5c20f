// Package team runs loops on a few goroutines that live as long as the
// process. A layer of a network takes tens of microseconds, so starting
// goroutines for each is too dear: workers spin for a short while after a
// loop, and only then park.
//
// A loop has chunks, numbered from 0. This is a loop of 8 chunks on a caller and
// one worker:
//
//	caller   takes a slot, gives each of both threads a range of chunks, announces it
//	worker   sees the announcement, or is woken; takes the one seat of the slot
//	caller   runs 0 1 2 3, its own range
//	worker   runs 4 5 6 of its range
//	caller   runs 7 meanwhile, from the end of the worker's range
//	caller   waits until all chunks have ended, frees the slot
//
// A Series (series.go) is several loops of which each may begin before the one
// before has ended. What helpers bring and cost is kept account of (worth.go).
//
// This package may change without notice: it serves the engine.
package team

import (
	"runtime"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/visionzoo/vision/internal/clock"
)

// Task is the body of a loop. Chunk is called once for every i below the
// loop's length, from several goroutines at once and in any order.
type Task interface{ Chunk(i int) }

// Stopper is a Task that may be over before all its chunks have run. A loop of more
// than Longest chunks asks after each part of that many, and ends without an error.
type Stopper interface {
	Task
	Stopped() bool
}

// Longest is how many chunks are run as one loop: calls for chunks of a cancelled
// run do nothing, but a million of them take a tenth of a second.
const Longest = 1 << 16

// Team is a set of workers that help whoever calls Run. It is safe for
// concurrent use: several loops may run at once, and the workers go from one
// to the next in turn. A caller always works on its own loop, so a loop ends
// even if no worker ever comes.
type Team struct {
	slots   [slots]slot
	calls   atomic.Uint64 // counts announcements; what idle workers watch
	_       [56]byte
	closed  atomic.Bool
	worth   worth
	workers []worker
}

// slots is how many loops may have help at once; further ones run on their
// callers alone.
const slots = 16

type worker struct {
	state atomic.Int32
	wake  chan struct{}
	_     [48]byte
}

// States of a worker.
const (
	working  int32 = iota
	watching       // spins: will see the next announcement
	parked         // waits for wake; whoever sets it to working must wake it
)

// patience is how long an idle worker watches for the next loop before it
// parks. Waking a parked one takes hundreds of times as long as a loop that finds
// it spinning, so it outlasts what runs on one processor between two loops of a
// network.
const patience = time.Millisecond

// New starts a team of so many workers.
func New(workers int) *Team {
	t := &Team{workers: make([]worker, max(0, min(workers, maxSeats)))}
	t.worth.crowded = systemCrowded()
	for i := range t.slots {
		t.slots[i].ranges = make([]chunks, len(t.workers)+1)
	}
	for i := range t.workers {
		t.workers[i].wake = make(chan struct{}, 1)
		go t.serve(i)
	}
	return t
}

// Default returns the team of the process: GOMAXPROCS-1 workers, as of the
// first call.
var Default = sync.OnceValue(func() *Team { return New(runtime.GOMAXPROCS(0) - 1) })

// Close ends the workers. Loops still run, on their callers alone.
func (t *Team) Close() {
	t.closed.Store(true)
	t.calls.Add(1)
	t.rouse(len(t.workers))
}

// Run calls task.Chunk for every number below n and returns when all calls
// have, or a Stopper has stopped. At most threads goroutines take part, the caller
// among them; 0 means as many as there are. Run allocates nothing for loops of up
// to Longest chunks. If a chunk panics, chunks that have not begun are skipped and
// the panic is returned as a *PanicError. With debug.SetPanicOnFault, which workers
// set for themselves, a chunk that reads a mapped file beyond its end panics.
func (t *Team) Run(threads, n int, task Task) error {
	if threads <= 0 {
		threads = maxSeats
	}
	for ; n > Longest; n -= Longest {
		if err := t.Run(threads, Longest, shifted{task, n - Longest}); err != nil {
			return err
		}
		if s, ok := task.(Stopper); ok && s.Stopped() {
			return nil
		}
	}
	if anyOrder && threads > 1 {
		return shuffled(n, task)
	}
	helpers := min(threads-1, len(t.workers), n-1)
	if helpers <= 0 || !t.worth.helping() {
		return inline(n, task)
	}
	for i := range t.slots {
		if s := &t.slots[i]; s.taken.CompareAndSwap(false, true) {
			start := now()
			epoch := s.open(helpers, n, task)
			t.calls.Add(1)
			t.rouse(helpers)
			mine := s.work(epoch, 0, helpers+1)
			worked := now()
			err := s.close(n)
			end := now()
			others, waited := n-mine, end-worked
			if series, ok := task.(*Series); ok {
				mine, others = series.shares()
				waited += series.waited
			}
			t.worth.add(mine, others, helpers, end-start, waited)
			return err
		}
	}
	return inline(n, task)
}

// shifted is the part of a very long loop that starts at first.
type shifted struct {
	Task
	first int
}

func (s shifted) Chunk(i int) { s.Task.Chunk(s.first + i) }

// inline runs a loop on the caller alone.
func inline(n int, task Task) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = caught(v)
		}
	}()
	for i := range n {
		task.Chunk(i)
	}
	return nil
}

// rouse sees to it that n workers look for loops, as far as so many are idle: those that
// watch do so anyway, parked ones are woken.
func (t *Team) rouse(n int) {
	for i := range t.workers {
		if n == 0 {
			return
		}
		w := &t.workers[i]
		switch w.state.Load() {
		case watching:
			n--
		case parked:
			if w.state.CompareAndSwap(parked, working) {
				w.wake <- struct{}{}
				n--
			}
		}
	}
}

// serve is the life of worker i: look for open loops, beginning with the slot
// after the last one helped; find none and watch; watch in vain and park. A loop that is
// announced between the last look and parking is not missed: calls has changed, which is
// checked again after parked has been stored.
func (t *Team) serve(i int) {
	debug.SetPanicOnFault(true) // see Run
	w, at := &t.workers[i], i
	for !t.closed.Load() {
		seen := t.calls.Load()
		if t.help(i, &at) {
			continue
		}
		w.state.Store(watching)
		called := t.watch(seen)
		if !called {
			w.state.Store(parked)
			called = t.calls.Load() != seen && w.state.CompareAndSwap(parked, working)
		}
		if called {
			w.state.Store(working)
			continue
		}
		<-w.wake
	}
}

// help has worker i work on the first open loop from slot *at on, and reports
// whether there was one. Of loops with equally many ranges, the worker always begins with
// the same: its caches have what it wrote there.
func (t *Team) help(i int, at *int) bool {
	for range slots {
		s := &t.slots[*at%slots]
		*at++
		if epoch, ranges, ok := s.join(); ok {
			s.work(epoch, 1+i%(ranges-1), ranges)
			return true
		}
	}
	return false
}

// watch waits for an announcement after seen and reports whether one came
// before patience ended.
func (t *Team) watch(seen uint64) bool {
	const (
		burst  = 32 // pauses between two looks at the clock
		bursts = 32 // before other threads may run, some dozen microseconds
	)
	for i, start := 1, clock.Now(); clock.Since(start) < patience; i++ {
		for range burst {
			if t.calls.Load() != seen {
				return true
			}
			pause()
		}
		if i%bursts == 0 {
			stepAside()
		} else {
			runtime.Gosched()
		}
	}
	return false
}
