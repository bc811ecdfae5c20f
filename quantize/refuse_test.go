package quantize_test

import (
	"context"
	"math"
	"path/filepath"
	"strings"
	"testing"

	"github.com/visionzoo/vision/engine"
	"github.com/visionzoo/vision/engine/onnx"
	"github.com/visionzoo/vision/quantize"
)

// TestNothing: what is no session, sample, share or context is an error and no panic.
func TestNothing(t *testing.T) {
	var ctx context.Context
	s, err := engine.OpenBytes(build(13), quantize.Prepare())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	closed, err := engine.OpenBytes(build(13), quantize.Prepare())
	if err != nil {
		t.Fatal(err)
	}
	closed.Close()
	empty := quantize.Samples{Count: 1, Load: func(int) (engine.Values, error) { return nil, nil }}
	of := func(ctx context.Context, s *engine.Session, samples quantize.Samples, o quantize.Options) error {
		_, err := quantize.Session(ctx, s, samples, o)
		return err
	}
	for name, call := range map[string]func() error{
		"no context":                    func() error { return of(ctx, s, samples(), quantize.Options{}) },
		"no session":                    func() error { return of(t.Context(), nil, samples(), quantize.Options{}) },
		"a session that was not opened": func() error { return of(t.Context(), new(engine.Session), samples(), quantize.Options{}) },
		"a session that is closed":      func() error { return of(t.Context(), closed, samples(), quantize.Options{}) },
		"nothing loads samples":         func() error { return of(t.Context(), s, quantize.Samples{Count: 1}, quantize.Options{}) },
		"a negative number of samples": func() error {
			return of(t.Context(), s, quantize.Samples{Count: -1, Load: empty.Load}, quantize.Options{})
		},
		"a sample of nothing":       func() error { return of(t.Context(), s, empty, quantize.Options{}) },
		"a share that is NaN":       func() error { return of(t.Context(), s, samples(), quantize.Options{Beyond: math.NaN()}) },
		"a node without a name":     func() error { return of(t.Context(), s, samples(), quantize.Options{Float: []string{""}}) },
		"writing what was not made": func() error { return new(quantize.Result).WriteFile(filepath.Join(t.TempDir(), "x.onnx")) },
		"writing nothing":           func() error { return (*quantize.Result)(nil).WriteFile(filepath.Join(t.TempDir(), "x.onnx")) },
		"writing without a name":    func() error { return (&quantize.Result{Model: new(onnx.Model)}).WriteFile("") },
	} {
		if err := call(); err == nil || strings.Contains(err.Error(), "BUG") {
			t.Errorf("%s: %v", name, err)
		} else {
			t.Logf("%s: %v", name, err)
		}
	}
}
