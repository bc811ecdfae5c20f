package main

import (
	"io"
	"sync"
	"time"
)

// The most that is held of what goes to a pipe or a file, and for how long.
const (
	heldBytes = 64 << 10
	heldFor   = 50 * time.Millisecond
)

// A held writer passes on what was written to it a moment later, in larger
// pieces: each piece wakes the reader of a pipe, which then takes a processor
// from the pictures that are at work. An error is the next call's.
type held struct {
	to    io.Writer
	mu    sync.Mutex
	buf   []byte
	timer *time.Timer // runs while there is something in buf
	err   error
	stop  func() // called once results cannot be passed on
}

func (h *held) Write(p []byte) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.err != nil {
		return 0, h.err
	}
	switch {
	case len(h.buf) > 0:
	case h.timer == nil:
		h.timer = time.AfterFunc(heldFor, func() { h.Flush() })
	default:
		h.timer.Reset(heldFor)
	}
	if h.buf = append(h.buf, p...); len(h.buf) >= heldBytes {
		h.flush()
	}
	return len(p), h.err
}

// Flush passes on what is held.
func (h *held) Flush() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.flush()
	return h.err
}

func (h *held) flush() {
	if len(h.buf) == 0 {
		return
	}
	h.timer.Stop()
	if h.err == nil {
		if _, h.err = h.to.Write(h.buf); h.err != nil && h.stop != nil {
			h.stop()
		}
	}
	h.buf = h.buf[:0]
}

// hold returns the writers of results and of remarks, and what passes on the
// last results. Nothing is held where somebody watches. Once results cannot be
// written, stop is called: nobody would see what else the work is for.
func hold(out, errOut io.Writer, stop func()) (results, remarks io.Writer, flush func() error) {
	if isTerminal(out) {
		return out, errOut, func() error { return nil }
	}
	h := &held{to: out, stop: stop}
	if !isTerminal(errOut) {
		errOut = inOrder{errOut, h}
	}
	return h, errOut, h.Flush
}

// inOrder is a writer of remarks: what was written to held before comes first,
// where both end up in one place.
type inOrder struct {
	io.Writer
	held *held
}

func (w inOrder) Write(p []byte) (int, error) {
	_ = w.held.Flush() // told at the end
	return w.Writer.Write(p)
}
