// Package built opens the networks that tests build.
package built

import (
	"testing"

	"github.com/visionzoo/vision/engine"
	"github.com/visionzoo/vision/engine/ir"
)

// Session opens the network that b has built; the end of the test closes it.
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
