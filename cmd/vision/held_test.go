package main

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// pieces notes each write.
type pieces struct {
	mu  sync.Mutex
	all []string
	err error
}

func (p *pieces) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.all = append(p.all, string(b))
	return len(b), p.err
}

func (p *pieces) seen() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.all)
}

// Lines wait for one another, none longer than a moment, and not at all once
// there are many.
func TestHeld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var to pieces
		h := &held{to: &to}
		io.WriteString(h, "a\n")
		time.Sleep(heldFor / 2)
		io.WriteString(h, "b\n")
		if len(to.seen()) != 0 {
			t.Errorf("not held: %q", to.seen())
		}
		time.Sleep(heldFor/2 + 1)
		synctest.Wait()
		if strings.Join(to.seen(), "|") != "a\nb\n" {
			t.Errorf("after a moment %q", to.seen())
		}
		io.WriteString(h, "c\n")
		long := strings.Repeat("x", heldBytes)
		io.WriteString(h, long)
		if all := to.seen(); len(all) != 2 || all[1] != "c\n"+long {
			t.Errorf("%d pieces after a long one", len(to.seen()))
		}
		time.Sleep(2 * heldFor)
		synctest.Wait()
		if err := h.Flush(); err != nil || len(to.seen()) != 2 {
			t.Errorf("%d pieces, %v", len(to.all), err)
		}
	})
}

// An error is told as soon as it is known, and for ever.
func TestHeldFails(t *testing.T) {
	full := errors.New("full")
	stopped := false
	h := &held{to: &pieces{err: full}, stop: func() { stopped = true }}
	if _, err := io.WriteString(h, "a"); err != nil {
		t.Error(err)
	}
	if err := h.Flush(); err != full || !stopped {
		t.Errorf("flush: %v, stopped %v", err, stopped)
	}
	if _, err := io.WriteString(h, "b"); err != full {
		t.Errorf("write: %v", err)
	}
}

// Remarks come after the results before them.
func TestHeldInOrder(t *testing.T) {
	var both bytes.Buffer
	h := &held{to: &both}
	remarks := inOrder{&both, h}
	io.WriteString(h, "one ")
	io.WriteString(remarks, "two ")
	io.WriteString(h, "three")
	h.Flush()
	if both.String() != "one two three" {
		t.Errorf("%q", both.String())
	}
}
