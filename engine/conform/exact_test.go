package conform_test

import (
	"context"
	"testing"

	"github.com/visionzoo/vision/engine/conform"
	"github.com/visionzoo/vision/internal/shared"
)

// TestIntegerNetworkIsExact holds that a statically quantised network gives
// ONNX Runtime's numbers to the bit: its outputs are multiples of one scale,
// so any difference is at least a whole step.
func TestIntegerNetworkIsExact(t *testing.T) {
	cases, err := conform.Find(shared.Path(t, "models", "mobilenetv2-12-int8"))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range cases {
		r := c.Run(context.Background(), conform.Options{RTol: 1e-300, ATol: 1e-300})
		if r.Err != nil {
			t.Errorf("%s: %v", c.Name, r.Err)
		}
		t.Logf("%s: %v", c.Name, r.Elapsed)
	}
}

// TestFloat16Network: what a network of float16 computes in float32 is within
// its own precision of the numbers published with it.
func TestFloat16Network(t *testing.T) {
	cases, err := conform.Find(shared.Path(t, "models", "squeezenet1.1-fp16"))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range cases {
		if r := c.Run(context.Background(), conform.Options{}); r.Err != nil {
			t.Errorf("%s: %v", c.Name, r.Err)
		}
	}
}
