package team

import (
	"sync/atomic"
	"time"

	"github.com/visionzoo/vision/internal/clock"
)

// worth keeps the account of what helpers bring. On a processor that somebody
// else wants too, a helper with a chunk in hand keeps the caller waiting for
// milliseconds; and a caller that shares its processor stays there as long as
// helpers spin on the other ones. If that costs more than help has brought,
// loops run on their callers alone for a while, longer each time, so that a team
// is not slower than one thread. Then help is tried again, but while the system
// has no processor to spare only every so often.
//
// For example, helpers have brought more than credit when a neighbour takes their
// processor. The caller waits 6 ms for a chunk: the balance falls from 5 ms to -1 ms, below
// -debt. Loops run alone for 4 ms; then help is tried, costs as much again, and they run
// alone for 8 ms, 16, at most 128. Whenever help has then brought as much as the last time
// alone took, that counts as half as long.
type worth struct {
	crowded    func() bool  // whether the system has no processor to spare; nil: unknown
	balance    atomic.Int64 // what helpers brought minus what they cost, from -debt to credit
	aloneUntil atomic.Int64 // loops run alone until then, by now(); 0 if they do not
	failedAt   atomic.Int64 // when the balance last fell below -debt, by now()
	lastAlone  atomic.Int64 // how long loops then ran alone; half as long for each time that gained reaches it
	gained     atomic.Int64 // what helpers brought since lastAlone changed
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
	// slice is less than the time for which a system lets another process run.
	slice = int64(time.Millisecond)
)

var began = clock.Now()

// now is a time in nanoseconds.
func now() int64 { return int64(clock.Since(began)) }

// helping tells whether to call helpers.
func (w *worth) helping() bool {
	until := w.aloneUntil.Load()
	if until == 0 {
		return true
	}
	at := now()
	if at < until {
		return false
	}
	if w.crowded != nil && at-w.failedAt.Load() < trust && w.crowded() {
		w.aloneUntil.Store(at + shortest)
		return false
	}
	w.aloneUntil.Store(0)
	return true
}

// add enters a loop of which the caller ran mine chunks and the helpers others. It took so
// long, of which the caller waited so long for the helpers' last chunks. What they brought is
// the time in which the caller would have run their chunks, counting no more than mine for
// each helper. Loops that end at the same time may overwrite each other's entry.
func (w *worth) add(mine, others, helpers int, took, waited int64) {
	mine = max(mine, 1)
	fair := others / helpers
	brought := (took - waited) * int64(min(others, helpers*mine)) / int64(mine)
	lost := waited
	if took > slice && fair > 2*mine+2 { // helpers ran far more: the caller lost its processor, and the loop took longer for it
		brought, lost = 0, took-took*int64(mine)/int64(fair)
	}
	balance, last := w.balance.Load()+brought-lost, w.lastAlone.Load()
	if balance < -debt {
		balance = 0
		last = min(max(2*last, shortest), longest)
		w.lastAlone.Store(last)
		w.gained.Store(0)
		at := now()
		w.failedAt.Store(at)
		w.aloneUntil.Store(at + last)
	} else if last > 0 {
		gained := w.gained.Load() + brought
		if gained >= last {
			w.lastAlone.Store(last / 2 / shortest * shortest)
			gained = 0
		}
		w.gained.Store(gained)
	}
	w.balance.Store(min(balance, credit))
}
