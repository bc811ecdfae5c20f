package main

import (
	"runtime"
	"testing"
	"time"
)

// The room for garbage beyond the collector's own is the same whatever is alive.
func TestGarbagePercent(t *testing.T) {
	for _, live := range []uint64{0, 1 << 20, 4 << 20, 5_000_000, 64 << 20, 3 << 30} {
		counted := max(live, 4<<20)
		room := counted * uint64(garbagePercent(live)-100) / 100
		if room > garbage || room+counted/100 < garbage {
			t.Errorf("%d bytes alive: room for %d more", live, room)
		}
	}
}

func TestAfterCollections(t *testing.T) {
	called := make(chan bool, 100)
	afterCollections(func() { called <- true })
	for range 3 {
		waitForCollection(t, called)
	}
}

// waitForCollection collects until it is noticed. One that follows at once on
// another may come before its sentinel is laid out, and goes by unnoticed.
func waitForCollection(t *testing.T, called <-chan bool) {
	t.Helper()
	for range 1000 {
		runtime.GC()
		select {
		case <-called:
			return
		case <-time.After(10 * time.Millisecond):
		}
	}
	t.Fatal("a thousand collections went unnoticed")
}
