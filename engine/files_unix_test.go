//go:build unix

package engine_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/visionzoo/vision/engine"
	"github.com/visionzoo/vision/engine/tensor"
)

// promptly fails the test if f waits for something.
func promptly(t *testing.T, what string, f func()) {
	t.Helper()
	done := make(chan bool)
	go func() { defer close(done); f() }()
	select {
	case <-done:
	case <-time.After(10 * time.Second):
		t.Fatalf("%s: waits", what)
	}
}

// A pipe is told from a file without waiting for its other end.
func TestOpenPipe(t *testing.T) {
	path := filepath.Join(t.TempDir(), "pipe.onnx")
	if err := unix.Mkfifo(path, 0o600); err != nil {
		t.Skipf("no named pipes here (%v); set TMPDIR to a folder on a file system that has them", err)
	}
	promptly(t, "a pipe", func() {
		if _, err := engine.Open(path); err == nil || !strings.Contains(err.Error(), "not a regular file") {
			t.Errorf("opened: %v", err)
		}
	})
}

// External data that is replaced by links and pipes while models are opened is
// read as it was in the model's folder, or refused.
func TestSwappedFiles(t *testing.T) {
	dir, outside := t.TempDir(), t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	good, bad := bytes.Repeat([]byte{0, 0, 0x80, 0x3f}, 4), bytes.Repeat([]byte{0, 0, 0, 0x40}, 4) // four times 1, 2
	try := func(err error) {
		if err != nil {
			t.Fatal(err)
		}
	}
	try(os.WriteFile(at("m.onnx"), external(t), 0o600))
	for _, folder := range []string{at("real"), at("other"), outside} {
		data := bad
		if folder == at("real") {
			data = good
		}
		try(os.MkdirAll(folder, 0o700))
		try(os.WriteFile(filepath.Join(folder, "w.bin"), data, 0o600))
	}
	file, folder := at("weights/w.bin"), at("weights")
	try(os.Mkdir(folder, 0o700))
	// What lies under the name, one after the other.
	states := []func() error{
		func() error { return os.Link(at("real/w.bin"), at("new")) },
		func() error { return os.Symlink("../other/w.bin", at("new")) },
		func() error { return unix.Mkfifo(at("new"), 0o600) },
		func() error { return os.Symlink(filepath.Join(outside, "w.bin"), at("new")) },
	}
	stop, swapped := make(chan bool), make(chan error)
	go func() {
		for i := 0; ; i++ {
			select {
			case <-stop:
				swapped <- nil
				return
			default:
			}
			err := states[i%len(states)]()
			if err == nil {
				err = os.Rename(at("new"), file)
			}
			if err == nil && i%8 == 0 { // a link in the middle for a while
				err = errors.Join(os.Rename(folder, at("away")), os.Symlink("other", folder), os.Remove(folder), os.Rename(at("away"), folder))
			}
			if err != nil {
				swapped <- err
				return
			}
		}
	}()
	opened, refused := 0, 0
	for end := time.Now().Add(time.Second); time.Now().Before(end); {
		promptly(t, "opening", func() {
			s, err := engine.Open(at("m.onnx"), engine.Threads(1))
			if err != nil {
				refused++
				return
			}
			defer s.Close()
			opened++
			out, err := s.Run(context.Background(), nil)
			if err != nil || tensor.Data[float32](out["y"])[0] != 1 {
				t.Errorf("%v, %v", out, err)
			}
		})
	}
	close(stop)
	if err := <-swapped; err != nil {
		t.Fatal(err)
	}
	t.Logf("opened %d times, refused %d times", opened, refused)
	if opened == 0 || refused == 0 {
		t.Errorf("opened %d times, refused %d times", opened, refused)
	}
}
