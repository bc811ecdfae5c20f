package main

import (
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
)

// garbage is how many bytes of garbage may accumulate in addition to what the
// collector allows by default. A picture leaves 0.1 MiB behind, and each collection
// makes all processors wait until running kernels, which cannot be interrupted,
// have ended.
const garbage = 16 << 20

// collectRarely makes collections rare, for commands that process many pictures. It
// does nothing if GOGC is set; a memory limit still holds.
func collectRarely() {
	if os.Getenv("GOGC") != "" {
		return
	}
	sample := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	var percent int
	adapt := func() {
		metrics.Read(sample)
		if p := garbagePercent(sample[0].Value.Uint64()); p != percent { // setting it stops the world
			percent = p
			debug.SetGCPercent(p)
		}
	}
	adapt()
	afterCollections(adapt)
}

// garbagePercent is the collector's percentage for a given number of live bytes.
// The collector treats fewer than 4 MiB as 4 MiB.
func garbagePercent(live uint64) int {
	return 100 + int(100*garbage/max(live, 4<<20))
}

// afterCollections calls f after each collection.
func afterCollections(f func()) {
	sentinel := new([2]*byte)
	runtime.AddCleanup(sentinel, func(f func()) {
		f()
		afterCollections(f)
	}, f)
}
