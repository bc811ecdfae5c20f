package main

import (
	"bytes"
	"context"
	"strings"
	"testing"
)

// breaking is a writer with a bug at its first call.
type breaking struct{ broken bool }

func (b *breaking) Write(p []byte) (int, error) {
	if b.broken {
		return len(p), nil
	}
	b.broken = true
	panic("BUG: a slip")
}

// TestPanic: a bug of ours is one line, too.
func TestPanic(t *testing.T) {
	var errOut bytes.Buffer
	code := run(context.Background(), []string{"vision", "version"}, strings.NewReader(""), new(breaking), &errOut)
	if code != exitFailed || errOut.String() != "vision: BUG: a slip; please report it with the command and its input\n" {
		t.Errorf("code %d: %q", code, errOut.String())
	}
}
