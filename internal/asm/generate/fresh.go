package generate

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

// Fresh tests that files are committed as made.
func Fresh(t *testing.T, programs ...Program) {
	for _, p := range programs {
		files, err := p()
		if err != nil {
			t.Fatal(err)
		}
		for name, want := range files {
			got, err := os.ReadFile(filepath.Join("..", name))
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got, want) {
				t.Errorf("%s is stale", name)
			}
		}
	}
}
