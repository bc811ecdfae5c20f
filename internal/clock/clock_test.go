package clock

import (
	"testing"
	"time"
)

// TestNow: the clock goes forwards in steps that a kernel's time can be told by, and
// reading it allocates nothing.
func TestNow(t *testing.T) {
	const reads = 10_000
	steps, last := 0, Now()
	for range reads {
		now := Now()
		if now.Before(last) {
			t.Fatalf("%v after %v", now, last)
		}
		if now.After(last) {
			steps++
		}
		last = now
	}
	if steps < reads/100 {
		t.Errorf("%d steps in %d reads", steps, reads)
	}
	before := Now()
	time.Sleep(20 * time.Millisecond)
	if took := Since(before); took < 10*time.Millisecond || took > time.Minute {
		t.Errorf("20 ms took %v", took)
	}
	if n := testing.AllocsPerRun(100, func() { Since(Now()) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
