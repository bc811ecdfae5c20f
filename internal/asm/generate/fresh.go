package generate

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

// Fresh tests that the committed files are those that a generator writes. It runs in the
// directory of the generator.
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
