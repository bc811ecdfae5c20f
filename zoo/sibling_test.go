package zoo_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/visionzoo/vision/internal/shared"
	"github.com/visionzoo/vision/zoo"
)

// A mirror that has another opset than the newest serves a name that leaves the
// opset open, and no other.
func TestMirrorHasAnotherOpset(t *testing.T) {
	mirror := shared.Path(t, "zoo", "mirror")
	home := t.TempDir()
	var notice string
	opts := []zoo.Option{zoo.WithHome(home), zoo.WithMirror(mirror), zoo.WithNotice(func(line string) { notice = line })}
	path, err := zoo.Pull(context.Background(), "mnist", opts...)
	if err != nil || filepath.Base(path) != "mnist-8.onnx" {
		t.Fatalf("%s, %v", path, err)
	}
	if want := "mnist-12 (opset 12) could not be fetched; taking mnist-8 (opset 8), which the mirror has"; notice != want {
		t.Errorf("told %q, want %q", notice, want)
	}
	for _, pinned := range []string{"mnist-12", "mnist@12", "MNIST_12"} {
		if _, err := zoo.Pull(context.Background(), pinned, opts...); !errors.Is(err, zoo.ErrNotFound) {
			t.Errorf("%s: %v", pinned, err)
		}
	}
	offline := []zoo.Option{zoo.WithHome(home), zoo.WithMirror(""), zoo.WithOffline(true), opts[2]}
	m, err := zoo.Load("mnist", offline...)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	if m.Card().Name != "mnist-8" || !strings.Contains(notice, "which the cache has") {
		t.Errorf("%s was loaded, told %q", m.Card().Name, notice)
	}
	if check, err := zoo.Verify(context.Background(), "mnist", offline...); err != nil || check.Path != path {
		t.Errorf("verify: %+v, %v", check, err)
	}
	if _, err := zoo.Remove("mnist", offline...); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(path); err == nil {
		t.Errorf("%s is still there", path)
	}
}

// A file that is not what was published is refused by name and digests, and
// nothing of it stays.
func TestMirrorWithFlippedByte(t *testing.T) {
	const inside = "validated/vision/classification/mnist/model/mnist-8.onnx"
	data, err := os.ReadFile(filepath.Join(shared.Path(t, "zoo", "mirror"), inside))
	if err != nil {
		t.Fatal(err)
	}
	data[2000] ^= 1
	mirror, home := t.TempDir(), t.TempDir()
	if err := os.MkdirAll(filepath.Dir(filepath.Join(mirror, inside)), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(mirror, inside), data, 0o644); err != nil {
		t.Fatal(err)
	}
	_, err = zoo.Pull(context.Background(), "mnist", zoo.WithHome(home), zoo.WithMirror(mirror))
	if !errors.Is(err, zoo.ErrDigest) {
		t.Fatalf("error %v", err)
	}
	for _, part := range []string{"mnist-8.onnx", "sha256 is ", "must be 2f06e72de813a8635c9bc0397ac447a601bdbfa7df4bebc278723b958831c9bf"} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%v: lacks %q", err, part)
		}
	}
	left, _ := filepath.Glob(filepath.Join(home, "models", "*", "*.onnx*"))
	if len(left) > 0 {
		t.Errorf("the cache holds %v", left)
	}
}
