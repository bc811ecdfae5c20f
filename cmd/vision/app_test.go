package main

import (
	"bytes"
	"context"
	"strings"
	"testing"
)

// breaking is a writer with a bug.
type breaking struct{}

func (breaking) Write([]byte) (int, error) { panic("BUG: a slip") }

// TestPanic: a bug of ours is one line, too.
func TestPanic(t *testing.T) {
	var errOut bytes.Buffer
	code := run(context.Background(), []string{"vision", "version"}, strings.NewReader(""), breaking{}, &errOut)
	if code != exitFailed || errOut.String() != "vision: BUG: a slip; please report it with the command and its input\n" {
		t.Errorf("code %d: %q", code, errOut.String())
	}
}
