// Package built opens the networks that tests build.
package built

import (
	"testing"

	"github.com/visionzoo/vision/engine"
	"github.com/visionzoo/vision/engine/ir"
)

// Session opens what was built, until the test ends.
func Session(t testing.TB, b *ir.Builder, opts ...engine.Option) *engine.Session {
	t.Helper()
	m, err := b.Model()
	if err != nil {
		t.Fatal(err)
	}
	s, err := engine.OpenModel(m, opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}
