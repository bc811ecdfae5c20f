package team

import (
	"math"
	"sync/atomic"
)

// Loop is one loop of a Series.
type Loop struct {
	Chunks int // at most Longest
	// Needs holds, for every chunk, the chunks of the loop before that must have
	// ended when it begins: bit i for chunk i. Nil means all of them; it must be
	// nil after a loop of more than MaxNeeded chunks.
	Needs []uint64
}

// MaxNeeded is the most chunks that a loop may have for the next loop's Needs to
// name them.
const MaxNeeded = 64

// LoopTask is the body of the loops of a Series.
type LoopTask interface{ LoopChunk(loop, chunk int) }

// Series is a sequence of loops. A thread that finds no chunk left in a loop goes
// on with the next loop, as far as its chunks need only chunks that have ended, so
// threads wait for each other only where their parts of the work touch, not at the
// end of every loop. A loop begins when the loop two before it has ended
// completely. Chunks are divided as in Run. With two threads, three loops of 4 chunks,
// and chunks that each need the same chunk of the loop before and its neighbours:
//
//	lane 0   0.0 0.1 0.3 1.0 ~~~~~~~ 1.1 2.0 2.1     loop.chunk; 1.1 waits for 0.2
//	lane 1   0.2.................... 1.2 1.3 2.2 2.3
//
// A lane is the part of one thread: a Series is run as a loop whose chunks are lanes.
//
// A Series is for one run at a time.
type Series struct {
	loops  []Loop
	lanes  int
	left   []chunks     // of each loop, those of each lane
	ended  []ended      // of each loop
	failed atomic.Int32 // the loop of the first panic, or sound
	task   LoopTask
	mine   int   // chunks that the caller ran
	waited int64 // how long it waited for chunks of others, in nanoseconds
}

// ended records the chunks of a loop that have ended: as a set, or as a count if
// there are more than MaxNeeded.
type ended struct {
	atomic.Uint64
	_ [56]byte
}

const sound = -1 // the value of failed while no chunk has panicked

// NewSeries prepares loops for at most the given number of threads.
func NewSeries(loops []Loop, threads int) *Series {
	return &Series{loops: loops, lanes: threads, left: make([]chunks, len(loops)*threads), ended: make([]ended, len(loops))}
}

// Loops is the number of loops.
func (s *Series) Loops() int { return len(s.loops) }

// RunSeries calls task.LoopChunk for every chunk of every loop and returns when
// all calls have. It allocates nothing. If a chunk panics, chunks that have not
// begun are skipped, and the panic is returned as a *PanicError with its loop.
func (t *Team) RunSeries(s *Series, task LoopTask) (loop int, err error) {
	if anyOrder && s.lanes > 1 {
		return s.shuffled(task)
	}
	if s.lanes <= 1 || len(t.workers) == 0 || !t.worth.helping() {
		return s.inOrder(task)
	}
	s.task, s.mine, s.waited = task, 0, 0
	s.failed.Store(sound)
	for i := range s.loops {
		n := s.loops[i].Chunks
		s.ended[i].Store(0)
		for lane := range s.lanes {
			s.left[i*s.lanes+lane].Store(uint64((lane+1)*n/s.lanes)*oneEnd | uint64(lane*n/s.lanes))
		}
	}
	err = t.Run(s.lanes, s.lanes, s)
	s.task = nil
	return max(0, int(s.failed.Load())), err
}

// inOrder runs all chunks on the caller's goroutine.
func (s *Series) inOrder(task LoopTask) (loop int, err error) {
	defer func() {
		if v := recover(); v != nil {
			err = caught(v)
		}
	}()
	for loop = range s.loops {
		for chunk := range s.loops[loop].Chunks {
			task.LoopChunk(loop, chunk)
		}
	}
	return loop, nil
}

// Chunk does the work of a lane; the first lane is the caller's. It implements Task. A lane
// that is started too late finds no chunks left.
func (s *Series) Chunk(lane int) {
	for at := range s.loops {
		if at > 1 {
			s.await(lane, at-2, every)
		}
		for k := range s.lanes {
			for left := &s.left[at*s.lanes+(lane+k)%s.lanes]; ; {
				chunk, ok := left.claim(0, k == 0)
				if !ok {
					break
				}
				s.run(lane, at, chunk)
			}
		}
	}
}

// run runs a chunk as soon as the chunks it needs have ended.
func (s *Series) run(lane, at, chunk int) {
	done := false
	defer func() {
		if !done {
			s.failed.CompareAndSwap(sound, int32(at))
		}
		if s.loops[at].Chunks <= MaxNeeded {
			s.ended[at].Or(1 << chunk)
		} else {
			s.ended[at].Add(1)
		}
	}()
	if at > 0 {
		needs := every
		if n := s.loops[at].Needs; n != nil {
			needs = n[chunk]
		}
		s.await(lane, at-1, needs)
	}
	if s.failed.Load() == sound {
		s.task.LoopChunk(at, chunk)
	}
	if lane == 0 {
		s.mine++
	}
	done = true
}

// every is the set of all chunks.
const every uint64 = math.MaxUint64

// await waits for chunks of a loop.
func (s *Series) await(lane, at int, needs uint64) {
	if s.have(at, needs) {
		return
	}
	start := now()
	untilTrue(func() bool { return s.have(at, needs) })
	if lane == 0 {
		s.waited += now() - start
	}
}

// have reports whether chunks of a loop have ended.
func (s *Series) have(at int, needs uint64) bool {
	n, e := s.loops[at].Chunks, s.ended[at].Load()
	if n > MaxNeeded {
		return e == uint64(n)
	}
	return needs&(1<<n-1)&^e == 0
}

// shares returns how many chunks the caller and the others ran, for worth.
func (s *Series) shares() (mine, others int) {
	for i := range s.loops {
		others += s.loops[i].Chunks
	}
	return s.mine, others - s.mine
}
