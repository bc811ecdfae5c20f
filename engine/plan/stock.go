package plan

import (
	"slices"
	"sync"
	"time"

	"github.com/visionzoo/vision/engine/ops"
	"github.com/visionzoo/vision/engine/team"
)

// New memory is slow: the system clears each page when it is first written, which for an
// arena takes as long as some layers. So blocks of memory go from run to run. A detector
// whose backbone needs 40 MB and whose head needs 10 MB for 7 boxes and 12 MB for 9 has two
// blocks while it runs, of 40 and 12 MB, whatever numbers of boxes follow each other.

// stock is the memory for a runner's arenas. Plans for other shapes and other parts
// of the graph use the same blocks in turn: idle blocks and blocks in use together
// exceed the most that was in use at once by no more than an eighth and keepSmall. When
// nothing has been in use for a while, all memory is returned to the system.
type stock struct {
	threads   int // threads that touch the pages of new memory
	mu        sync.Mutex
	idle      []*memoryBlock // longest waiting first
	used      int            // bytes in use
	kept      int            // bytes idle
	most      int            // maximum of used since all memory was returned
	given     time.Time      // when a block was last given back
	timer     *time.Timer    // returns all memory after patience
	timerRuns bool           // the timer runs
}

// patience is how long idle blocks are kept. A program that runs a network less
// often finds cold caches anyway, and in addition waits for new pages.
const patience = 10 * time.Second

// memoryBlock is memory for one arena at a time.
type memoryBlock struct {
	memory []byte
	free   func()
}

const hugePage = 2 << 20

// keepSmall is the size up to which a block may be much larger than the arena for
// which it is used.
const keepSmall = 1 << 20

// take returns a block of at least n bytes: last if it is idle, else the smallest
// that is large enough but not far too large, else a new one, whose pages are
// touched until the run is cancelled.
func (s *stock) take(n int, last *memoryBlock, run *ops.Run) *memoryBlock {
	if b := s.waiting(n, last); b != nil {
		return b
	}
	memory, free := allocate(n)
	if s.threads != 1 {
		_ = team.Default().Run(s.threads, n/hugePage, newPages{memory, run}) // nothing in it fails
	}
	return &memoryBlock{memory, free}
}

// newPages is memory that has not been written yet. The system clears a huge page
// when it is first written, which takes as long as one or several layers.
type newPages struct {
	memory []byte
	run    *ops.Run
}

func (p newPages) Chunk(i int) {
	if p.run.Check() == nil {
		p.memory[i*hugePage] = 0
	}
}

// waiting takes an idle block out of the stock. If none is suitable, it counts n bytes as in
// use, for the block that will be allocated, and returns nil.
func (s *stock) waiting(n int, last *memoryBlock) *memoryBlock {
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

// hold counts bytes as in use.
func (s *stock) hold(n int) {
	s.used += n
	s.most = max(s.most, s.used)
}

// give takes a block back.
func (s *stock) give(b *memoryBlock) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.used -= len(b.memory)
	s.kept += len(b.memory)
	s.idle = append(s.idle, b)
	s.trim()
	s.given = time.Now()
	if s.timerRuns {
		return
	}
	s.timerRuns = true
	if s.timer == nil {
		s.timer = time.AfterFunc(patience, s.expire)
	} else {
		s.timer.Reset(patience)
	}
}

// expire frees all blocks if none was in use for long enough; otherwise it sets the
// timer again.
func (s *stock) expire() {
	s.mu.Lock()
	defer s.mu.Unlock()
	rest := patience
	if s.used == 0 {
		rest -= time.Since(s.given)
	}
	if rest > 0 {
		s.timer.Reset(rest)
		return
	}
	s.timerRuns, s.most = false, 0
	s.trim()
}

// trim frees the blocks that have been idle longest. Some room beyond most prevents
// a small arena from displacing a large one in every run, whose pages the system
// would then have to clear again.
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

// drain frees all idle blocks when the runner has become garbage.
func (s *stock) drain() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.most = 0
	s.trim()
}
