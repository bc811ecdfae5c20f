package main

import (
	"bytes"
	"os"
	"testing"
)

// TestFresh holds the committed assembly to this generator.
func TestFresh(t *testing.T) {
	have, err := os.ReadFile("../" + target)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(have, generate()) {
		t.Errorf("%s is not what this generator writes; run: cd internal/asm && go run ./amx", target)
	}
}
