package engine

import (
	"errors"
	"slices"
	"sync"
	"sync/atomic"
)

// mapped are the files in which constants lie, shared by a session and its slices. A
// file that becomes shorter takes pages out of the memory that it is mapped to; reading
// them is a fault, which kills the process unless debug.SetPanicOnFault is set.
type mapped struct {
	files   []holder
	changed atomic.Bool

	mu      sync.Mutex
	readers int       // runs under way
	gone    bool      // no run may begin
	ended   sync.Cond // a run was the last
}

type holder interface{ Holds(address uintptr) bool }

// newMapped lists those of the files that are mapped.
func newMapped(files ...any) *mapped {
	m := &mapped{}
	m.ended.L = &m.mu
	for _, f := range files {
		if h, ok := f.(holder); ok {
			m.files = append(m.files, h)
		}
	}
	return m
}

// explain returns ErrChanged in place of a fault in one of the files. From then on
// the constants are not to be used: some may be half packed.
func (m *mapped) explain(err error) error {
	var fault interface {
		error
		Addr() uintptr
	}
	if m == nil || !errors.As(err, &fault) || !slices.ContainsFunc(m.files, func(f holder) bool { return f.Holds(fault.Addr()) }) {
		return err
	}
	m.changed.Store(true)
	return ErrChanged
}

func (m *mapped) hasChanged() bool { return m != nil && m.changed.Load() }

// enter reports whether the constants may be read, until leave is called.
func (m *mapped) enter() bool {
	if m == nil {
		return true
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.gone {
		m.readers++
	}
	return !m.gone
}

func (m *mapped) leave() {
	if m == nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.readers--; m.readers == 0 {
		m.ended.Broadcast()
	}
}

// Close waits until nobody reads the constants, and lets nobody begin.
func (m *mapped) Close() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for m.gone = true; m.readers > 0; {
		m.ended.Wait()
	}
	return nil
}
