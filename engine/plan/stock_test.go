package plan

import (
	"testing"
	"testing/synctest"
	"time"
)

// Memory of arenas waits for the next run as long as runs follow each other, and
// goes back once none was under way for a while.
func TestStockRests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &stock{threads: 1}
		wait := func(d time.Duration) {
			time.Sleep(d)
			synctest.Wait()
		}
		idle := func() int {
			s.mu.Lock()
			defer s.mu.Unlock()
			return len(s.idle)
		}
		const size = 5 << 20
		first := s.take(size, nil, nil)
		s.give(first)
		for range 5 { // run after run
			wait(patience * 2 / 3)
			if b := s.take(size, first, nil); b != first {
				t.Fatal("the block did not wait for the next run")
			}
			s.give(first)
		}
		b := s.take(size, first, nil) // a long run, while another's memory waits
		s.give(s.take(size/2, nil, nil))
		wait(3 * patience)
		if idle() != 1 {
			t.Error("memory went back in the middle of a run")
		}
		s.give(b)
		if wait(patience * 9 / 10); idle() != 2 {
			t.Error("memory went back right after a run")
		}
		if wait(patience / 5); idle() != 0 || s.kept != 0 || s.most != 0 || s.timerRuns {
			t.Errorf("after a rest %d blocks are still there, of %d bytes", len(s.idle), s.kept)
		}
		b = s.take(size, b, nil)
		for i := 0; i < size; i += 4096 {
			b.memory[i] = 1
		}
		s.give(b)
		if wait(2 * patience); idle() != 0 {
			t.Error("a second rest did not give memory back")
		}
	})
}
