package team

import (
	"fmt"
	"runtime/debug"
	"sync/atomic"
)

// slot holds one running loop.
//
// Its chunks are divided into ranges of neighbours, one for the caller and one for
// each helper. A thread that has finished its own range takes chunks from the end
// of another's. Successive steps are cut in the same way, into rows from top to
// bottom, so that a processor finds in its cache what it wrote in the step before;
// a cache line that another processor has written costs several times as much as
// one from the shared cache.
//
// A slot goes through: taken by a caller; open, with seats for helpers; shut by the first
// thread that finds no chunk left; closed by the caller when all chunks have ended. A
// helper that joined may still look for chunks then, even when the slot has the next loop:
// it finds none, because ranges carry the number of their loop.
//
// state packs that number, the epoch (44 bits), the number of ranges (10) and of the seats
// left for helpers (10). task and failed are written before the state that announces them; a
// thread that has claimed a chunk may read them, because the loop cannot end before that
// chunk does.
type slot struct {
	state  atomic.Uint64
	_      [56]byte     // what different threads write has cache lines of its own
	done   atomic.Int64 // chunks that have ended
	_      [56]byte
	taken  atomic.Bool                // by a caller
	failed atomic.Pointer[PanicError] // the first panic in a chunk
	task   Task
	ranges []chunks
}

// chunks holds the chunks of a range that are still to run, packed: the low bits of
// the epoch (24 bits), the end (20) and the next chunk (20). So one
// compare-and-swap claims a chunk, and only of the loop that was examined.
type chunks struct {
	atomic.Uint64
	_ [56]byte
}

const (
	seatBits, rangeBits = 10, 10
	maxSeats            = 1<<seatBits - 1
	oneRange            = 1 << seatBits
	oneEpoch            = 1 << (seatBits + rangeBits)

	chunkBits = 20 // enough for Longest
	chunkMask = 1<<chunkBits - 1
	oneEnd    = 1 << chunkBits
	rangeTag  = 1 << (2 * chunkBits)
)

// open announces a loop in a taken slot and returns its epoch.
func (s *slot) open(helpers, n int, task Task) (epoch uint64) {
	epoch = s.state.Load()/oneEpoch + 1
	s.task = task
	s.failed.Store(nil)
	s.done.Store(0)
	ranges := helpers + 1
	for i := range ranges {
		s.ranges[i].Store(epoch%(1<<24)*rangeTag | uint64((i+1)*n/ranges)*oneEnd | uint64(i*n/ranges))
	}
	s.state.Store(epoch*oneEpoch | uint64(ranges)*oneRange | uint64(helpers))
	return epoch
}

// join takes a seat at the slot's loop if one is left.
func (s *slot) join() (epoch uint64, ranges int, ok bool) {
	for {
		state := s.state.Load()
		if state%oneRange == 0 {
			return 0, 0, false
		}
		if s.state.CompareAndSwap(state, state-1) {
			return state / oneEpoch, int(state / oneRange & maxSeats), true
		}
	}
}

// shut lets no more helpers join the loop.
func (s *slot) shut(epoch uint64) {
	for {
		state := s.state.Load()
		if state/oneEpoch != epoch || state%oneRange == 0 || s.state.CompareAndSwap(state, state&^maxSeats) {
			return
		}
	}
}

// claim takes a chunk of the loop with that epoch from a range: the first one of
// the thread's own range, the last one of another's.
func (r *chunks) claim(epoch uint64, own bool) (chunk int, ok bool) {
	for {
		left := r.Load()
		end, next := int(left/oneEnd&chunkMask), int(left&chunkMask)
		if left/rangeTag != epoch%(1<<24) || next >= end {
			return 0, false
		}
		if own && r.CompareAndSwap(left, left+1) {
			return next, true
		}
		if !own && r.CompareAndSwap(left, left-oneEnd) {
			return end - 1, true
		}
	}
}

// work runs chunks of a loop until none is left, beginning with range first, and
// returns how many.
func (s *slot) work(epoch uint64, first, ranges int) (ran int) {
	for i := 0; i < ranges; {
		n, finished := s.workUntilPanic(epoch, (first+i)%ranges, i == 0)
		ran += n
		if finished {
			i++
		}
	}
	s.shut(epoch)
	return ran
}

// workUntilPanic runs chunks of one range. It returns how many it claimed, and
// whether none is left. A panic in a chunk ends it early; then it is called again, and
// claims the chunks that are left without running them.
func (s *slot) workUntilPanic(epoch uint64, at int, own bool) (claimed int, finished bool) {
	defer func() {
		if !finished {
			s.failed.CompareAndSwap(nil, caught(recover()))
		}
		if claimed > 0 {
			s.done.Add(int64(claimed))
		}
	}()
	for {
		chunk, ok := s.ranges[at].claim(epoch, own)
		if !ok {
			return claimed, true
		}
		claimed++
		if s.failed.Load() == nil {
			s.task.Chunk(chunk)
		}
	}
}

// close waits for the helpers' last chunks and frees the slot.
func (s *slot) close(n int) error {
	untilTrue(func() bool { return s.done.Load() >= int64(n) })
	failed := s.failed.Load()
	s.task = nil
	s.taken.Store(false)
	if failed != nil {
		return failed
	}
	return nil
}

// untilTrue waits until others have done what they are about to do: it spins, and lets
// others have the processor now and then.
func untilTrue(done func() bool) {
	const often = 512 // pauses, a few microseconds: after that, another thread has probably lost its processor
	for i := 1; !done(); i++ {
		pause()
		if i%often == 0 {
			stepAside()
		}
	}
}

// PanicError is the error for a panic in a chunk.
type PanicError struct {
	Value any
	Stack []byte
}

func (e *PanicError) Error() string { return fmt.Sprintf("panic in a worker: %v", e.Value) }

// Unwrap returns the value if it is an error.
func (e *PanicError) Unwrap() error {
	err, _ := e.Value.(error)
	return err
}

// caught is the error for a recovered panic, with the stack at that place.
func caught(v any) *PanicError { return &PanicError{v, debug.Stack()} }
