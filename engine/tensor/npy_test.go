package tensor

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// TestReadNpyFile: an array from a file is read to where it stays, and a file that ends
// early costs no memory.
func TestReadNpyFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.npy")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	const size = 8 << 20
	want := New(Uint8, size)
	want.Bytes()[size-1] = 7
	if err := WriteNpy(f, want); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	read := func() (*Tensor, uint64, error) {
		f, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		x, err := ReadNpy(f)
		runtime.ReadMemStats(&after)
		return x, after.TotalAlloc - before.TotalAlloc, err
	}
	x, took, err := read()
	if err != nil || x.Len() != size || x.Bytes()[size-1] != 7 {
		t.Fatalf("%v, %v", x, err)
	}
	if took > size*3/2 {
		t.Errorf("%d bytes took %d", size, took)
	}
	if err := os.Truncate(path, 1000); err != nil {
		t.Fatal(err)
	}
	if _, took, err := read(); err == nil || !strings.Contains(err.Error(), "is truncated") || took > 1<<20 {
		t.Errorf("took %d bytes: %v", took, err)
	}
	if err := os.Truncate(path, size); err != nil { // the header's bytes are missing at the end
		t.Fatal(err)
	}
	if _, _, err := read(); err == nil || !strings.Contains(err.Error(), "is truncated") {
		t.Errorf("error %v", err)
	}
}
