package team

import (
	"sync/atomic"
	"time"
)

// worth keeps the account of what helpers bring. On a processor that somebody
// else wants too, a helper with a chunk in hand keeps the caller waiting for
// milliseconds; and a caller that shares its processor stays there as long as
// helpers spin on the other ones. If that costs more than help has brought,
// loops run on their callers alone for a while, longer each time, so that a team
// is not slower than one thread. Then help is tried again, but while the system
// has no processor to spare only every so often.
type worth struct {
	crowded func() bool  // whether the system has no processor to spare; nil: unknown
	balance atomic.Int64 // nanoseconds, from -debt to credit
	alone   atomic.Int64 // loops run alone until then, by now(); 0 if they do not
	failed  atomic.Int64 // when help last cost more than it brought
	last    atomic.Int64 // how long they did so last; halved by every such gain
	gained  atomic.Int64 // since then
}

const (
	// credit is how much of what helpers brought counts against a delay.
	credit = int64(5 * time.Millisecond)
	// debt is how much delay is borne before anything was brought.
	debt = int64(250 * time.Microsecond)
	// From shortest on, the time alone doubles up to longest.
	shortest = int64(4 * time.Millisecond)
	longest  = int64(128 * time.Millisecond)
	// trust is how long help is not tried because the system is crowded: by
	// threads of a low priority, perhaps, that would make way.
	trust = int64(10 * time.Second)
	// slice is less than what a system lets another process run for.
	slice = int64(time.Millisecond)
)

var began = time.Now()

// now is a time in nanoseconds.
func now() int64 { return int64(time.Since(began)) }

// helping tells whether to call helpers.
func (w *worth) helping() bool {
	until := w.alone.Load()
	if until == 0 {
		return true
	}
	at := now()
	if at < until {
		return false
	}
	if w.crowded != nil && at-w.failed.Load() < trust && w.crowded() {
		w.alone.Store(at + shortest)
		return false
	}
	w.alone.Store(0)
	return true
}

// add enters a loop that took so long, the wait for the helpers' last chunks
// included: chunks of the caller's and of the helpers'. Loops that end at once
// may overwrite each other's entry.
func (w *worth) add(mine, others, helpers int, took, waited int64) {
	mine = max(mine, 1)
	fair := others / helpers
	brought := (took - waited) * int64(min(others, helpers*mine)) / int64(mine)
	lost := waited
	if took > slice && fair > 2*mine+2 { // the caller stood still
		brought, lost = 0, took-took*int64(mine)/int64(fair)
	}
	balance, last := w.balance.Load()+brought-lost, w.last.Load()
	if balance < -debt {
		balance = 0
		last = min(max(2*last, shortest), longest)
		w.last.Store(last)
		w.gained.Store(0)
		at := now()
		w.failed.Store(at)
		w.alone.Store(at + last)
	} else if last > 0 {
		gained := w.gained.Load() + brought
		if gained >= last {
			w.last.Store(last / 2 / shortest * shortest)
			gained = 0
		}
		w.gained.Store(gained)
	}
	w.balance.Store(min(balance, credit))
}
