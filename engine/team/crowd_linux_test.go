package team

import (
	"runtime"
	"sync/atomic"
	"testing"
	"time"
)

func TestRunningThreads(t *testing.T) {
	for line, want := range map[string]int{"0.53 0.41 0.30 3/120 4567\n": 3, "12.00 9.10 8.00 128/2045 1\n": 128, "": -1, "0.1 0.2": -1, "a b c x/9": -1} {
		n, ok := runningThreads([]byte(line))
		if ok != (want >= 0) || ok && n != want {
			t.Errorf("%q: %d, %v; expected %d", line, n, ok, want)
		}
	}
}

// TestSystemCrowded: with a thread of one's own on every processor the system is.
func TestSystemCrowded(t *testing.T) {
	crowded := systemCrowded()
	if crowded == nil {
		t.Skip("the system counts other processors than this process's; run without taskset and outside of a container that has fewer")
	}
	var over atomic.Bool
	for range runtime.GOMAXPROCS(0) {
		go func() {
			for !over.Load() {
				pause()
			}
		}()
	}
	defer over.Store(true)
	if runtime.GOMAXPROCS(0) < runtime.NumCPU() {
		t.Skip("GOMAXPROCS leaves processors out; run without it")
	}
	for began := time.Now(); !crowded(); time.Sleep(time.Millisecond) {
		if time.Since(began) > time.Minute {
			t.Fatal("a thread on every processor does not make the system crowded")
		}
	}
}
