package generate

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

// Fresh is the test of a generator, in whose folder it runs: files are committed
// as it makes them.
func Fresh(t *testing.T, p Program) {
	t.Helper()
	files, err := p()
	if err != nil {
		t.Fatal(err)
	}
	if len(files) == 0 {
		t.Error("nothing is generated")
	}
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range files {
		got, err := os.ReadFile(filepath.Join("..", name))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s is stale: cd internal/asm && go run ./%s", name, filepath.Base(here))
		}
	}
}
