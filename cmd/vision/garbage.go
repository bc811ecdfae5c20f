package main

import (
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
)

// garbage is how many bytes may gather beyond what the collector of itself lets
// gather: a picture leaves 0.1 MiB behind, and each collection has all
// processors wait until kernels, which nothing interrupts, come to their end.
const garbage = 16 << 20

// collectRarely makes collections rare, for commands that go through many
// pictures. GOGC, where it is set, says otherwise; a memory limit still holds.
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

// garbagePercent is the collector's percentage for so many bytes alive. The
// collector takes fewer than 4 MiB for as many.
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
