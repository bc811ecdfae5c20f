package team

import (
	"sync/atomic"
	"time"
)

// worth keeps the account of what helpers bring. One that loses its processor
// to somebody else, with a chunk in hand, keeps the caller waiting for
// milliseconds; if that costs more than help has brought, loops run on their
// callers alone for a while, longer each time, so that a team is not slower than
// one thread.
type worth struct {
	balance atomic.Int64 // nanoseconds, at most credit
	alone   atomic.Int64 // loops run alone until then, by the team's clock; 0 if they do not
	last    atomic.Int64 // how long they did so last; halved by every such gain
	gained  atomic.Int64 // since then
}

const (
	// credit is how much of what helpers brought counts against a delay.
	credit = int64(500 * time.Microsecond)
	// brings is what a chunk on a helper is taken to save: chunks are 5 to 30 µs.
	brings = int64(5 * time.Microsecond)
	// From shortest on, the time alone doubles up to longest.
	shortest = int64(4 * time.Millisecond)
	longest  = int64(64 * time.Millisecond)
)

var began = time.Now()

// helping tells whether to call helpers.
func (w *worth) helping() bool {
	until := w.alone.Load()
	if until == 0 {
		return true
	}
	if int64(time.Since(began)) < until {
		return false
	}
	w.alone.Store(0)
	return true
}

// add enters a loop: the chunks that helpers ran, and how long the caller waited
// for the last of them. Loops that end at once may overwrite each other's entry.
func (w *worth) add(chunks int, waited time.Duration) {
	balance, last := w.balance.Load(), w.last.Load()
	if waited == 0 && balance == credit && last == 0 {
		return
	}
	brought := int64(chunks) * brings
	if balance += brought - int64(waited); balance < 0 {
		balance = 0
		last = min(max(2*last, shortest), longest)
		w.last.Store(last)
		w.gained.Store(0)
		w.alone.Store(int64(time.Since(began)) + last)
	} else if gained := w.gained.Load() + brought; gained >= last {
		w.last.Store(last / 2 / shortest * shortest)
		w.gained.Store(0)
	} else {
		w.gained.Store(gained)
	}
	w.balance.Store(min(balance, credit))
}
