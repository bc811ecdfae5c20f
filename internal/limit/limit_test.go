package limit

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

func TestReadAll(t *testing.T) {
	for most, ok := range map[int64]bool{4: true, 5: true, 3: false, 0: false} {
		data, err := ReadAll(strings.NewReader("abcd"), most)
		if ok != (err == nil && string(data) == "abcd") || !ok && !errors.Is(err, Err) {
			t.Errorf("at most %d: %q, %v", most, data, err)
		}
	}
	path := filepath.Join(t.TempDir(), "x")
	if err := os.WriteFile(path, []byte("abcd"), 0o600); err != nil {
		t.Fatal(err)
	}
	if data, err := ReadFile(path, 4); err != nil || string(data) != "abcd" {
		t.Errorf("%q, %v", data, err)
	}
	if data, err := ReadFile(path, 3); !errors.Is(err, Err) {
		t.Errorf("%q, %v", data, err)
	}
	if _, err := ReadFile(path+"y", 3); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
}

// TestHole: a file that is larger than memory and takes no room on the disk is not read.
func TestHole(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("needs a file system with holes; run it on Linux")
	}
	path := filepath.Join(t.TempDir(), "x")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(path, 100<<30); err != nil {
		t.Skip("no room for a file with a hole; let TMPDIR name a folder on a file system that has holes: ", err)
	}
	if _, err := ReadFile(path, Proto); !errors.Is(err, Err) {
		t.Error(err)
	}
}
