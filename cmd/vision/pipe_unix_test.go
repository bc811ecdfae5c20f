//go:build unix

package main

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// TestNobodyReads: where the reader has gone, the program ends by itself, without a
// word, with the code that shells give for it.
func TestNobodyReads(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(t.TempDir(), "vision") // as which TestMain runs main
	if err := os.Symlink(self, program); err != nil {
		t.Fatal(err)
	}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	r.Close()
	var errOut bytes.Buffer
	c := exec.Command(program, "zoo", "list")
	c.Env = append(os.Environ(), "VISION_HOME="+t.TempDir())
	c.Stdout, c.Stderr = w, &errOut
	var exit *exec.ExitError
	if err := c.Run(); !errors.As(err, &exit) || exit.ExitCode() != exitClosed || errOut.Len() > 0 {
		t.Errorf("%v: %s", err, &errOut)
	}
}
