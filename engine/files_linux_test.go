package engine_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/visionzoo/vision/engine"
)

// A session of a model in memory lets go of the external data that it mapped.
func TestCloseUnmaps(t *testing.T) {
	folder := t.TempDir()
	path := filepath.Join(folder, "weights", "w.bin")
	if err := os.Mkdir(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, make([]byte, 16), 0o600); err != nil {
		t.Fatal(err)
	}
	mapped := func() bool {
		maps, err := os.ReadFile("/proc/self/maps")
		if err != nil {
			t.Skipf("%v; run where /proc is mounted", err)
		}
		return bytes.Contains(maps, []byte(path))
	}
	s, err := engine.OpenBytes(external(t), engine.WithFiles(os.DirFS(folder)))
	if err != nil {
		t.Fatal(err)
	}
	if !mapped() {
		t.Error("the data was not mapped")
	}
	if s.Close(); mapped() {
		t.Error("the data is still mapped")
	}
}
