package conform_test

import (
	"context"
	"testing"
	"time"

	"github.com/visionzoo/vision/engine"
	"github.com/visionzoo/vision/engine/conform"
)

// TestONNXRuntime compares operators whose meaning is ONNX Runtime's, or whose
// standard is silent where ONNX Runtime decides, with what its version 1.30.0
// gave; testdata/ort/make.py made the cases. Each runs twice: optimised and
// plain.
func TestONNXRuntime(t *testing.T) {
	cases, err := conform.Find("testdata/ort")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range cases {
		t.Run(c.Name, func(t *testing.T) {
			for _, opt := range [][]engine.Option{nil, {engine.Plain()}} {
				if r := c.Run(context.Background(), conform.Options{Timeout: time.Minute, Engine: opt}); r.Err != nil || r.Skipped != "" {
					t.Error(r.Err, r.Skipped)
				}
			}
		})
	}
}
