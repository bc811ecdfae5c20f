//go:build unix

package engine_test

import (
	"os"
	"syscall"
	"testing"
)

// hasHoles reports whether a file has less room on the disk than its length says.
func hasHoles(t *testing.T, path string) bool {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	s, ok := info.Sys().(*syscall.Stat_t)
	return !ok || s.Blocks*512 < info.Size()/2
}
