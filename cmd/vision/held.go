package main

import (
	"io"
	"sync"
	"time"
)

// How much output to a pipe or a file is held back at most, and for how long.
const (
	heldBytes = 64 << 10
	heldFor   = 50 * time.Millisecond
)

// held is a writer that passes on what is written to it a moment later, in larger
// pieces: each piece wakes the reader of a pipe, which then takes a processor from
// the pictures being processed. An error is returned by the next call.
type held struct {
	to    io.Writer
	mu    sync.Mutex
	buf   []byte
	timer *time.Timer // runs while buf is not empty
	err   error
	stop  func() // called when results can no longer be written
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

// Flush passes on what is held back.
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

// hold returns the writers for results and for remarks, and a function that flushes
// the results. Output to a terminal is not held back. When results can no longer be
// written, stop is called, because further work would be in vain.
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

// inOrder is a writer for remarks that first flushes held, so that the order is
// right if both go to the same place.
type inOrder struct {
	io.Writer
	held *held
}

func (w inOrder) Write(p []byte) (int, error) {
	_ = w.held.Flush() // reported at the end
	return w.Writer.Write(p)
}
