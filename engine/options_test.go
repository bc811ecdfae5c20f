package engine_test

import (
	"testing"

	"github.com/visionzoo/vision/engine"
)

// Every system that the gate builds for tells how much memory there is, so that a
// stranger's model is bounded without an option.
func TestMemory(t *testing.T) {
	physical, limit := engine.Memory()
	if physical <= 0 || limit <= 0 || limit > physical/4*3 {
		t.Errorf("%d bytes of memory, limited to %d", physical, limit)
	}
}
