package team

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"sync/atomic"
)

// slot is the place of one running loop.
//
// state packs the loop's number (14 bits), seats left for helpers (10), length
// (20) and next chunk (20), so that one compare-and-swap claims a chunk of the
// very loop that was looked at. Task and failure are written before the state
// that announces them; whoever has claimed a chunk may read them, since the
// loop cannot end before that chunk does.
type slot struct {
	state  atomic.Uint64
	_      [56]byte
	done   atomic.Int64
	_      [56]byte
	taken  atomic.Bool
	failed atomic.Pointer[PanicError]
	task   Task
	_      [24]byte
}

const (
	chunkBits, seatBits = 20, 10
	maxChunks           = 1<<chunkBits - 1
	maxSeats            = 1<<seatBits - 1
	oneSeat             = 1 << (2 * chunkBits)
	oneEpoch            = oneSeat << seatBits
)

func unpack(state uint64) (epoch uint64, seats, chunks, next int) {
	return state / oneEpoch, int(state / oneSeat & maxSeats), int(state >> chunkBits & maxChunks), int(state & maxChunks)
}

// open announces a loop in a taken slot and returns its number.
func (s *slot) open(helpers, n int, task Task) uint64 {
	state := (s.state.Load()/oneEpoch+1)*oneEpoch | uint64(helpers)*oneSeat | uint64(n)<<chunkBits
	s.task = task
	s.failed.Store(nil)
	s.done.Store(0)
	s.state.Store(state)
	epoch, _, _, _ := unpack(state) // the number wraps
	return epoch
}

// join takes a seat at the slot's loop if it has chunks and seats left.
func (s *slot) join() (epoch uint64, ok bool) {
	for {
		state := s.state.Load()
		epoch, seats, chunks, next := unpack(state)
		if seats == 0 || next >= chunks {
			return 0, false
		}
		if s.state.CompareAndSwap(state, state-oneSeat) {
			return epoch, true
		}
	}
}

// claim takes the next chunk of the loop with that number.
func (s *slot) claim(epoch uint64) (chunk int, ok bool) {
	for {
		state := s.state.Load()
		current, _, chunks, next := unpack(state)
		if current != epoch || next >= chunks {
			return 0, false
		}
		if s.state.CompareAndSwap(state, state+1) {
			return next, true
		}
	}
}

// work runs chunks of a loop until none is left.
func (s *slot) work(epoch uint64) {
	for !s.workUntilPanic(epoch) {
	}
}

// workUntilPanic reports whether no chunk is left. The panic of a chunk ends it
// early.
func (s *slot) workUntilPanic(epoch uint64) (finished bool) {
	defer func() {
		if finished {
			return
		}
		s.failed.CompareAndSwap(nil, caught(recover()))
		s.done.Add(1)
	}()
	for {
		chunk, ok := s.claim(epoch)
		if !ok {
			return true
		}
		if s.failed.Load() == nil {
			s.task.Chunk(chunk)
		}
		s.done.Add(1)
	}
}

// close waits for the helpers' last chunks and gives the slot back.
func (s *slot) close(n int) error {
	const yield = 512 // pauses, some microseconds: a helper may have lost its processor
	for i := 1; s.done.Load() < int64(n); i++ {
		pause()
		if i%yield == 0 {
			runtime.Gosched()
		}
	}
	failed := s.failed.Load()
	s.task = nil
	s.taken.Store(false)
	if failed != nil {
		return failed
	}
	return nil
}

// PanicError is the panic of a chunk.
type PanicError struct {
	Value any
	Stack []byte
}

func (e *PanicError) Error() string { return fmt.Sprintf("panic in a worker: %v", e.Value) }

func caught(v any) *PanicError { return &PanicError{v, debug.Stack()} }
