package main

import (
	"os"
	"path/filepath"
	"testing"
)

func TestGeneratedFilesAreFresh(t *testing.T) {
	for _, p := range programs {
		for name, want := range p.generate() {
			got, err := os.ReadFile(filepath.Join("..", p.dir, name))
			if err != nil {
				t.Fatal(err)
			}
			if string(got) != want {
				t.Errorf("%s is stale: cd internal/asm && go run ./neon", name)
			}
		}
	}
}
