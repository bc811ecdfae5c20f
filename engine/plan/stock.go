package plan

import (
	"slices"
	"sync"
	"time"

	"github.com/visionzoo/vision/engine/team"
)

// stock is the memory of a runner's arenas. Plans for other shapes and other
// parts of the graph take turns on the same blocks: what waits and
// what is in use together never exceed the most that was in use at once. Once
// nothing was in use for a while, all goes back.
type stock struct {
	threads int // that give new memory its pages
	mu      sync.Mutex
	idle    []*block    // longest waiting first
	used    int         // bytes taken
	kept    int         // bytes idle
	most    int         // the largest used so far
	given   time.Time   // when a block came back last
	watch   *time.Timer // sees to it that all goes back
	watched bool        // the timer runs
}

// patience is how long blocks wait for a run. Who runs a network less often finds
// caches cold anyway, and waits for new pages besides.
const patience = 10 * time.Second

// block is one piece of memory.
type block struct {
	memory []byte
	free   func()
}

const hugePage = 2 << 20

// keepSmall is the size up to which a block may be much larger than its arena.
const keepSmall = 1 << 20

// take gives a block of n bytes or more: last where that waits,
// else the smallest that is neither too small nor far too large, else a new
// one.
func (s *stock) take(n int, last *block) *block {
	if b := s.waiting(n, last); b != nil {
		return b
	}
	memory, free := allocate(n)
	if s.threads != 1 {
		_ = team.Default().Run(s.threads, n/hugePage, newPages(memory)) // nothing in it fails
	}
	return &block{memory, free}
}

// newPages are memory that nobody wrote yet. The system clears a huge page when it
// is first written: that takes as long as a layer, or several.
type newPages []byte

func (p newPages) Chunk(i int) { p[i*hugePage] = 0 }

// waiting takes an idle block. Where none serves it notes that n bytes will be
// in use, and gives nil.
func (s *stock) waiting(n int, last *block) *block {
	s.mu.Lock()
	defer s.mu.Unlock()
	best := -1
	for i, b := range s.idle {
		if b == last {
			best = i
			break
		}
		size := len(b.memory)
		if size >= n && (size <= keepSmall || size/4 <= n) && (best < 0 || size < len(s.idle[best].memory)) {
			best = i
		}
	}
	if best >= 0 {
		b := s.idle[best]
		s.idle = slices.Delete(s.idle, best, best+1)
		s.kept -= len(b.memory)
		s.hold(len(b.memory))
		return b
	}
	s.hold(n)
	s.trim()
	return nil
}

func (s *stock) hold(n int) {
	s.used += n
	s.most = max(s.most, s.used)
}

// give takes a block back.
func (s *stock) give(b *block) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.used -= len(b.memory)
	s.kept += len(b.memory)
	s.idle = append(s.idle, b)
	s.trim()
	s.given = time.Now()
	if s.watched {
		return
	}
	s.watched = true
	if s.watch == nil {
		s.watch = time.AfterFunc(patience, s.look)
	} else {
		s.watch.Reset(patience)
	}
}

// look gives all back if no block was in use for long enough, and looks again
// later otherwise.
func (s *stock) look() {
	s.mu.Lock()
	defer s.mu.Unlock()
	rest := patience
	if s.used == 0 {
		rest -= time.Since(s.given)
	}
	if rest > 0 {
		s.watch.Reset(rest)
		return
	}
	s.watched, s.most = false, 0
	s.trim()
}

// trim frees the blocks that have waited longest. Without some room beyond the
// most, a small arena would push out a large one in every run, whose pages the
// system then zeroes again.
func (s *stock) trim() {
	room := 0
	if s.most > 0 {
		room = s.most/8 + keepSmall
	}
	for len(s.idle) > 0 && s.used+s.kept > s.most+room {
		b := s.idle[0]
		s.idle = slices.Delete(s.idle, 0, 1)
		s.kept -= len(b.memory)
		b.free()
	}
}

// drain frees all idle blocks, once the runner is garbage.
func (s *stock) drain() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.most = 0
	s.trim()
}
